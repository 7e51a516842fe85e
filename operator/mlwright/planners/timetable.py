"""Which slot of schedules is due: those of a pipeline, or that of a batch prediction.

Invariants: a slot is answered once, whatever was lost or whichever clock was wrong, because nothing before an answered
slot starts a run any more; after a downtime at most one run makes up for all slots that were missed; a schedule that is
new or was changed begins with its next slot.

What was answered is known from the runs, which name their slots, and from the status, should runs be deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.api.fields import parse_duration
from mlwright.api.triggers import Schedule
from mlwright.plan.pipelines import PipelineSeen, RunBrief
from mlwright.plan.pods import moment
from mlwright.planners import cron

MOST: Final = 100
"""Missed slots are counted up to here."""
AHEAD: Final = timedelta(minutes=1)
"""So far may clocks differ before somebody should know."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Schedules, and all that is known of the slots that were answered."""

    schedules: tuple[Schedule, ...]
    told: tuple[Mapping[str, Any], ...]
    """What the status told of them."""
    known: bool
    """Whether their object was looked at before."""
    created: datetime
    runs: tuple[RunBrief, ...]
    skips: bool = False
    """Whether a slot is passed over that comes while a run goes on."""

    @classmethod
    def of(cls, seen: PipelineSeen) -> Calendar:
        """Return the calendar of a pipeline."""
        known = seen.status or seen.runs or any(version.pipeline == seen.name for version in seen.versions)
        return cls(
            schedules=seen.spec.triggers.schedules,
            told=tuple(seen.status.get("schedules") or ()),
            known=bool(known),
            created=seen.created,
            runs=seen.runs,
            skips=seen.spec.policy.overlap == "Skip",
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that has come."""

    schedule: str
    at: datetime
    local: str
    """The same moment in the schedule's zone, as RFC 3339."""
    passed_over: int
    """Earlier slots that start no run of their own; counted up to `MOST`."""

    @property
    def token(self) -> str:
        """What names the slot, the same whoever computes it."""
        return f"{self.schedule}/{timestamp(self.at)}"

    @property
    def sentence(self) -> str:
        """Say which slot it is, and how many others it stands for."""
        named = f"slot {timestamp(self.at)} of schedule {self.schedule}"
        if not self.passed_over:
            return named
        number = f"more than {MOST}" if self.passed_over > MOST else str(self.passed_over)
        return f"{named}; {number} earlier {'one is' if self.passed_over == 1 else 'ones are'} passed over"


@dataclass(frozen=True, slots=True)
class Entry:
    """One schedule as it stands."""

    schedule: Schedule
    since: datetime
    """Only slots after it count."""
    newest: datetime | None
    """The last slot after `since` that has come."""
    next: datetime | None
    skipped_for: str
    """Name of the run because of which the slot at `since` was skipped."""

    def late(self, now: datetime) -> bool:
        """Tell whether the newest slot may start no run any more."""
        deadline = self.schedule.starting_deadline
        return self.newest is not None and deadline is not None and now - self.newest > parse_duration(deadline)


@dataclass(frozen=True, slots=True)
class Timetable:
    """All schedules of a pipeline as they stand."""

    entries: tuple[Entry, ...]
    due: Slot | None
    next: datetime | None


def timetable(calendar: Calendar, now: datetime) -> Timetable:
    """Return how the schedules stand.

    Worked example: schedule nightly (0 3 * * *) was last answered at 03:00 on Monday, the operator comes back on
    Wednesday at 09:00 -> due is the slot of Wednesday 03:00, which passes over that of Tuesday; next is Thursday 03:00.
    """
    entries = tuple(_entry(schedule, calendar, now) for schedule in calendar.schedules)
    coming = [entry.next for entry in entries if entry.next is not None]
    return Timetable(entries, _due(entries, now), min(coming, default=None))


def _entry(schedule: Schedule, calendar: Calendar, now: datetime) -> Entry:
    stored = _stored(schedule, calendar)
    begin = moment(stored["since"]) if stored else _first(calendar, now)
    since = max([begin, *_answered(schedule, calendar, now)])
    newest, skipped_for = cron.newest(schedule, since, now), ""
    if stored and since == begin:
        skipped_for = stored.get("skippedFor", "")
    if newest is not None and (run := _overlapped(newest, calendar, now)):
        since, newest, skipped_for = newest, None, run
    return Entry(schedule, since, newest, cron.following(schedule, max(since, now)), skipped_for)


def _stored(schedule: Schedule, calendar: Calendar) -> Mapping[str, Any] | None:
    """Return what the status says of a schedule as it is now."""
    wanted = (schedule.name, schedule.cron, schedule.time_zone)
    return next((e for e in calendar.told if (e["name"], e["cron"], e["timeZone"]) == wanted), None)


def _first(calendar: Calendar, now: datetime) -> datetime:
    """Return from when on a schedule counts that was never seen: from now on or, of a new object, its birth."""
    return now if calendar.known else min(calendar.created, now)


def _overlapped(slot: datetime, calendar: Calendar, now: datetime) -> str:
    """Return the run because of which a slot is skipped, "" if there is none: it went on when the slot came."""
    if not calendar.skips:
        return ""
    over = (run for run in calendar.runs if not run.stuck and not run.replaced)
    return next((run.name for run in over if run.created < slot <= (run.ended or now)), "")


def _answered(schedule: Schedule, calendar: Calendar, now: datetime) -> list[datetime]:
    """Return the slots that were answered: its own and, as a run answers all schedules, those of others.

    A slot of another schedule that has not come yet says only that a clock was wrong then.
    """
    own = [run for run in calendar.runs if run.number and run.slot is not None]
    return [
        run.slot
        for run in own
        if run.slot is not None and (run.token.startswith(f"{schedule.name}/") or run.slot <= now)
    ]


def _due(entries: tuple[Entry, ...], now: datetime) -> Slot | None:
    open_ = [entry for entry in entries if entry.newest is not None and not entry.late(now)]
    entry = max(open_, key=lambda entry: entry.newest or now, default=None)
    if entry is None or entry.newest is None:
        return None
    at = entry.newest
    return Slot(
        schedule=entry.schedule.name,
        at=at,
        local=at.astimezone(cron.zone(entry.schedule)).isoformat(),
        passed_over=sum(cron.count(other.schedule, other.since, at, MOST + 1) for other in entries),
    )


def shown(table: Timetable, now: datetime, answers: Slot | None = None) -> dict[str, Any]:
    """Return what the status tells of the schedules.

    Args:
        table: how they stand.
        now: the moment.
        answers: the slot that a run is about to answer.
    """
    entries = [_shown(entry, now, answers) for entry in table.entries]
    return {"nextRun": timestamp(table.next) if table.next else None, "schedules": entries or None}


def _shown(entry: Entry, now: datetime, answers: Slot | None) -> dict[str, Any]:
    since = max(entry.since, answers.at) if answers else entry.since
    told = "" if answers else _sentence(entry, now)
    return {
        "name": entry.schedule.name,
        "cron": entry.schedule.cron,
        "timeZone": entry.schedule.time_zone,
        "since": timestamp(since),
        **({"next": timestamp(entry.next)} if entry.next else {}),
        **({"skippedFor": entry.skipped_for} if entry.skipped_for and since == entry.since else {}),
        **({"sentence": told} if told else {}),
    }


def _sentence(entry: Entry, now: datetime) -> str:
    if entry.since - now > AHEAD:
        return (
            f"slots up to {timestamp(entry.since)} were answered, and that is ahead of the clock; if the clock was"
            " wrong then, give the schedule another name, and it begins now"
        )
    if entry.newest is not None and entry.late(now):
        deadline = entry.schedule.starting_deadline
        return f"slot {timestamp(entry.newest)} started no run within its startingDeadline of {deadline}"
    if entry.skipped_for:
        return f"slot {timestamp(entry.since)} was skipped: {entry.skipped_for} went on (spec.policy.overlap is Skip)"
    return ""
