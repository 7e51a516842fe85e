"""The rows of the newest windows, from the blocks that were recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlwright.plan.drift import Block, Counts, Surfaces
from mlwright.planners.drift_counts import LABELS


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


class _Sum:
    """Rows of a range of blocks, whose ends move on: two windows that overlap are not added up twice."""

    def __init__(self, blocks: Sequence[Block], first: int) -> None:
        self._blocks = blocks
        self._first = self._end = first
        self._rows: dict[str, dict[str, int]] = {}

    def moved(self, first: int, end: int) -> dict[str, dict[str, int]]:
        """Return the rows of the blocks from one place to before another; both only grow."""
        for place in range(self._end, end):
            self._add(self._blocks[place].counts, 1)
        for place in range(self._first, first):
            self._add(self._blocks[place].counts, -1)
        self._first, self._end = first, end
        return {name: dict(counts) for name, counts in self._rows.items()}

    def _add(self, surfaces: Surfaces, sign: int) -> None:
        for name, counts in surfaces.items():
            own = self._rows.setdefault(name, {})
            for slot, count in counts.items():
                own[slot] = own.get(slot, 0) + sign * count


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
    total = _Sum(blocks, firsts[0] if firsts else 0)
    return tuple(
        Window(blocks[first].since, blocks[end].until, total.moved(first, end + 1))
        for first, end in zip(firsts, ends, strict=True)
    )


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
