"""Clocks that a test sets."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class ShiftedClock:
    """The system's clock, shifted; implements `mlwright.ports.clock.Clock`."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def advance(self, seconds: float) -> None:
        """Set the wall clock forward."""
        self._shift += timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return the shifted time."""
        return datetime.now(UTC) + self._shift

    def monotonic(self) -> float:
        """Return seconds that are not shifted: leases and pauses between writes stay real."""
        return time.monotonic()


class HandClock:
    """A clock that stands until its hands are moved; implements `mlwright.ports.clock.Clock`."""

    def __init__(self, at: float) -> None:
        self.at = at
        """Seconds since 1970."""

    def now(self) -> datetime:
        """Return when it stands."""
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        """Return the same in seconds."""
        return self.at
