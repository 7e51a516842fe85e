"""What shards leave for the end of a run: where their rows fell in the profile's bins."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlwright.bundle.bins import Tally
from mlwright.bundle.counting import Tallies


def added(one: Tallies | None, other: Tallies) -> Tallies:
    """Return the counts of both."""
    return other if one is None else tuple(left + right for left, right in zip(one, other, strict=True))


def to_document(tallies: Tallies | None) -> list[list[int]] | None:
    """Return counts as JSON values; None for a shard without a row."""
    return None if tallies is None else [tally.tolist() for tally in tallies]


def total(told: Sequence[Mapping[str, Any]]) -> Tallies | None:
    """Return the sum of the counts that shards left; None when no shard had a row."""
    found: Tallies | None = None
    for shard in told:
        if shard["counts"]:
            found = added(found, tuple(_tally(counts) for counts in shard["counts"]))
    return found


def _tally(counts: Sequence[int]) -> Tally:
    return np.asarray(counts, dtype=np.int64)
