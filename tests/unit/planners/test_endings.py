"""A run that told how it ends does end like that, whatever happens while something runs at its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlwright.plan.training import RemoveJob, StartStep
from mlwright.planners.run import decide
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.stories import STORIES
from tests.support.replay.world import World
from tests.unit.planners.given import NOW, SETTINGS, Run, a_pipeline, a_pod, a_run, named
from tests.unit.planners.test_run_control import looked, started, stored

EXIT = {"container": {"image": "tidy:1"}}


def a_run_with_an_end() -> Run:
    """Begin to tell a run with something at its end."""
    return a_run().of(a_pipeline().asking(onExit=EXIT))


def told_of(told: Run) -> Run:
    """Let the first look at the end have happened, and what runs then be at work."""
    return told.knowing(status=stored(looked(told))).active("on-exit")


def ended(told: Run) -> dict[str, str]:
    """Return the conditions of a run when what ran at its end is done."""
    told.jobs = [job for job in told.jobs if job.step != "on-exit"]
    return named(looked(told.said("on-exit", '{"outcome": "Succeeded"}')).status.conditions)


def test_a_command_that_is_taken_back_does_not_call_a_run_back() -> None:
    """What runs at the end was told that the run failed; no version may come of it."""
    told = told_of(a_run_with_an_end().succeeded("validate").knowing(abort="ann")).knowing(abort="")
    decision = looked(told)

    assert decision.status.summary == "ended with the annotation mlwright.dev/abort: 'ann'; on-exit is running"
    assert started(decision) == []
    assert ended(told) == {"Failed": "True Aborted", "Stalled": "True Aborted"}


def test_a_run_does_not_wait_for_its_end_on_a_lost_node() -> None:
    """Its Job would be at work for ever, whatever its deadline; the run ends as it was told to."""
    gone = a_pod("p", deleting=True, node="n1", gone_by=NOW - timedelta(minutes=5))
    told = a_run_with_an_end().succeeded("validate").knowing(abort="ann")
    told.knowing(status=stored(looked(told)), abort="").active("on-exit", 0, gone)
    decision = looked(told)

    assert decision.status.summary == (
        "ended with the annotation mlwright.dev/abort: 'ann'; on-exit did not run: its Job did not end in the 600 s of"
        " onExit.timeoutAfter, for pod p on node n1 does not"
    )
    assert named(decision.status.conditions) == {"Failed": "True Aborted", "Stalled": "True Aborted"}
    assert RemoveJob("churn-1-on-exit-0", "uid-on-exit-0") in decision.intents


def test_a_run_that_gave_way_does_not_come_back() -> None:
    """With a name of its own it gives way only while it is stuck, which it no longer is."""
    told = told_of(a_run_with_an_end().refused("validate", reason="DatasetMissing").knowing(newer="churn-2"))
    later = replace(told.knowing(newer="").done(), created=NOW - timedelta(days=1))

    assert started(decide(later, SETTINGS, NOW + timedelta(minutes=5))) == []
    assert ended(told) == {"Failed": "True Superseded", "Stalled": "True Superseded"}


def test_a_failed_run_stays_so_when_its_job_is_deleted() -> None:
    """Whoever tidies up Jobs starts no step."""
    told = told_of(a_run_with_an_end().refused("validate"))
    told.jobs = [job for job in told.jobs if job.step == "on-exit"]
    decision = looked(told)

    assert started(decision) == []
    assert decision.status.fields["steps"][0]["state"] == "Failed"
    assert ended(told) == {"Failed": "True UserError", "Stalled": "True UserError"}


def test_a_failed_run_stays_so_when_more_attempts_are_allowed() -> None:
    """The chart's stepAttempts was raised in that minute."""
    told = told_of(a_run_with_an_end().succeeded("validate").crashed("train", 2, crashes=2))
    decision = decide(told.done(), replace(SETTINGS, step_attempts=9), NOW + timedelta(hours=1))

    assert started(decision) == []
    assert decision.status.summary.endswith("(attempt 3 of 3); on-exit is running")


def test_what_runs_at_the_end_is_told_the_same_when_it_begins_anew() -> None:
    """Its Job was deleted, or its pipeline suspended."""
    told = told_of(a_run_with_an_end().refused("validate"))
    told.jobs = []
    [start] = looked(told).intents
    assert isinstance(start, StartStep)

    assert (start.step, start.told["MLWRIGHT_OUTCOME"]) == ("on-exit", "Failed")
    assert "no column churned" in start.told["MLWRIGHT_SENTENCE"]


def test_an_end_is_remembered_while_the_pipeline_is_suspended() -> None:
    """Nothing runs then, and the command may be taken back before it does."""
    told = a_run_with_an_end().active("validate").knowing(abort="ann", suspended=True)
    told.knowing(status=stored(looked(told)), abort="", suspended=False)

    assert started(looked(told)) == ["on-exit-0"]


def test_a_run_that_is_over_is_tried_again_as_ever() -> None:
    """The memory of the end went with it."""
    told = told_of(a_run_with_an_end().refused("validate"))
    told.jobs[-1:] = []
    told.said("on-exit", '{"outcome": "Succeeded"}')
    over = stored(looked(told))
    told.knowing(status=over, retry="monday")

    assert "ending" not in over
    assert started(looked(told)) == ["validate-1"]


CHANGES: dict[str, dict[str, Any]] = {
    "taken back": {"abort": ""},
    "another command": {"abort": "bob"},
    "a newer run": {"newer": "churn-2"},
    "replaced": {"newer": "churn-2", "replaced": True},
    "a retry too early": {"retry": "monday"},
    "suspended": {"suspended": True},
    "its template gone": {"frozen": None},
    "no jobs": {"jobs": ()},
}


@given(st.sampled_from(["abort", "refused", "newer"]), st.lists(st.sampled_from(sorted(CHANGES)), max_size=4))
def test_nothing_that_happens_meanwhile_changes_the_end(how: str, changes: list[str]) -> None:
    """Type, reason and sentence, in any order of what people and the cluster do."""
    told = a_run_with_an_end()
    told = told.refused("validate") if how == "refused" else told.active("validate").knowing(**{how: "churn-2"})
    first = stored(looked(told))
    seen = replace(told.active("on-exit").done(), status=first)
    for change in changes:
        seen = replace(seen, **CHANGES[change])
        seen = replace(seen, status=stored(decide(seen, SETTINGS, NOW + timedelta(hours=1))))
        over = {c["type"]: c for c in seen.status["conditions"]}.get("Failed")
        if over:
            break
        assert seen.status["ending"] == first["ending"]
    assert {i.step for i in decide(seen, SETTINGS, NOW).intents if isinstance(i, StartStep)} <= {"on-exit"}


def test_the_run_of_the_story_ends_as_it_was_told_to() -> None:
    """The command was taken back while something ran at its end."""
    name = "a run is ended by hand, and the command is taken back while something runs at its end"
    operator, _ = STORIES[name].tell()

    assert people.summary(operator.world, "TrainingRun", "flights-1").startswith("ended with the annotation")
    assert operator.world.all("ModelVersion") == []
    assert operator.undeclared() == []


def test_a_run_by_hand_that_gave_way_stays_away() -> None:
    """Its data comes while something runs at its end, and the newer run beside it makes the version."""
    operator = Operator(World(), Actors(Surroundings(data=False, endless={"on-exit"})))
    operator.world.add(people.pipeline(onExit=EXIT, triggers={"specChange": False}))
    operator.world.add(people.run("by-hand"))
    operator.settle(timedelta(minutes=1))
    people.annotate(operator.world, "TrainingPipeline", "flights", run="monday")
    operator.settle(timedelta(minutes=1))
    operator.actors.around.data = True
    operator.settle(timedelta(minutes=10))

    assert people.status(operator.world, "TrainingRun", "by-hand")["ending"]["reason"] == "Superseded"
    assert [version["spec"]["lineage"]["run"] for version in operator.world.all("ModelVersion")] == ["flights-1"]
    assert operator.undeclared() == []
