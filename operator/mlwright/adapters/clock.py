"""The real clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

logger = logging.getLogger(__name__)

TOLERANCE: Final = timedelta(seconds=10)
"""How far the machine's time may be from the API server's: clocks that are kept differ by less, and so may replicas of
the API server among each other."""
_RESOLUTION: Final = timedelta(seconds=1)
"""Of a Date header; what is below it is cut off."""


def _machine() -> datetime:
    return datetime.now(UTC)


class SystemClock:
    """Tells the machine's time, or the API server's where the two differ by more than a little.

    What decisions hold against now (when an object was made, when a pod started) was told by the API server and the
    nodes. A leader on a machine whose clock is ahead would find every deadline passed.
    """

    def __init__(self, machine: Callable[[], datetime] = _machine) -> None:
        self._machine = machine
        self._ahead = timedelta(0)
        """How far the API server's time is ahead of the machine's, as far as it is corrected."""
        self._newest = ""

    def now(self) -> datetime:
        """Return the wall-clock time, with zone UTC."""
        return self._machine() + self._ahead

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    def heard(self, date: str, took: float) -> None:
        """Take in when the API server answered.

        Args:
            date: The Date header of an answer that has just come; one that is none is passed over.
            took: Seconds since it was asked for: it was dated at some moment within these.
        """
        if date == self._newest or (told := _read(date)) is None:
            return
        self._newest = date
        now = self._machine()
        least, most = told - now, told + _RESOLUTION - (now - timedelta(seconds=took))
        if least - TOLERANCE <= self._ahead <= most + TOLERANCE:
            return
        near = least - TOLERANCE <= timedelta(0) <= most + TOLERANCE
        self._ahead = timedelta(0) if near else (least + most) / 2
        seconds = round(self._ahead.total_seconds())
        if near:
            logger.warning("the machine's clock and the API server's agree again")
        else:
            way = "behind" if seconds > 0 else "ahead of"
            words = "the machine's clock is %d s %s the API server's, whose time counts; set the machine's clock right"
            logger.warning(words, abs(seconds), way)


def _read(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError:
        return None
