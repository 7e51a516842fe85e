"""Is the target one that the task can learn?"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlwright.bundle.manifest import Datatype, Label
from mlwright.bundle.tensors import Array
from mlwright.scoring import Task
from mlwright.trainer.columns import TARGET, canonical, count_missing, datatype_of
from mlwright.trainer.errors import UserError
from mlwright.trainer.wording import rows

MOST_NUMERIC_CLASSES: Final = 100
"""More distinct numbers than this are a quantity, not classes."""
MOST_CLASSES: Final = 1000
"""Each class is a column of every answer; more than this is another kind of problem."""

ANOMALOUS: Final = "spec.dataset.anomalousLabels"

_TASK: Final = "spec.training.task"


def prepare_target(name: str, column: Any, task: Task, anomalous: tuple[str, ...] = ()) -> Any:
    """The target in canonical form: bool, int64 or string classes, float64 for a regression, or marks of anomalies.

    Numbers that are all whole, such as 0.0 and 1.0, are whole-number classes. A mark is 1 for a row that is anomalous,
    else 0 (int64).

    Args:
        name: The column's name.
        column: Its values, as `arrow_types.plain` gives them.
        task: What is learned.
        anomalous: Texts that mark an anomaly.

    Raises:
        UserError: Values are missing or of the wrong kind, all equal where they are to be learned, or too many to be
            classes.
    """
    missing = count_missing(column)
    if missing:
        raise UserError(TARGET, f"column {name!r} has no value in {rows(missing)}", "remove these rows or fill them in")
    target = canonical(name, column, TARGET)
    if task is Task.ANOMALY_DETECTION:
        return _marks(name, target, anomalous)
    prepared = _classes(name, target) if task is Task.CLASSIFICATION else _quantity(name, target)
    if len(pc.unique(prepared)) == 1:
        raise UserError(
            TARGET,
            f"column {name!r} holds one value only, in {rows(len(column))}",
            "there is nothing to learn: add rows with other values, or correct the column",
        )
    return prepared


def check_sides(learned: int, held_out: int) -> None:
    """Check that the split left so many rows to learn from, and others to judge by.

    Raises:
        UserError: There are none on a side.
    """
    for side, called in ((learned, "left to learn from"), (held_out, "held out")):
        if side == 0:
            sentence = f"none of the {rows(learned + held_out)} is {called}"
            raise UserError("spec.dataset.split", sentence, "add rows or change the share held out")


def check_classes_left(name: str | None, learned: Any, task: Task) -> None:
    """Check that the rows left to learn from have several classes, where classes are learned.

    Raises:
        UserError: They have one only.
    """
    if task is Task.CLASSIFICATION and len(pc.unique(learned)) == 1:
        raise UserError(
            TARGET,
            f"column {name!r} has one class only in the {rows(len(learned))} left to learn from",
            "add rows of the other classes, or change the split",
        )


def classes_of(target: Any) -> tuple[Label, ...]:
    """The classes of a canonical target in sorted order: false before true, numbers up, texts by code point."""
    return tuple(sorted(pc.unique(target).to_pylist()))


def class_places(target: Array, classes: tuple[Label, ...]) -> Array:
    """Place of each value among the classes, `[n]`; -1 for a value that is none of them."""
    places = {label: place for place, label in enumerate(classes)}
    return np.array([places.get(value, -1) for value in target.tolist()], dtype=np.int64)


def _classes(name: str, target: Any) -> Any:
    if datatype_of(target) is Datatype.FP64:
        target = _whole(name, target)
    count = len(pc.unique(target))
    if datatype_of(target) is Datatype.INT64 and count > MOST_NUMERIC_CLASSES:
        raise _not_classes(name, count)
    if count > MOST_CLASSES:
        raise UserError(
            TARGET, f"column {name!r} has {count:,} classes", f"group them: at most {MOST_CLASSES:,} are learned"
        )
    return target


def _whole(name: str, target: Any) -> Any:
    values = target.to_numpy()
    if not np.array_equal(values, np.floor(values)):
        raise _not_classes(name, len(np.unique(values)))
    return pa.array(values.astype(np.int64))


def _not_classes(name: str, count: int) -> UserError:
    return UserError(
        _TASK,
        f"column {name!r} holds {count:,} different numbers, which are no classes",
        "set the task to Regression, or make it a column of texts, booleans or a few whole numbers",
    )


def _marks(name: str, target: Any, anomalous: tuple[str, ...]) -> Any:
    """1 for a row that is anomalous, else 0; which of two texts is meant, somebody has to say."""
    texts = datatype_of(target) is Datatype.BYTES
    if anomalous and not texts:
        raise UserError(ANOMALOUS, f"names texts, and column {name!r} holds none", "remove it: 1 marks an anomaly")
    if anomalous:
        return _named_marks(name, target, anomalous)
    if texts:
        raise UserError(
            TARGET,
            f"column {name!r} holds texts, and nothing says which of them are anomalies",
            "name them in dataset.anomalousLabels",
        )
    marks = target.cast(pa.float64())
    if not set(pc.unique(marks).to_pylist()) <= {0.0, 1.0}:
        raise UserError(
            TARGET,
            f"column {name!r} holds other values than true and false, or 1 and 0",
            "write 1 for rows that are anomalous and 0 for all others (labels only judge here), or remove the field and"
            " list dataset.features without this column",
        )
    return marks.cast(pa.int64())


def _named_marks(name: str, target: Any, anomalous: tuple[str, ...]) -> Any:
    found = pc.is_in(target, value_set=pa.array(anomalous))
    if not pc.any(found).as_py():
        raise UserError(ANOMALOUS, f"no row of column {name!r} holds one of them", "write them as the column does")
    return found.cast(pa.int64())


def _quantity(name: str, target: Any) -> Any:
    datatype = datatype_of(target)
    if datatype in {Datatype.BYTES, Datatype.BOOL}:
        kind = "texts" if datatype is Datatype.BYTES else "booleans"
        raise UserError(
            _TASK, f"column {name!r} holds {kind}, and a Regression learns numbers", "set the task to Classification"
        )
    return target.cast(pa.float64())
