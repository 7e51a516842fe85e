"""The operator as a process of its own, with the settings and the rights that the chart gives it."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cluster.apiserver import ApiServer
from tests.support.apiserver import Client, Json
from tests.support.chart import CHART, IMAGES, NAMESPACE, RELEASE, helm, one, render

STOP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Installed:
    """A release of the chart: where it is, and with which values."""

    release: str = RELEASE
    namespace: str = NAMESPACE
    values: Json = field(default_factory=dict)

    @property
    def account(self) -> str:
        """What the API server calls the operator."""
        return f"system:serviceaccount:{self.namespace}:{self.release}"

    def install(self, server: ApiServer) -> None:
        """Install it."""
        place = ("--kubeconfig", str(server.kubeconfig), "--namespace", self.namespace, "--create-namespace")
        helm("install", self.release, str(CHART), *place, values={"images": IMAGES} | self.values)


class Operator:
    """A running operator of a release; a context manager. Its log is in `log`."""

    def __init__(self, server: ApiServer, home: Path, installed: Installed) -> None:
        self.log = home / "operator.log"
        kubeconfig = home / "operator.kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(server, installed)), encoding="utf-8")
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._environment = inherited | _settings(installed) | {"KUBECONFIG": str(kubeconfig)}

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


def _settings(installed: Installed) -> dict[str, str]:
    """Return the variables of the chart's pod, with what a node would fill in."""
    things = render(installed.values, release=installed.release, namespace=installed.namespace)
    (container,) = one(things, "Deployment")["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}
    node = {"MLWRIGHT_IDENTITY": f"{installed.release}-0", "MLWRIGHT_LEASE_NAMESPACE": installed.namespace}
    return told | node | {"MLWRIGHT_HEALTH_PORT": str(_free_port())}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _kubeconfig(server: ApiServer, installed: Installed) -> Json:
    """Return the configuration of somebody who has nothing but the operator's token."""
    path = f"/api/v1/namespaces/{installed.namespace}/serviceaccounts/{installed.release}/token"
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
