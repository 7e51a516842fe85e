"""The operator as a process: settings, probes, logs, signals, exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.apiserver import ApiServer
from mlwright.api.kinds import API_VERSION
from mlwright.controller.looks import Played, played
from tests.support.apiserver import APPLY, CRDS, Client, definitions
from tests.support.waiting import eventually, exit_code


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Operator:
    """A running operator."""

    def __init__(self, log: Path, **settings: str) -> None:
        self.port = free_port()
        self._log = log
        environ = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        environ |= {"MLWRIGHT_HEALTH_PORT": str(self.port), **settings}
        with log.open("wb") as file:
            self.process = subprocess.Popen([sys.executable, "-m", "mlwright.main"], env=environ, stderr=file)

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and body of an answer; (0, "") while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def log(self) -> str:
        """Everything that was said on standard error."""
        return self._log.read_text()

    @property
    def messages(self) -> list[Any]:
        """The lines of the log."""
        return [json.loads(line) for line in self.log.splitlines()]

    def until(self, message: str) -> None:
        """Wait until a line with that message was written."""
        eventually(lambda: message in self.log or None, f"{message!r} in the log", 30)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; return exit code and seconds."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(30), time.monotonic() - begun


@contextmanager
def operator(tmp_path: Path, server: ApiServer | None, **settings: str) -> Iterator[Operator]:
    kubeconfig = str(server.kubeconfig) if server else "/nowhere"
    running = Operator(tmp_path / "log", KUBECONFIG=kubeconfig, **settings)
    try:
        yield running
    finally:
        running.process.kill()
        exit_code(running.process, "the operator is gone after SIGKILL")


def test_it_answers_probes_and_metrics_and_stops_when_told(
    apiserver: ApiServer, client: Client, namespace: str, tmp_path: Path
) -> None:
    """From the first list to exit code 0, with one JSON object per line of the log."""
    with operator(tmp_path, apiserver, MLWRIGHT_NAMESPACE=namespace, MLWRIGHT_LEASE_NAMESPACE=namespace) as running:
        running.until("leading")
        eventually(lambda: running.ask("/readyz")[0] == 200 or None, "ready")

        assert running.ask("/healthz") == (200, "alive\n")
        assert "mlwright_leader 1.0" in running.ask("/metrics")[1]
        assert 'mlwright_api_requests_total{code="200",kind="Pod",verb="list"} 1.0' in running.ask("/metrics")[1]
        assert running.ask("/else")[0] == 404
        code, seconds = running.end()

        assert code == 0
        assert seconds < 10
        assert [line["message"] for line in running.messages] == ["leading", "stopped"]
    lease = client.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/mlwright").body
    assert lease["spec"]["holderIdentity"] == ""


def test_its_looks_are_decided_again_elsewhere(
    apiserver: ApiServer, client: Client, namespace: str, tmp_path: Path
) -> None:
    """SIGUSR1 lets it write them out, and it goes on; from the file the same is decided."""
    settings = {"MLWRIGHT_NAMESPACE": namespace, "MLWRIGHT_LEASE_NAMESPACE": namespace, "TMPDIR": str(tmp_path)}
    served = {"spec": {"model": {"type": "Latest", "ref": {"name": "churn"}}}, "metadata": {"name": "churn"}}
    with operator(tmp_path, apiserver, **settings) as running:
        running.until("leading")
        assert client.create({"apiVersion": API_VERSION, "kind": "ModelDeployment", **served}, namespace).status == 201
        eventually(lambda: client.read("ModelDeployment", namespace, "churn").get("status"), "it is looked at")
        running.process.send_signal(signal.SIGUSR1)
        running.until("looks are written")
        found = list(played((tmp_path / "mlwright-looks.jsonl").read_text().splitlines()))

        assert [(one.look.seen.name, one.same) for one in found if isinstance(one, Played)] == [("churn", True)]
        assert len(found) == 1
        assert running.process.poll() is None


def test_a_wrong_setting_ends_it_with_one_sentence(tmp_path: Path) -> None:
    """The sentence names the variable, its value and what it may be."""
    with operator(tmp_path, None, MLWRIGHT_WORKERS="many") as running:
        assert running.process.wait(30) == 2
        assert running.log == (
            "MLWRIGHT_WORKERS is 'many', expected a number: correct the chart's value or remove the variable\n"
        )


def test_no_way_to_the_api_server_ends_it_with_one_sentence(tmp_path: Path) -> None:
    """The sentence says what to set."""
    with operator(tmp_path, None) as running:
        assert running.process.wait(30) == 2
        assert "let KUBECONFIG name a kubeconfig file" in running.messages[-1]["message"]


def test_a_port_that_is_taken_ends_it_with_one_sentence(tmp_path: Path) -> None:
    """No traceback for what the person who installs can mend."""
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with operator(tmp_path, None, MLWRIGHT_HEALTH_PORT=port) as running:
            assert running.process.wait(30) == 2
            assert "MLWRIGHT_HEALTH_PORT" in running.log
            assert "Traceback" not in running.log


def test_whoever_loses_the_lease_ends_at_once(
    apiserver: ApiServer, client: Client, namespace: str, tmp_path: Path
) -> None:
    """Another replica may act from now on; a new process begins anew."""
    with operator(tmp_path, apiserver, MLWRIGHT_NAMESPACE=namespace, MLWRIGHT_LEASE_NAMESPACE=namespace) as running:
        running.until("leading")
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/mlwright"
        eventually(lambda: running.ask("/readyz")[0] == 200 or None, "ready")
        theft = {"spec": {"holderIdentity": "thief"}}
        assert client.request("PATCH", path, theft, kind="application/merge-patch+json").status == 200

        assert running.process.wait(20) == 1
        assert "the Lease was not renewed in time" in running.messages[-1]["message"]


def test_an_outage_of_the_api_server_is_survived(tmp_path: Path) -> None:
    """Without a Lease to lose the operator waits, and goes on when the API server is back."""
    with ApiServer() as server:
        plain = Client(server)
        for definition in definitions():
            path = f"{CRDS}/{definition['metadata']['name']}"
            plain.request("PATCH", path, definition, kind=APPLY, fieldManager="tests", force="true")
        with operator(tmp_path, server, MLWRIGHT_LEADER_ELECTION="false") as running:
            eventually(lambda: running.ask("/readyz")[0] == 200 or None, "ready", 60)
            server.stop_server()
            time.sleep(3)
            server.start_server()

            name = "late"
            created = {"apiVersion": "mlwright.dev/v1alpha1", "kind": "Model", "metadata": {"name": name}, "spec": {}}
            eventually(lambda: plain.create(created, "default").status == 201 or None, "created")
            eventually(
                lambda: plain.read("Model", "default", name).get("status"), "the operator tells of the new model", 60
            )
            assert running.process.poll() is None
