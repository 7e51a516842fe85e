"""Windows of counts put together: the hours of a day that traffic is expected to repeat, and too small windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ENOUGH_ROWS: Final = 500
"""Rows up to which earlier windows are added."""
HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Baseline:
    """What one feature's traffic looked like while all was well: its counts in each hour of the day (UTC)."""

    hours: tuple[tuple[int, ...], ...]


def unknown(slots: int) -> Baseline:
    """Return a baseline that has seen nothing yet."""
    return Baseline(((0,) * slots,) * HOURS)


def based(baseline: Baseline, hour: int, counts: Sequence[int]) -> Baseline:
    """Add a healthy window that lies in an hour of the day."""
    added = tuple(before + more for before, more in zip(baseline.hours[hour], counts, strict=True))
    return Baseline((*baseline.hours[:hour], added, *baseline.hours[hour + 1 :]))


def pooled(windows: Sequence[Sequence[int]], rows: int = ENOUGH_ROWS) -> tuple[tuple[int, ...], int]:
    """Add earlier windows to the newest until there are enough rows.

    Windows of one pool are one piece of evidence: count its vote once, when a pool begins after the end of the last.

    >>> pooled([[60, 20], [300, 200], [9, 9]], 500)
    ((360, 220), 2)

    Args:
        windows: Counts of one feature, newest first, at least one, of a day at most.
        rows: Rows that are enough.

    Returns:
        The counts, and how many windows they are made of.
    """
    found = tuple(windows[0])
    for used, window in enumerate(windows[1:], start=1):
        if sum(found) >= rows:
            return found, used
        found = tuple(before + more for before, more in zip(found, window, strict=True))
    return found, len(windows)
