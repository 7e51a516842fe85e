"""What people do to a run that goes on, or went wrong: try again, end, suspend; and how long it may take."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from mlwright.plan.plan import Decided
from mlwright.plan.training import RemoveJob, RunSeen, StartStep, TrainingIntent
from mlwright.planners.run import decide
from tests.unit.planners.given import NOW, SETTINGS, Run, a_pipeline, a_run, named

Decision = Decided[TrainingIntent]


def looked(told: Run | RunSeen) -> Decision:
    """Return what is decided."""
    return decide(told.done() if isinstance(told, Run) else told, SETTINGS, NOW)


def stored(decision: Decision) -> dict[str, Any]:
    """Return the status that a decision leaves."""
    conditions = [
        {"type": c.type, "status": c.status, "reason": str(c.reason), "message": c.message, "lastTransitionTime": "t"}
        for c in decision.status.conditions
    ]
    return {**{k: v for k, v in decision.status.fields.items() if v is not None}, "conditions": conditions}


def steps(decision: Decision) -> dict[str, str]:
    """Return the states of the steps that are shown."""
    return {entry["name"]: entry["state"] for entry in decision.status.fields["steps"]}


def started(decision: Decision) -> list[str]:
    """Return the attempts that are started."""
    return [f"{i.step}-{i.attempt}" for i in decision.intents if isinstance(i, StartStep)]


def removed(decision: Decision) -> list[str]:
    """Return the Jobs that are removed."""
    return [i.name for i in decision.intents if isinstance(i, RemoveJob)]


def failed() -> Run:
    """Return a run whose training failed for good."""
    told = a_run().started().succeeded("validate").crashed("train", 2, crashes=2)
    return told.knowing(status=stored(looked(told)))


def test_a_failed_run_goes_on_from_the_failed_step() -> None:
    """Another attempt with all its tries; what succeeded is not done again."""
    decision = looked(failed().knowing(retry="monday"))
    [start] = decision.intents
    assert isinstance(start, StartStep)

    assert decision.status.summary == "train is tried again, as asked with 'monday'"
    assert named(decision.status.conditions) == {"Reconciling": "True RunInProgress"}
    assert (start.step, start.attempt, start.crashes, start.retry) == ("train", 3, 0, "monday")
    assert start.inputs == {"validate": 0}
    assert decision.status.fields["handledRetry"] == "monday"


def test_a_value_is_handled_once() -> None:
    """What failed again stays failed until another value asks."""
    told = failed().knowing(retry="monday")
    going = stored(looked(told))
    told.crashed("train", 5, crashes=2, retry="monday")
    again = looked(told.knowing(status=going))
    told.knowing(status=stored(again))

    assert named(again.status.conditions)["Failed"] == "True StepFailed"
    assert named(looked(told).status.conditions)["Failed"] == "True StepFailed"
    assert started(looked(told.knowing(retry="tuesday"))) == ["train-6"]


def test_a_status_that_was_not_written_makes_no_second_try() -> None:
    """The operator died behind the Job: it is found again, and only told."""
    told = failed().knowing(retry="monday").active("train", 3, retry="monday")
    decision = looked(told)

    assert started(decision) == []
    assert decision.status.summary == "train is running"
    assert decision.status.fields["handledRetry"] == "monday"


def test_a_try_that_failed_before_anybody_looked_counts() -> None:
    """It carries the value that asked for it."""
    told = failed().knowing(retry="monday").refused("train", 3, retry="monday")

    assert named(looked(told).status.conditions)["Failed"] == "True UserError"


def test_steps_that_were_stopped_begin_anew_under_another_number() -> None:
    """A pod of the attempt that was given up may still be at work in its folder."""
    audit = {"name": "audit", "type": "Container", "container": {"image": "audit:1"}}
    told = a_run().of(a_pipeline().asking(steps=[audit])).refused("validate").active("audit", 1)
    told.knowing(status=stored(looked(told)), retry="monday")
    told.jobs = [job for job in told.jobs if job.step != "audit"]

    assert started(looked(told)) == ["audit-2", "validate-1"]


def test_a_failed_step_whose_job_is_gone_does_not_find_its_old_failure() -> None:
    """Its folder still holds the result of the attempt that failed."""
    told = failed().knowing(retry="monday")
    told.jobs = []

    assert started(looked(told)) == ["train-3"]


def test_a_run_that_another_one_followed_stays_as_it_is() -> None:
    """Its time is over."""
    decision = looked(failed().knowing(retry="monday", newer="churn-2"))

    assert named(decision.status.conditions)["Failed"] == "True StepFailed"
    assert started(decision) == []


def test_a_run_that_is_complete_is_not_tried_again() -> None:
    """There is nothing to try."""
    done = {"type": "Complete", "status": "True", "reason": "Complete", "message": "made churn-v1"}
    told = a_run().started().knowing(status={"conditions": [done | {"lastTransitionTime": "t"}]}, retry="monday")

    assert named(looked(told).status.conditions) == {"Complete": "True Complete"}


def test_a_run_is_ended_by_hand() -> None:
    """Its Jobs go, and it says with which words it was ended."""
    decision = looked(a_run().started().active("validate").knowing(abort="ann: wrong data"))

    assert decision.status.summary == "ended with the annotation mlwright.dev/abort: 'ann: wrong data'"
    assert named(decision.status.conditions) == {"Failed": "True Aborted", "Stalled": "True Aborted"}
    assert removed(decision) == ["churn-1-validate-0"]
    assert steps(decision)["validate"] == "Stopped"


def test_a_run_that_was_ended_by_hand_may_be_tried_again() -> None:
    """Although the annotation that ended it still stands there."""
    told = a_run().started().active("validate").knowing(abort="x")
    told.knowing(status=stored(looked(told)), retry="y")
    told.jobs = []

    assert started(looked(told)) == ["validate-1"]


def test_a_run_that_is_over_cannot_be_ended() -> None:
    """It says what it said."""
    told = failed().knowing(abort="x")

    assert named(looked(told).status.conditions)["Failed"] == "True StepFailed"


def test_a_run_that_is_ended_by_hand_has_its_end() -> None:
    """What runs at the end of every run does so, and it stays ended meanwhile."""
    pipeline = a_pipeline().asking(onExit={"container": {"image": "tidy:1"}})
    told = a_run().of(pipeline).active("validate").knowing(abort="x")
    first = looked(told)
    told.jobs = []
    then = looked(told.knowing(status=stored(first)).active("on-exit"))

    assert (started(first), removed(first)) == (["on-exit-0"], ["churn-1-validate-0"])
    assert then.status.summary.endswith("'x'; on-exit is running")


def test_what_runs_at_the_end_does_so_after_each_try() -> None:
    """As an attempt of its own."""
    pipeline = a_pipeline().asking(onExit={"container": {"image": "tidy:1"}})
    told = a_run().of(pipeline).refused("validate").said("on-exit", '{"outcome": "Succeeded"}')
    told.knowing(status=stored(looked(told)), retry="monday")
    again = looked(told)
    told.knowing(status=stored(again)).refused("validate", 1, retry="monday")

    assert started(again) == ["validate-1"]
    assert started(looked(told)) == ["on-exit-1"]


def test_suspended_means_no_pods() -> None:
    """What was at work is stopped."""
    decision = looked(a_run().started().succeeded("validate").active("train").knowing(suspended=True))

    assert decision.status.summary.startswith("suspended: no pods until spec.suspend of the pipeline is false")
    assert named(decision.status.conditions) == {"Suspended": "True Suspended"}
    assert removed(decision) == ["churn-1-train-0"]
    assert steps(decision) == {"validate": "Succeeded", "train": "Stopped", "evaluate": "Pending"}


def test_a_suspended_run_starts_nothing_and_goes_on_afterwards() -> None:
    """The step begins anew; a second look at a suspended run changes nothing."""
    told = a_run().started().succeeded("validate").active("train").knowing(suspended=True)
    told.knowing(status=stored(looked(told)))
    told.jobs = told.jobs[:1]
    second = looked(told)

    assert stored(second) == told.seen["status"]
    assert second.intents == ()
    assert started(looked(told.knowing(suspended=False))) == ["train-1"]


def test_a_run_that_is_suspended_before_it_began_freezes_nothing() -> None:
    """It takes the pipeline as it is when it starts."""
    decision = looked(a_run().knowing(suspended=True))

    assert (decision.records, decision.intents) == ((), ())


def test_nothing_runs_at_the_end_of_a_suspended_run() -> None:
    """It does later."""
    pipeline = a_pipeline().asking(onExit={"container": {"image": "tidy:1"}})
    told = a_run().of(pipeline).refused("validate").knowing(suspended=True)

    assert started(looked(told)) == []
    assert started(looked(told.knowing(suspended=False))) == ["on-exit-0"]


def limited(told: Run, **hours: float) -> RunSeen:
    """Return a run that may take so long."""
    seen = told.done()
    assert seen.frozen is not None
    return replace(seen, frozen=replace(seen.frozen, timeout=timedelta(**hours).total_seconds()))


def test_a_run_that_takes_too_long_fails() -> None:
    """It says what it did not get done."""
    decision = looked(limited(a_run().started().succeeded("validate").active("train"), hours=1))

    assert decision.status.summary == (
        "took longer than the 3600 s of spec.policy.timeoutAfter; not done: train, evaluate"
    )
    assert named(decision.status.conditions) == {"Failed": "True TimedOut", "Stalled": "True TimedOut"}
    assert removed(decision) == ["churn-1-train-0"]


def test_a_run_looks_again_when_its_time_is_over() -> None:
    """No event would tell."""
    assert looked(limited(a_run().started().active("validate"), hours=1.5)).again == timedelta(minutes=30)


def limited_at(told: Run, later: timedelta) -> Decision:
    """Return what is decided of a run that may take an hour."""
    return decide(limited(told, hours=1), SETTINGS, NOW + later)


def test_a_run_that_is_tried_again_has_its_time_anew() -> None:
    """It was made long ago."""
    told = failed().knowing(retry="monday")
    first = limited_at(told, timedelta())
    told.knowing(status=stored(first)).active("train", 3, retry="monday")
    then = limited_at(told, timedelta(minutes=5))

    assert (started(first), first.again) == (["train-3"], timedelta(hours=1))
    assert (then.status.summary, then.again) == ("train is running", timedelta(minutes=55))
    assert named(limited_at(told, timedelta(minutes=61)).status.conditions)["Failed"] == "True TimedOut"


def test_time_that_a_run_is_suspended_does_not_count() -> None:
    """It had no pods all night, and in the morning it begins anew what was at work."""
    told = a_run().started().succeeded("validate").active("train").knowing(suspended=True)
    told.knowing(status=stored(limited_at(told, timedelta(minutes=-1))))
    told.jobs = told.jobs[:1]
    night = limited_at(told, timedelta(hours=9))
    told.knowing(status=stored(night), suspended=False)
    morning = limited_at(told, timedelta(hours=10))

    assert named(night.status.conditions) == {"Suspended": "True Suspended"}
    assert (started(morning), morning.again) == (["train-1"], timedelta(hours=1))


def test_a_retry_that_waits_for_its_pipeline_keeps_its_time() -> None:
    """It was asked for while the pipeline was suspended, so that no Job tells when it began."""
    told = failed().knowing(retry="monday", suspended=True)
    told.knowing(status=stored(limited_at(told, timedelta(hours=3))), suspended=False)
    resumed = limited_at(told, timedelta(hours=6))
    told.knowing(status=stored(resumed)).active("train", 3, retry="monday")

    assert started(resumed) == ["train-3"]
    assert limited_at(told, timedelta(hours=6, minutes=59)).status.summary == "train is running"


def test_a_retry_that_got_no_job_keeps_its_time() -> None:
    """A kind that is not allowed just then, or a Job that was removed since."""
    told = failed().knowing(retry="monday")
    told.knowing(status=stored(limited_at(told, timedelta(hours=3))))

    assert started(limited_at(told, timedelta(hours=3, minutes=59))) == ["train-3"]
