"""Numbers that stand for values and rows, to find those that come twice: fast, and good for one run only.

Unlike `row_hashes`, nothing here outlives the process: texts are hashed with a key of the process. Two different rows
of a million have the same fingerprint once in some ten million data sets.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlwright.trainer.checks.values import Kind, Values
from mlwright.trainer.row_hashes import EXACT

Prints = NDArray[np.uint64]

# Constants of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input changes half the bits of the output.
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_MISSING: Final = np.uint64(0x7FF8_0000_0000_0001)  # a NaN that no file holds


def of_rows(columns: Sequence[Values]) -> Prints:
    """A number for each row, equal for rows that are equal in all columns: `[n]`."""
    found = np.zeros(len(columns[0].missing), dtype=np.uint64)
    for values in columns:
        found = _mixed(found + _STEP ^ of_values(values))
    return found


def of_values(values: Values) -> Prints:
    """A number for each value, `[n]`: equal for equal values, also of whole numbers and fractions."""
    if values.numbers is not None:
        found = _bits(values.numbers, values.column)
    elif values.kind is Kind.BOOLEANS:
        found = pc.fill_null(values.column, fill_value=False).cast(pa.uint64()).to_numpy(zero_copy_only=False)
    else:
        texts = values.column if values.kind is Kind.TEXTS else values.column.cast(pa.string())
        found = np.array([hash(text) for text in texts.to_pylist()], dtype=np.int64).view(np.uint64)
    return np.where(values.missing, _MISSING, found)


def _bits(numbers: NDArray[np.float64], column: Any) -> Prints:
    doubles = (numbers + 0.0).view(np.uint64)  # adding zero turns -0.0 into 0.0
    if not pa.types.is_integer(column.type):
        return doubles
    whole = pc.fill_null(column, 0).cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False).view(np.uint64)
    return np.where(np.abs(numbers) > EXACT, whole, doubles)


def _mixed(bits: Prints) -> Prints:
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))
