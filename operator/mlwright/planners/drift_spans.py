"""The spans of time that a monitor counts: which are known, and which is next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from mlwright.api.drift import DriftMonitorSpec, FastWindow
from mlwright.api.fields import parse_duration
from mlwright.plan.drift import MonitorSeen, ServedSeen
from mlwright.plan.drift_counts import Block, Reference, Usual, Wanted
from mlwright.planners.drift_usual import Fast, fast_of, length, newest_usual, spans_kept
from mlwright.planners.drift_verdicts import compared, longest
from mlwright.planners.drift_windows import Window, every, spans_of_a_day, windows

COUNTING: Final = 30.0
"""Seconds that counting a span may take after its end; until then it is not too old to be counted."""


@dataclass(frozen=True, slots=True)
class Clockwork:
    """How time is cut.

    Attributes:
        every: Seconds of a block.
        several: Blocks of a window.
        kept: Blocks on which something rests.
    """

    every: int
    several: int
    kept: int

    @classmethod
    def of(cls, spec: DriftMonitorSpec) -> Clockwork:
        """The clockwork of a monitor."""
        whole, seconds = int(parse_duration(spec.windows.slow.length).total_seconds()), every(spec)
        several, spans = whole // seconds, spans_of_a_day(spec)
        return cls(seconds, several, max(several + longest(spec) - 1, spans + 1 if spans else 0))

    @classmethod
    def fast(cls, spec: DriftMonitorSpec, settings: FastWindow, *, learning: bool) -> Clockwork:
        """The clockwork of the newest minutes of a monitor."""
        return cls(length(settings), 1, spans_kept(settings, learning=learning, windows=longest(spec)))

    def first(self, served: ServedSeen, blocks: Sequence[Block], now: datetime) -> int:
        """Return the beginning of the first block that is counted.

        It is not before the revision took over, nor so old that nothing would rest on it.
        """
        since = -(-int(served.since.timestamp()) // self.every) * self.every
        oldest = (int(now.timestamp() - COUNTING) // self.every - self.kept) * self.every
        return max(since, oldest, self._oldest(blocks))

    def resting(self, revision: str, blocks: Iterable[Block]) -> tuple[Block, ...]:
        """Return the blocks of a revision on which something rests.

        They are those before the end of the newest one, however long ago that was: the next one is counted some time
        after it is over, and what is known must not be forgotten meanwhile.
        """
        own = [block for block in blocks if block.revision == revision and self._fits(block)]
        oldest = self._oldest(own)
        return tuple(block for block in own if block.since >= oldest)

    def _oldest(self, blocks: Iterable[Block]) -> int:
        """Return the beginning of the oldest block that may matter beside those."""
        return max((block.until for block in blocks), default=0) - self.kept * self.every

    def _fits(self, block: Block) -> bool:
        fits = block.until - block.since == self.every and block.until % self.every == 0
        return fits and not block.data


@dataclass(frozen=True, slots=True)
class Known:
    """What was recorded of a revision.

    Attributes:
        clock: How long windows are cut.
        blocks: Their spans on which something rests, by their ends.
        reference: What the version learned; None before that is recorded.
        fast: The newest minutes, and what is usual; None where they are not looked at.
    """

    clock: Clockwork
    blocks: tuple[Block, ...]
    reference: Reference | None
    fast: Fast | None

    @property
    def resting(self) -> tuple[Block, ...]:
        """All spans on which something rests."""
        return (*self.blocks, *(self.fast.blocks if self.fast else ()))

    def windows(self, spec: DriftMonitorSpec) -> tuple[Window, ...]:
        """Return the newest long windows, oldest first."""
        return windows(self.blocks, self.clock.several, longest(spec))


def known_of(seen: MonitorSeen, served: ServedSeen) -> Known:
    """Return what was recorded of the revision that is served."""
    clock = Clockwork.of(seen.spec)
    reference = next((one for one in seen.references if one.revision == served.revision), None)
    usual = newest_usual(seen.spec, served.revision, seen.usual)
    blocks = [one for one in seen.blocks if one.revision == served.revision]
    fast = fast_known(seen.spec, reference, blocks, usual)
    return Known(clock, clock.resting(served.revision, blocks), reference, fast)


def fast_known(
    spec: DriftMonitorSpec, reference: Reference | None, blocks: Iterable[Block], usual: Usual | None
) -> Fast | None:
    """Return the newest minutes of a revision; None where they are not looked at.

    Args:
        spec: What is watched.
        reference: What the version learned; None before that is recorded.
        blocks: What was counted of it.
        usual: What is usual; None before an hour was learnt.
    """
    settings = fast_of(spec)
    if settings is None:
        return None
    fast, own = Fast(settings, usual=usual), tuple(blocks)
    revision = own[0].revision if own else ""
    return replace(fast, blocks=_fast_clock(spec, fast, reference).resting(revision, own))


def _fast_clock(spec: DriftMonitorSpec, fast: Fast, reference: Reference | None) -> Clockwork:
    learning = reference is None or fast.learned(compared(spec, reference.surfaces)) < fast.needed
    return Clockwork.fast(spec, fast.settings, learning=learning)


def next_span(seen: MonitorSeen, served: ServedSeen, known: Known, now: datetime) -> Wanted:
    """Return what is counted next: of what is over the long span first, else what is over first."""
    labels = any(check.type == "Performance" for check in seen.spec.checks)
    slow = replace(_next(seen, served, known, (known.clock, known.blocks), now), labels=labels)
    if known.fast is None:
        return slow
    clock = _fast_clock(seen.spec, known.fast, known.reference)
    fast = _next(seen, served, known, (clock, known.fast.blocks), now)
    return min(slow, fast, key=lambda one: max(one.until, now.timestamp()))


def _next(
    seen: MonitorSeen, served: ServedSeen, known: Known, cut: tuple[Clockwork, Sequence[Block]], now: datetime
) -> Wanted:
    """Return the oldest span that was not counted yet; it may not be over."""
    clock, blocks = cut
    counted = {block.since for block in blocks}
    since = clock.first(served, blocks, now)
    while since in counted:
        since += clock.every
    return Wanted(
        namespace=seen.namespace,
        deployment=seen.watched,
        revision=served.revision,
        since=float(since),
        until=float(since + clock.every),
        born=served.pods,
        known=tuple(sorted(known.reference.surfaces)) if known.reference else (),
    )
