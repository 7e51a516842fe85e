"""Targets that can be learned, and those that cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.targets import check_classes_left, check_sides, classes_of, prepare_target

CLASSIFICATION, REGRESSION, DETECTION = Task.CLASSIFICATION, Task.REGRESSION, Task.ANOMALY_DETECTION
NO_MARKS = "column 'late' holds other values than true and false, or 1 and 0"
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
        pytest.param(pa.array([True, False]), DETECTION, [1, 0], id="truth as marks of anomalies"),
        pytest.param(pa.array([0.0, 1.0]), DETECTION, [0, 1], id="fractions as marks of anomalies"),
        pytest.param(pa.array([0, 0], pa.int8()), DETECTION, [0, 0], id="marks of which none is an anomaly"),
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
        pytest.param(
            pa.array([1, None]), DETECTION, "spec.dataset.target", "column 'late' has no value in 1 row", id="no mark"
        ),
        pytest.param(
            pa.array(["fraud", "fine"]),
            DETECTION,
            "spec.dataset.target",
            "column 'late' holds texts, and nothing says which of them are anomalies",
            id="texts as marks",
        ),
        pytest.param(
            pa.array([-1, 1]), DETECTION, "spec.dataset.target", NO_MARKS, id="marks as scikit-learn has them"
        ),
        pytest.param(pa.array([0.5, 1.0]), DETECTION, "spec.dataset.target", NO_MARKS, id="shares as marks"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(column: Any, task: Task, field: str, sentence: str) -> None:
    """With the field to change and counts only."""
    with pytest.raises(UserError) as caught:
        prepare_target("late", column, task)

    assert (caught.value.field, caught.value.sentence) == (field, sentence)


def test_marks_of_another_kind_are_corrected_or_left_out_of_the_features() -> None:
    """Without the field alone the column of labels would become a feature."""
    with pytest.raises(UserError) as caught:
        prepare_target("late", pa.array([-1, 1]), DETECTION)

    assert caught.value.remedy == (
        "write 1 for rows that are anomalous and 0 for all others (labels only judge here), or remove the field and"
        " list dataset.features without this column"
    )


@pytest.mark.parametrize(
    "learned,held_out,sentence",
    [
        pytest.param(0, 1, "none of the 1 row is left to learn from", id="nothing to learn"),
        pytest.param(2, 0, "none of the 2 rows is held out", id="nothing to judge by"),
    ],
)
def test_a_split_that_leaves_a_side_empty_is_refused(learned: int, held_out: int, sentence: str) -> None:
    """Nobody can learn from nothing or be judged by nothing."""
    with pytest.raises(UserError) as caught:
        check_sides(learned, held_out)

    assert (caught.value.field, caught.value.sentence) == ("spec.dataset.split", sentence)


def test_one_class_cannot_be_told_from_others_that_are_not_there() -> None:
    """What is left to learn from decides, not what was read."""
    with pytest.raises(UserError) as caught:
        check_classes_left("late", pa.array([True, True]), CLASSIFICATION)

    assert caught.value.field == "spec.dataset.target"
    assert caught.value.sentence == "column 'late' has one class only in the 2 rows left to learn from"


@pytest.mark.parametrize("task", [REGRESSION, DETECTION])
def test_only_classes_must_differ_in_what_is_left_to_learn_from(task: Task) -> None:
    """Of marks nothing is learned, and a quantity of one value was refused when it was read."""
    check_classes_left("late", pa.array([1, 1]), task)


def test_texts_mark_anomalies_where_they_are_named() -> None:
    """Whatever their order, and several kinds of them; every other text is usual."""
    column = pa.array(["theft", "fine", "fraud", "late"])

    assert prepare_target("kind", column, DETECTION, ("fraud", "theft")).to_pylist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    "column,sentence",
    [
        pytest.param(pa.array(["fine", "Fraud"]), "no row of column 'kind' holds one of them", id="written otherwise"),
        pytest.param(pa.array([0, 1]), "names texts, and column 'kind' holds none", id="numbers"),
    ],
)
def test_names_of_anomalies_that_mark_nothing_are_refused(column: Any, sentence: str) -> None:
    """A typing error would make every row usual."""
    with pytest.raises(UserError) as caught:
        prepare_target("kind", column, DETECTION, ("fraud",))

    assert (caught.value.field, caught.value.sentence) == ("spec.dataset.anomalousLabels", sentence)


def test_classes_come_in_sorted_order() -> None:
    """The last of two is the positive one."""
    assert classes_of(pa.array([True, False, True])) == (False, True)
    assert classes_of(pa.array([10, 9])) == (9, 10)
    assert classes_of(pa.array(["yes", "no"])) == ("no", "yes")
