"""BatchPrediction: when a run starts, with which version, and what is told. Pure.

Invariants: one run at a time; what a run uses is frozen before its first pod; a slot, a request and a content of
source, input and output start at most one run each; only runs that ended are forgotten, and never the newest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, find, ready, reconciling, stalled
from mlwright.api.fields import parse_duration
from mlwright.api.reasons import Reason
from mlwright.api.triggers import Schedule
from mlwright.bundle.addresses import DATA, Scheme
from mlwright.plan.batch import (
    BatchFrozen,
    BatchIntent,
    BatchRunSeen,
    BatchSeen,
    ForgetBatchRun,
    FreezeBatch,
    RemoveBatchJob,
)
from mlwright.plan.digests import child_name, short
from mlwright.plan.pipelines import RunBrief
from mlwright.plan.plan import LOOK_AGAIN, Decided
from mlwright.plan.pods import moment
from mlwright.plan.versions import VersionSeen
from mlwright.planners import cron, leftovers
from mlwright.planners.batch_run import ENDED, RunState, Standing, jobs_of, shown, stand
from mlwright.planners.template import dump, essence, fetching_image, image_of, parse_address
from mlwright.planners.timetable import Calendar, Timetable, timetable
from mlwright.planners.timetable import shown as shown_table
from mlwright.settings import Settings

Decision = Decided[BatchIntent]
SLOTS: Final = "schedule"
"""Name of the one schedule, in tokens."""


@dataclass(frozen=True, slots=True)
class Due:
    """Why a run is due."""

    trigger: str
    token: str
    words: str
    slot: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no version can answer."""

    reason: Reason
    sentence: str
    waiting: bool = True


def decide(seen: BatchSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a batch prediction.

    Worked example: the schedule's slot of 03:00 has come, the deployment serves flights-v3, no run goes on -> run 8 is
    recorded with flights-v3; its shards start at the next look.

    Raises:
        InvalidSpecError: an address or the schedule is impossible, or there is no image.
    """
    check(seen, settings, now)
    table = timetable(_calendar(seen), now)
    if seen.left:
        return _awaiting(seen, table, now)
    newest = stand(seen, seen.runs[-1], now) if seen.runs else None
    if newest is not None and newest.state not in ENDED:
        return _going(seen, table, newest, now)
    due = _due(seen, table)
    obstacle = _obstacle(seen) if due or seen.spec.schedule else None
    if obstacle is not None:
        return _blocked(seen, table, newest, obstacle, now)
    if due is not None and not seen.spec.suspend:
        return _started(seen, settings, table, due, now)
    return _resting(seen, table, newest, now)


def _awaiting(seen: BatchSeen, table: Timetable, now: datetime) -> Decision:
    """An earlier object of this name is not gone yet with all that it made: its answers stand for none of this one."""
    sentence = leftovers.awaited(seen.left, "an earlier object of this name")
    verdicts = (ready(Reason.WAITING, sentence, "Unknown"), reconciling(Reason.WAITING, sentence))
    found = _told(seen, table, None, StatusDraft(sentence, verdicts), now)
    return replace(found, again=LOOK_AGAIN, adopts=False)


def check(seen: BatchSeen, settings: Settings, now: datetime) -> None:
    """Refuse what no run could do.

    Raises:
        InvalidSpecError: it names the field and the remedy.
    """
    spec = seen.spec
    parse_address(spec.input.uri, "spec.input.uri", DATA)
    parse_address(spec.output.uri, "spec.output.uri", (Scheme.PVC, Scheme.S3))
    if schedule := _schedule(seen):
        cron.check_one(schedule, "spec.schedule", now)
    image_of(spec.image, "spec.image", settings)


def _schedule(seen: BatchSeen) -> Schedule | None:
    asked = seen.spec.schedule
    if asked is None:
        return None
    return Schedule(name=SLOTS, cron=asked.cron, time_zone=asked.time_zone, starting_deadline=asked.starting_deadline)


def _calendar(seen: BatchSeen) -> Calendar:
    schedule, told = _schedule(seen), seen.status.get("schedule")
    return Calendar(
        schedules=(schedule,) if schedule else (),
        told=({"name": SLOTS, **told},) if told else (),
        known=bool(seen.status or seen.runs),
        created=seen.created,
        runs=tuple(_brief(run) for run in seen.runs if run.frozen.slot),
    )


def _brief(run: BatchRunSeen) -> RunBrief:
    """Return a run as a timetable reads it: which slot it answers."""
    frozen = run.frozen
    return RunBrief(
        name=frozen.run,
        number=frozen.number,
        token=frozen.token,
        state="Succeeded",
        sentence="",
        version="",
        created=run.created,
        slot=moment(frozen.slot),
    )


def once(seen: BatchSeen) -> str:
    """Return what changes when runOnce is to run again: a digest of source, input and output."""
    spec = seen.spec
    return short({"source": essence(spec.source), "input": essence(spec.input), "output": essence(spec.output)})


def _due(seen: BatchSeen, table: Timetable) -> Due | None:
    """Return why a run is due; what a person asks for goes first."""
    if seen.request and seen.request != seen.status.get("handledRequest") and not _known(seen, "Request", seen.request):
        return Due("Request", seen.request, "somebody asked for it (mlwright.dev/run)")
    if seen.spec.run_once and not _ran_once(seen):
        return Due("Once", once(seen), "runOnce asks for it")
    if table.due is not None:
        return Due(
            "Schedule", table.due.token, table.due.sentence.replace(" of schedule schedule", ""), table.due.local
        )
    return None


def _known(seen: BatchSeen, trigger: str, token: str) -> bool:
    return any((run.frozen.trigger, run.frozen.token) == (trigger, token) for run in seen.runs)


def _ran_once(seen: BatchSeen) -> bool:
    """Tell whether the newest run by runOnce, as far as anything remembers, was for the spec as it is."""
    tokens = [run.frozen.token for run in seen.runs if run.frozen.trigger == "Once"]
    remembered = tokens[-1] if tokens else seen.status.get("once")
    return remembered == once(seen)


def _obstacle(seen: BatchSeen) -> Obstacle | None:
    version = seen.source.version
    if version is None:
        return Obstacle(Reason.WAITING, seen.source.missing)
    if version.approved:
        return None
    if version.awaited:
        return Obstacle(Reason.AWAITING_APPROVAL, f"{version.name} {version.standing}")
    sentence = f"{version.name} {version.standing}; name another version in spec.source"
    return Obstacle(Reason.NO_APPROVED_VERSION, sentence, waiting=False)


def _blocked(seen: BatchSeen, table: Timetable, newest: Standing | None, obstacle: Obstacle, now: datetime) -> Decision:
    aside = reconciling if obstacle.waiting else stalled
    verdicts = (ready(obstacle.reason, obstacle.sentence, "False"), aside(obstacle.reason, obstacle.sentence))
    own = (_ended(newest),) if newest else ()
    return _told(seen, table, newest, StatusDraft(obstacle.sentence, (*verdicts, *own)), now)


def _started(seen: BatchSeen, settings: Settings, table: Timetable, due: Due, now: datetime) -> Decision:
    """Record a run; its Job is made when the record is seen."""
    version = seen.source.version
    assert version is not None  # noqa: S101  # whoever asks has seen that there is no obstacle
    frozen = freeze(seen, settings, due, version)
    sentence = f"{frozen.run} starts with {version.name}: {due.words}"
    verdicts = (_ready_meanwhile(seen, sentence), reconciling(Reason.RUN_IN_PROGRESS, sentence))
    found = _told(seen, table, None, StatusDraft(sentence, verdicts), now)
    status = StatusDraft(sentence, verdicts, {**found.status.fields, "lastRun": seen.status.get("lastRun")})
    return Decided(status, records=(FreezeBatch(frozen),), again=found.again)


def freeze(seen: BatchSeen, settings: Settings, due: Due, version: VersionSeen) -> BatchFrozen:
    """Return what a run uses if it starts now."""
    spec, number = seen.spec, _next_number(seen)
    name = child_name(seen.name, "batch", str(number))
    return BatchFrozen(
        run=name,
        number=number,
        trigger=due.trigger,
        token=due.token,
        version=seen.source.told(version),
        input=dump(spec.input),
        output=dump(spec.output),
        shards=spec.shards,
        retries=spec.retries,
        pod=dump(spec.pod),
        image=image_of(spec.image, "spec.image", settings),
        image_pull_policy=settings.image_pull_policy,
        timeout=parse_duration(spec.timeout_after).total_seconds() if spec.timeout_after else 0.0,
        slot=due.slot,
        retry=seen.retry,
        version_uid=version.uid,
        fetching_image=fetching_image(version.uri, settings),
    )


def _next_number(seen: BatchSeen) -> int:
    known = max((run.frozen.number for run in seen.runs), default=0)
    return max(known, seen.status.get("runs") or 0) + 1


def _going(seen: BatchSeen, table: Timetable, newest: Standing, now: datetime) -> Decision:
    """A run goes on; whatever else is due waits for its end."""
    sentence = newest.sentence
    if newest.state is RunState.STOPPED:
        verdicts: tuple[Verdict, ...] = (_suspended(sentence), _ready_meanwhile(seen, sentence))
    else:
        reason = {
            RunState.WAITING: Reason.WAITING,
            RunState.UNHEALTHY: Reason.PODS_UNHEALTHY,
        }.get(newest.state, Reason.RUN_IN_PROGRESS)
        verdicts = (_ready_meanwhile(seen, sentence, reason), reconciling(reason, sentence))
    found = _told(seen, table, newest, StatusDraft(sentence, verdicts), now)
    waits = [wait for wait in (found.again, newest.again) if wait is not None]
    return Decided(found.status, intents=(*newest.intents, *found.intents), again=min(waits, default=None))


def _ready_meanwhile(seen: BatchSeen, sentence: str, reason: Reason = Reason.RUN_IN_PROGRESS) -> Verdict:
    """Return Ready while a run goes on: as the run before it ended."""
    ran = bool((seen.status.get("lastRun") or {}).get("name"))
    before = (find(seen.status, "Ready") or {}).get("status") if ran else None
    return ready(reason, sentence, "True" if before == "True" else "False" if before == "False" else "Unknown")


def _suspended(sentence: str) -> Verdict:
    return Verdict("Suspended", "True", Reason.SUSPENDED, sentence)


def _resting(seen: BatchSeen, table: Timetable, newest: Standing | None, now: datetime) -> Decision:
    """Nothing is to be done now."""
    if newest is not None and newest.state is RunState.FAILED:
        verdicts: tuple[Verdict, ...] = (
            ready(Reason.RUN_FAILED, newest.sentence, "False"),
            stalled(Reason.RUN_FAILED, newest.sentence),
            _ended(newest),
        )
        sentence = newest.sentence
    else:
        sentence = newest.sentence if newest else _waiting_for(seen, table)
        verdicts = (ready(Reason.SETTLED, sentence), *((_ended(newest),) if newest else ()))
    if seen.spec.suspend:
        verdicts = (*verdicts, _suspended("no run starts while spec.suspend is true"))
    return _told(seen, table, newest, StatusDraft(sentence, verdicts), now)


def _waiting_for(seen: BatchSeen, table: Timetable) -> str:
    if seen.spec.suspend:
        return "no run starts while spec.suspend is true"
    local = (
        table.next.astimezone(cron.zone(schedule)).isoformat() if table.next and (schedule := _schedule(seen)) else ""
    )
    return f"the first run starts at {local}"


def _ended(newest: Standing) -> Verdict:
    """Return the condition that says how the newest run ended."""
    if newest.state is RunState.SUCCEEDED:
        return Verdict("Complete", "True", Reason.COMPLETE, newest.sentence)
    return Verdict("Failed", "True", Reason.RUN_FAILED, newest.sentence)


def _told(seen: BatchSeen, table: Timetable, newest: Standing | None, draft: StatusDraft, now: datetime) -> Decision:
    """Return the status with everything that it remembers, the removal of what is outdated, and when to look again."""
    entries = shown_table(table, now)["schedules"] or [{}]
    schedule = {key: value for key, value in entries[0].items() if key not in {"name", "skippedFor"}}
    tokens = [run.frozen.token for run in seen.runs if run.frozen.trigger == "Once"]
    asked = [run.frozen.token for run in seen.runs if run.frozen.trigger == "Request"]
    fields: dict[str, Any] = {
        "lastRun": shown(newest) if newest else seen.status.get("lastRun"),
        "runs": max((run.frozen.number for run in seen.runs), default=seen.status.get("runs")),
        "handledRequest": asked[-1] if asked else seen.status.get("handledRequest"),
        "handledRetry": seen.retry or None,
        "once": tokens[-1] if tokens else seen.status.get("once"),
        "schedule": schedule or None,
    }
    left = table.next - now if table.next is not None else None
    again = max(left, timedelta(seconds=1)) if left is not None else None
    status = StatusDraft(draft.summary, draft.conditions, fields)
    return Decided(status, intents=_outdated(seen), again=again)


def _outdated(seen: BatchSeen) -> tuple[BatchIntent, ...]:
    """Return the removal of the oldest runs, Jobs first, and of Jobs without a run."""
    old = seen.runs[: -seen.spec.keep_runs]
    jobs = (*jobs_of(old), *(RemoveBatchJob(job.name, job.uid) for job in seen.strays))
    return jobs or tuple(ForgetBatchRun(run.object, run.uid) for run in old)
