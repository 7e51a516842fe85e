"""Who wants to be told of drift is told once each time that it begins, by a Job of the namespace."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlwright.plan.resources import Body
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)
WATCHED = timedelta(minutes=9)
SEASON = timedelta(minutes=20)


def drifting(around: Surroundings | None = None, hosts: str = people.RECEIVER, **monitor: Any) -> Operator:
    """Return an operator after the season has changed for a model whose monitor tells somebody."""
    operator = Operator(World(), Actors(around or Surroundings(secrets={"hook"})))
    operator.settings = replace(operator.settings, outside_hosts=hosts)
    for thing in (people.version(1), people.deployment(), people.telling_monitor(**monitor)):
        operator.world.add(thing)
    operator.settle(WATCHED)
    operator.world.drift()
    operator.settle(SEASON)
    return operator


def recorded(operator: Operator) -> list[Body]:
    """Return the Decisions that somebody is told, in order."""
    found = [body for body in operator.world.all("Decision") if body["spec"]["type"] == "Notify"]
    return sorted(found, key=lambda body: body["spec"]["evidence"]["until"])


def jobs(operator: Operator) -> list[Body]:
    """Return the Jobs that tell."""
    return [job for job in operator.world.all("Job") if "mlwright.dev/message" in job["metadata"]["labels"]]


def over(operator: Operator) -> None:
    """Let the season be as it was."""
    operator.world.moved = datetime.max.replace(tzinfo=UTC)
    operator.settle(SEASON + WATCHED)


def told(operator: Operator) -> str:
    """Return what the monitor says."""
    return people.summary(operator.world, "DriftMonitor")


def test_drift_is_told_once_however_long_it_lasts() -> None:
    """A Decision says so, a Job of its name does it, the status says that it was done."""
    operator = drifting()
    operator.settle(SEASON)

    (decision,) = recorded(operator)
    (job,) = jobs(operator)
    assert job["metadata"]["name"] == decision["metadata"]["name"]
    assert decision["spec"]["subjectRef"] == {"kind": "DriftMonitor", "name": "flights"}
    assert told(operator).endswith("; https://hooks.example.com was told")


def test_the_event_holds_what_was_found() -> None:
    """It is a CloudEvent; its id is the Decision's name, so that a second delivery can be told from a second event."""
    operator = drifting()

    (job,) = jobs(operator)
    env = {one["name"]: one for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    document = json.loads(env["MLWRIGHT_STEP"]["value"])
    event = document["event"]
    assert document["url"] == "https://hooks.example.com/drift"
    assert (event["specversion"], event["type"]) == ("1.0", "dev.mlwright.drift.found")
    assert event["id"] == job["metadata"]["name"]
    assert event["source"] == "/apis/mlwright.dev/v1alpha1/namespaces/demo/driftmonitors/flights"
    assert event["data"]["sentence"].startswith("flights-v1: hour: 0.2")
    assert [one["name"] for one in event["data"]["features"]] == ["hour"]
    assert env["MLWRIGHT_WEBHOOK_TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "hook", "key": "token"}}


def test_broken_values_are_told_to_who_asks_for_it() -> None:
    """A sender that leaves a field out is repaired by people; the event holds how many values are missing."""
    operator = Operator(World(), Actors(Surroundings(secrets={"hook"})))
    operator.settings = replace(operator.settings, outside_hosts=people.RECEIVER)
    asked = people.telling_monitor(checks=[people.QUALITY], actions=[{**people.TELL, "when": ["Quality"]}])
    for thing in (people.version(1), people.deployment(), asked):
        operator.world.add(thing)
    operator.settle(WATCHED)
    operator.world.rows.broken = 0.3
    operator.settle(SEASON)

    (decision,) = recorded(operator)
    (share,) = decision["spec"]["evidence"]["quality"]
    assert decision["spec"]["sentence"].startswith("flights-v1: hour: ")
    assert "missing > 5 % in 3 of the last 5 windows" in decision["spec"]["sentence"]
    assert (share["name"], share["values"], share["over"]) == ("hour", "Missing", 3)
    assert told(operator).endswith("; https://hooks.example.com was told")


def test_drift_that_was_over_and_begins_again_is_told_again() -> None:
    """The Job of the first message goes, its Decision stays."""
    operator = drifting()
    over(operator)
    operator.world.drift()
    operator.settle(SEASON)

    first, second = recorded(operator)
    assert first["spec"]["evidence"]["until"] < second["spec"]["evidence"]["until"]
    assert [job["metadata"]["name"] for job in jobs(operator)] == [second["metadata"]["name"]]


def test_a_status_that_is_lost_tells_nobody_again() -> None:
    """The Decision is there."""
    operator = drifting()
    operator.world.one("DriftMonitor", "flights").pop("status")
    operator.look_at_all()
    operator.settle(SEASON)

    assert (len(recorded(operator)), len(jobs(operator))) == (1, 1)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"mode": "Observe"}, "would have told https://hooks.example.com, because hour: 0.2"),
        (
            {"hosts": "https://models.example.com"},
            "nobody is told: spec.actions[tell].notify.url: https://hooks.example.com is not among the hosts that pods",
        ),
    ],
    ids=["Observe", "a host that nobody allowed"],
)
def test_nobody_is_told_who_may_not_be(settings: dict[str, Any], sentence: str) -> None:
    """And the monitor says so."""
    operator = drifting(**settings)

    assert (recorded(operator), jobs(operator)) == ([], [])
    assert sentence in told(operator)


def test_a_receiver_that_refuses_is_named_with_the_remedy() -> None:
    """The Job stays for its log; it is made again when somebody deletes it."""
    operator = drifting(Surroundings(secrets={"hook"}, user_error="notify"))
    (job,) = jobs(operator)

    assert "https://hooks.example.com could not be told" in told(operator)
    assert f"it is tried again when job/{job['metadata']['name']} is deleted" in told(operator)

    operator.actors.around.user_error = ""
    operator.world.remove("Job", job["metadata"]["name"])
    operator.settle()
    assert told(operator).endswith("; https://hooks.example.com was told")
