"""Which columns are used, and their values in one canonical type each.

A feature is a boolean, a whole number, a number or a text. The same data in CSV and in Parquet ends in the same types:
a whole-number column with missing values is a number (missing is NaN), a boolean column with missing values is a
number too, a missing text is the empty text.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlwright.bundle.manifest import Datatype
from mlwright.bundle.tensors import LARGEST
from mlwright.trainer.arrow_types import is_number, is_text, kind_of
from mlwright.trainer.errors import UserError
from mlwright.trainer.step import Dataset
from mlwright.trainer.wording import did_you_mean, rows

FEATURES: Final = "spec.dataset.features"
TARGET: Final = "spec.dataset.target"
WEIGHT: Final = "spec.dataset.weightColumn"
ARROW_TYPES: Final = {
    Datatype.BOOL: pa.bool_(),
    Datatype.INT64: pa.int64(),
    Datatype.FP64: pa.float64(),
    Datatype.BYTES: pa.string(),
}


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column does what. `features` are in the order of the file."""

    features: tuple[str, ...]
    target: str | None
    id_column: str | None
    time_columns: tuple[str, ...]  # those of the temporal split and of the time range
    group_column: str | None = None
    weight_column: str | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that is read, each once: features first."""
        beside = (self.target, self.id_column, self.group_column, self.weight_column)
        return tuple(dict.fromkeys((*self.features, *filter(None, beside), *self.time_columns)))


def choose(dataset: Dataset, names: tuple[str, ...]) -> Roles:
    """Decide which column does what.

    Args:
        dataset: What the pipeline says.
        names: The columns of the data, in their order.

    Raises:
        UserError: A column that is named does not exist, or the features contradict the target.
    """
    range_column = dataset.time_range.column if dataset.time_range else None
    for field, name in (
        (TARGET, dataset.target),
        ("spec.dataset.idColumn", dataset.id_column),
        ("spec.dataset.timeColumn", dataset.time_column),
        ("spec.dataset.groupColumn", dataset.group_column),
        (WEIGHT, dataset.weight_column),
        ("spec.dataset.timeRange.column", range_column),
    ):
        _check_exists(field, name, names)
    time_columns = tuple(dict.fromkeys(name for name in (dataset.time_column, range_column) if name))
    named = (dataset.id_column, dataset.group_column, dataset.weight_column)
    others = {dataset.target, *named, *time_columns}
    features = _listed_features(dataset, names) or tuple(name for name in names if name not in others)
    if not features:
        raise UserError(FEATURES, "no column is left to predict from", "add columns to the data")
    return Roles(features, dataset.target, dataset.id_column, time_columns, dataset.group_column, dataset.weight_column)


def canonical(name: str, column: Any, field: str) -> Any:
    """A column in its canonical Arrow type: bool, int64, float64 (missing is NaN) or string (missing is empty).

    Args:
        name: The column's name.
        column: Its values, as `arrow_types.plain` gives them.
        field: The field of the spec that made it a feature or target, for errors.

    Raises:
        UserError: The type cannot be learned from, every value is missing, or a number is infinite.
    """
    datatype = _datatype(name, column, field)
    missing = count_missing(column)
    if missing == len(column):
        raise UserError(field, f"column {name!r} has no values at all", "remove it or fill it")
    if datatype is Datatype.BYTES:
        return pc.fill_null(column, "")
    if datatype is not Datatype.FP64 and missing == 0:
        return column.cast(ARROW_TYPES[datatype])
    return _numbers(name, column, field)


def datatype_of(column: Any) -> Datatype:
    """The datatype of a column that is in canonical form."""
    return next(datatype for datatype, arrow in ARROW_TYPES.items() if arrow == column.type)


def _listed_features(dataset: Dataset, names: tuple[str, ...]) -> tuple[str, ...]:
    chosen = dataset.features
    if chosen is None:
        return ()
    for name in chosen:
        _check_exists(FEATURES, name, names)
    if dataset.target in chosen:
        raise UserError(FEATURES, f"the target {dataset.target!r} is among the features", "remove it from the features")
    if not chosen:
        raise UserError(FEATURES, "the list is empty", "name columns, or leave the field out to use all")
    return tuple(name for name in names if name in set(chosen))


def _check_exists(field: str, name: str | None, names: tuple[str, ...]) -> None:
    if name is not None and name not in names:
        raise UserError(field, f"the data has no column {name!r}", did_you_mean(name, names))


def _datatype(name: str, column: Any, field: str) -> Datatype:
    kind = column.type
    if pa.types.is_boolean(kind):
        return Datatype.BOOL
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return Datatype.INT64
    if is_number(kind) or pa.types.is_null(kind):
        return Datatype.FP64
    if is_text(kind):
        return Datatype.BYTES
    raise UserError(field, f"column {name!r} holds {kind_of(kind)}", _REMEDIES.get(kind_of(kind), "leave it out"))


_REMEDIES: Final = {
    "times": "make it dataset.timeColumn, or replace it by numbers such as the hour and the day of the week",
    "bytes that are not UTF-8 text": "save the file as UTF-8",
}


def count_missing(column: Any) -> int:
    """Rows without a value: null, NaN, or an empty text."""
    missing = pc.is_null(column, nan_is_null=True)
    if is_text(column.type):
        missing = pc.or_(missing, pc.fill_null(pc.equal(column, ""), fill_value=True))
    return int(pc.sum(missing).as_py() or 0)


def _numbers(name: str, column: Any, field: str) -> Any:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    filled = column.cast(pa.float64(), safe=False)
    if filled.null_count:  # else nothing is copied
        filled = pc.fill_null(filled, float("nan"))
    beyond = count_beyond(filled.to_numpy())
    if beyond:
        raise UserError(
            field,
            f"column {name!r} holds infinite or huge numbers in {rows(beyond)}",
            f"make them missing, or scale them below {LARGEST:.1g}",
        )
    return filled


def count_beyond(values: NDArray[np.float64]) -> int:
    """How many values no model can compute with; missing ones are none of them."""
    if max(np.fmax.reduce(values, initial=0.0), -np.fmin.reduce(values, initial=0.0)) <= LARGEST:
        return 0  # the usual case, without a copy of the column
    return int(np.count_nonzero(np.abs(np.nan_to_num(values, nan=0.0, posinf=np.inf)) > LARGEST))
