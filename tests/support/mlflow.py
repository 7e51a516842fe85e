"""A real MLflow server, over SQLite and a folder; it lives in an environment of its own, which nothing ships.

Its packages are pinned and hashed in `mlflow.txt` beside this file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.locked import environment
from tests.support.s3server import free_port
from tests.support.waiting import exit_code

LOCK: Final = Path(__file__).with_name("mlflow.txt")
READY_SECONDS: Final = 90
RUN_SECONDS: Final = 200
"""A script that logs a model imports scikit-learn and MLflow first."""


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """A server that runs."""

    uri: str
    python: Path
    """Of an environment that has MLflow and scikit-learn: what people log models with."""

    def run(self, script: str, *arguments: str) -> str:
        """Run a script as somebody who uses MLflow; what it printed comes back."""
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "MLFLOW_TRACKING_URI": self.uri}
        quiet = {"MLFLOW_ENABLE_TELEMETRY": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        command: list[str | Path] = [self.python, "-W", "ignore", "-c", script, *arguments]
        done = subprocess.run(
            command, env=env | quiet, capture_output=True, text=True, check=False, timeout=RUN_SECONDS
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return str(done.stdout)


@contextmanager
def serving(folder: Path, host: str = "127.0.0.1", port: int = 0) -> Iterator[MlflowServer]:
    """Run a server over `folder`, on a free port unless one is given."""
    python, port = environment(LOCK), port or free_port(host)
    folder.mkdir(parents=True, exist_ok=True)
    uri = f"http://{host}:{port}"
    command: list[str | Path] = [python, "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", folder / "artifacts", "--allowed-hosts", "*"]
    env: dict[str, Any] = {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(folder)}
    env |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(uri, process, folder / "log")
            yield MlflowServer(uri, python)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and the processes that it started; nobody needs what it would tidy up in half a minute."""
    os.killpg(process.pid, signal.SIGKILL)
    exit_code(process, "the MLflow server is gone after SIGKILL")


def _wait(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the MLflow server did not start: {log.read_text()[-2000:]}")
