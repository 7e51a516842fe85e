"""What windows said can be told later from the records alone, and it is what the monitor said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlwright.api.drift import DriftMonitorSpec
from mlwright.builders.drift import blocks, references, usuals
from mlwright.planners.drift_past import Past, past
from mlwright.stats.drift import State
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)


def watched(*, since: timedelta) -> Operator:
    """Return an operator some time after the season has changed for a model that is watched."""
    operator = Operator(World(), Actors(Surroundings()))
    for thing in (people.pipeline(), people.deployment(), people.monitor()):
        operator.world.add(thing)
    operator.settle(timedelta(minutes=19))
    operator.world.drift()
    operator.settle(since)
    return operator


def recorded(operator: Operator) -> Past:
    """Return what the records of the monitor say."""
    body = operator.world.one("DriftMonitor", "flights")
    records = operator.world.all("ControllerRevision")
    spec = DriftMonitorSpec.model_validate(body["spec"])
    return past(spec, body["status"], blocks(records), references(records), usuals(records))


@pytest.mark.parametrize("minutes", [1, 7, 21])
def test_the_records_say_what_the_monitor_said(minutes: int) -> None:
    """Before, while and after it counts: verdict, figures and votes of each feature, in the same order."""
    operator = watched(since=timedelta(minutes=minutes))
    status = operator.world.one("DriftMonitor", "flights")["status"]

    told = [
        (one.last.name, one.last.verdict, round(one.last.shift.estimate, 4), one.last.votes.over)
        for one in recorded(operator).traced
    ]

    assert told == [(one["name"], one["verdict"], one["distance"], one["over"]) for one in status["features"]]


def test_each_window_is_told_by_itself() -> None:
    """The newer it is, the more of it is of the new season."""
    found = recorded(watched(since=timedelta(minutes=7)))

    (hour,) = (one for one in found.traced if one.surface == "feature:hour")
    distances = [shift.estimate for shift in hour.shifts]
    assert (len(found.windows), len(distances)) == (5, 5)
    assert distances == sorted(distances)
    assert [hour.shifts[0].state, hour.shifts[-1].state] == [State.STABLE, State.OVER]


def test_nothing_is_told_before_anything_was_recorded() -> None:
    """A monitor that was just made has neither windows nor features."""
    spec = DriftMonitorSpec.model_validate(people.monitor()["spec"])

    assert past(spec, {}, (), ()) == Past()


MONDAY = datetime(2026, 1, 5, 3, 4, 5, tzinfo=UTC)


def in_minutes(*, since: timedelta) -> Operator:
    """Return an operator some time after the season has changed, that has learnt a Monday and a Tuesday."""
    operator = Operator(World(now=MONDAY), Actors(Surroundings()))
    fast = {"slow": {"length": "24h", "every": "6h"}, "fast": {"length": "30m", "baseline": "48h"}}
    for thing in (people.pipeline(), people.deployment(), people.monitor(windows=fast, actions=[])):
        operator.world.add(thing)
    operator.settle(timedelta(hours=51))
    operator.world.drift()
    operator.settle(since)
    return operator


@pytest.mark.timeout(60)
def test_the_records_say_what_the_newest_minutes_said() -> None:
    """Two hours after the season has changed, of five spans, which are all that is kept."""
    operator = in_minutes(since=timedelta(hours=2))
    status = operator.world.one("DriftMonitor", "flights")["status"]

    found = recorded(operator)

    assert found.fast is not None
    assert (len(found.fast.blocks), found.fast.learned(found.learned or {})) == (5, 48)
    assert [(one.last.name, one.last.verdict, len(one.shifts)) for one in found.sudden] == [
        (one["name"], one["verdict"], 5) for one in status["fast"]["features"]
    ]
    assert [one.last.name for one in found.sudden if one.last.lasting] == ["hour"]
    assert people.conditions(operator.world, "DriftMonitor")["Drifted"] == "True"
    assert "from what is usual at this hour in 3 of the last 5 windows of 30m" in status["summary"]


@pytest.mark.timeout(60)
def test_another_version_is_quiet_while_it_learns_what_is_usual() -> None:
    """The deployment answers with a new version, and minutes of the one before are no reference for it."""
    operator = in_minutes(since=timedelta(hours=2))
    people.annotate(operator.world, "TrainingPipeline", "flights", run="again")
    operator.settle(timedelta(hours=2))

    status = operator.world.one("DriftMonitor", "flights")["status"]
    found = recorded(operator)

    assert status["version"] == "flights-v2"
    assert found.fast is not None
    assert found.fast.learned(found.learned or {}) <= 3
    assert people.conditions(operator.world, "DriftMonitor")["Drifted"] != "True"
