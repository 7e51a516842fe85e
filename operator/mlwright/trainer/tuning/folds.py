"""Folds of the training rows: what a trial learns from and what it is judged by. Held-out rows never occur here.

As `splits`, they are made from what rows hold: the same rows in another order have the same folds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlwright.trainer.errors import UserError
from mlwright.trainer.splits import row_order, strata_of
from mlwright.trainer.tables import Side
from mlwright.trainer.tuning.settings import FIELD

Places = NDArray[np.int64]
FOLDS: Final = f"{FIELD}.crossValidation.folds"


@dataclass(frozen=True, slots=True)
class Rows:
    """The training rows, and what keeps them apart: their group, or their time, where the pipeline names them."""

    side: Side
    quantity: bool
    """Whether the target is a quantity rather than a class."""
    groups: Any = None
    """An Arrow array in canonical form: a missing group is a group."""
    times: Any = None
    """`[n]` in any unit."""


Fold = tuple[Side, Side]
"""What is learned from, and what judges it."""


def folds(rows: Rows, count: int, seed: int) -> Iterator[Fold]:
    """The folds, one after the other.

    With times a fold is judged by rows that are all later than those it learned from (forward chaining: of `count + 1`
    pieces, the first i are learned from and the next one judges). With groups, each group is in one fold. Else each
    class, or each tenth of a quantity, is spread evenly.

    Raises:
        UserError: There are fewer groups, times or rows than folds.
    """
    if rows.times is not None:
        yield from _forward(rows, count)
        return
    place = _by_group(rows.groups, count, seed) if rows.groups is not None else _evenly(rows, count, seed)
    for fold in range(count):
        yield rows.side.kept(place != fold), rows.side.kept(place == fold)


def _forward(rows: Rows, count: int) -> Iterator[Fold]:
    times = np.asarray(rows.times)
    # Equal times are never torn apart: the pieces are cut between distinct times, near equal numbers of rows.
    distinct, counts = np.unique(times, return_counts=True)
    if len(distinct) <= count:
        raise _too_many(count, f"{len(distinct):,} different times")
    before = np.cumsum(counts) - counts
    piece = np.minimum(before * (count + 1) // len(times), count)
    if len(np.unique(piece)) <= count:  # a few times hold most rows
        piece = np.arange(len(distinct)) * (count + 1) // len(distinct)
    place = piece[np.searchsorted(distinct, times)]
    for fold in range(1, count + 1):
        yield rows.side.kept(place < fold), rows.side.kept(place == fold)


def _by_group(groups: Any, count: int, seed: int) -> Places:
    """The fold of each row, `[n]`: groups in an order that looks like chance, each to the fold with the fewest rows."""
    encoded = pc.dictionary_encode(groups)
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    group = encoded.indices.to_numpy()
    sizes = np.bincount(group, minlength=len(encoded.dictionary))
    if len(sizes) < count:
        raise _too_many(count, f"{len(sizes):,} groups")
    fold_of = np.zeros(len(sizes), dtype=np.int64)
    loads = np.zeros(count, dtype=np.int64)
    for one in np.argsort(row_order((encoded.dictionary,), seed), kind="stable"):
        fold_of[one] = np.argmin(loads)
        loads[fold_of[one]] += sizes[one]
    return np.asarray(fold_of[group], dtype=np.int64)


def _evenly(rows: Rows, count: int, seed: int) -> Places:
    side = rows.side
    if side.rows < count:
        raise _too_many(count, f"{side.rows:,} rows")
    strata = strata_of(side.target, quantity=rows.quantity)
    order = np.lexsort((row_order(side.features, seed), strata))
    place = np.empty(side.rows, dtype=np.int64)
    place[order] = np.arange(side.rows) % count
    return place


def _too_many(count: int, there_are: str) -> UserError:
    return UserError(FOLDS, f"is {count}, and there are {there_are} to learn from", "ask for fewer folds, or add data")
