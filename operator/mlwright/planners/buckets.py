"""Which revision answers which bucket: shares become a table, and a change moves as few buckets as possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mlwright.plan.traffic import BUCKETS, Range


def rebalance(table: Iterable[Range], weights: Mapping[str, int]) -> tuple[Range, ...]:
    """Return the table of new weights, made from the one before.

    A revision that loses gives up its smallest ranges first, so that the table stays short; what it keeps stays where
    it is. The moved buckets are exactly those that the new weights ask for.

    >>> rebalance([Range(0, 9999, "a")], {"a": 90, "b": 10})
    (Range(first=0, last=8999, revision='a'), Range(first=9000, last=9999, revision='b'))

    Raises:
        ValueError: the weights are no percentages that add up to 100.
    """
    if sum(weights.values()) != 100 or min(weights.values()) < 0:  # noqa: PLR2004  # percent
        raise ValueError(f"weights must be percentages that add up to 100, found {dict(weights)}")
    wanted = {revision: weight * BUCKETS // 100 for revision, weight in weights.items()}
    kept, free = _shrunk(tuple(table) or (Range(0, BUCKETS - 1, ""),), wanted)
    return _merged([*kept, *_given(free, kept, wanted)])


def _shrunk(table: Iterable[Range], wanted: Mapping[str, int]) -> tuple[list[Range], list[Range]]:
    """Return what the revisions keep, the largest ranges first, and what becomes free."""
    kept: list[Range] = []
    free: list[Range] = []
    left = dict(wanted)
    for part in sorted(table, key=lambda found: (-found.size, found.first)):
        room = min(part.size, left.get(part.revision, 0))
        left[part.revision] = left.get(part.revision, 0) - room
        if room:
            kept.append(replace(part, last=part.first + room - 1))
        if room < part.size:
            free.append(replace(part, first=part.first + room))
    return kept, sorted(free, key=lambda found: found.first)


def _given(free: list[Range], kept: Iterable[Range], wanted: Mapping[str, int]) -> Iterable[Range]:
    """Give the free ranges to the revisions that lack some, in their order."""
    lacking = dict(wanted)
    for part in kept:
        lacking[part.revision] -= part.size
    pieces = list(reversed(free))
    for revision in wanted:
        while lacking[revision]:
            piece = pieces.pop()
            size = min(piece.size, lacking[revision])
            lacking[revision] -= size
            yield Range(piece.first, piece.first + size - 1, revision)
            if size < piece.size:
                pieces.append(replace(piece, first=piece.first + size))


def _merged(parts: Iterable[Range]) -> tuple[Range, ...]:
    merged: list[Range] = []
    for part in sorted(parts, key=lambda found: found.first):
        if merged and merged[-1].revision == part.revision:
            merged[-1] = replace(merged[-1], last=part.last)
        else:
            merged.append(part)
    return tuple(merged)
