"""DriftMonitor: which rows are counted next, what is recorded, and what is told. Pure.

Invariants: a span of time is counted once and recorded before it is judged; every verdict follows from the records
alone; another revision is compared with its own training, from its beginning.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, ready, reconciling
from mlwright.api.reasons import Reason
from mlwright.plan.drift import JUDGED, MonitorSeen, ServedSeen
from mlwright.plan.drift_counts import Block, Reference, Tallied
from mlwright.plan.drift_intents import DriftIntent, KeepBlock, KeepReference, KeepUsual, KeepVaried, RemoveLook
from mlwright.plan.plan import Decided
from mlwright.planners.drift_actions import acting
from mlwright.planners.drift_batch import watching_stored
from mlwright.planners.drift_judging import judge
from mlwright.planners.drift_minutes import minutes, unless_only_figures
from mlwright.planners.drift_notify import tidied
from mlwright.planners.drift_records import outdated, with_bet
from mlwright.planners.drift_spans import Known, known_of, next_span
from mlwright.planners.drift_status import told, watches, with_action
from mlwright.planners.drift_usual import Fast, length, with_hour
from mlwright.planners.drift_usual import teaches as teaches_hour
from mlwright.planners.drift_variation import teaches, varied
from mlwright.planners.drift_verdicts import compared, suspected, told_suspects
from mlwright.settings import Settings

Decision = Decided[DriftIntent]
SETTLE: Final = 15.0
"""Seconds after the end of a span at which it is looked at again, should nobody tell that it was counted."""


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
        return Decided(StatusDraft(seen.missing, (*verdicts, *_kept(seen)), _fields_of_spec(seen)))
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
    found = (
        "version",
        "revision",
        "window",
        "features",
        "quality",
        "performance",
        "lastAction",
        "notifications",
        "fast",
    )
    return {name: seen.status.get(name) for name in (*found, "estimate", "lastLook", "schedule", "handledRequest")}


def _fields_of_spec(seen: MonitorSeen) -> dict[str, Any]:
    """Return what was told before; after an edit of no window.

    Once that is written the status is one of the new spec, and nobody must take what was told of the old one for its
    verdicts. A monitor that pauses needs no such care: to let it go on is another edit.
    """
    return _fields(seen) if seen.is_told_of_spec else {**_fields(seen), "window": None}


def _watching(seen: MonitorSeen, settings: Settings, served: ServedSeen, now: datetime) -> Decision:
    known = known_of(seen, served)
    wanted = next_span(seen, served, known, now)
    tallied = seen.tallied if seen.tallied and seen.tallied.wanted.span == wanted.span else None
    left = wanted.until + SETTLE - now.timestamp()
    again = timedelta(seconds=left) if left > 0 else None
    if records := _records(seen, served, known, tallied):
        return Decided(_as_told(seen, served), records=records, again=again, wanted=wanted)
    newest = known.windows(seen.spec)
    judged = judge(seen, served, known.reference, known.blocks, newest, known.fast)
    surfaces = compared(seen.spec, known.reference.surfaces) if known.reference else {}
    last = newest[-1] if newest else None
    fast = unless_only_figures(minutes(known.fast, surfaces, judged.sudden), seen.status, served, last)
    status = told(served, last, judged, tallied, fast)
    acted = acting(seen, settings, served, judged.found, status.fields, broken=judged.broken)
    intents = (*outdated(seen, served, known.resting), *acted.intents, *tidied(seen, acted))
    return Decided(with_action(status, acted), records=acted.records, intents=intents, again=again, wanted=wanted)


def _as_told(seen: MonitorSeen, served: ServedSeen) -> StatusDraft:
    """Return what was told before: what is recorded now is judged when it is in the world, by the next look."""
    summary = str(seen.status.get("summary") or watches(served))
    return StatusDraft(summary, (ready(Reason.SETTLED, watches(served)), *_kept(seen)), _fields_of_spec(seen))


def _records(seen: MonitorSeen, served: ServedSeen, known: Known, tallied: Tallied | None) -> tuple[DriftIntent, ...]:
    """Return what is to be recorded: the distributions of the training before the first rows that are compared.

    How they vary, and what is usual, comes before the rows that it is known with: once these are recorded, they are not
    counted again.
    """
    if tallied is None or tallied.trouble or (known.reference is None and not tallied.reference):
        return ()
    learned = KeepReference(Reference(served.revision, tallied.reference, names=tallied.names))
    first = () if known.reference else (learned,)
    wanted = tallied.wanted
    block = Block(served.revision, int(wanted.since), int(wanted.until), tallied.counts)
    if known.fast and block.until - block.since == length(known.fast.settings):
        return (*first, *_usual(seen, known, known.fast, block), KeepBlock(block))
    return (*first, *_varied(seen, known, block), KeepBlock(with_bet(seen.spec, served, block, known.blocks)))


def _varied(seen: MonitorSeen, known: Known, block: Block) -> tuple[KeepVaried, ...]:
    """Return what is known of the variation with one more span; the windows are asked only where it teaches any."""
    reference = known.reference
    if reference is None or not teaches(seen.spec, block, known.blocks, reference):
        return ()
    more = varied(seen.spec, block, known.blocks, reference, _suspects(seen, known, reference))
    return (KeepVaried(more),) if more else ()


def _usual(seen: MonitorSeen, known: Known, fast: Fast, block: Block) -> tuple[KeepUsual, ...]:
    """Return what is usual with the hour that a span ends, if it ends one that teaches anything."""
    if known.reference is None:
        return ()
    reference = replace(known.reference, surfaces=compared(seen.spec, known.reference.surfaces))
    if not teaches_hour(fast, block, reference):
        return ()
    more = with_hour(fast, block, reference, _suspects(seen, known, known.reference))
    return () if more.hours == (fast.usual.hours if fast.usual else {}) else (KeepUsual(more),)


def _suspects(seen: MonitorSeen, known: Known, reference: Reference) -> frozenset[str]:
    """Return what may have drifted, by what the long windows say; as a rule that was told when they were judged."""
    is_told = known.blocks and seen.is_told_of_spec
    told = told_suspects(seen.spec, reference, known.blocks[-1].until, seen.status) if is_told else None
    return suspected(seen.spec, reference, known.windows(seen.spec), seen.status) if told is None else told
