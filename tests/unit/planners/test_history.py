"""Runs that ended are kept for a while, and go; nothing that matters goes with them."""

from __future__ import annotations

import pytest

from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.invariants import watch
from tests.support.replay.operator import Operator
from tests.support.replay.people import annotate, edit
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def operator() -> Operator:
    """Return an operator in a world with a pipeline that keeps two good runs and one that failed."""
    operator = Operator(World(), Actors(Surroundings()))
    watch(operator)
    operator.world.add(people.pipeline(policy={"keepSucceeded": 2, "keepFailed": 1}))
    operator.settle()
    return operator


def ask(operator: Operator, *tokens: str) -> None:
    """Ask for one run after the other."""
    for token in tokens:
        annotate(operator.world, "TrainingPipeline", "flights", run=token)
        operator.settle()


def names(operator: Operator, kind: str) -> list[str]:
    """Return the names of all objects of a kind."""
    return sorted(body["metadata"]["name"] for body in operator.world.all(kind))


def test_the_newest_runs_are_kept_with_their_jobs(operator: Operator) -> None:
    """The versions of the others stay, and so do their numbers."""
    ask(operator, "a", "b", "c")

    assert names(operator, "TrainingRun") == ["flights-3", "flights-4"]
    assert names(operator, "ModelVersion") == [f"flights-v{n}" for n in (1, 2, 3, 4)]
    assert {name.rsplit("-", 2)[0] for name in names(operator, "Job")} == {"flights-3", "flights-4"}
    ask(operator, "d")
    assert names(operator, "TrainingRun") == ["flights-4", "flights-5"]


def test_runs_that_failed_are_counted_apart(operator: Operator) -> None:
    """A week of failures does not push out the last good run."""
    operator.actors.around.user_error = "train"
    ask(operator, "a", "b", "c")

    assert names(operator, "TrainingRun") == ["flights-1", "flights-4"]


def test_a_request_that_a_removed_run_answered_stays_answered(operator: Operator) -> None:
    """It is remembered by the pipeline."""
    ask(operator, "a", "b", "c")
    operator.look_at_all()
    operator.settle()

    assert names(operator, "TrainingRun") == ["flights-3", "flights-4"]


def test_a_run_of_somebodys_own_name_stays(operator: Operator) -> None:
    """It is theirs."""
    operator.world.add(people.run("mine"))
    operator.settle()
    ask(operator, "a", "b", "c")

    assert names(operator, "TrainingRun") == ["flights-3", "flights-4", "mine"]


def test_after_an_upgrade_a_thousand_runs_go_little_by_little(operator: Operator) -> None:
    """Not in one look; a smaller limit takes effect at once."""
    ask(operator, "a", "b")
    edit(operator.world, "TrainingPipeline", "flights", lambda spec: spec["policy"].update(keepSucceeded=1))
    operator.settle()

    assert names(operator, "TrainingRun") == ["flights-3"]
