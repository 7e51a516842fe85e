"""What telemetry costs the model server: `python -m bench.telemetry` writes build/bench/telemetry.json.

Rows are the ones of `bench.server`: 20 numbers, a logistic regression. Counting is measured in the process itself, as
CPU time and best of several rounds, so that the figure is what the server's own time for a row grows by. What a shadow
adds to an answer is measured on real servers.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from bench.cores import one_core
from bench.figures import Benchmark, Figures
from bench.trained import LOGISTIC_REGRESSION, Trained, train
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profile import Profile
from mlwright.bundle.profiling import profile_labels, profile_numbers
from mlwright.bundle.tensors import Arrays
from mlwright.server.live_bins import LiveBins
from mlwright.server.observer import Observer
from mlwright.server.prediction_ids import PredictionIds
from mlwright.server.recording import Context
from mlwright.server.settings import Identity
from mlwright.server.shadow import Shadow
from tests.support.serving import REQUEST, SERVER, ServerProcess

FEATURES: Final = 20
ROUNDS: Final = 25
ROWS: Final = 4096
KEPT: Final = 128
"""Different requests: a server's are as fresh in the processor's cache as so few."""
GOALS: Final = {"recording_us_per_row": 5.0, "recording_us_per_row_in_batches": 5.0}

REQUESTS: Final = 2000
PAUSE_SECONDS: Final = 0.0025

_IDENTITY: Final = Identity("flights", "flights", "1", "a1b2c3d4")


def recording() -> Figures:
    """Microseconds that one row of 20 features costs to count, alone, in a batch, and with a prediction id."""
    return {
        "recording_us_per_row": _microseconds(_observer(ids=False), rows=1),
        "recording_us_per_row_in_batches": _microseconds(_observer(ids=False), rows=1024),
        "recording_us_per_row_with_id": _microseconds(_observer(ids=True), rows=1),
    }


def _observer(*, ids: bool) -> Observer:
    chance = np.random.default_rng(0)
    names = [f"f{place}" for place in range(FEATURES)]
    profile = Profile(
        10_000,
        tuple(profile_numbers(name, Datatype.FP64, chance.normal(size=10_000)) for name in names),
        (
            profile_labels("label", Datatype.BOOL, (False, True), (5_000, 5_000)),
            profile_numbers("probabilities", Datatype.FP64, chance.random(10_000)),
        ),
    )
    sealing = PredictionIds("flights", "a1b2c3d4", os.urandom(16), {"key": os.urandom(32)}) if ids else None
    return Observer(LiveBins(_IDENTITY, profile), Shadow(_IDENTITY, 1.0, lambda: 1.0), sealing)


def _microseconds(observer: Observer, *, rows: int) -> float:
    asked = [_request(rows, seed) for seed in range(min(KEPT, ROWS // rows))]
    times = ROWS // rows // len(asked)
    return min(_timed(lambda: _record(observer, asked, times)) for _ in range(ROUNDS)) / ROWS * 1e6


def _request(rows: int, seed: int) -> tuple[Arrays, Arrays]:
    chance = np.random.default_rng(seed)
    columns = {f"f{place}": chance.normal(size=(rows, 1)) for place in range(FEATURES)}
    late = chance.random(rows)
    return columns, {"label": late > late.mean(), "probabilities": np.column_stack([1 - late, late])}


def _record(observer: Observer, asked: list[tuple[Arrays, Arrays]], times: int) -> None:
    context = Context()
    for _ in range(times):
        for columns, outputs in asked:
            observer.record(columns, outputs, context)


def _timed(act: Callable[[], None]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def shadow() -> Figures:
    """Milliseconds that a server which copies every request to another one adds to its answers.

    Two servers on one core are asked in turn, one request every five milliseconds each: one copies everything, the
    other nothing. What is asked again runs on the client's core.
    """
    with tempfile.TemporaryDirectory() as text, one_core() as own, ExitStack() as running:
        folder = Path(text)
        trained = train(folder, LOGISTIC_REGRESSION, {}, features=FEATURES)
        plain = running.enter_context(_server(trained, folder / "plain.log", own, {}))
        other = running.enter_context(_server(trained, folder / "other.log", min(os.sched_getaffinity(0)), {}))
        copying = running.enter_context(_server(trained, folder / "copying.log", own, _traffic(folder, other)))
        copying.wait_for("read again what is mounted")
        request = _request_bytes(trained)
        seconds = [_paced(running, server, request) for server in (plain, copying)]
        return _added(_in_turn(*seconds)) | _shares(copying)


def _traffic(folder: Path, other: ServerProcess) -> dict[str, str]:
    (folder / "traffic").mkdir()
    (folder / "traffic" / "shadow.json").write_text('{"revision": "other", "percent": 100}')
    return {"MLWRIGHT_TRAFFIC": str(folder / "traffic"), "MLWRIGHT_SHADOW_ADDRESS": f"127.0.0.1:{other.port}"}


def _server(trained: Trained, log: Path, core: int, more: Mapping[str, str]) -> ServerProcess:
    environment = {
        "MLWRIGHT_MOUNT_ROOT": str(trained.mount_root),
        "MLWRIGHT_BUNDLE_URI": trained.uri,
        "MLWRIGHT_BUNDLE_DIGEST": trained.digest,
        "MLWRIGHT_CPU_LIMIT": "1",
        **more,
    }
    return ServerProcess(environment, log, ["taskset", "-c", str(core), *SERVER])


def _request_bytes(trained: Trained) -> bytes:
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": "FP64", "data": [value]} for name, value in trained.rows[0].items()
    ]
    body = json.dumps({"inputs": inputs}).encode()
    return REQUEST % (len(body), body)


def _paced(running: ExitStack, server: ServerProcess, request: bytes) -> Callable[[], float]:
    """A question to one server on a kept connection, and the seconds until its answer is there."""
    connection = running.enter_context(socket.create_connection(("127.0.0.1", server.ready().port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask() -> float:
        started = time.perf_counter()
        connection.sendall(request)
        _read_answer(connection)
        return time.perf_counter() - started

    return ask


def _read_answer(connection: socket.socket) -> None:
    received = connection.recv(65536)
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit("a request was not answered: the figures would mean nothing")
    missing = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65536))


def _in_turn(plain: Callable[[], float], copying: Callable[[], float]) -> tuple[list[float], list[float]]:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(REQUESTS):
        for ask, seconds in zip((plain, copying), taken, strict=True):
            time.sleep(PAUSE_SECONDS)
            seconds.append(ask())
    return taken


def _added(taken: tuple[list[float], list[float]]) -> Figures:
    figures: Figures = {}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        plain, copying = (1000 * sorted(seconds)[int(share * len(seconds))] for seconds in taken)
        figures[f"plain_{name}_ms"] = plain
        figures[f"shadow_added_{name}_ms"] = copying - plain
    return figures


def _shares(copying: ServerProcess) -> Figures:
    """Which share of the requests was copied and compared, and which was dropped."""
    time.sleep(1)
    lines = copying.ask("GET", "/metrics")[1].decode().splitlines()
    return {
        f"shadow_{outcome}_share": sum(
            float(line.split()[-1]) for line in lines if line.startswith(f"mlwright_shadow_{outcome}_total{{")
        )
        / REQUESTS
        for outcome in ("compared", "dropped", "disagreed", "failed")
    }


if __name__ == "__main__":
    sys.exit(
        Benchmark("telemetry", "the same server without what is measured", GOALS).run(
            {"recording": recording, "shadow": shadow}, sys.argv[1:]
        )
    )
