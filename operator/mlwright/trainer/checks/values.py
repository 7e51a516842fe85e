"""A batch of one column as checks look at it: what kind it is, which rows have a value, and the values as numbers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlwright.trainer.arrow_types import is_number, is_text
from mlwright.trainer.checks.expectations import ColumnType
from mlwright.trainer.times import micros_of

Mask = NDArray[np.bool_]

_NUMBER: Final = r"^\s*[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)?\s*$"
_BOOLEAN: Final = r"^(?i:true|false)$"


class Kind(StrEnum):
    """What a column holds, in a word for people."""

    NUMBERS = "numbers"
    TEXTS = "texts"
    BOOLEANS = "booleans"
    TIMES = "times"
    OTHER = "other values"


@dataclass(frozen=True, slots=True)
class Values:
    """A batch of a column.

    Attributes:
        column: The values, an Arrow array of `n` rows without a dictionary.
        kind: What they are.
        missing: `[n]`, rows without a value.
        numbers: `[n]`, NaN where there is none; of times the microseconds since 1970. None where there are no numbers.
    """

    column: Any
    kind: Kind
    missing: Mask
    numbers: NDArray[np.float64] | None

    @classmethod
    def of(cls, column: Any) -> "Values":
        """Look at a batch of a column, as `arrow_types.plain` gives it."""
        kind = kind_of_values(column.type)
        if kind is Kind.NUMBERS:
            numbers = _floats(column)
            return cls(column, kind, np.isnan(numbers), numbers)
        missing = _flags(pc.is_null(column))
        if kind is Kind.TEXTS:
            missing = missing | _flags(pc.fill_null(pc.equal(column, ""), fill_value=True))
        return cls(column, kind, missing, _floats(micros_of(column)) if kind is Kind.TIMES else None)

    def not_of(self, wanted: ColumnType) -> Mask:
        """Rows whose value is not of a type; a missing one is of any. `[n]`"""
        return ~self.missing & ~self._fitting(wanted)

    def as_numbers(self, wanted: ColumnType | None) -> NDArray[np.float64] | None:
        """What bounds are held against; texts are read as times where times are wanted. `[n]` or None."""
        if self.kind is Kind.TEXTS and wanted is ColumnType.TIME:
            return _floats(micros_of(self.column))
        return self.numbers

    def among(self, allowed: tuple[str | float | bool, ...]) -> Mask:
        """Rows whose value is one of these; values of another kind never are. `[n]`"""
        found = [value for value in allowed if _kind_of(value) is self.kind]
        if not found or self.kind is Kind.OTHER:
            return np.zeros(len(self.column), dtype=np.bool_)
        if self.kind is Kind.NUMBERS:
            return np.isin(self.numbers if self.numbers is not None else [], np.array(found, dtype=np.float64))
        return _flags(pc.fill_null(pc.is_in(self.column, pa.array(found, self.column.type)), fill_value=False))

    def _fitting(self, wanted: ColumnType) -> Mask:
        everything = np.ones(len(self.column), dtype=np.bool_)
        if _KINDS[wanted] is self.kind:
            return _whole(self.numbers) if wanted is ColumnType.INTEGER and self.numbers is not None else everything
        if self.kind is not Kind.TEXTS or wanted is ColumnType.TEXT:
            return ~everything
        if wanted is ColumnType.TIME:
            return _flags(pc.is_valid(micros_of(self.column)))
        pattern = _BOOLEAN if wanted is ColumnType.BOOLEAN else _NUMBER
        return _flags(pc.fill_null(pc.match_substring_regex(self.column, pattern), fill_value=False))


_KINDS: Final = {
    ColumnType.NUMBER: Kind.NUMBERS,
    ColumnType.INTEGER: Kind.NUMBERS,
    ColumnType.TEXT: Kind.TEXTS,
    ColumnType.BOOLEAN: Kind.BOOLEANS,
    ColumnType.TIME: Kind.TIMES,
}


def kind_of_values(type_: Any) -> Kind:
    """What columns of an Arrow type hold; a column of gaps alone counts as numbers, as in training."""
    for test, kind in (
        (pa.types.is_boolean, Kind.BOOLEANS),
        (is_number, Kind.NUMBERS),
        (pa.types.is_null, Kind.NUMBERS),
        (is_text, Kind.TEXTS),
        (pa.types.is_timestamp, Kind.TIMES),
        (pa.types.is_date, Kind.TIMES),
    ):
        if test(type_):
            return kind
    return Kind.OTHER


def _kind_of(value: object) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOLEANS
    return Kind.TEXTS if isinstance(value, str) else Kind.NUMBERS


def _whole(numbers: NDArray[np.float64]) -> Mask:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(numbers) & (np.floor(numbers) == numbers))


def _floats(column: Any) -> NDArray[np.float64]:
    filled = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan"))
    return np.asarray(filled.to_numpy(zero_copy_only=False))


def _flags(column: Any) -> Mask:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)
