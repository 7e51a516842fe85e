"""Which rows are held out.

Every choice is made from what rows hold, never from where they stand: the same rows in another order or another file
format are split alike.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlwright.trainer.row_hashes import hash_rows

Mask = NDArray[np.bool_]

_PERSON: Final = b"mlwright-split"
_ALL: Final = 2**64
_STRATA: Final = 10
"""A quantity is stratified by its tenths."""
_PAIR: Final = 2  # rows of a class that can be on both sides


def row_order(columns: Sequence[Any], seed: int) -> NDArray[np.uint64]:
    """A place for each row in an order that looks like chance: the first 64 bits of the hash of its content.

    Args:
        columns: What identifies a row: the id column, or the features in the order of the file.
        seed: Another seed gives another order.

    Returns:
        `[n]`; equal for equal rows.
    """
    return np.ascontiguousarray(hash_rows(columns, person=_PERSON, seed=seed)[:, 0])


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
    return row_order(columns, seed) < np.uint64(int(test * _ALL))


def drawn_split(columns: Sequence[Any], *, test: float, seed: int) -> Mask:
    """Hold out about the share `test`, drawn by chance; rows that are equal in these columns stay together.

    With the columns that identify a row this is a random split, with the column of groups one that keeps groups
    together. Other than `hash_split` it meets the share as nearly as can be, and moves rows when rows come.

    Args:
        columns: What may not be torn apart, Arrow arrays of `n` rows in canonical form.
        test: The share held out, above 0 and below 1.
        seed: Another seed gives another split.

    Returns:
        `[n]`, true where the row is held out.
    """
    return highest_share(row_order(columns, seed), test=test)


def temporal_split(times: NDArray[Any], *, test: float) -> Mask:
    """Hold out the newest rows, about the share `test`; equal times never end on both sides.

    Args:
        times: `[n]`, of any one unit.
        test: The share held out, above 0 and below 1.

    Returns:
        `[n]`, true where the row is held out.
    """
    return highest_share(times, test=test)


def highest_share(values: NDArray[Any], *, test: float) -> Mask:
    """The rows with the highest values, about the share `test`; equal values never end on both sides.

    Where the boundary would cut through equal values, it moves to that side of them which is nearer to the share asked
    for; of equally near ones, more rows are learned from. If all values are equal nothing is held out.

    Args:
        values: `[n]`, numbers.
        test: The share, above 0 and below 1.

    Returns:
        `[n]`, true for the rows with the highest values.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= 1:
        return np.zeros(len(values), dtype=np.bool_)
    # Rows held out if the boundary is before distinct[i + 1]; the first and the last side always keep something.
    held_out = len(values) - np.cumsum(counts)[:-1]
    boundary = len(held_out) - 1 - int(np.argmin(np.abs(held_out - test * len(values))[::-1]))
    return np.asarray(values > distinct[boundary])


def stratified_split(strata: NDArray[Any], order: Sequence[NDArray[np.uint64]], *, test: float) -> Mask:
    """Hold out the share `test` of each stratum, to within one row.

    A stratum of several rows has at least one on each side; one of a single row is learned from. Shares are exact, so
    rows that are equal in all but their place may end on both sides.

    Args:
        strata: `[n]`, the stratum of each row.
        order: Places of the rows, `[n]` each, the first one deciding, the next ones where it is equal.
        test: The share held out, above 0 and below 1.

    Returns:
        `[n]`, true where the row is held out.
    """
    places = np.lexsort((*reversed(order), strata))
    _, starts, counts = np.unique(strata[places], return_index=True, return_counts=True)
    ranks = np.arange(len(strata)) - np.repeat(starts, counts)
    mask = np.zeros(len(strata), dtype=np.bool_)
    mask[places] = ranks < np.repeat(_taken(counts, test), counts)
    return mask


def strata_of(target: Any, *, quantity: bool) -> NDArray[np.int64]:
    """The stratum of each row, `[n]`: its class, or for a quantity the tenth of all rows that it belongs to.

    Args:
        target: The column to be predicted, an Arrow array in canonical form without gaps.
        quantity: Whether it is a quantity.
    """
    if not quantity:
        return np.asarray(pc.dictionary_encode(target).indices.to_numpy(), dtype=np.int64)
    values = np.asarray(target.to_numpy(zero_copy_only=False), dtype=np.float64)
    bounds = np.unique(np.quantile(values, np.linspace(0, 1, _STRATA + 1)[1:-1]))
    return np.searchsorted(bounds, values).astype(np.int64)


def _taken(counts: NDArray[np.int64], test: float) -> NDArray[np.int64]:
    """How many rows of each stratum are held out."""
    wanted = np.rint(counts * test).astype(np.int64)
    return np.where(counts >= _PAIR, np.clip(wanted, 1, np.maximum(counts - 1, 1)), 0)
