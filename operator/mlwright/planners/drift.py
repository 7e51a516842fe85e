"""DriftMonitor: which rows are counted next, what is recorded, and what is told. Pure.

Invariants: a span of time is counted once and recorded before it is judged; every verdict follows from the records
alone; another revision is compared with its own training, from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, ready, reconciling
from mlwright.api.drift import DriftMonitorSpec
from mlwright.api.fields import parse_duration
from mlwright.api.reasons import Reason
from mlwright.plan.drift import (
    JUDGED,
    Block,
    DriftIntent,
    KeepBlock,
    KeepReference,
    KeepVaried,
    MonitorSeen,
    Reference,
    RemoveLook,
    ServedSeen,
    Tallied,
    Varied,
    Wanted,
)
from mlwright.plan.plan import Decided
from mlwright.planners.drift_actions import acting
from mlwright.planners.drift_batch import watching_stored
from mlwright.planners.drift_judging import judge
from mlwright.planners.drift_notify import tidied
from mlwright.planners.drift_records import outdated, with_bet
from mlwright.planners.drift_status import told, watches, with_action
from mlwright.planners.drift_variation import teaches, varied
from mlwright.planners.drift_verdicts import longest, suspected
from mlwright.planners.drift_windows import every, spans_of_a_day, windows
from mlwright.settings import Settings

Decision = Decided[DriftIntent]
COUNTING: Final = 30.0
"""Seconds that counting a span may take after its end; until then it is not too old to be counted."""
SETTLE: Final = 15.0
"""Seconds after the end of a span at which it is looked at again, should nobody tell that it was counted."""


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
        length, seconds = int(parse_duration(spec.windows.slow.length).total_seconds()), every(spec)
        several, spans = length // seconds, spans_of_a_day(spec)
        return cls(seconds, several, max(several + longest(spec) - 1, spans + 1 if spans else 0))

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


def decide(seen: MonitorSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a monitor.

    Worked example: windows of 24h end every 1h, it is 13:00:20 and 12:00 to 13:00 was not counted -> it is to be
    counted; when it was, it is recorded, and what the windows say is told.
    """
    found = _decided(seen, settings, now)
    return replace(found, intents=(*found.intents, *(RemoveLook(name, uid) for name, uid in seen.strays)))


def _decided(seen: MonitorSeen, settings: Settings, now: datetime) -> Decision:
    if seen.served is None:
        verdicts = (ready(Reason.WAITING, seen.missing, "False"), reconciling(Reason.WAITING, seen.missing))
        return Decided(StatusDraft(seen.missing, (*verdicts, *_kept(seen)), _fields(seen)))
    if seen.spec.paused:
        sentence = "nothing is judged while spec.paused is true"
        verdicts = (ready(Reason.PAUSED, sentence), Verdict("Paused", "True", Reason.PAUSED, sentence))
        return Decided(StatusDraft(sentence, (*verdicts, *_kept(seen)), _fields(seen)))
    if seen.stored is not None:
        return watching_stored(seen, settings, seen.served, seen.stored, now)
    return _watching(seen, settings, seen.served, now)


def _kept(seen: MonitorSeen) -> tuple[Verdict, ...]:
    """Return what was told last: as long as nothing is judged it stays."""
    return tuple(
        Verdict(told["type"], told["status"], Reason.named(told["reason"], Reason.SETTLED), told["message"])
        for told in seen.status.get("conditions") or ()
        if told["type"] in JUDGED
    )


def _fields(seen: MonitorSeen) -> dict[str, Any]:
    found = ("version", "revision", "window", "features", "quality", "performance", "lastAction", "notifications")
    return {name: seen.status.get(name) for name in (*found, "estimate", "lastLook", "schedule", "handledRequest")}


def _watching(seen: MonitorSeen, settings: Settings, served: ServedSeen, now: datetime) -> Decision:
    clock = Clockwork.of(seen.spec)
    blocks = clock.resting(served.revision, seen.blocks)
    start = clock.first(served, blocks, now)
    reference = next((one for one in seen.references if one.revision == served.revision), None)
    wanted = _next(seen, served, clock, start, blocks, reference)
    tallied = seen.tallied if seen.tallied and seen.tallied.wanted.span == wanted.span else None
    left = wanted.until + SETTLE - now.timestamp()
    again = timedelta(seconds=left) if left > 0 else None
    if records := _records(seen, served, clock, tallied, reference, blocks):
        return Decided(_as_told(seen, served), records=records, again=again, wanted=wanted)
    newest = windows(blocks, clock.several, longest(seen.spec))
    judged = judge(seen, served, reference, blocks, newest)
    status = told(served, newest[-1] if newest else None, judged, tallied)
    acted = acting(seen, settings, served, judged.found, status.fields["window"], broken=judged.broken)
    intents = (*outdated(seen, served, blocks), *acted.intents, *tidied(seen, acted))
    return Decided(with_action(status, acted), records=acted.records, intents=intents, again=again, wanted=wanted)


def _as_told(seen: MonitorSeen, served: ServedSeen) -> StatusDraft:
    """Return what was told before: what is recorded now is judged when it is in the world, by the next look."""
    summary = str(seen.status.get("summary") or watches(served))
    return StatusDraft(summary, (ready(Reason.SETTLED, watches(served)), *_kept(seen)), _fields(seen))


def _next(
    seen: MonitorSeen,
    served: ServedSeen,
    clock: Clockwork,
    start: int,
    blocks: tuple[Block, ...],
    reference: Reference | None,
) -> Wanted:
    """Return the oldest span that was not counted yet; it may not be over."""
    counted = {block.since for block in blocks}
    since = start
    while since in counted:
        since += clock.every
    return Wanted(
        namespace=seen.namespace,
        deployment=seen.watched,
        revision=served.revision,
        since=float(since),
        until=float(since + clock.every),
        born=served.pods,
        known=tuple(sorted(reference.surfaces)) if reference else (),
        labels=any(check.type == "Performance" for check in seen.spec.checks),
    )


def _records(
    seen: MonitorSeen,
    served: ServedSeen,
    clock: Clockwork,
    tallied: Tallied | None,
    reference: Reference | None,
    blocks: Sequence[Block],
) -> tuple[DriftIntent, ...]:
    """Return what is to be recorded: the distributions of the training before the first rows that are compared.

    How they vary comes before the rows that it is known with: once these are recorded, they are not counted again.
    """
    if tallied is None or tallied.trouble or (reference is None and not tallied.reference):
        return ()
    first = () if reference else (KeepReference(Reference(served.revision, tallied.reference, names=tallied.names)),)
    wanted = tallied.wanted
    block = Block(served.revision, int(wanted.since), int(wanted.until), tallied.counts)
    more = _varied(seen, clock, block, blocks, reference) if reference else None
    variation = (KeepVaried(more),) if more else ()
    return (*first, *variation, KeepBlock(with_bet(seen.spec, served, block, blocks)))


def _varied(
    seen: MonitorSeen, clock: Clockwork, block: Block, blocks: Sequence[Block], reference: Reference
) -> Varied | None:
    """Return what is known of the variation with one more span; the windows are asked only where it teaches any."""
    if not teaches(seen.spec, block, blocks, reference):
        return None
    newest = windows(blocks, clock.several, longest(seen.spec))
    return varied(seen.spec, block, blocks, reference, suspected(seen.spec, reference, newest, seen.status))
