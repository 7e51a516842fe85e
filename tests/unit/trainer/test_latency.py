"""Latency: one row at a time, by the code of the server."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest

from mlwright.bundle.manifest import Datatype, Tensor
from mlwright.bundle.tensors import Array, Arrays
from mlwright.trainer.latency import LEAST, REQUESTS, ROUNDS, WARM_UP, measure
from mlwright.trainer.tables import Side

pytestmark = pytest.mark.timeout(20)  # it waits

SIDE = Side((Tensor("hour", Datatype.FP64),), (pa.array([1.0, 2.0, 3.0]),), pa.array([True, False, True]))


class Sleeper:
    """A model that takes its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[Arrays] = []

    def predict(self, inputs: Arrays) -> dict[str, Array]:
        """Answer late."""
        self.asked.append(inputs)
        time.sleep(self.seconds)
        return {"prediction": np.zeros(1)}


def test_each_request_is_one_row() -> None:
    """Batches would hide what a single question costs."""
    model = Sleeper(0)

    found = measure(model, SIDE)

    assert {inputs["hour"].shape for inputs in model.asked} == {(1, 1)}
    assert len(model.asked) == WARM_UP + ROUNDS * REQUESTS
    assert found["requests"] == REQUESTS


def test_the_figure_is_the_time_of_an_answer() -> None:
    """Never less than the model takes."""
    assert measure(Sleeper(0.001), SIDE)["latencyP99"] >= 0.001


def test_a_slow_model_does_not_hold_up_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round ends after its seconds, but not before it has enough for a percentile."""
    monkeypatch.setattr("mlwright.trainer.latency.ROUND_SECONDS", 0.0)

    assert measure(Sleeper(0.0), SIDE)["requests"] == LEAST
