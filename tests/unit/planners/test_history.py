"""Runs that ended are kept for a while, and go; nothing that matters goes with them."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.triggers import Policy
from mlwright.plan.pipelines import OwnRun
from mlwright.planners.run_history import AT_ONCE, matters, outdated
from tests.support.replay import people
from tests.support.replay.invariants import watched
from tests.support.replay.operator import Operator
from tests.support.replay.people import annotate, edit
from tests.unit.planners.given import a_pipeline

pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def operator() -> Operator:
    """Return an operator in a world with a pipeline that keeps two good runs and one that failed."""
    operator = watched()
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


def test_a_request_stays_answered_when_its_run_is_old_and_the_status_is_lost(operator: Operator) -> None:
    """The run that answered what the pipeline still asks for stays beside the others: all that tells so then."""
    ask(operator, "monday")
    for iterations in (300, 100, 300, 100):
        people.train_with(operator.world, iterations)
        operator.settle()
    for kind in ("TrainingPipeline", "TrainingRun"):
        for body in operator.world.all(kind):
            body.pop("status", None)
    operator.look_at_all()
    operator.settle()

    assert names(operator, "TrainingRun") == ["flights-2", "flights-5", "flights-6"]


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


ENDS: tuple[Literal["Complete", "Failed", ""], ...] = ("Complete", "Failed", "")


@st.composite
def histories(draw: st.DrawFn) -> list[OwnRun]:
    """Return runs of any ends, in any order."""
    ends = draw(st.lists(st.sampled_from(ENDS), max_size=AT_ONCE))
    return draw(st.permutations([OwnRun(f"churn-{n}", f"uid-{n}", n, end) for n, end in enumerate(ends, 1)]))


def removed(runs: list[OwnRun], succeeded: int, failed: int, counted: int | None = None) -> list[OwnRun]:
    """Return what goes when so many are kept and the guard, if there is one, has counted so far."""
    told = a_pipeline().asking(policy={"keepSucceeded": succeeded, "keepFailed": failed})
    told = told if counted is None else told.asking(guard={"maxRunsPerDay": 3})
    return list(outdated(told.knowing(history=tuple(runs), status={"guard": {"run": counted or 0}}).done()))


@given(histories(), st.integers(1, 4), st.integers(1, 4))
def test_what_goes_is_older_than_all_that_is_kept_of_its_kind(runs: list[OwnRun], good: int, bad: int) -> None:
    """Never one that goes on; once it is gone, nothing more goes; and where all are kept nobody needs to look."""
    gone = removed(runs, good, bad)
    left = [run for run in runs if run not in gone]

    assert all(run.end for run in gone)
    assert all(one.number < other.number for one in gone for other in left if one.end == other.end)
    assert all(sum(run.end == end for run in left) <= most for end, most in (("Complete", good), ("Failed", bad)))
    assert removed(left, good, bad) == []
    assert gone == removed(sorted(runs, key=lambda run: run.number), good, bad)
    assert not gone or matters(Policy(keep_succeeded=good, keep_failed=bad), len(runs))


@given(histories(), st.integers(0, AT_ONCE))
def test_runs_that_the_guard_has_not_counted_stay(runs: list[OwnRun], counted: int) -> None:
    """It counts by them."""
    assert all(run.number <= counted for run in removed(runs, 1, 1, counted))
