"""Schedules in a living world: whatever goes wrong, each slot has one run and none is forgotten."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.replay import people
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
EVERY_HOUR = {"schedules": [{"name": "hourly", "cron": "0 * * * *"}]}


def hourly() -> Operator:
    """Return an operator whose one pipeline was made at 03:04 and trains every hour."""
    operator = Operator(World())
    operator.world.add(people.pipeline(triggers=EVERY_HOUR))
    return operator


def slots(world: World) -> Counter[str]:
    """Count the runs of each slot."""
    triggers = [run["spec"]["trigger"] for run in world.all("TrainingRun")]
    return Counter(trigger["scheduledTime"][11:16] for trigger in triggers if "scheduledTime" in trigger)


def go_until(operator: Operator, hour: int, minute: int = 30, second: int = 0) -> None:
    """Let the operator work until a time of day."""
    until = datetime(2026, 1, 2, hour, minute, second, tzinfo=UTC)
    operator.settle(until - operator.world.now)
    operator.world.now = max(operator.world.now, until)


def test_every_hour_has_its_run() -> None:
    """And the first one is because the pipeline is new."""
    operator = hourly()
    go_until(operator, 6)

    assert slots(operator.world) == {"04:00": 1, "05:00": 1, "06:00": 1}
    assert people.status(operator.world, "TrainingPipeline")["nextRun"] == "2026-01-02T07:00:00Z"


@pytest.mark.parametrize("offset", [-SECOND, timedelta(0), SECOND])
def test_a_restart_at_the_very_slot_starts_one_run(offset: timedelta) -> None:
    """A process that ends just before, at or just after a slot is followed by one that looks at everything."""
    operator = hourly()
    go_until(operator, 4)
    operator.world.now = datetime(2026, 1, 2, 5, tzinfo=UTC) + offset
    for _ in range(3):
        operator = Operator(operator.world)
        operator.settle(SECOND)
    go_until(operator, 5)

    assert slots(operator.world) == {"04:00": 1, "05:00": 1}


def test_a_night_without_the_operator_is_one_run() -> None:
    """For the newest slot; the run says that others are passed over."""
    operator = hourly()
    go_until(operator, 4)
    operator.world.now += 8 * HOUR
    go_until(Operator(operator.world), 12, 31)
    reason = operator.world.all("TrainingRun")[-1]["spec"]["trigger"]["reason"]

    assert slots(operator.world) == {"04:00": 1, "12:00": 1}
    assert reason == "slot 2026-01-02T12:00:00Z of schedule hourly; 7 earlier ones are passed over"


def test_a_clock_that_is_set_back_starts_no_run_twice() -> None:
    """The hour is lived through a second time, and its slot is answered already."""
    operator = hourly()
    go_until(operator, 6)
    operator.world.now -= 2 * HOUR
    go_until(operator, 7)

    assert slots(operator.world) == {"04:00": 1, "05:00": 1, "06:00": 1, "07:00": 1}


@pytest.mark.parametrize("forgets", ["status", "runs"])
def test_what_is_deleted_makes_no_slot_run_twice(forgets: str) -> None:
    """Neither lost statuses nor runs that were removed."""
    operator = hourly()
    go_until(operator, 5)
    before = len(operator.world.all("TrainingRun"))
    if forgets == "status":
        for body in operator.world.all("TrainingPipeline"):
            operator.world.edit(body, lambda found: found.pop("status"))
    else:
        for run in operator.world.all("TrainingRun"):
            operator.world.remove("TrainingRun", run["metadata"]["name"])
    left = len(operator.world.all("TrainingRun"))
    go_until(Operator(operator.world), 5, 40)

    assert (before, len(operator.world.all("TrainingRun"))) == (3, left)


@pytest.mark.parametrize("skew", [timedelta(seconds=-40), timedelta(seconds=40), HOUR])
def test_two_leaders_whose_clocks_differ_answer_each_slot_once(skew: timedelta) -> None:
    """One takes over from the other at every moment, and neither minds what the other did."""
    one = hourly()
    world = one.world
    other = Operator(world, one.actors, skew=skew)
    for _ in range(40):
        for leader in (one, other):
            leader.look_at_all()
            world.tell = leader._hear
            leader.settle(SECOND)
        world.pass_time(timedelta(minutes=4))
    found = slots(world)

    assert {"04:00", "05:00"} <= set(found)
    assert set(found.values()) == {1}
