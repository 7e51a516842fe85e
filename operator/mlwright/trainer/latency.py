"""How long one answer takes, by the code with which the server answers: one row at a time, one thread, warm.

It is a figure of this pod: no HTTP, no neighbours' requests, and this node's processor.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mlwright.bundle.models import Model
from mlwright.bundle.tensors import Arrays
from mlwright.trainer.tables import Side

ROUNDS: Final = 3
REQUESTS: Final = 500
"""Of each round."""
WARM_UP: Final = 50
ROUND_SECONDS: Final = 10.0
LEAST: Final = 100
"""Requests of a round however long they take: a 99th percentile of fewer would be their maximum."""


def measure(model: Model, held_out: Side) -> dict[str, Any]:
    """The 99th percentile of seconds for one row, the lowest of three rounds: whatever else runs only adds.

    Returns:
        `latencyP99` in seconds, and `requests`, how many the shortest round had.
    """
    rows = _single_rows(held_out.spread(REQUESTS).arrays())
    for place in range(WARM_UP):
        model.predict(rows[place % len(rows)])
    rounds = [_round(model, rows) for _ in range(ROUNDS)]
    best = min(float(np.quantile(seconds, 0.99)) for seconds in rounds)
    return {"latencyP99": round(best, 7), "requests": min(len(seconds) for seconds in rounds)}


def _single_rows(arrays: Arrays) -> list[Arrays]:
    count = len(next(iter(arrays.values())))
    return [{name: values[row : row + 1] for name, values in arrays.items()} for row in range(count)]


def _round(model: Model, rows: Sequence[Arrays]) -> list[float]:
    seconds: list[float] = []
    began = time.perf_counter()
    for place in range(REQUESTS):
        asked = time.perf_counter()
        model.predict(rows[place % len(rows)])
        now = time.perf_counter()
        seconds.append(now - asked)
        if len(seconds) >= LEAST and now - began > ROUND_SECONDS:
            break
    return seconds
