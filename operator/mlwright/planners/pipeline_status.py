"""The status of a TrainingPipeline, as it follows from its runs and versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, find, ready, reconciling, stalled
from mlwright.api.reasons import Reason
from mlwright.plan.pipelines import PipelineSeen, RunBrief
from mlwright.plan.training import StartRun
from mlwright.plan.versions import VersionSeen
from mlwright.planners import guard
from mlwright.planners.guard import Held
from mlwright.planners.probing import Probing
from mlwright.planners.runs import GOING, digest_of, latest_approved, newest_runs, plain, telling
from mlwright.planners.template import template_digest
from mlwright.planners.timetable import Slot, Timetable, shown


@dataclass(frozen=True, slots=True)
class Aspects:
    """What a pipeline's status tells beside its runs."""

    now: datetime
    table: Timetable
    looks: Probing
    held: Held | None = None


def starting(seen: PipelineSeen, start: StartRun, at: Aspects) -> StatusDraft:
    """Return the status of a pipeline that starts a run.

    What the run was started for is told at once, so that it is known even if the run is deleted before anybody looks.
    """
    sentence = f"run {seen.name}-{start.number} starts: {start.trigger.reason}"
    state = _proven(seen) or ready(Reason.RUN_IN_PROGRESS, "the first run is going on", "Unknown")
    fields = _fields(seen, at) | {"runs": start.number, "templateDigest": template_digest(seen)}
    fields |= {"handledRequest": start.trigger.token} if start.trigger.type == "Request" else {}
    fields |= {"handledDrift": start.trigger.token} if start.trigger.type == "Drift" else {}
    fields |= shown(at.table, at.now, answers=at.table.due)
    return StatusDraft(sentence, (state, reconciling(Reason.RUN_IN_PROGRESS, sentence)), fields)


def settled(seen: PipelineSeen, at: Aspects) -> StatusDraft:
    """Return the status of a pipeline that has nothing to start: how the newest run stands."""
    own, sentence = _standing(seen, at.table.due)
    sentence += _failed_beside(seen) + _ahead(seen) + _passed_over(seen)
    conditions = (_ready(seen), *own)
    if at.held is not None:
        conditions = (*conditions, Verdict("Held", "True", at.held.reason, at.held.sentence))
        sentence = f"{sentence}; {at.held.sentence}"
    if at.looks.trouble:
        conditions = (*conditions, Verdict("DataUnseen", "True", Reason.DATA_UNSEEN, at.looks.trouble))
    if seen.spec.paused:
        sentence = f"paused: no run starts until spec.paused is false; {sentence}"
        conditions = (*conditions, Verdict("Paused", "True", Reason.PAUSED, sentence))
    if seen.spec.suspend:
        sentence = f"suspended: no run starts and none has pods until spec.suspend is false; {sentence}"
        conditions = (*conditions, Verdict("Suspended", "True", Reason.SUSPENDED, sentence))
    return StatusDraft(sentence, conditions, _fields(seen, at) | shown(at.table, at.now))


def _failed_beside(seen: PipelineSeen) -> str:
    """Say that the newest run failed with overrides: nothing of the pipeline follows from it."""
    run = seen.runs[-1] if seen.runs else None
    if run is None or run in telling([run]) or run.replaced:
        return ""
    return f"; {run.name}, which has overrides of its own, failed: {run.sentence}"


def _ahead(seen: PipelineSeen) -> str:
    """Say which version is approved before it is there: it will be asked about when it comes."""
    last = max((version.number for version in seen.versions), default=0)
    number = seen.approved_ahead
    coming = number.isascii() and number.isdigit() and int(number) > last
    return f"; version {number} is approved ahead" if coming else ""


def _passed_over(seen: PipelineSeen) -> str:
    """Say which Decision starts no run, and what it lacks: whether a run has answered it nobody can tell."""
    if not seen.passed_over:
        return ""
    more = f" (and {len(seen.passed_over) - 1} more)" if len(seen.passed_over) > 1 else ""
    return (
        f"; Decision {seen.passed_over[0]}{more} asks for a run and is passed over, for spec.evidence.until is no time"
        " with its time zone, such as 2026-01-05T12:00:00Z; delete it and record another"
    )


def _standing(seen: PipelineSeen, due: Slot | None) -> tuple[tuple[Verdict, ...], str]:
    run = next(reversed(telling(seen.runs)), None)
    if run is None:
        return (), _ready(seen).message
    made, sentence = _made(seen, run), _told(seen, run)
    if run.state in GOING:
        sentence = f"{sentence}; {due.sentence} waits for its end" if due and not run.deleting else sentence
        reason = Reason.WAITING if run.state == "Waiting" else Reason.RUN_IN_PROGRESS
        return (reconciling(reason, sentence),), sentence
    if run.state == "Failed":
        return (stalled(Reason.RUN_FAILED, sentence),), sentence
    latest = latest_approved(seen)
    if made is not None and made.awaited:
        return _waits(sentence, latest)
    if run.state == "Rejected" and latest is None:
        return (stalled(Reason.NO_APPROVED_VERSION, sentence),), sentence
    if run.state == "Rejected":
        kept = f"{sentence}; {latest} stays the newest good version"
        return (Verdict("LastVersionRejected", "True", Reason.LAST_VERSION_REJECTED, kept),), kept
    return (), sentence


def _made(seen: PipelineSeen, run: RunBrief) -> VersionSeen | None:
    return next((version for version in seen.versions if version.name == run.version), None)


def _told(seen: PipelineSeen, run: RunBrief) -> str:
    """Return what a run came to. Its own sentence is of when it ended; people may have decided since."""
    made = _made(seen, run)
    sentence = f"made {made.name}, which {made.standing}" if made else run.sentence
    if run.deleting and run.state in GOING:
        return f"{run.name} {_DELETED}"
    return f"{run.name}: {sentence}" if sentence else f"{run.name} starts"


_DELETED: Final = "is being deleted and goes on no more; a run that is due does not wait for that"


def _waits(sentence: str, latest: str | None) -> tuple[tuple[Verdict, ...], str]:
    """Nothing is wrong and nothing goes on by itself; without an older version nothing can be served meanwhile."""
    sentence += f"; {latest} stays the newest good version" if latest else ""
    told = Verdict("AwaitingApproval", "True", Reason.AWAITING_APPROVAL, sentence)
    return ((told,) if latest else (reconciling(Reason.AWAITING_APPROVAL, sentence), told)), sentence


def _ready(seen: PipelineSeen) -> Verdict:
    """Ready speaks of the last run that ended; while the first is going on it is Unknown."""
    newest = next(reversed(plain(seen.runs)), None)
    if newest is not None and newest.state == "Waiting":
        return ready(Reason.WAITING, newest.sentence, "False")
    proven = _proven(seen)
    if proven is not None:
        return proven
    if newest is not None:
        return ready(Reason.RUN_IN_PROGRESS, "the first run is going on", "Unknown")
    return ready(Reason.IDLE, "no run was asked for yet")


def _proven(seen: PipelineSeen) -> Verdict | None:
    """Return what the last run that ended says; of runs that were deleted, what they proved still holds."""
    done = next((run for run in reversed(telling(seen.runs)) if run.state not in GOING and not run.replaced), None)
    latest = latest_approved(seen)
    if done is None:
        return _proven_before(seen)
    if done.state == "Failed":
        return ready(Reason.RUN_FAILED, f"{done.name}: {done.sentence}", "False")
    if latest is None:
        awaited = any(version.awaited for version in seen.versions)
        reason = Reason.AWAITING_APPROVAL if awaited else Reason.NO_APPROVED_VERSION
        return ready(reason, _told(seen, done), "False")
    reason = Reason.LAST_VERSION_REJECTED if done.state == "Rejected" else Reason.RUN_SUCCEEDED
    return ready(reason, f"{latest} is the newest good version")


def _proven_before(seen: PipelineSeen) -> Verdict | None:
    before = find(seen.status, "Ready")
    if before is not None and before["reason"] in _PROVEN:
        return ready(Reason.named(before["reason"], Reason.IDLE), before["message"], before["status"])
    good = [version.name for version in seen.versions if version.approved and version.pipeline == seen.name]
    return ready(Reason.RUN_SUCCEEDED, f"{good[-1]} is the newest good version") if good else None


_PROVEN: Final = frozenset(
    {Reason.RUN_SUCCEEDED, Reason.RUN_FAILED, Reason.LAST_VERSION_REJECTED, Reason.NO_APPROVED_VERSION}
)
"""Reasons of Ready that rest on a run that ended."""


def answered(seen: PipelineSeen) -> bool:
    """Tell whether a run carries the name of the newest Decision that asks for one."""
    return seen.retrain is not None and any(run.token == seen.retrain.name for run in seen.runs)


def _fields(seen: PipelineSeen, at: Aspects) -> dict[str, Any]:
    run, newest = seen.runs[-1] if seen.runs else None, newest_runs(seen)
    tokens = {r.token for r in seen.runs}
    handled = seen.request if seen.request in tokens else seen.status.get("handledRequest")
    return {
        "lastRun": _brief(run) if run else seen.status.get("lastRun"),
        "runs": max([seen.status.get("runs") or 0, *(r.number for r in seen.runs)]),
        "handledRequest": handled or None,
        "handledDrift": seen.retrain.name if answered(seen) and seen.retrain else seen.status.get("handledDrift"),
        "templateDigest": (digest_of(seen, newest[-1]) if newest else "") or seen.status.get("templateDigest"),
        "latestVersion": latest_approved(seen),
        "guard": guard.shown(seen, at.now),
        "data": at.looks.fields,
    }


def _brief(run: RunBrief) -> dict[str, Any]:
    sentence = _DELETED if run.deleting and run.state in GOING else run.sentence
    brief = {"name": run.name, "state": run.state, "sentence": sentence}
    return {**brief, "version": run.version} if run.version else brief
