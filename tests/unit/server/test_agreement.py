"""Whether two variants say the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlwright.server.agreement import agree, question

OURS = {"label": np.array([False, True]), "probabilities": np.array([[0.8, 0.2], [0.4, 0.6]])}


def answer(**outputs: list[Any]) -> bytes:
    return json.dumps({"outputs": [{"name": name, "data": data} for name, data in outputs.items()]}).encode()


ANSWERS = {
    "the same": (answer(label=[False, True], probabilities=[0.8, 0.2, 0.4, 0.6]), True),
    "nearly the same": (answer(label=[False, True], probabilities=[0.76, 0.24, 0.4, 0.6]), True),
    "another label": (answer(label=[False, False], probabilities=[0.8, 0.2, 0.4, 0.6]), False),
    "another probability": (answer(label=[False, True], probabilities=[0.7, 0.3, 0.4, 0.6]), False),
    "a probability that is none": (answer(label=[False, True], probabilities=[None, 0.2, 0.4, 0.6]), False),
    "a class more": (answer(label=[False, True], probabilities=[0.8, 0.1, 0.1, 0.4, 0.6, 0.0]), False),
    "a row less": (answer(label=[False], probabilities=[0.8, 0.2]), False),
}


@pytest.mark.parametrize("theirs, same", ANSWERS.values(), ids=ANSWERS.keys())
def test_classifiers_agree_on_labels_and_nearly_on_probabilities(theirs: bytes, *, same: bool) -> None:
    """One row that differs makes the request differ."""
    assert agree(OURS, theirs, tolerance=0.05) is same


@pytest.mark.parametrize("theirs, same", [(104.0, True), (106.0, False), (None, False)])
def test_predictions_agree_relative_to_their_size(theirs: float | None, *, same: bool) -> None:
    """Five per cent of a hundred is five."""
    ours = {"prediction": np.array([100.0, 0.01])}

    assert agree(ours, answer(prediction=[theirs, 0.05]), tolerance=0.05) is same


@pytest.mark.parametrize(
    "theirs, same",
    [
        pytest.param(answer(label=[1, 0], score=[0.2, -0.1]), True, id="the same"),
        pytest.param(answer(label=[1, 0], score=[0.16, -0.1]), True, id="nearly the same"),
        pytest.param(answer(label=[1, 0], score=[0.3, -0.1]), False, id="another score"),
        pytest.param(answer(label=[1, 1], score=[0.2, 0.01]), False, id="another label, with a score that is near"),
    ],
)
def test_detectors_agree_on_labels_and_nearly_on_scores(theirs: bytes, *, same: bool) -> None:
    """A row that one of them calls anomalous and the other does not is what somebody wants to know of."""
    assert agree({"label": np.array([1, 0]), "score": np.array([0.2, -0.1])}, theirs, tolerance=0.05) is same


def test_gaps_in_the_same_place_agree() -> None:
    """A number that neither variant can give is no difference."""
    assert agree({"prediction": np.array([np.nan])}, answer(prediction=[None]), tolerance=0.05)


@pytest.mark.parametrize(
    "theirs", [b"", b"[]", b"{}", answer(label=[True]), answer(prediction=[1.0]), b'{"outputs": [1]}']
)
def test_what_is_no_answer_cannot_be_compared(theirs: bytes) -> None:
    """An error or another task is a failure, and no disagreement."""
    with pytest.raises(ValueError, match=r"."):
        agree({"label": np.array([True]), "probabilities": np.array([[0.1, 0.9]])}, theirs, tolerance=0.05)


def test_asks_what_was_asked() -> None:
    """Every datatype is written as the protocol wants it; a gap is null."""
    columns = {
        "distance": np.array([[1.5], [np.nan]]),
        "dep_hour": np.array([[7], [21]]),
        "weekend": np.array([[True], [False]]),
        "carrier": np.array([["UA"], [""]], dtype=object),
    }

    assert json.loads(question(columns)) == {
        "inputs": [
            {"name": "distance", "shape": [2, 1], "datatype": "FP64", "data": [1.5, None]},
            {"name": "dep_hour", "shape": [2, 1], "datatype": "INT64", "data": [7, 21]},
            {"name": "weekend", "shape": [2, 1], "datatype": "BOOL", "data": [True, False]},
            {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": ["UA", ""]},
        ]
    }
