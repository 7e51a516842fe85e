"""The port to time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Decisions never ask it; the cycle does and passes the answer on."""

    def now(self) -> datetime:
        """Return the wall-clock time, with zone UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, for leases and delays."""
        ...
