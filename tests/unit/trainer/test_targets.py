"""Targets that can be learned, and those that cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.targets import check_sides, classes_of, prepare_target

CLASSIFICATION, REGRESSION = Task.CLASSIFICATION, Task.REGRESSION
EVERY = [float(number) / 7 for number in range(200)]


@pytest.mark.parametrize(
    "column,task,values",
    [
        pytest.param(pa.array([True, False]), CLASSIFICATION, [True, False], id="booleans"),
        pytest.param(pa.array(["b", "a"]), CLASSIFICATION, ["b", "a"], id="texts"),
        pytest.param(pa.array([3, 1], pa.int8()), CLASSIFICATION, [3, 1], id="whole numbers"),
        pytest.param(pa.array([1.0, 0.0]), CLASSIFICATION, [1, 0], id="fractions that are whole"),
        pytest.param(pa.array([3, 1]), REGRESSION, [3.0, 1.0], id="a quantity of whole numbers"),
        pytest.param(pa.array(EVERY), REGRESSION, EVERY, id="a quantity"),
    ],
)
def test_a_target_is_prepared_for_its_task(column: Any, task: Task, values: list[Any]) -> None:
    """Classes keep their type, quantities become fractions."""
    prepared = prepare_target("late", column, task).to_pylist()

    assert prepared == values
    assert [type(value) for value in prepared] == [type(value) for value in values]


@pytest.mark.parametrize(
    "column,task,field,sentence",
    [
        pytest.param(
            pa.array([True, None]),
            CLASSIFICATION,
            "spec.dataset.target",
            "column 'late' has no value in 1 row",
            id="a gap",
        ),
        pytest.param(
            pa.array(["a", "", "b"]),
            CLASSIFICATION,
            "spec.dataset.target",
            "column 'late' has no value in 1 row",
            id="an empty text",
        ),
        pytest.param(
            pa.array([1.0, np.nan]),
            REGRESSION,
            "spec.dataset.target",
            "column 'late' has no value in 1 row",
            id="not a number",
        ),
        pytest.param(
            pa.array([True] * 3),
            CLASSIFICATION,
            "spec.dataset.target",
            "column 'late' holds one value only, in 3 rows",
            id="one class",
        ),
        pytest.param(
            pa.array([2.5] * 3),
            REGRESSION,
            "spec.dataset.target",
            "column 'late' holds one value only, in 3 rows",
            id="one number",
        ),
        pytest.param(
            pa.array(EVERY),
            CLASSIFICATION,
            "spec.training.task",
            "column 'late' holds 200 different numbers, which are no classes",
            id="a quantity as classes",
        ),
        pytest.param(
            pa.array(range(101)),
            CLASSIFICATION,
            "spec.training.task",
            "column 'late' holds 101 different numbers, which are no classes",
            id="many whole numbers",
        ),
        pytest.param(
            pa.array([f"c{n}" for n in range(1001)]),
            CLASSIFICATION,
            "spec.dataset.target",
            "column 'late' has 1,001 classes",
            id="many texts",
        ),
        pytest.param(
            pa.array(["a", "b"]),
            REGRESSION,
            "spec.training.task",
            "column 'late' holds texts, and a Regression learns numbers",
            id="texts as a quantity",
        ),
        pytest.param(
            pa.array([True, False]),
            REGRESSION,
            "spec.training.task",
            "column 'late' holds booleans, and a Regression learns numbers",
            id="booleans as a quantity",
        ),
        pytest.param(
            pa.array([1.0, np.inf]),
            REGRESSION,
            "spec.dataset.target",
            "column 'late' holds infinite or huge numbers in 1 row",
            id="infinity",
        ),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(column: Any, task: Task, field: str, sentence: str) -> None:
    """With the field to change and counts only."""
    with pytest.raises(UserError) as caught:
        prepare_target("late", column, task)

    assert (caught.value.field, caught.value.sentence) == (field, sentence)


@pytest.mark.parametrize(
    "train,test,field,sentence",
    [
        pytest.param(
            [], [True], "spec.dataset.split", "none of the 1 row is left to learn from", id="nothing to learn"
        ),
        pytest.param(
            [True, False], [], "spec.dataset.split", "none of the 2 rows is held out", id="nothing to judge by"
        ),
        pytest.param(
            [True, True],
            [False],
            "spec.dataset.target",
            "column 'late' has one class only in the 2 rows left to learn from",
            id="one class left",
        ),
    ],
)
def test_a_split_that_leaves_a_side_empty_is_refused(
    train: list[bool], test: list[bool], field: str, sentence: str
) -> None:
    """Nobody can learn from nothing or be judged by nothing."""
    with pytest.raises(UserError) as caught:
        check_sides("late", pa.array(train, pa.bool_()), pa.array(test, pa.bool_()), CLASSIFICATION)

    assert (caught.value.field, caught.value.sentence) == (field, sentence)


def test_classes_come_in_sorted_order() -> None:
    """The last of two is the positive one."""
    assert classes_of(pa.array([True, False, True])) == (False, True)
    assert classes_of(pa.array([10, 9])) == (9, 10)
    assert classes_of(pa.array(["yes", "no"])) == ("no", "yes")
