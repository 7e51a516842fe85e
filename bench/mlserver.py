"""MLServer, the reference of the model server, in an environment of its own, with a model of scikit-learn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tests.support.locked import environment
from tests.support.s3server import free_port

LOCK: Final = Path(__file__).with_name("mlserver.txt")
MODEL: Final = "bench"
READY_SECONDS: Final = 120.0

BATCHING: Final = "with adaptive batching"
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "in its own process": {"parallel_workers": 0},
    "in a worker process": {"parallel_workers": 1},
    BATCHING: {"parallel_workers": 0, "max_batch_size": 16, "max_batch_time": 0.005},
}
"""Settings that its documentation names for speed."""

_OF_MODEL: Final = frozenset({"max_batch_size", "max_batch_time"})


@contextmanager
def serving(folder: Path, model: Path, settings: dict[str, Any], core: int) -> Iterator[tuple[int, int]]:
    """Run MLServer with a model stored by joblib, on one core; yields its process and its port."""
    folder.mkdir()
    ports = {name: free_port() for name in ("http_port", "grpc_port", "metrics_port")}
    own = {key: value for key, value in settings.items() if key not in _OF_MODEL}
    _write(folder / "settings.json", {"host": "127.0.0.1", "debug": False, **ports, **own})
    of_model = {key: value for key, value in settings.items() if key in _OF_MODEL}
    implementation = {"name": MODEL, "implementation": "mlserver_sklearn.SKLearnModel"}
    _write(folder / "model-settings.json", {**implementation, "parameters": {"uri": str(model)}, **of_model})
    python = environment(LOCK)
    env = {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(folder)}
    env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = ["taskset", "-c", str(core), str(python.parent / "mlserver"), "start", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(ports["http_port"], process, folder / "log")
            yield process.pid, ports["http_port"]
        finally:
            _end(process)


def request(rows: list[dict[str, float]]) -> dict[str, Any]:
    """The protocol's request for the probabilities of some rows, in the form that costs MLServer least: one tensor."""
    data = [value for row in rows for value in row.values()]
    tensor = {"name": "table", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": data}
    return {"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with its workers; what does not go when it is told to is not waited for."""
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/{MODEL}/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"MLServer does not become ready: {log.read_text()[-2000:]}")
