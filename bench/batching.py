"""Whether it would pay the model server to collect requests and ask the model once for all of them.

Not an attempt at it, but a bound that no attempt can pass: all requests that are under way find each other at once, at
no cost. Then of a request's CPU time only what the model and the counters take for its row is less. The rest, from the
connection to the JSON, stays what it is.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.asking import Asked, message
from bench.cores import one_core
from bench.figures import Figures
from bench.trained import LOGISTIC_REGRESSION, RANDOM_FOREST, Trained, train
from mlwright.bundle.tensors import Arrays
from mlwright.server.live_bins import LiveBins
from mlwright.server.loading import load
from mlwright.server.model import Model
from mlwright.server.observer import Observer
from mlwright.server.recording import Context
from mlwright.server.settings import Settings
from mlwright.server.shadow import Shadow
from tests.support.serving import SERVER, ServerProcess

MODELS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "logreg": (LOGISTIC_REGRESSION, {}),
    "rf100": (RANDOM_FOREST, {"n_estimators": 100}),
}
CLIENTS: Final = 32
CPU_SECONDS: Final = 1.0
ROWS: Final = 1_600
ROUNDS: Final = 7


def bounds() -> Figures:
    """For each model the most that collecting from 32 clients can make of requests per core-second, as a ratio."""
    figures: Figures = {}
    for name, (estimator, parameters) in MODELS.items():
        with tempfile.TemporaryDirectory() as scratch, one_core() as core:
            trained = train(Path(scratch) / "store", estimator, parameters, features=20, asked=CLIENTS)
            whole = _microseconds_of_a_request(trained, Path(scratch), core)
            alone, together = _microseconds_of_a_row(_model(trained))
        figures |= {
            f"{name}_request_us": whole,
            f"{name}_row_us_alone": alone,
            f"{name}_row_us_of_{CLIENTS}": together,
            f"{name}_batching_bound": whole / (whole - alone + together),
        }
    return figures


def _environment(trained: Trained) -> dict[str, str]:
    return {
        "MLWRIGHT_MOUNT_ROOT": str(trained.mount_root),
        "MLWRIGHT_MODEL_NAME": "flights",
        "MLWRIGHT_BUNDLE_URI": trained.uri,
        "MLWRIGHT_BUNDLE_DIGEST": trained.digest,
        "MLWRIGHT_CPU_LIMIT": "1",
    }


def _microseconds_of_a_request(trained: Trained, folder: Path, core: int) -> float:
    """CPU time of the real server for one request, with so many clients at once; the best of some rounds."""
    requests = tuple(
        message("/v2/models/flights/infer", {"inputs": [_tensor(name, value) for name, value in row.items()]})
        for row in trained.rows
    )
    command = ["taskset", "-c", str(core), *SERVER]
    with ServerProcess(_environment(trained), folder / "server.log", command) as server:
        asked = Asked(server.ready().process.pid, server.port, requests, lambda answer, _: "outputs" in answer)
        return min(1e6 / asked.requests_per_core_second(CLIENTS, CPU_SECONDS) for _ in range(ROUNDS))


def _tensor(name: str, value: float) -> dict[str, Any]:
    return {"name": name, "shape": [1, 1], "datatype": "FP64", "data": [value]}


def _model(trained: Trained) -> Model:
    settings = Settings.from_env(_environment(trained))
    model = load(settings, trained.mount_root)
    bins = LiveBins(settings.identity, model.profile)
    model.recorder = Observer(bins, Shadow(settings.identity, 1.0, lambda: 1.0))
    return model


def _microseconds_of_a_row(model: Model) -> tuple[float, float]:
    """CPU time of the model and the counters for a row that is asked alone, and for one of a row for each client."""
    chance = np.random.default_rng(2)
    rows = {tensor.name: chance.normal(size=(ROWS, 1)) for tensor in model.signature.inputs}
    one, many = ([*_cut(rows, size)] for size in (1, CLIENTS))
    return _best(lambda: _predict(model, one)), _best(lambda: _predict(model, many))


def _cut(rows: Arrays, size: int) -> Iterator[Arrays]:
    for first in range(0, ROWS, size):
        yield {name: column[first : first + size] for name, column in rows.items()}


def _predict(model: Model, asked: list[Arrays]) -> None:
    context = Context()
    for columns in asked:
        model.predict(columns, context)


def _best(act: Callable[[], None]) -> float:
    """Microseconds of CPU time for a row; the best of some rounds."""
    found = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        act()
        found.append(time.process_time() - begun)
    return min(found) / ROWS * 1e6
