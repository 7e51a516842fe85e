"""Who may act: the rules of the Lease. Pure; times are one's own monotonic clock, clocks are never compared.

The holder renews every 2 s. It stops acting 10 s after it *began* the last renewal that succeeded. Another replica
takes over 15 s after it first *saw* that renewal, which is never before it was made. So there are 5 s between the two,
in which the holder's last calls end; what is irreversible is fenced besides (names as locks, uids, resourceVersions).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from mlwright.ports.leases import Record

DURATION: Final = 15.0
"""Seconds without a change of the Lease after which another replica takes it."""
DEADLINE: Final = 10.0
"""Seconds after which the holder gives up if no renewal succeeds."""
RETRY: Final = 2.0
"""Seconds between renewals, and between looks of those who wait."""
ATTEMPT: Final = (DEADLINE - RETRY) / 2
"""Seconds that one renewal may take: after a call that hangs there is time for another as long within the deadline.

No shorter, for an API server that has too much to do answers after seconds, and to stop then makes more work for it.
"""


class Move(StrEnum):
    """What to do about the Lease now."""

    TAKE = "take"
    RENEW = "renew"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Sighting:
    """The Lease as it was last read, and since when that version of it is known."""

    record: Record | None = None
    since: float = 0.0

    def then(self, record: Record | None, now: float) -> Sighting:
        """Return the sighting after the Lease was read again at `now`."""
        same = record is not None and self.record is not None and record.version == self.record.version
        return self if same else Sighting(record, now)


def move(me: str, sighting: Sighting, now: float) -> Move:
    """Return what to do.

    >>> free = Sighting(Record("", 15, 0, "", "1"), since=0.0)
    >>> held = Sighting(Record("other", 15, 0, "", "1"), since=0.0)
    >>> move("me", free, 1.0).value, move("me", held, 14.0).value, move("me", held, 15.1).value
    ('take', 'wait', 'take')
    """
    record = sighting.record
    if record is None or not record.holder:
        return Move.TAKE
    if record.holder == me:
        return Move.RENEW
    return Move.TAKE if now - sighting.since > max(DURATION, record.duration_seconds) else Move.WAIT


def claim(me: str, record: Record | None, now: datetime) -> Record:
    """Return the Lease to write in order to take or renew it; it holds only if nobody wrote meanwhile."""
    acquired = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if record is None:
        return Record(me, int(DURATION), 0, acquired)
    if record.holder == me:
        return record
    return Record(me, int(DURATION), record.transitions + 1, acquired, record.version)


def release(record: Record) -> Record:
    """Return the Lease to write in order to give it back at once."""
    return replace(record, holder="", duration_seconds=1)
