"""DriftMonitor over stored rows: when they are looked at, what becomes of a look, and what is told. Pure.

Invariants: one look at a time; a slot and a request start at most one look each; a look that counted becomes one
window, once, and only if its rows are others than those of the window before; all shards are added before anything is
judged, by the same functions that judge requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, timestamp
from mlwright.api.drift import DriftMonitorSpec
from mlwright.api.drift_batch import BatchTarget
from mlwright.api.reasons import Reason
from mlwright.api.triggers import Schedule
from mlwright.bundle.addresses import DATA
from mlwright.plan.digests import child_name, short
from mlwright.plan.drift import LookSeen, MonitorSeen, ServedSeen, StoredSeen
from mlwright.plan.drift_counts import Block, Reference
from mlwright.plan.drift_intents import DriftIntent, KeepBlock, KeepReference, RemoveLook, StartLook
from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import RunBrief
from mlwright.plan.plan import Decided
from mlwright.plan.pods import moment
from mlwright.planners import cron, placeholders
from mlwright.planners.drift_actions import acting
from mlwright.planners.drift_judging import judge
from mlwright.planners.drift_look import LookState, Standing, shown, stand
from mlwright.planners.drift_notify import tidied
from mlwright.planners.drift_records import outdated, with_bet
from mlwright.planners.drift_status import told, with_action
from mlwright.planners.drift_verdicts import longest
from mlwright.planners.drift_windows import windows
from mlwright.planners.template import dump, fetching_image, image_of, parse_address
from mlwright.planners.timetable import Calendar, Timetable, timetable
from mlwright.planners.timetable import shown as shown_table
from mlwright.settings import Settings

SLOTS: Final = "schedule"
"""Name of the one schedule, in tokens."""
REQUEST: Final = "request"
FIELD: Final = "spec.target.batch"
_DIGITS: Final = 8


def watching_stored(
    seen: MonitorSeen, settings: Settings, served: ServedSeen, stored: StoredSeen, now: datetime
) -> Decided[DriftIntent]:
    """Return the next move of a monitor of stored rows.

    Worked example: the slot of 03:00 has come -> a Job counts the rows in as many pods as there are shards; all are
    done -> their counts are added and recorded, and what the newest windows say is told.

    Raises:
        InvalidSpecError: the address or the schedule is impossible, or there is no image.
    """
    target = seen.spec.target.batch
    assert target is not None  # noqa: S101  # CEL: type Batch has its settings
    schedule = _checked(target, settings, now)
    blocks = stored_blocks(seen.spec, served.revision, seen.blocks)
    reference = next((one for one in seen.references if one.revision == served.revision), None)
    newest = _newest(seen, served, stored)
    standing = stand(newest, blocks, now) if newest else None
    table = timetable(_calendar(seen, stored, schedule), now)
    newest_windows = windows(blocks, 1, longest(seen.spec))
    judged = judge(seen, served, reference, blocks, newest_windows)
    draft = told(served, newest_windows[-1] if newest_windows else None, judged, None)
    status = _told(draft, served, standing, table, _lost(seen, served, stored))
    acted = acting(seen, settings, served, judged.found, status.fields, broken=judged.broken)
    due = _due(seen, stored, table, now)
    looks: tuple[DriftIntent, ...] = _spare(stored, standing)
    looks += _started(seen, settings, served, standing, due)
    fields = {
        **_kept_fields(seen, stored, table, now),
        "lastLook": shown(standing) if standing else seen.status.get("lastLook"),
    }
    whole = with_action(StatusDraft(status.summary, status.conditions, {**status.fields, **fields}), acted)
    waits = [wait for wait in (standing.again if standing else None, _until_next(table, now)) if wait is not None]
    return Decided(
        whole,
        records=(*_records(seen, served, standing, reference, blocks), *acted.records),
        intents=(*outdated(seen, served, blocks), *looks, *acted.intents, *tidied(seen, acted)),
        again=min(waits, default=None),
    )


def _newest(seen: MonitorSeen, served: ServedSeen, stored: StoredSeen) -> LookSeen | None:
    """Return the newest look beside the revision that serves.

    Should its Job be deleted by hand, an older one that is only kept as an answer does not become the newest: what it
    counted is over.
    """
    last = seen.status.get("lastLook") or {}
    since = moment(last.get("startedAt"))
    return next(
        (
            look
            for look in reversed(stored.looks)
            if look.revision == served.revision and (look.name == last.get("job") or look.started >= since)
        ),
        None,
    )


def _checked(target: BatchTarget, settings: Settings, now: datetime) -> Schedule:
    """Refuse what no look could do.

    Raises:
        InvalidSpecError: it names the field and the remedy.
    """
    field, asked = f"{FIELD}.dataset.uri", target.schedule
    parse_address(placeholders.sample(target.dataset.uri, field), field, DATA)
    image_of(target.image, f"{FIELD}.image", settings)
    schedule = Schedule(
        name=SLOTS, cron=asked.cron, time_zone=asked.time_zone, starting_deadline=asked.starting_deadline
    )
    cron.check_one(schedule, f"{FIELD}.schedule", now)
    return schedule


def stored_blocks(spec: DriftMonitorSpec, revision: str, blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Return the newest counts of stored rows beside a revision: as many as verdicts rest on.

    Args:
        spec: What is watched.
        revision: What the rows are compared with.
        blocks: What was counted, by their ends; of all revisions.
    """
    own = [block for block in blocks if block.revision == revision and block.data]
    return tuple(own[-longest(spec) :])


def _calendar(seen: MonitorSeen, stored: StoredSeen, schedule: Schedule) -> Calendar:
    answered = [(look.token, look.slot) for look in stored.looks]
    answered += [(block.token, datetime.fromtimestamp(block.until, UTC)) for block in seen.blocks if block.token]
    kept = seen.status.get("schedule")
    return Calendar(
        schedules=(schedule,),
        told=({"name": SLOTS, **kept},) if kept else (),
        known=bool(seen.status or answered),
        created=stored.created,
        runs=tuple(_brief(token, slot) for token, slot in answered if token.startswith(f"{SLOTS}/")),
    )


def _brief(token: str, slot: datetime) -> RunBrief:
    """Return a look as a timetable reads it: which slot it answers."""
    return RunBrief(
        name=token, number=1, token=token, state="Succeeded", sentence="", version="", created=slot, slot=slot
    )


def _told(
    draft: StatusDraft, served: ServedSeen, standing: Standing | None, table: Timetable, lost: str
) -> StatusDraft:
    """Return the status with what hinders looking, and what is waited for before the first look."""
    verdicts, summary = draft.conditions, draft.summary
    if draft.fields["window"] is None:
        waiting = Verdict("EnoughData", "Unknown", Reason.WAITING, lost or _first(served, standing, table))
        if standing and standing.state is LookState.COUNTED and not standing.counted.reference:
            sentence = f"{served.version} came without distributions, as models that were trained elsewhere do"
            waiting = Verdict("EnoughData", "False", Reason.NO_REFERENCE, sentence)
        verdicts = tuple(waiting if one.type == "EnoughData" else one for one in verdicts)
        summary = waiting.message
    if lost:
        sentence = why = lost
    elif standing is not None and standing.state in {LookState.FAILED, LookState.WAITING}:
        why = standing.sentence
        sentence = f"the look at {timestamp(standing.look.slot)} counted nothing: {why}"
    else:
        return StatusDraft(summary, verdicts, draft.fields)
    away = Verdict("DataAvailable", "False", Reason.DATA_UNSEEN, why)
    beside = sentence if draft.fields["window"] is None else f"{summary}; {sentence}"
    return StatusDraft(beside, (*verdicts, away), draft.fields)


def _lost(seen: MonitorSeen, served: ServedSeen, stored: StoredSeen) -> str:
    """Return that nothing tells what the version learned, in words; empty where its record does."""
    if stored.version is not None:
        return ""
    return (
        f"{served.version}, which ModelDeployment {seen.watched} serves, has no record any more, so nothing tells what"
        f" it learned; stored rows are looked at again when ModelVersion {served.version} is back or another serves"
    )


def _first(served: ServedSeen, standing: Standing | None, table: Timetable) -> str:
    """Return what is waited for before there is a window."""
    if standing is not None and standing.state is not LookState.FAILED:
        return f"the first window of {served.version}: {standing.sentence}"
    at = f" at {timestamp(table.next)}" if table.next else ""
    return f"stored rows are compared with what {served.version} learned at the next slot{at}"


def _records(
    seen: MonitorSeen,
    served: ServedSeen,
    standing: Standing | None,
    reference: Reference | None,
    blocks: tuple[Block, ...],
) -> tuple[DriftIntent, ...]:
    """Return what is to be recorded of a look that counted: what the version learned before its rows."""
    if standing is None or standing.state is not LookState.COUNTED or not standing.counted.reference:
        return ()
    look, found = standing.look, standing.counted
    learned = Reference(served.revision, found.reference, names=found.names)
    first = () if reference else (KeepReference(learned),)
    since = max(int(look.since.timestamp()), blocks[-1].until if blocks else 0)
    until = max(int(look.slot.timestamp()), since + 1)
    block = Block(served.revision, since, until, found.counts, data=found.data, token=look.token)
    return (*first, KeepBlock(with_bet(seen.spec, served, block, blocks)))


def _spare(stored: StoredSeen, standing: Standing | None) -> tuple[RemoveLook, ...]:
    """Return the removal of Jobs that nothing rests on any more.

    The newest one stays, and those that say, should the status be lost, what was answered already: the newest of a
    slot, and that of the request that still stands.
    """
    over = [look for look in stored.looks if look.state is not JobState.ACTIVE]
    slots = [look for look in over if look.token.startswith(f"{SLOTS}/")]
    kept = [*slots[-1:], *(look for look in over if look.token == f"{REQUEST}/{stored.request}")]
    if standing:
        kept.append(standing.look)
    return tuple(RemoveLook(look.name, look.uid) for look in stored.looks if look not in kept)


@dataclass(frozen=True, slots=True)
class _Due:
    token: str
    slot: datetime
    since: datetime
    local: datetime
    """The same moment as the slot, in the zone of the schedule."""


def _due(seen: MonitorSeen, stored: StoredSeen, table: Timetable, now: datetime) -> _Due | None:
    """Return the look that is due; what a person asks for goes first."""
    token = f"{REQUEST}/{stored.request}"
    known = {look.token for look in stored.looks} | {block.token for block in seen.blocks}
    if stored.request and stored.request != seen.status.get("handledRequest") and token not in known:
        at = max([now.replace(microsecond=0), *(look.slot + cron.SECOND for look in stored.looks)])
        return _Due(token, at, at - cron.SECOND, at)
    if table.due is None:
        return None
    schedule = table.entries[0].schedule
    before = cron.newest(schedule, table.due.at - timedelta(days=366), table.due.at - cron.SECOND)
    local = table.due.at.astimezone(cron.zone(schedule))
    return _Due(table.due.token, table.due.at, before or table.due.at - cron.SECOND, local)


def _started(
    seen: MonitorSeen, settings: Settings, served: ServedSeen, standing: Standing | None, due: _Due | None
) -> tuple[StartLook, ...]:
    """Return the Job that is due; none while one is at work, or while the version has no record."""
    target, version = seen.spec.target.batch, seen.stored.version if seen.stored else None
    at_work = standing is not None and standing.state in {LookState.RUNNING, LookState.WAITING}
    if target is None or version is None or due is None or at_work:
        return ()
    name = child_name(seen.name, "look", short([served.revision, due.token], _DIGITS))
    told_to_pods = {
        "schemaVersion": 1,
        "run": name,
        "version": dict(version),
        "dataset": dump(target.dataset)
        | {"uri": placeholders.resolved(target.dataset.uri, due.local, f"{FIELD}.dataset.uri")},
        "shards": target.shards,
        "outputs": any(check.type == "PredictionDrift" for check in seen.spec.checks),
        "label": target.label,
    }
    start = StartLook(
        name=name,
        revision=served.revision,
        slot=due.slot,
        since=due.since,
        token=due.token,
        document=told_to_pods,
        target=dump(target),
        image=image_of(target.image, f"{FIELD}.image", settings),
        image_pull_policy=settings.image_pull_policy,
        fetching_image=fetching_image(version["uri"], settings),
    )
    return (start,)


def _kept_fields(seen: MonitorSeen, stored: StoredSeen, table: Timetable, now: datetime) -> dict[str, Any]:
    """Return what the status remembers of slots and requests."""
    entries = shown_table(table, now)["schedules"] or [{}]
    schedule = {key: value for key, value in entries[0].items() if key not in {"name", "skippedFor"}}
    asked = [look.token for look in stored.looks if look.token.startswith(f"{REQUEST}/")]
    handled = asked[-1].partition("/")[2] if asked else seen.status.get("handledRequest")
    return {"schedule": schedule or None, "handledRequest": handled}


def _until_next(table: Timetable, now: datetime) -> timedelta | None:
    return max(table.next - now, timedelta(seconds=1)) if table.next is not None else None
