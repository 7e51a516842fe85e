"""Which slot is due: once each, at most one after a downtime, none for what a new schedule never promised."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlwright.api.conditions import timestamp
from mlwright.planners.pipeline import decide
from mlwright.planners.timetable import Calendar, Timetable, timetable
from tests.unit.planners.given import SETTINGS, Pipeline, a_pipeline

NIGHTLY = {"name": "nightly", "cron": "0 3 * * *", "timeZone": "UTC"}
HOURLY = {"name": "hourly", "cron": "0 * * * *", "timeZone": "UTC"}
MONDAY = datetime(2026, 1, 5, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def scheduled(*schedules: dict[str, Any], since: datetime | None = MONDAY, **spec: Any) -> Pipeline:
    """Return a trained pipeline whose schedules count since a moment."""
    known = [{"sentence": "", **entry, "since": timestamp(since)} for entry in schedules if since]
    told = a_pipeline().asking(triggers={"schedules": schedules}, **spec)
    told.with_run(1, "Succeeded", "made churn-v1, which passed its gates", version="churn-v1")
    return told.knowing(status={"runs": 1, "schedules": known}, created=MONDAY - 30 * DAY)


def answered(told: Pipeline, schedule: str, at: datetime, state: str = "Succeeded") -> Pipeline:
    """Let the newest run answer a slot."""
    return told.with_run(len(told.runs) + 1, state, "done", answering=f"{schedule}/{timestamp(at)}", slot=at)


def look(told: Pipeline, now: datetime) -> Timetable:
    """Return how the schedules stand."""
    return timetable(Calendar.of(told.done()), now)


def due(told: Pipeline, now: datetime) -> str:
    """Say which slot is due."""
    slot = look(told, now).due
    return slot.sentence if slot else "none"


def test_a_slot_is_due_at_its_time_and_not_before() -> None:
    """And the next one is known."""
    told = scheduled(NIGHTLY)

    assert due(told, MONDAY + DAY - timedelta(seconds=1)) == "none"
    assert due(told, MONDAY + DAY) == "slot 2026-01-06T03:00:00Z of schedule nightly"
    assert look(told, MONDAY + DAY).next == MONDAY + 2 * DAY


def test_after_a_downtime_only_the_newest_slot_is_made_up_for() -> None:
    """A week of nights is one run, which says how many it stands for."""
    says = "slot 2026-01-12T03:00:00Z of schedule nightly; 6 earlier ones are passed over"

    assert due(scheduled(NIGHTLY), MONDAY + 7 * DAY + HOUR) == says
    assert due(scheduled(NIGHTLY), MONDAY + 2 * DAY).endswith("; 1 earlier one is passed over")
    assert due(scheduled(HOURLY), MONDAY + 30 * DAY).endswith("; more than 100 earlier ones are passed over")


@pytest.mark.parametrize("late, wanted", [(2 * HOUR, True), (2 * HOUR + timedelta(seconds=1), False)])
def test_a_slot_starts_no_run_after_its_deadline(late: timedelta, wanted: bool) -> None:  # noqa: FBT001  # a table row
    """What came too late is told, and waits for the next slot."""
    table = look(scheduled({**NIGHTLY, "startingDeadline": "2h"}), MONDAY + DAY + late)

    assert (table.due is not None) == wanted
    assert table.next == MONDAY + 2 * DAY


def test_what_came_too_late_is_told() -> None:
    """In the status of its schedule."""
    told = scheduled({**NIGHTLY, "startingDeadline": "2h"})
    [entry] = decide(told.done(), SETTINGS, MONDAY + DAY + 3 * HOUR).status.fields["schedules"]

    assert entry["sentence"] == "slot 2026-01-06T03:00:00Z started no run within its startingDeadline of 2h"


def test_an_answered_slot_is_not_due_again_whatever_is_forgotten() -> None:
    """The run tells when the status is lost, the status when the run is deleted."""
    now = MONDAY + DAY + HOUR
    told = answered(scheduled(NIGHTLY), "nightly", MONDAY + DAY)
    fields = decide(told.done(), SETTINGS, now).status.fields
    without_status = answered(scheduled(NIGHTLY), "nightly", MONDAY + DAY).knowing(status={})
    without_run = scheduled(NIGHTLY).knowing(status=fields)

    assert [due(known, now) for known in (told, without_status, without_run)] == ["none"] * 3


@pytest.mark.parametrize("back", [timedelta(seconds=1), HOUR, 3 * DAY])
def test_a_clock_that_is_set_back_repeats_nothing(back: timedelta) -> None:
    """Slots that come again were answered."""
    now = MONDAY + 2 * DAY
    told = answered(scheduled(HOURLY), "hourly", now)

    assert [due(told, now - back + n * HOUR) for n in range(int(back / HOUR) + 1)] == ["none"] * (int(back / HOUR) + 1)
    assert look(told, now - back).next == now + HOUR


def test_a_clock_that_was_years_ahead_is_told_and_can_be_left_behind() -> None:
    """The schedule would be silent for years; under another name it begins anew."""
    future = MONDAY.replace(year=2030)
    told = answered(scheduled(NIGHTLY), "nightly", future)
    [entry] = decide(told.done(), SETTINGS, MONDAY + HOUR).status.fields["schedules"]
    renamed = answered(scheduled({**NIGHTLY, "name": "again"}), "nightly", future)

    assert entry["sentence"].startswith("slots up to 2030-01-05T03:00:00Z were answered, and that is ahead of the")
    assert look(renamed, MONDAY + HOUR).next == MONDAY + DAY


def test_a_schedule_that_is_added_begins_with_its_next_slot() -> None:
    """Nobody asked for a run at three when the schedule was written at noon; nor when it was changed then."""
    noon = MONDAY + 9 * HOUR
    added = scheduled(NIGHTLY, since=None)
    changed = scheduled(NIGHTLY, since=MONDAY - 9 * DAY)
    changed.asking(triggers={"schedules": [{**NIGHTLY, "cron": "30 3 * * *"}]})

    assert (due(added, noon), due(changed, noon)) == ("none", "none")
    assert decide(added.done(), SETTINGS, noon).status.fields["schedules"][0]["since"] == timestamp(noon)


def test_a_pipeline_that_is_new_counts_from_its_birth() -> None:
    """The operator may have been down when it was made."""
    told = a_pipeline().asking(triggers={"schedules": [NIGHTLY]}).knowing(created=MONDAY - HOUR)

    assert due(told, MONDAY + HOUR) == "slot 2026-01-05T03:00:00Z of schedule nightly"


def test_a_run_answers_all_schedules() -> None:
    """Two that fall together are one run, named after the first of them."""
    told = scheduled(NIGHTLY, HOURLY)
    both = answered(scheduled(NIGHTLY, HOURLY), "nightly", MONDAY + DAY)

    assert due(told, MONDAY + DAY).startswith("slot 2026-01-06T03:00:00Z of schedule nightly; 23 earlier")
    assert due(both, MONDAY + DAY + HOUR / 2) == "none"
    assert due(both, MONDAY + DAY + HOUR) == "slot 2026-01-06T04:00:00Z of schedule hourly"


def test_a_run_that_starts_for_another_reason_answers_the_slot_as_well() -> None:
    """One run for both."""
    told = scheduled(NIGHTLY).knowing(request="monday", status={"schedules": [{**NIGHTLY, "since": timestamp(MONDAY)}]})
    decision = decide(told.done(), SETTINGS, MONDAY + DAY)
    trigger = decision.records[-1].trigger  # type: ignore[union-attr]

    assert (trigger.type, trigger.token, trigger.scheduled_time) == ("Request", "monday", "2026-01-06T03:00:00+00:00")
    assert trigger.reason == "asked for with 'monday', and slot 2026-01-06T03:00:00Z of schedule nightly"
    assert decision.status.fields["schedules"][0]["since"] == "2026-01-06T03:00:00Z"


def test_a_slot_waits_for_the_run_that_goes_on() -> None:
    """And the summary says so."""
    told = scheduled(HOURLY).with_run(2, "Running", "train is running")
    decision = decide(told.done(), SETTINGS, MONDAY + HOUR)

    assert decision.records == ()
    assert decision.status.summary == (
        "churn-2: train is running; slot 2026-01-05T04:00:00Z of schedule hourly waits for its end"
    )
    assert decision.again == HOUR


def test_the_run_bears_the_slot_in_the_zone_of_the_schedule() -> None:
    """So that a day is the day that people mean."""
    told = scheduled({**NIGHTLY, "timeZone": "Europe/Berlin"})
    decision = decide(told.done(), SETTINGS, MONDAY + DAY)
    trigger = decision.records[-1].trigger  # type: ignore[union-attr]

    assert (trigger.type, trigger.by, trigger.token) == ("Schedule", "nightly", "nightly/2026-01-06T02:00:00Z")
    assert trigger.scheduled_time == "2026-01-06T03:00:00+01:00"
    assert decision.status.summary == "run churn-2 starts: slot 2026-01-06T02:00:00Z of schedule nightly"


def test_while_paused_slots_pass() -> None:
    """The newest one starts a run when it is over, as after a downtime."""
    told = scheduled(NIGHTLY, paused=True)

    assert decide(told.done(), SETTINGS, MONDAY + DAY).records == ()


def overlapping(policy: str) -> Pipeline:
    """Return a pipeline that trains every hour, with a run that began at twenty past three."""
    told = scheduled(HOURLY, policy={"overlap": policy})
    return told.with_run(2, "Running", "train is running", created=MONDAY + HOUR / 3)


def test_a_slot_that_falls_into_a_run_is_skipped_and_told() -> None:
    """For good: also when the run has ended, and when either the status or the run is forgotten."""
    now = MONDAY + HOUR
    fields = decide(overlapping("Skip").done(), SETTINGS, now).status.fields
    [entry] = fields["schedules"]
    later = now + HOUR / 3
    ended = scheduled(HOURLY, policy={"overlap": "Skip"})
    ended.with_run(2, "Failed", "it broke", created=MONDAY + HOUR / 3, ended=MONDAY + HOUR + HOUR / 4)
    forgotten = scheduled(HOURLY, policy={"overlap": "Skip"}).knowing(status=fields)
    [still] = decide(forgotten.done(), SETTINGS, later).status.fields["schedules"]

    says = "slot 2026-01-05T04:00:00Z was skipped: churn-2 went on (spec.policy.overlap is Skip)"
    assert (entry["sentence"], still["sentence"]) == (says, says)
    assert [due(told, later) for told in (overlapping("Skip"), ended, forgotten)] == ["none"] * 3
    assert due(ended, now + HOUR).startswith("slot 2026-01-05T05:00:00Z of schedule hourly")


def test_a_request_is_never_skipped() -> None:
    """It waits for the end of the run that goes on."""
    told = overlapping("Skip").knowing(request="monday")
    after = scheduled(HOURLY, policy={"overlap": "Skip"}).knowing(request="monday")

    assert decide(told.done(), SETTINGS, MONDAY + HOUR).records == ()
    assert len(decide(after.done(), SETTINGS, MONDAY + HOUR / 2).records) == 1


def test_a_run_that_goes_on_is_replaced_by_what_is_due() -> None:
    """A slot, a request or a changed spec; not by nothing."""
    asked = overlapping("Replace").knowing(request="monday")

    assert decide(overlapping("Replace").done(), SETTINGS, MONDAY + HOUR).status.summary == (
        "run churn-3 starts: slot 2026-01-05T04:00:00Z of schedule hourly"
    )
    assert decide(asked.done(), SETTINGS, MONDAY + HOUR / 2).status.summary.startswith("run churn-3 starts: asked for")
    assert decide(overlapping("Replace").done(), SETTINGS, MONDAY + HOUR / 2).records == ()


def test_a_run_that_somebody_created_is_not_replaced() -> None:
    """It is theirs."""
    told = scheduled(HOURLY, policy={"overlap": "Replace"})
    told.runs.append(replace(overlapping("Replace").runs[-1], name="mine", number=0))

    assert decide(told.done(), SETTINGS, MONDAY + HOUR).records == ()
