"""The guard: what holds a run, what lets it go, and that nothing is forgotten with the runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.conditions import timestamp
from mlwright.planners import guard
from mlwright.planners.pipeline import decide
from tests.unit.planners.given import NOW, SETTINGS, Pipeline, a_pipeline, named

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SCHEDULE = {"name": "often", "cron": "* * * * *", "timeZone": "UTC"}
OUT = "to run now, set the annotation mlwright.dev/run"


def guarded(**limits: Any) -> Pipeline:
    """Return a pipeline whose slot has come."""
    told = a_pipeline().asking(triggers={"schedules": [SCHEDULE]}, guard=limits)
    return told.knowing(status={"schedules": [{**SCHEDULE, "since": timestamp(NOW - MINUTE)}]})


def ran(told: Pipeline, *states: str, every: timedelta = HOUR, **known: Any) -> Pipeline:
    """Let runs have ended one after the other, the last one an hour ago."""
    for back, state in zip(range(len(states), 0, -1), states, strict=True):
        ended = NOW - every * back
        told.with_run(len(told.runs) + 1, state, "it is over", created=ended - MINUTE, ended=ended, **known)
    return told


def says(told: Pipeline, **knowing: Any) -> str:
    """Return what holds the run, or "starts"."""
    decision = decide(told.knowing(**knowing).done(), SETTINGS, NOW)
    held = next((c.message for c in decision.status.conditions if c.type == "Held"), "")
    assert bool(held) != bool(decision.records)
    return held or "starts"


def test_failures_in_a_row_hold_slots() -> None:
    """Somebody must look, and the sentence says what then."""
    told = ran(guarded(maxConsecutiveFailures=2), "Succeeded", "Failed", "Failed")
    decision = decide(told.done(), SETTINGS, NOW)

    assert says(told) == (
        "a run is due (slot 2026-01-02T12:00:00Z of schedule often) and held: the last 2 runs failed and"
        f" spec.guard.maxConsecutiveFailures is 2: mend the cause; {OUT}, and runs start by themselves again"
    )
    assert named(decision.status.conditions)["Held"] == "True RepeatedFailures"
    assert decision.status.summary.startswith("churn-3: it is over; a run is due")


@pytest.mark.parametrize(
    "states, asked",
    [
        (("Failed", "Succeeded"), False),
        (("Failed", "Rejected"), False),
        (("Failed", "Failed"), True),
        (("Succeeded", "Failed"), False),
    ],
    ids=["one that succeeded", "one that was rejected", "a person's, whatever came of it", "only one failed"],
)
def test_what_ends_failures_in_a_row(states: tuple[str, ...], asked: bool) -> None:  # noqa: FBT001  # a table row
    """The newest run decides."""
    told = ran(guarded(maxConsecutiveFailures=2), "Failed", *states[:-1])

    assert says(ran(told, states[-1], asked=asked)) == "starts"


def test_a_run_that_was_replaced_is_no_failure() -> None:
    """It says nothing about the pipeline."""
    assert says(ran(guarded(maxConsecutiveFailures=2), "Failed", "Failed", replaced=True)) == "starts"


def test_a_run_whose_deletion_hangs_hides_no_failure_behind_it() -> None:
    """It never ends, and those behind it count all the same."""
    told = ran(guarded(maxConsecutiveFailures=2), "Failed").with_run(2, "Running", "it is at work", deleting=True)

    assert says(ran(told, "Failed")).startswith("a run is due")


def test_failures_do_not_hold_a_changed_spec() -> None:
    """It may be what mends them."""
    told = ran(guarded(maxConsecutiveFailures=1), "Failed")
    told.asking(dataset={"uri": "pvc://lake/other.csv", "target": "churned"})

    assert says(told) == "starts"


def test_as_many_runs_a_day_as_the_guard_allows() -> None:
    """The next may start when the oldest of them is a day old."""
    told = ran(guarded(maxRunsPerDay=3), *["Succeeded"] * 4)
    decision = decide(told.done(), SETTINGS, NOW)

    assert says(told).endswith(
        "4 runs started by themselves in the last 24 hours and spec.guard.maxRunsPerDay is 3: the next may start at"
        f" 2026-01-03T08:59:00Z; {OUT}"
    )
    assert decision.again == MINUTE
    assert says(ran(guarded(maxRunsPerDay=3), *["Succeeded"] * 3, every=13 * HOUR)) == "starts"


def test_runs_that_a_person_asked_for_do_not_count() -> None:
    """The guard is about those that start by themselves."""
    assert says(ran(guarded(maxRunsPerDay=2), *["Succeeded"] * 4, asked=True)) == "starts"


def test_the_pause_after_a_run() -> None:
    """Whoever started it."""
    assert says(ran(guarded(cooldown="90m"), "Succeeded", asked=True)).endswith(
        "the newest run ended at 2026-01-02T11:00:00Z and spec.guard.cooldown is 90m: the next may start at"
        f" 2026-01-02T12:30:00Z; {OUT}"
    )
    assert says(ran(guarded(cooldown="1h"), "Succeeded")) == "starts"


@pytest.mark.parametrize("limits", [{"cooldown": "5h"}, {"maxRunsPerDay": 1}, {"maxConsecutiveFailures": 1}])
def test_a_person_gets_through(limits: dict[str, Any]) -> None:
    """Always."""
    assert says(ran(guarded(**limits), "Failed", "Failed"), request="now") == "starts"
    assert says(ran(guarded(**limits), "Failed", "Failed")).startswith("a run is due")


def test_a_clock_that_was_wrong_holds_nothing_for_ever() -> None:
    """An end that lies years ahead says nothing."""
    ahead = NOW + 9000 * HOUR
    told = guarded(cooldown="1h", maxRunsPerDay=1)

    assert says(told.with_run(1, "Succeeded", "", created=ahead, ended=ahead)) == "starts"


lives = st.lists(
    st.tuples(st.sampled_from(["Succeeded", "Failed", "Rejected"]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=12,
)


@given(lives, st.data())
def test_what_is_remembered_does_not_depend_on_when_runs_are_deleted(
    life: list[tuple[str, bool, bool]], data: st.DataObject
) -> None:
    """Looked at after every run and with any of them deleted since, the guard says what it would with all of them."""
    whole, forgetful = guarded(maxRunsPerDay=50), guarded(maxRunsPerDay=50)
    for number, (state, asked, replaced) in enumerate(life, 1):
        at = NOW - HOUR * (len(life) - number + 1)
        known: dict[str, Any] = {"created": at, "ended": at + MINUTE, "asked": asked, "replaced": replaced}
        for told in (whole, forgetful):
            told.with_run(number, "Failed" if replaced else state, "", **known)
        remembered = guard.shown(forgetful.done(), at + MINUTE)
        forgetful.knowing(status={**forgetful.seen["status"], "guard": remembered, "runs": number})
        gone = data.draw(st.integers(0, len(forgetful.runs)))
        del forgetful.runs[:gone]

    assert guard.memory(forgetful.done(), NOW) == guard.memory(whole.done(), NOW)


def test_a_failure_that_was_repaired_counts_no_longer() -> None:
    """The same run was tried again after it had been counted, and succeeded."""
    told = ran(guarded(maxConsecutiveFailures=1), "Failed")
    told.knowing(status={**told.seen["status"], "guard": guard.shown(told.done(), NOW)})
    held = says(told)
    told.runs.clear()

    assert held.startswith("a run is due")
    assert says(ran(told, "Succeeded")) == "starts"


def test_without_a_guard_nothing_is_remembered() -> None:
    """A status holds what is of use."""
    told = ran(guarded(), "Failed").asking(guard=None)

    assert guard.shown(told.done(), NOW) is None
