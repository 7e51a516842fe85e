"""Slices: how held-out rows are divided, and which figures come back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.trainer.answers import Estimated, select, value
from mlwright.trainer.gate_settings import SlicesGate
from mlwright.trainer.scores import Judged
from mlwright.trainer.slices import MOST_SLICES, Division, divide, measure

pytestmark = pytest.mark.timeout(20)  # property tests compute


def gate(metric: str = "accuracy", low: float | None = 0.5, high: float | None = None, rows: int = 5) -> SlicesGate:
    """Return a gate on a metric by region."""
    return SlicesGate("every", metric, "region", low, high, rows)


def judged(truth: Any, called: Any) -> Judged:
    """Return answers of two classes."""
    places = np.array(called, dtype=np.int64)
    return Judged(np.array(truth, dtype=np.int64), places, np.eye(2)[places])


def labels_of(division: Division) -> list[str]:
    """Return the label of each row."""
    return [division.labels[place] for place in division.places]


@pytest.mark.parametrize(
    "column, labels",
    [
        (pa.array(["west", "east", "", None]), ["west", "east", "missing", "missing"]),
        (pa.array([True, None, False]), ["true", "missing", "false"]),
        (pa.array([3, 1, None, 3]), ["3", "1", "missing", "3"]),
        (pa.array([0.5, 0.5, 0.5]), ["any number"] * 3),
        (pa.array([None, None], pa.float64()), ["missing"] * 2),
        (
            pa.array([1.0, 2.0, 3.0, 4.0, float("nan")]),
            ["up to 1", "above 1 up to 2", "above 2 up to 3", "above 3", "missing"],
        ),
    ],
)
def test_rows_are_divided_by_what_a_person_would_call_a_group(column: Any, labels: list[str]) -> None:
    """Values as they are, numbers by quarters, and a missing value is one too."""
    assert labels_of(divide(column)) == labels


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6, allow_nan=False)), min_size=1, max_size=60))
def test_every_row_is_in_one_slice_and_equal_rows_in_the_same(values: list[float | None]) -> None:
    """Otherwise a row could fall out of sight."""
    labels = labels_of(divide(pa.array(values, pa.float64())))

    assert len(labels) == len(values)
    assert len(set(labels)) <= 5
    for one, label in zip(values, labels, strict=True):
        assert {other for v, other in zip(values, labels, strict=True) if v == one} == {label}
        assert (label == "missing") == (one is None)


def test_whole_numbers_of_many_values_are_a_quantity() -> None:
    """Nobody wants to read of minute 1,107 alone."""
    assert len(set(labels_of(divide(pa.array(range(100)))))) == 4


def test_the_worst_slice_comes_back_and_small_ones_are_counted() -> None:
    """Worked by hand: of six rows in the west three are right, of five in the east all, the north has two rows."""
    region = pa.array(["west"] * 6 + ["east"] * 5 + ["north"] * 2)
    truth = [1, 1, 1, 0, 0, 0, *[1] * 5, 0, 0]
    called = [1, 0, 1, 0, 1, 1, *[1] * 5, 1, 1]

    found = measure(gate(), judged(truth, called), divide(region))

    assert found == {
        "judged": 2,
        "small": 1,
        "smallRows": 2,
        "undefined": 0,
        "left": 0,
        "worst": 0.5,
        "at": "west",
        "rows": 6,
    }


def test_the_worst_is_that_which_misses_its_bound_by_most() -> None:
    """Of an error the largest, not the smallest."""
    answers = Estimated(np.zeros(10), np.array([1.0] * 5 + [3.0] * 5))
    division = divide(pa.array(["a"] * 5 + ["b"] * 5))

    found = measure(gate("mae", low=None, high=2.0), answers, division)

    assert (found["worst"], found["at"]) == (3.0, "b")


@pytest.mark.parametrize("metric", ["roc_auc", "f1", "recall"])
def test_a_metric_without_a_positive_row_is_undefined_there(metric: str) -> None:
    """It is counted; its usual zero would call a slice bad in which there was nothing to find."""
    region = pa.array(["none"] * 5 + ["some"] * 5)
    found = measure(gate(metric), judged([0] * 5 + [1, 1, 1, 0, 0], [0] * 5 + [1, 1, 1, 0, 0]), divide(region))

    assert (found["judged"], found["undefined"], found["at"]) == (1, 1, "some")


def test_a_metric_that_is_no_number_is_undefined_there() -> None:
    """NaN is neither good nor bad, and no JSON."""
    found = measure(gate("mae"), Estimated(np.zeros(5), np.full(5, np.nan)), divide(pa.array(["a"] * 5)))

    assert found == {"judged": 0, "small": 0, "smallRows": 0, "undefined": 1, "left": 0}


def test_a_column_that_identifies_rows_is_not_judged_to_its_end() -> None:
    """The largest are, and the rest is told."""
    names = pa.array([f"customer-{row // 5}" for row in range(5 * (MOST_SLICES + 7))])
    rows = len(names)

    found = measure(gate(), judged([1] * rows, [1] * rows), divide(names))

    assert (found["judged"], found["left"]) == (MOST_SLICES, 7)


def test_a_rare_value_is_never_named() -> None:
    """A value of fewer rows than the gate asks for may be a person."""
    found = measure(
        gate(rows=10), judged([1] * 9 + [0] * 20, [0] * 9 + [0] * 20), divide(pa.array(["Ada"] * 9 + ["b"] * 20))
    )

    assert "Ada" not in json.dumps(found)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_the_worst_slice_is_as_bad_as_the_worst_of_all_computed_one_by_one(rows: list[tuple[int, bool, bool]]) -> None:
    """The figure of a slice is the metric on its rows alone."""
    region = np.array([r for r, _, _ in rows])
    answers = judged([int(t) for _, t, _ in rows], [int(c) for _, _, c in rows])
    each = [value(select(answers, region == r), "accuracy") for r in range(4) if (region == r).sum() >= 5]

    found = measure(gate(), answers, divide(pa.array(region.tolist())))

    assert found.get("worst") == (min(each) if each else None)
