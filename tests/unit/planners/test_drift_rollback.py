"""A version whose answers drift while what is asked does not is sent back, once, by the deployment itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mlwright.plan.resources import Body
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)
WATCHED = timedelta(minutes=9)
SOON = timedelta(minutes=20)
TWO_CHECKS = [{"name": "data", "type": "DataDrift"}, {"name": "answers", "type": "PredictionDrift"}]


def serving(monitor: Body, **spec: Any) -> Operator:
    """Return an operator that serves v1, which a monitor watches, and then v2, whose answers are odd."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.model())
    operator.world.add(people.version(1))
    operator.world.add(people.deployment(**spec))
    operator.settle()
    operator.world.add(monitor)
    operator.settle(WATCHED)
    operator.world.strange.add("flights-v2")
    operator.world.add(people.version(2))
    operator.settle(SOON)
    return operator


def sent_back(operator: Operator) -> list[Body]:
    """Return the Decisions that send a version back."""
    return [body["spec"] for body in operator.world.all("Decision") if body["spec"]["type"] == "Rollback"]


def served(operator: Operator) -> list[str]:
    """Return the versions that were promoted, in order."""
    found = [body for body in operator.world.all("Decision") if body["spec"]["type"] == "Promote"]
    return [body["spec"]["version"] for body in sorted(found, key=lambda body: body["metadata"]["creationTimestamp"])]


def told(operator: Operator, kind: str = "DriftMonitor") -> str:
    """Return what an object says."""
    return people.summary(operator.world, kind)


def test_a_version_that_answers_oddly_gives_way_to_the_one_before() -> None:
    """It is not tried again, the deployment says why, and the version before is watched in quiet."""
    operator = serving(people.guarding_monitor())

    assert served(operator) == ["flights-v1", "flights-v2", "flights-v1"]
    assert people.conditions(operator.world, "ModelDeployment")["CandidateRejected"] == "True"
    assert told(operator, "ModelDeployment").startswith("flights-v2 is sent back to flights-v1: label: 0.2")
    assert people.conditions(operator.world, "DriftMonitor")["Drifted"] == "False"


def test_the_decision_holds_what_was_found_and_outlives_its_monitor() -> None:
    """Whatever becomes of the monitor, the version does not come back."""
    operator = serving(people.guarding_monitor())
    (decision,) = sent_back(operator)
    operator.world.remove("DriftMonitor", "flights")
    operator.settle(SOON)

    assert decision["subjectRef"] == {"kind": "ModelDeployment", "name": "flights"}
    assert (decision["version"], decision["by"]) == ("flights-v2", "DriftMonitor flights")
    assert decision["evidence"]["to"]["version"] == "flights-v1"
    assert [one["name"] for one in decision["evidence"]["features"]] == ["label"]
    assert served(operator)[-1] == "flights-v1"


def test_the_next_version_takes_over_all_the_same() -> None:
    """What was sent back blocks no later one."""
    operator = serving(people.guarding_monitor())
    operator.world.add(people.version(3))
    operator.settle(SOON)

    assert served(operator)[-1] == "flights-v3"


def test_it_goes_back_without_steps_and_without_a_bake() -> None:
    """The version before has passed its own; its alias follows."""
    rollout = {"strategy": "BlueGreen", "bake": "2m", "setAlias": "champion"}
    operator = serving(people.guarding_monitor(), rollout=rollout)

    assert served(operator)[-1] == "flights-v1"
    assert operator.world.one("Model", "flights")["spec"]["aliases"] == [{"name": "champion", "version": 1}]


def test_who_asks_to_try_it_again_is_heard() -> None:
    """A person goes before."""
    operator = serving(people.guarding_monitor())
    operator.world.strange.clear()
    people.annotate(operator.world, "ModelDeployment", "flights", retry="again")
    operator.settle(SOON)

    assert served(operator)[-1] == "flights-v2"


@pytest.mark.parametrize(
    "monitor, spec, why",
    [
        ({"mode": "Observe"}, {}, "would have sent flights-v2 back to flights-v1, because label: 0.2"),
        (
            {"actions": [people.BACK | {"rollback": {"within": "3m"}}]},
            {},
            "flights is not sent back: flights-v2 took over more than 3m ago (spec.actions[back].rollback.within)",
        ),
        ({"minSamples": 200, "checks": TWO_CHECKS[1:]}, {}, "no check of type DataDrift judges a feature"),
        ({"independentRows": False}, {}, "set spec.independentRows"),
    ],
    ids=["Observe", "long ago", "unknown", "rows hang together"],
)
def test_nothing_is_sent_back_without_need(monitor: dict[str, Any], spec: dict[str, Any], why: str) -> None:
    """And the monitor says why."""
    operator = serving(people.guarding_monitor(**monitor), **spec)

    assert (sent_back(operator), served(operator)[-1]) == ([], "flights-v2")
    assert why in told(operator)


def test_a_version_is_not_blamed_for_what_is_asked() -> None:
    """Where the requests have changed, the older version is no better."""
    operator = serving(people.guarding_monitor(mode="Observe"))
    operator.world.drift()
    operator.settle(SOON)
    operator.world.edit(operator.world.one("DriftMonitor", "flights"), lambda body: body["spec"].update(mode="Act"))
    operator.settle(SOON)

    assert (sent_back(operator), served(operator)[-1]) == ([], "flights-v2")
    assert "what is asked has drifted as well (hour)" in told(operator)


def test_what_somebody_pins_is_not_sent_back() -> None:
    """A pinned version goes before a monitor; so does a deployment that never served another one."""
    operator = serving(people.guarding_monitor(mode="Observe"))
    pinned = {"type": "Version", "version": 2, "ref": {"name": "flights"}}
    operator.world.edit(operator.world.one("ModelDeployment", "flights"), lambda b: b["spec"].update(model=pinned))
    operator.world.edit(operator.world.one("DriftMonitor", "flights"), lambda body: body["spec"].update(mode="Act"))
    operator.settle(SOON)

    assert (sent_back(operator), served(operator)[-1]) == ([], "flights-v2")
    assert "flights is not sent back: spec.model pins its version" in told(operator)


def test_the_first_version_has_nothing_to_go_back_to() -> None:
    """It is only told."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.strange.add("flights-v1")
    for thing in (people.version(1), people.deployment(), people.guarding_monitor()):
        operator.world.add(thing)
    operator.settle(SOON)

    assert "flights is not sent back: nothing served before it that may serve again" in told(operator)


def test_a_version_that_had_drifted_itself_is_no_way_out() -> None:
    """A run was asked for because of it: its successor is odd, but it is no better."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.pipeline())
    operator.world.add(people.deployment(model={"type": "Latest", "ref": {"name": "flights"}}))
    operator.settle()
    monitor = people.acting_monitor()
    monitor["spec"]["actions"].append(people.BACK)
    operator.world.strange.add("flights-v2")
    operator.world.add(monitor)
    operator.settle(WATCHED)
    operator.world.drift()
    operator.settle(timedelta(minutes=60))

    assert (sent_back(operator), served(operator)) == ([], ["flights-v1", "flights-v2"])
    assert "flights is not sent back: flights-v1 had drifted itself (Decision flights-retrain-" in told(operator)
