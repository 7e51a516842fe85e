"""The rows of the newest windows, from the blocks that were recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from operator import add, sub
from typing import Final

from mlwright.api.drift import DriftMonitorSpec
from mlwright.api.fields import parse_duration
from mlwright.plan.drift_counts import Block, Counts, Surfaces
from mlwright.planners.drift_counts import LABELS

DAY: Final = 24 * 3600
FEWEST_SPANS: Final = 4
MOST_SPANS: Final = 48
"""Spans of a day: with fewer too little is learnt in a week, and the records of more are not kept."""


def every(spec: DriftMonitorSpec) -> int:
    """Return the seconds of a span."""
    return int(parse_duration(spec.windows.slow.every).total_seconds())


def spans_of_a_day(spec: DriftMonitorSpec) -> int:
    """Return how many spans a day has, where it is to be learnt how much they vary and can be; else 0.

    Worked example: every 1h -> 24; every 10s -> 0, for 8,640 records would have to be kept.
    """
    if spec.independent_rows or spec.target.live is None or DAY % every(spec):
        return 0
    spans = DAY // every(spec)
    return spans if FEWEST_SPANS <= spans <= MOST_SPANS else 0


@dataclass(frozen=True, slots=True)
class Window:
    """The rows between two moments, in seconds since 1970; there may be none from before the first block."""

    since: int
    until: int
    counts: Surfaces

    @property
    def rows(self) -> int:
        """Rows that were answered."""
        return rows(counts for name, counts in self.counts.items() if name != LABELS)


def windows(blocks: Sequence[Block], several: int, of: int) -> tuple[Window, ...]:
    """Return the newest windows, oldest first; each ends with a block and holds `several` spans of it.

    A window that begins before the first block holds what there is: the first hours have windows of their own.

    Args:
        blocks: What was counted, by their ends, all of one length.
        several: Blocks of a window.
        of: Most windows.
    """
    ends = range(max(0, len(blocks) - of), len(blocks))
    firsts = [_first(blocks, end, several) for end in ends]
    counted = [block.counts for block in blocks[firsts[0] if firsts else 0 :]]
    layout = _layout(counted)
    totals = _sums([_row(one, layout) for one in counted], firsts, ends) if firsts else ()
    return tuple(
        Window(blocks[first].since, blocks[end].until, _surfaces(total, layout))
        for first, end, total in zip(firsts, ends, totals, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """In which order rows stand in a list: those of one distribution after the other, by slot.

    Attributes:
        slots: The slots of each distribution.
        is_common: Whether each of the surfaces has all of them in this order, so that values can be taken as they are.
    """

    slots: Mapping[str, Sequence[str]]
    is_common: bool


def _layout(counted: Sequence[Surfaces]) -> _Layout:
    """Return the order for some surfaces; as a rule all have the same slots, for they are counted in the same bins."""
    first = {name: [*counts] for name, counts in counted[0].items()} if counted else {}
    names, sizes, slots = [*first], [*map(len, first.values())], [*chain.from_iterable(first.values())]
    if all(
        [*one] == names and [*map(len, one.values())] == sizes and [*chain.from_iterable(one.values())] == slots
        for one in counted
    ):
        return _Layout(first, is_common=True)
    every_name = dict.fromkeys(chain.from_iterable(counted))
    found = {name: sorted(set().union(*(one.get(name, ()) for one in counted))) for name in every_name}
    return _Layout(found, is_common=False)


def _row(counted: Surfaces, layout: _Layout) -> list[int]:
    """Return the rows of all slots, one distribution after the other; a slot that is not named has none."""
    if layout.is_common:
        return [*chain.from_iterable(counts.values() for counts in counted.values())]
    none: Counts = {}
    return [rows for name, slots in layout.slots.items() for rows in map(counted.get(name, none).get, slots, repeat(0))]


def _sums(rows: Sequence[Sequence[int]], firsts: Sequence[int], ends: Sequence[int]) -> Iterator[list[int]]:
    """Yield the sums of ranges that only move on: those that overlap are not added up twice, and sums run in C."""
    begin = firsts[0]
    now = [*map(sum, zip(*rows[: ends[0] + 1 - begin], strict=True))]
    yield now
    for (left, passed), (first, end) in pairwise(zip(firsts, ends, strict=True)):
        for place in range(passed + 1, end + 1):
            now = [*map(add, now, rows[place - begin])]
        for place in range(left, first):
            now = [*map(sub, now, rows[place - begin])]
        yield now


def _surfaces(total: Sequence[int], layout: _Layout) -> Surfaces:
    """Return rows by distribution and slot."""
    rows = iter(total)
    return {name: dict(zip(slots, rows, strict=False)) for name, slots in layout.slots.items()}  # each takes its own


def _first(blocks: Sequence[Block], end: int, several: int) -> int:
    """Return the place of the first block of the window that ends with another."""
    last = blocks[end]
    oldest = last.until - several * (last.until - last.since)
    return next(place for place in range(max(0, end - several + 1), end + 1) if blocks[place].since >= oldest)


def rows(surfaces: Iterable[Counts]) -> int:
    """Return how many rows were answered: every feature and output counts each of them once.

    >>> rows([{"0": 3, "missing": 1}, {"0": 4}])
    4
    """
    return max((sum(counts.values()) for counts in surfaces), default=0)
