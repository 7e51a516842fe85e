"""When two sets of answers count as equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlwright.bundle.parity import compare

Answers = dict[str, Any]


def _classes(labels: list[object], probabilities: list[list[float]]) -> Answers:
    return {"label": np.array(labels, dtype=object), "probabilities": np.array(probabilities)}


def _numbers(*values: float) -> Answers:
    return {"prediction": np.array(values)}


def _scores(labels: list[int], *values: float) -> Answers:
    return {"label": np.array(labels), "score": np.array(values)}


SURE = _classes(["a", "b"], [[0.9, 0.1], [0.2, 0.8]])


@pytest.mark.parametrize(
    "expected, actual, holds",
    [
        pytest.param(SURE, SURE, True, id="the same answers"),
        pytest.param(SURE, _classes(["a", "b"], [[0.900005, 0.1], [0.2, 0.8]]), True, id="a difference of 5e-6"),
        pytest.param(SURE, _classes(["a", "b"], [[0.90002, 0.1], [0.2, 0.8]]), False, id="a difference of 2e-5"),
        pytest.param(SURE, _classes(["b", "b"], [[0.9, 0.1], [0.2, 0.8]]), False, id="another label"),
        pytest.param(SURE, _classes(["a", "b"], [[np.nan, 0.1], [0.2, 0.8]]), False, id="no number"),
        pytest.param(SURE, _classes(["a"], [[0.9, 0.1]]), False, id="a row too few"),
        pytest.param(
            _classes(["a"], [[0.5, 0.5]]), _classes(["b"], [[0.4999999, 0.5]]), True, id="a tie has two right labels"
        ),
        pytest.param(_numbers(1e9), _numbers(1e9 + 1000), True, id="a large number, relative"),
        pytest.param(_numbers(1e9), _numbers(1e9 + 20_000), False, id="a large number, too far off"),
        pytest.param(_numbers(0.0), _numbers(5e-6), True, id="a small number, absolute"),
        pytest.param(_numbers(0.0), _numbers(2e-5), False, id="a small number, too far off"),
        pytest.param(_numbers(1.0), _numbers(np.inf), False, id="an infinite number"),
        pytest.param(_numbers(1.0), _numbers(), False, id="no answer"),
        pytest.param(_scores([1, 0], 0.2, -0.1), _scores([1, 0], 0.200005, -0.1), True, id="a score 5e-6 off"),
        pytest.param(_scores([1, 0], 0.2, -0.1), _scores([1, 0], 0.20002, -0.1), False, id="a score 2e-5 off"),
        pytest.param(_scores([0], -1e6), _scores([0], -1e6 - 5), True, id="a large score, relative"),
        pytest.param(_scores([1], 0.2), _scores([0], 0.2), False, id="the same score with another label"),
        pytest.param(_scores([0], 0.0), _scores([1], 1e-9), True, id="a score of 0 has two right labels"),
        pytest.param(_scores([0, 0], -0.1, -0.1), _scores([0], -0.1), False, id="a score too few"),
    ],
)
def test_answers_are_equal_within_the_tolerance(
    expected: dict[str, Any], actual: dict[str, Any], *, holds: bool
) -> None:
    """Labels must be equal and numbers close; a number that is none is never close."""
    assert compare(expected, actual).holds is holds


def test_the_finding_is_told_in_numbers() -> None:
    """The sentence says how many labels and how far numbers differ."""
    parity = compare(SURE, _classes(["b", "b"], [[0.8, 0.1], [0.2, 0.8]]))

    assert parity.sentence == "1 of 2 labels differ, numbers differ by up to 0.1 (at most 1e-05 is allowed)"
