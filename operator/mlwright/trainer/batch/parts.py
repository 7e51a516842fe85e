"""Which rows which shard answers. Pure.

Invariants: the parts of all shards together are all rows, each once, whatever the files look like; whoever asks about
the same files gets the same parts, so a shard that is done again does the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one file, from `start` on, `stop` excluded; without a `stop` all that follow."""

    file: int
    start: int = 0
    stop: int | None = None


def by_rows(rows: Sequence[int], shards: int) -> tuple[tuple[Part, ...], ...]:
    """Return the parts of each shard where the number of rows of each file is known: equal numbers, but for one row.

    >>> by_rows([3, 2], 2)
    ((Part(file=0, start=0, stop=2),), (Part(file=0, start=2, stop=3), Part(file=1, start=0, stop=2)))
    """
    total = sum(rows)
    bounds = [total * shard // shards for shard in range(shards + 1)]
    return tuple(tuple(_within(rows, bounds[shard], bounds[shard + 1])) for shard in range(shards))


def _within(rows: Sequence[int], begin: int, end: int) -> Iterator[Part]:
    """Return the parts of files between two places among all rows."""
    for file, (before, count) in enumerate(zip(accumulate(rows, initial=0), rows, strict=False)):
        start, stop = max(begin - before, 0), min(end - before, count)
        if start < stop:
            yield Part(file, start, stop)


def by_files(sizes: Sequence[int], shards: int) -> tuple[tuple[Part, ...], ...]:
    """Return the parts of each shard where only sizes are known: whole files, neighbours together, sizes about equal.

    A file belongs to the shard in whose share of all bytes its middle lies.

    >>> by_files([10, 10, 20], 2)
    ((Part(file=0, start=0, stop=None), Part(file=1, start=0, stop=None)), (Part(file=2, start=0, stop=None),))
    """
    total = 2 * max(sum(sizes), 1)
    middles = [2 * before + size for before, size in zip(accumulate(sizes, initial=0), sizes, strict=False)]
    places = [min(middle * shards // total, shards - 1) for middle in middles]
    return tuple(tuple(Part(file) for file, place in enumerate(places) if place == shard) for shard in range(shards))
