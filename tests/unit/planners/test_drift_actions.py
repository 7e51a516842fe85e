"""What follows when something has drifted: one Decision for each revision, and the pipeline's guard above it."""

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
SEASON = timedelta(minutes=40)


def drifting(*monitors: Body, pinned: int = 0, **pipeline: Any) -> Operator:
    """Return an operator after the season has changed for a model that is watched and can be trained again."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.pipeline(**pipeline))
    selector = {"type": "Version", "version": pinned} if pinned else {"type": "Latest"}
    operator.world.add(people.deployment(model={**selector, "ref": {"name": "flights"}}))
    operator.settle()
    for monitor in monitors:
        operator.world.add(monitor)
    operator.settle(WATCHED)
    operator.world.drift()
    operator.settle(SEASON)
    return operator


def asked(operator: Operator) -> list[Body]:
    """Return the Decisions that ask for a run."""
    return [body["spec"] for body in operator.world.all("Decision") if body["spec"]["type"] == "Retrain"]


def runs(operator: Operator) -> list[str]:
    """Return why the runs were started."""
    return [body["spec"]["trigger"]["type"] for body in operator.world.all("TrainingRun")]


def by_hand(name: str, **evidence: object) -> Body:
    """Return a Decision made by hand that asks the pipeline for a run."""
    spec = {
        "subjectRef": {"kind": "TrainingPipeline", "name": "flights"},
        "type": "Retrain",
        "sentence": "a person has seen drift",
        "evidence": evidence,
        "by": "a person",
    }
    return {"kind": "Decision", "metadata": {"name": name}, "spec": spec}


def told(operator: Operator) -> str:
    """Return what the monitor says."""
    return people.summary(operator.world, "DriftMonitor")


def test_drift_asks_for_one_run_and_its_version_is_watched_in_quiet() -> None:
    """The loop closes: the version that learned what is asked by now is compared with that."""
    operator = drifting(people.acting_monitor())

    assert runs(operator) == ["SpecChange", "Drift"]
    assert people.conditions(operator.world, "DriftMonitor")["Drifted"] == "False"
    assert "flights-v2 has not drifted" in told(operator)


def test_the_decision_holds_what_was_found() -> None:
    """A run that costs money can be explained by its record alone."""
    (decision,) = asked(drifting(people.acting_monitor()))

    assert decision["subjectRef"] == {"kind": "TrainingPipeline", "name": "flights"}
    assert decision["by"] == "DriftMonitor flights"
    assert "flights-v1 has drifted: hour: 0.29" in decision["sentence"]
    (feature,) = decision["evidence"]["features"]
    assert (feature["name"], feature["allowed"], feature["over"]) == ("hour", 0.1, 3)
    assert feature["lower"] > feature["allowed"]


def test_two_monitors_ask_for_one_run_together() -> None:
    """Both watch the same deployment and name the same pipeline."""
    operator = drifting(people.acting_monitor(), {**people.acting_monitor(), "metadata": {"name": "second"}})

    assert (len(asked(operator)), runs(operator)) == (1, ["SpecChange", "Drift"])


@pytest.mark.timeout(60)  # two of everything
def test_monitors_that_watch_what_the_other_trains_do_not_start_each_other_for_ever() -> None:
    """Each asks the other's pipeline once because of the season; what comes of it is compared with its own training."""
    operator = Operator(World(), Actors(Surroundings()))
    for name, other in (("flights", "second"), ("second", "flights")):
        watched = {"type": "Live", "live": {"deploymentRef": {"name": name}}}
        again = {"name": "again", "when": ["DataDrift"], "type": "Retrain", "retrain": {"pipelineRef": {"name": other}}}
        operator.world.add(people.pipeline(name=name))
        operator.world.add(people.deployment(name=name, of=name))
        operator.settle()
        operator.world.add(people.monitor(name=name, target=watched, independentRows=True, actions=[again]))
    operator.settle(WATCHED)
    operator.world.drift()
    operator.settle(SEASON)

    assert sorted(decision["subjectRef"]["name"] for decision in asked(operator)) == ["flights", "second"]
    assert sorted(runs(operator)) == ["Drift", "Drift", "SpecChange", "SpecChange"]


def test_a_revision_that_goes_on_drifting_asks_once() -> None:
    """Nobody lets the new version take over: a hundred more runs would change nothing."""
    operator = drifting(people.acting_monitor(), pinned=1)
    operator.settle(SEASON)

    assert (runs(operator), people.conditions(operator.world, "DriftMonitor")["Drifted"]) == (
        ["SpecChange", "Drift"],
        "True",
    )
    assert "pipeline flights was asked for a run because flights-v1 has drifted" in told(operator)


def test_the_guard_of_the_pipeline_holds_the_run() -> None:
    """The monitor asks; when it runs is the pipeline's."""
    operator = drifting(people.acting_monitor(), guard={"cooldown": "24h"})

    assert (len(asked(operator)), runs(operator)) == (1, ["SpecChange"])
    assert "a run is due (flights-v1 has drifted" in people.summary(operator.world, "TrainingPipeline")


def test_who_observes_does_nothing_and_says_what_it_would_do() -> None:
    """The sentence is the same that the Decision would have."""
    operator = drifting(people.acting_monitor(mode="Observe"))

    assert (asked(operator), runs(operator)) == ([], ["SpecChange"])
    assert "would have asked pipeline flights for a run, because hour: 0.29" in told(operator)


def test_rows_that_may_hang_together_start_no_run() -> None:
    """Until how much more they vary is learnt, chance alone may look like drift."""
    monitor = people.acting_monitor()
    monitor["spec"]["independentRows"] = False
    operator = drifting(monitor)

    assert asked(operator) == []
    assert "set spec.independentRows" in told(operator)


def test_a_pipeline_that_does_not_exist_is_named() -> None:
    """It is asked when it does."""
    monitor = people.acting_monitor()
    monitor["spec"]["actions"][0]["retrain"] = {"pipelineRef": {"name": "nightly"}}
    operator = drifting(monitor)

    assert asked(operator) == []
    assert "TrainingPipeline nightly (spec.actions[again].retrain.pipelineRef) does not exist" in told(operator)


def test_a_run_that_was_asked_for_is_not_asked_for_again_without_its_status() -> None:
    """A status may be lost: the run that started since tells that it was answered."""
    operator = drifting(people.acting_monitor())
    for kind in ("TrainingPipeline", "DriftMonitor", "ModelDeployment"):
        operator.world.one(kind, "flights").pop("status")
    operator.look_at_all()
    operator.settle(SEASON)

    assert runs(operator) == ["SpecChange", "Drift"]


@pytest.mark.parametrize(
    "evidence",
    [{}, {"until": "soon"}, {"until": 20}, {"until": {"at": 1}}, {"until": "2026-01-05T12:00:00"}],
    ids=["no time", "a word", "a number", "an object", "no time zone"],
)
def test_a_decision_that_does_not_say_until_when_it_saw_is_passed_over(evidence: dict[str, object]) -> None:
    """Somebody made it by hand; the pipeline goes on, and says which one starts no run and why."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(by_hand("odd", **evidence))
    operator.world.add(people.pipeline())
    operator.settle()

    assert runs(operator) == ["SpecChange"]
    assert people.summary(operator.world, "TrainingPipeline").endswith(
        "; Decision odd asks for a run and is passed over, for spec.evidence.until is no time with its time zone,"
        " such as 2026-01-05T12:00:00Z; delete it and record another"
    )


def test_beside_decisions_that_are_passed_over_another_one_is_answered() -> None:
    """What is wrong with one is no matter of the next."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.pipeline())
    operator.settle()
    operator.world.pass_time(WATCHED)
    for decision in (by_hand("odd"), by_hand("odd-too", until=""), by_hand("fine", until="2100-01-05T12:00:00Z")):
        operator.world.add(decision)
    operator.settle()

    assert runs(operator) == ["SpecChange", "Drift"]
    assert "; Decision odd (and 1 more) asks for a run" in people.summary(operator.world, "TrainingPipeline")


def test_a_decision_that_names_a_year_to_come_hides_no_later_one() -> None:
    """Nobody has seen farther than to when they said so: the next drift is answered as ever."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.pipeline())
    operator.world.add(people.deployment(model={"type": "Latest", "ref": {"name": "flights"}}))
    operator.settle()
    operator.world.pass_time(WATCHED)
    operator.world.add(by_hand("far", until="2100-01-05T12:00:00Z"))
    operator.world.add(people.acting_monitor())
    operator.settle(WATCHED)
    operator.world.drift()
    operator.settle(SEASON)

    assert runs(operator) == ["SpecChange", "Drift", "Drift"]
