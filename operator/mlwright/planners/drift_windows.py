"""The rows of the newest windows, from the blocks that were recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from operator import add, sub
from typing import Final

from mlwright.api.drift import DriftMonitorSpec
from mlwright.api.fields import parse_duration
from mlwright.plan.drift import Block, Counts, Surfaces
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
    names = dict.fromkeys(name for block in blocks[firsts[0] if firsts else 0 :] for name in block.counts)
    totals: list[dict[str, Counts]] = [{} for _ in ends]
    for name in names:
        for total, counts in zip(
            totals, _sums([block.counts.get(name, {}) for block in blocks], firsts, ends), strict=True
        ):
            total[name] = counts
    return tuple(
        Window(blocks[first].since, blocks[end].until, total)
        for first, end, total in zip(firsts, ends, totals, strict=True)
    )


def _sums(counts: Sequence[Counts], firsts: Sequence[int], ends: Sequence[int]) -> Iterator[Counts]:
    """Yield the sums of ranges that only move on: those that overlap are not added up twice, and sums run in C."""
    begin = firsts[0]
    slots = sorted(set().union(*counts[begin:]))
    rows = [[*one.values()] if [*one] == slots else [*map(one.get, slots, repeat(0))] for one in counts[begin:]]
    now = [*map(sum, zip(*rows[: ends[0] + 1 - begin], strict=True))]
    yield dict(zip(slots, now, strict=True))
    for (left, passed), (first, end) in pairwise(zip(firsts, ends, strict=True)):
        for place in range(passed + 1, end + 1):
            now = [*map(add, now, rows[place - begin])]
        for place in range(left, first):
            now = [*map(sub, now, rows[place - begin])]
        yield dict(zip(slots, now, strict=True))


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
