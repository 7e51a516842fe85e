"""Folds of the training rows: nothing that must stay together is torn apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.manifest import Datatype, Tensor
from mlwright.trainer.errors import UserError
from mlwright.trainer.tables import Side
from mlwright.trainer.tuning.folds import Rows, folds

pytestmark = pytest.mark.timeout(20)  # property tests compute


def side(count: int) -> Side:
    """Return rows whose one feature is their number, of two classes."""
    numbers = pa.array(range(count), pa.int64())
    return Side((Tensor("number", Datatype.INT64),), (numbers,), pa.array([row % 3 == 0 for row in range(count)]))


def numbers(made: Side) -> list[int]:
    """Return which rows a side holds."""
    found: list[int] = made.features[0].to_pylist()
    return found


@given(st.lists(st.sampled_from(["", *"abcdefg"]), min_size=12, max_size=60), st.integers(2, 3))
def test_a_group_is_never_on_both_sides(groups: list[str], count: int) -> None:
    """A model that knows a group already would be judged too well."""
    if len(set(groups)) < count:
        return
    rows = Rows(side(len(groups)), quantity=False, groups=pa.array(groups, pa.string()))
    judged: list[int] = []
    for learned, judging in folds(rows, count, seed=1):
        assert {groups[row] for row in numbers(learned)}.isdisjoint({groups[row] for row in numbers(judging)})
        judged += numbers(judging)

    assert sorted(judged) == list(range(len(groups)))


@given(st.lists(st.integers(0, 30), min_size=12, max_size=60), st.integers(2, 4))
def test_what_judges_is_later_than_what_is_learned(times: list[int], count: int) -> None:
    """After a Temporal split the folds look ahead as the split does; equal times are on one side."""
    if len(set(times)) <= count:
        return
    made = list(folds(Rows(side(len(times)), quantity=False, times=np.array(times)), count, seed=1))

    assert len(made) == count
    for learned, judging in made:
        assert max(times[row] for row in numbers(learned)) < min(times[row] for row in numbers(judging))


def test_classes_are_spread_evenly() -> None:
    """A rare class must be in every fold, or some metrics are undefined there."""
    for _, judging in folds(Rows(side(90), quantity=False), 3, seed=1):
        assert (judging.rows, sum(judging.target.to_pylist())) == (30, 10)


def test_rows_in_another_order_have_the_same_folds() -> None:
    """What a trial reaches must not hang on the order of a file."""
    turned = side(40)
    backwards = pa.array(range(39, -1, -1))
    turned = Side(turned.inputs, (turned.features[0].take(backwards),), turned.target.take(backwards))
    one = [set(numbers(judging)) for _, judging in folds(Rows(side(40), quantity=False), 4, seed=3)]
    other = [set(numbers(judging)) for _, judging in folds(Rows(turned, quantity=False), 4, seed=3)]

    assert one == other


@pytest.mark.parametrize("more", [{}, {"groups": pa.array(["a", "b", "c", "d"] * 10)}, {"times": np.arange(40)}])
def test_every_row_keeps_its_weight(more: dict[str, Any]) -> None:
    """A trial weighs rows as the training does."""
    weighed = replace(side(40), weights=pa.array([float(row + 1) for row in range(40)]))

    for part in (part for fold in folds(Rows(weighed, quantity=False, **more), 3, seed=3) for part in fold):
        assert part.weights is not None
        assert part.weights.to_pylist() == [row + 1 for row in numbers(part)]


@pytest.mark.parametrize(
    "more, there_are",
    [({"groups": pa.array(["a", "b"] * 5)}, "2 groups"), ({"times": np.array([1, 2] * 5)}, "2 different times")],
)
def test_more_folds_than_there_can_be_are_refused(more: dict[str, Any], there_are: str) -> None:
    """The sentence names the field and what there is."""
    with pytest.raises(UserError, match=f"is 3, and there are {there_are}") as refused:
        list(folds(Rows(side(10), quantity=False, **more), 3, seed=1))

    assert refused.value.field == "spec.training.tuning.crossValidation.folds"
