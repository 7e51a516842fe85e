"""The operator as a real process against a test API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from cluster.apiserver import ApiServer
from mlwright.settings import Settings
from tests.support.waiting import exit_code


class OperatorProcess:
    """`python -m mlwright.main` for one namespace, with its log; killed at the end of the block."""

    def __init__(self, server: ApiServer, settings: Settings, log: Path) -> None:
        self._log = log
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "KUBECONFIG": str(server.kubeconfig),
            "MLWRIGHT_NAMESPACE": settings.namespace,
            "MLWRIGHT_TRAINER_IMAGE": settings.trainer_image,
            "MLWRIGHT_SERVER_IMAGE": settings.server_image,
            "MLWRIGHT_ARTIFACTS_URI": settings.artifacts_uri,
            "MLWRIGHT_LEADER_ELECTION": str(settings.leader_election).lower(),
            "MLWRIGHT_LEASE_NAMESPACE": settings.namespace,
            "MLWRIGHT_HEALTH_PORT": "0",
        }

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "mlwright.main"]
            self._process = subprocess.Popen(command, env=self._environment, stderr=log, cwd="/")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Send SIGKILL and wait until it is gone."""
        self._process.send_signal(signal.SIGKILL)
        exit_code(self._process, "the operator is gone after SIGKILL")

    def complaints(self) -> list[str]:
        """Return what was logged at ERROR or above."""
        records = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [str(record) for record in records if record["level"] in {"ERROR", "CRITICAL"}]
