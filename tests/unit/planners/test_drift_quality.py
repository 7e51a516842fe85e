"""Broken values: they are told apart from drift, and no model learns from them."""

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
WHILE = timedelta(minutes=20)


def watching(**spec: Any) -> Operator:
    """Return an operator that watches a served model in quiet, and would train it again."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.pipeline())
    operator.world.add(people.deployment())
    operator.settle()
    operator.world.add(people.acting_monitor(**{"checks": [*people.CHECKS, people.QUALITY], **spec}))
    operator.settle(timedelta(minutes=9))
    return operator


def broken(**spec: Any) -> Operator:
    """Return it after a sender broke: three rows in ten come without their hour."""
    operator = watching(**spec)
    operator.world.rows.broken = 0.3
    operator.settle(WHILE)
    return operator


def condition(operator: Operator, type_: str) -> Body:
    """Return a condition of the monitor."""
    found: Body = next(c for c in people.status(operator.world, "DriftMonitor")["conditions"] if c["type"] == type_)
    return found


def asked(operator: Operator) -> list[Body]:
    """Return the Decisions that ask for a run."""
    return [body for body in operator.world.all("Decision") if body["spec"]["type"] == "Retrain"]


def told(operator: Operator) -> str:
    """Return what the monitor says."""
    return people.summary(operator.world, "DriftMonitor")


def test_whole_values_are_told_with_the_worst_of_them() -> None:
    """A quiet verdict names what it rests on."""
    found = condition(watching(), "QualityDegraded")

    assert (found["status"], found["reason"]) == ("False", "Steady")
    assert "flights-v1 is asked with whole values: of 1 feature the worst is hour: 0 % [0 %, 0.0" in found["message"]


def test_broken_values_are_told_with_how_many_there_are_and_were() -> None:
    """A product owner reads what is wrong with which feature since when."""
    found = condition(broken(), "QualityDegraded")

    assert (found["status"], found["reason"]) == ("True", "TooManyBroken")
    assert found["message"].startswith("flights-v1 is asked with broken values: hour: 30 % [")
    assert found["message"].endswith("missing > 5 % in 5 of the last 5 windows; in the training it was 0 %")


def test_no_run_is_asked_for_while_values_are_broken_and_the_way_out_is_told() -> None:
    """Their distance from the training is large, and a model that learned them would be worse."""
    operator = broken()

    assert condition(operator, "Drifted")["status"] == "True"
    assert asked(operator) == []
    assert "pipeline flights is not asked for a run, which would learn from broken values: hour: 30 %" in told(operator)
    assert told(operator).endswith(
        "repair what sends these values, or raise spec.checks[whole].quality.maxMissing if they are as they should be"
    )


def test_a_run_is_not_asked_for_before_it_is_known_that_broken_values_last() -> None:
    """One window of them is enough to wait; drift may be known sooner."""
    lasting = {"persistence": {"required": 1, "of": 1}}
    checks = [{"name": "data", "type": "DataDrift", "dataDrift": lasting}, people.QUALITY]
    operator = watching(checks=checks)
    operator.world.rows.broken = 1.0
    operator.settle(timedelta(minutes=3))

    assert condition(operator, "Drifted")["status"] == "True"
    assert condition(operator, "QualityDegraded")["status"] == "False"
    assert "so far: hour: 25 % [" in condition(operator, "QualityDegraded")["message"]
    assert asked(operator) == []


def test_when_values_are_whole_again_drift_is_answered() -> None:
    """What was held is not lost."""
    operator = broken()
    operator.world.drift()
    operator.settle(WHILE)
    held = len(asked(operator))
    operator.world.rows.broken = 0.0
    operator.settle(WHILE)

    assert (held, len(asked(operator))) == (0, 1)


def test_what_is_allowed_is_no_matter() -> None:
    """A person who says that they are as they should be is believed: drift is answered."""
    operator = broken(checks=[*people.CHECKS, {**people.QUALITY, "quality": {"maxMissing": 0.5}}])

    assert condition(operator, "QualityDegraded")["status"] == "False"
    assert asked(operator) != []


def test_what_is_excluded_is_not_judged() -> None:
    """Whoever excludes the only feature is told that nothing is left."""
    operator = watching(checks=[people.QUALITY], features={"exclude": ["hour"]})

    assert condition(operator, "EnoughData")["message"] == "spec.checks and spec.features leave nothing over"


def test_the_status_shows_the_share_beside_the_usual_one() -> None:
    """For dashboards, which read no sentences."""
    (shown,) = people.status(broken().world, "DriftMonitor")["quality"]

    assert {name: shown[name] for name in ("name", "values", "verdict", "usual", "share", "over")} == {
        "name": "hour",
        "values": "Missing",
        "verdict": "Degraded",
        "usual": 0.0,
        "share": 0.3,
        "over": 5,
    }
    assert shown["detectable"] < 0.06


def test_who_only_looks_for_broken_values_is_not_told_of_drift() -> None:
    """No condition speaks of what no check asks."""
    operator = broken(checks=[people.QUALITY])
    types = {c["type"] for c in people.status(operator.world, "DriftMonitor")["conditions"]}

    assert types == {"Ready", "QualityDegraded", "EnoughData"}
    assert "of broken values in every feature would be found" in condition(operator, "EnoughData")["message"]
