"""What telemetry costs the model server: microseconds a row in the process, and what a shadow adds to an answer.

Rows are the ones of `bench.server`: 20 numbers, a logistic regression. Measured in the process itself, so that the
figure is what the server's own time for a row grows by, and best of several rounds, as the machine does other things.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from bench.figures import Figures
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

FEATURES: Final = 20
ROUNDS: Final = 7
ROWS: Final = 4096
KEPT: Final = 128
"""Different requests: a server's are as fresh in the processor's cache as so few."""
GOALS: Final = {"recording_us_per_row": 5.0, "recording_us_per_row_in_batches": 5.0}

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
