"""What a step left in an earlier run is used again, when all that it rests on is the same, and only then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.replay import people
from tests.support.replay.invariants import watched
from tests.support.replay.operator import Operator
from tests.support.replay.people import annotate, edit, train_with

pytestmark = pytest.mark.timeout(20)
Json = dict[str, Any]


def own(name: str, **more: Any) -> Json:
    """Return a step with a container and a cache of a day."""
    return {"name": name, "type": "Container", "container": {"image": f"{name}:1"}, "cache": {"maxAge": "24h"}, **more}


VALIDATE: Json = {"name": "validate", "type": "BuiltIn", "builtIn": {"uses": "Validate"}}
STEPS = [
    own("features", outputs=[{"name": "data", "type": "Dataset"}]),
    VALIDATE | {"inputs": [{"name": "data", "from": "features.data"}]},
    own("audit", inputs=[{"name": "data", "from": "features.data"}]),
]


@pytest.fixture
def operator() -> Operator:
    """Return an operator in a world in which a pipeline with a cache has run once."""
    operator = watched()
    operator.world.add(people.pipeline(steps=STEPS))
    operator.settle()
    return operator


def steps(operator: Operator, run: str) -> dict[str, Json]:
    """Return the steps of a run as its status shows them."""
    return {entry["name"]: entry for entry in people.status(operator.world, "TrainingRun", run)["steps"]}


def states(operator: Operator, run: str) -> dict[str, str]:
    """Return the states of those with a cache."""
    return {name: entry["state"] for name, entry in steps(operator, run).items() if name in {"features", "audit"}}


def jobs(operator: Operator, run: str) -> set[str]:
    """Return the steps of a run that have a Job."""
    labels = (job["metadata"]["labels"] for job in operator.world.all("Job"))
    return {found["mlwright.dev/step"] for found in labels if found["mlwright.dev/owner"] == run}


def test_another_training_uses_what_is_there(operator: Operator) -> None:
    """It says whose it is; what stands behind it reads it where it lies."""
    train_with(operator.world, 300)
    operator.settle()
    first, then = steps(operator, "flights-1"), steps(operator, "flights-2")

    assert states(operator, "flights-2") == {"features": "Cached", "audit": "Cached"}
    assert jobs(operator, "flights-2") == {"validate", "train", "evaluate"}
    assert then["features"]["sentence"] == "used from flights-1: features is done"
    assert then["features"]["origin"] == first["features"]["origin"]
    assert people.status(operator.world, "TrainingRun", "flights-2")["progress"] == "5/5"
    variables = operator.world.one("Job", "flights-2-validate-0")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert any(f"/runs/{first['features']['origin']}/data" in variable.get("value", "") for variable in variables)


def test_the_third_uses_the_first_through_the_second(operator: Operator) -> None:
    """Its sentence does not grow, and its age is that of what was made."""
    for iterations in (300, 20):
        train_with(operator.world, iterations)
        operator.settle()
    first, then = steps(operator, "flights-1")["features"], steps(operator, "flights-3")["features"]

    assert then["sentence"] == "used from flights-2: features is done"
    assert (then["origin"], then["finishedAt"]) == (first["origin"], first["finishedAt"])


CHANGES: dict[str, tuple[Json, set[str]]] = {
    "its image": ({"steps": [{**STEPS[0], "container": {"image": "features:2"}}, *STEPS[1:]]}, {"features", "audit"}),
    "the step behind it": ({"steps": [*STEPS[:2], {**STEPS[2], "shards": 2}]}, {"audit"}),
    "the data": ({"dataset": {"uri": "pvc://data/other.csv", "target": "late"}}, {"features", "audit"}),
    "a variable": ({"pod": {"env": [{"name": "A", "value": "1"}]}}, {"features", "audit"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_it_rests_on_has_changed(operator: Operator, what: str) -> None:
    """It runs again, and so does what reads it."""
    change, again = CHANGES[what]
    edit(operator.world, "TrainingPipeline", "flights", lambda spec: spec.update(change))
    annotate(operator.world, "TrainingPipeline", "flights", run="again")
    operator.settle()
    found = people.summary(operator.world, "TrainingPipeline").partition(":")[0]

    assert {name for name, state in states(operator, found).items() if state == "Succeeded"} == set(again)


def test_it_is_used_for_so_long_and_no_longer(operator: Operator) -> None:
    """Data at the same address may be other data tomorrow."""
    operator.world.now += timedelta(hours=25)
    annotate(operator.world, "TrainingPipeline", "flights", run="tomorrow")
    operator.settle()

    assert states(operator, "flights-2") == {"features": "Succeeded", "audit": "Succeeded"}


def test_it_is_gone_with_the_run_that_made_it(operator: Operator) -> None:
    """A record that is removed vouches for nothing."""
    operator.world.remove("TrainingRun", "flights-1")
    operator.settle()
    train_with(operator.world, 300)
    operator.settle()

    assert states(operator, "flights-2") == {"features": "Succeeded", "audit": "Succeeded"}


def test_a_run_that_uses_it_goes_on_when_it_gets_old_meanwhile(operator: Operator) -> None:
    """What was decided stays decided."""
    operator.actors.around.crashes = {"train": 2}
    train_with(operator.world, 300)
    operator.until(lambda: "features" in str(people.status(operator.world, "TrainingRun", "flights-2").get("steps")))
    operator.world.remove("TrainingRun", "flights-1")
    operator.settle()

    assert states(operator, "flights-2") == {"features": "Cached", "audit": "Cached"}


def test_a_run_that_is_tried_again_trusts_nothing(operator: Operator) -> None:
    """Its files may be what is missing."""
    operator.actors.around.user_error = "validate"
    train_with(operator.world, 300)
    operator.settle()
    operator.actors.around.user_error = ""
    annotate(operator.world, "TrainingRun", "flights-2", retry="1")
    operator.settle()

    assert people.summary(operator.world, "TrainingRun", "flights-2").startswith("made flights-v2")
    assert jobs(operator, "flights-2") == {"features", "audit", "validate", "train", "evaluate"}
