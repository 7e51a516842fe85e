"""The real clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

logger = logging.getLogger(__name__)

TOLERANCE: Final = timedelta(seconds=10)
"""How far the machine's time may be from the API server's: clocks that are kept differ by less, and so may replicas of
the API server among each other."""
_RESOLUTION: Final = timedelta(seconds=1)
"""Of a Date header; what is below it is cut off."""
_AGREED: Final = timedelta(seconds=30)
"""How long answers must agree before the time is set by them: a single one may come from a server that is wrong."""
_ANSWERS: Final = 3
"""How many of them there must be, at least."""
_SPLIT: Final = timedelta(minutes=10)
"""How long nothing is set after answers contradicted each other. Connections are kept, so for a while all answers may
come from one of several API servers."""


def _machine() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Span:
    """How far the API server's time is ahead of the machine's: somewhere between two bounds."""

    least: timedelta
    most: timedelta

    @property
    def middle(self) -> timedelta:
        return (self.least + self.most) / 2

    def meets(self, other: _Span) -> bool:
        """Tell whether both can be true of clocks that are kept."""
        return self.least - TOLERANCE <= other.most and other.least - TOLERANCE <= self.most

    def has(self, ahead: timedelta) -> bool:
        """Tell whether a difference is among them, or near."""
        return self.meets(_Span(ahead, ahead))

    def narrowed(self, other: _Span) -> _Span:
        """Return what both say, or this one where they only nearly agree."""
        least, most = max(self.least, other.least), min(self.most, other.most)
        return _Span(least, most) if least <= most else self


@dataclass(frozen=True, slots=True)
class _Claim:
    """Another difference than the one that counts, on which the last answers agree."""

    span: _Span
    since: datetime
    """By the machine's clock, like all that is said here."""
    answers: int = 1


class SystemClock:
    """Tells the machine's time, or the API server's where the two differ by more than a little.

    What decisions hold against now (when an object was made, when a pod started) was told by the API server and the
    nodes. A leader on a machine whose clock is ahead would find every deadline passed, and so would one that believes
    each answer: of several API servers one may be wrong. So the time is set when answers have agreed for a while. Only
    the first answers move it at once, and only back: a deadline that is found late does no harm.
    """

    def __init__(self, machine: Callable[[], datetime] = _machine) -> None:
        self._machine = machine
        self._ahead = timedelta(0)
        """How far the API server's time is ahead of the machine's, as far as it is corrected."""
        self._back = timedelta(0)
        """What is taken off besides, as long as nothing has shown who is right."""
        self._settled = False
        """Whether answers agreed with the time that counts, now or before."""
        self._claim: _Claim | None = None
        self._split: datetime | None = None
        """When answers contradicted each other last."""
        self._newest = ""

    def now(self) -> datetime:
        """Return the wall-clock time, with zone UTC."""
        return self._machine() + self._ahead + self._back

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
        span = _Span(told - now, told + _RESOLUTION - (now - timedelta(seconds=took)))
        claim = self._claim
        disputed = claim is not None and not claim.span.meets(span)
        if claim is not None and disputed:
            self._tell_split(abs(span.middle - claim.span.middle), now)
        if span.has(self._ahead):
            if claim is None or disputed:
                self._settle(self._ahead)
        elif claim is None or disputed:
            self._claim = _Claim(span, now)
            if claim is None and not self._settled:
                self._back = min(span.middle, timedelta(0))
        else:
            self._claim = _Claim(claim.span.narrowed(span), claim.since, claim.answers + 1)
            self._believe(self._claim, now)

    def _believe(self, claim: _Claim, now: datetime) -> None:
        """Set the time by a claim, unless it is too young or was contradicted a while ago."""
        split = self._split is not None and abs(now - self._split) < _SPLIT
        if split or claim.answers < _ANSWERS or now - claim.since < _AGREED:
            return
        near = claim.span.has(timedelta(0))
        self._settle(timedelta(0) if near else claim.span.middle)
        seconds = round(self._ahead.total_seconds())
        if near:
            logger.warning("the machine's clock and the API server's agree again")
        else:
            way = "behind" if seconds > 0 else "ahead of"
            words = "the machine's clock is %d s %s the API server's, whose time counts; set the machine's clock right"
            logger.warning(words, abs(seconds), way)

    def _settle(self, ahead: timedelta) -> None:
        self._ahead, self._back, self._settled, self._claim = ahead, timedelta(0), True, None

    def _tell_split(self, apart: timedelta, now: datetime) -> None:
        """Tell that answers contradict each other, once until they have not done so for a while."""
        if self._split is None or abs(now - self._split) >= _SPLIT:
            words = (
                "answers of the API server are dated %d s apart; until they agree for %d min the time that counted"
                " before goes on to count; set the clocks of the control planes right"
            )
            logger.warning(words, round(apart.total_seconds()), _SPLIT.total_seconds() // 60)
        self._split = now


def _read(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError:
        return None
