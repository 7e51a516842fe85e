"""The operator as a process of its own, with the settings and the rights that the chart gives it."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cluster.apiserver import ApiServer
from tests.support.apiserver import Client, Json
from tests.support.chart import NAMESPACE, RELEASE, one, render

ACCOUNT: Final = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
"""What the API server calls the operator."""
STOP_SECONDS: Final = 15.0


class Operator:
    """A running operator; a context manager. Its log is in `log`."""

    def __init__(self, server: ApiServer, home: Path, values: Json | None = None) -> None:
        self.log = home / "operator.log"
        kubeconfig = home / "operator.kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(server)), encoding="utf-8")
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._environment = inherited | _settings(values) | {"KUBECONFIG": str(kubeconfig)}

    def __enter__(self) -> Self:
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "mlwright.main"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)


def _settings(values: Json | None) -> dict[str, str]:
    """Return the variables of the chart's pod, with what a node would fill in."""
    (container,) = one(render(values), "Deployment")["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}
    node = {"MLWRIGHT_IDENTITY": "mlwright-0", "MLWRIGHT_LEASE_NAMESPACE": NAMESPACE}
    return told | node | {"MLWRIGHT_HEALTH_PORT": str(_free_port())}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _kubeconfig(server: ApiServer) -> Json:
    """Return the configuration of somebody who has nothing but the operator's token."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{RELEASE}/token"
    answer = Client(server).request("POST", path, {"spec": {"expirationSeconds": 3600}})
    assert answer.status == 201, answer.body
    authority = base64.b64encode((server.directory / "pki" / "ca.crt").read_bytes()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": server.url, "certificate-authority-data": authority}}],
        "users": [{"name": "operator", "user": {"token": answer.body["status"]["token"]}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "operator"}}],
        "current-context": "it",
    }
