"""Which rows are held out."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlwright.trainer.row_hashes import hash_rows

Mask = NDArray[np.bool_]

_PERSON: Final = b"mlwright-split"
_ALL: Final = 2**64


def hash_split(columns: Sequence[Any], *, test: float, seed: int) -> Mask:
    """Hold out the rows whose hash lies in the lowest share `test` of all hashes.

    The decision is made from the row alone: it stays the same when other rows come or go, and equal rows stay
    together. With a share of 0.2, a row is held out if its 64-bit hash is below 0.2 * 2**64.

    Args:
        columns: What identifies a row: the id column, or the features in the order of the file.
        test: The share held out, above 0 and below 1.
        seed: Another seed gives another split.

    Returns:
        `[n]`, true where the row is held out.
    """
    return hash_rows(columns, person=_PERSON, seed=seed)[:, 0] < np.uint64(int(test * _ALL))


def temporal_split(times: NDArray[np.int64], *, test: float) -> Mask:
    """Hold out the newest rows, about the share `test`; equal times never end on both sides.

    Where the boundary would cut through equal times, it moves to that side of them which is nearer to the share asked
    for; of equally near ones, more rows are learned from. If all times are equal nothing is held out.

    Args:
        times: `[n]`, of any one unit.
        test: The share held out, above 0 and below 1.

    Returns:
        `[n]`, true where the row is held out.
    """
    values, counts = np.unique(times, return_counts=True)
    if len(values) <= 1:
        return np.zeros(len(times), dtype=np.bool_)
    # Rows held out if the boundary is before values[i + 1]; the first and the last side always keep something.
    held_out = len(times) - np.cumsum(counts)[:-1]
    boundary = len(held_out) - 1 - int(np.argmin(np.abs(held_out - test * len(times))[::-1]))
    return np.asarray(times > values[boundary])
