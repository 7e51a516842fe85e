"""Runs of pipelines with steps of their own: conditions, time limits, and what runs at the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mlwright.plan.training import RecordVersion, StartStep
from mlwright.planners.run import decide
from tests.unit.planners.given import NOW, SETTINGS, Run, a_pipeline, a_run, a_version, named


def container(name: str, **more: Any) -> dict[str, Any]:
    """Return a step with a container."""
    return {"name": name, "type": "Container", "container": {"image": f"{name}:1"}, **more}


def a_run_of(*steps: dict[str, Any], **spec: Any) -> Run:
    """Begin to tell a run of a pipeline with these steps."""
    return a_run().of(a_pipeline().asking(steps=list(steps), **spec))


def states(told: Run) -> dict[str, str]:
    """Return the steps as the status shows them."""
    fields = decide(told.done(), SETTINGS, NOW).status.fields
    return {entry["name"]: entry["state"] for entry in fields["steps"]}


def test_a_step_whose_condition_does_not_hold_is_skipped() -> None:
    """And says why; what only waited for it runs."""
    told = a_run_of(
        container("audit", dependsOn=["validate"], when={"metric": "rows", "min": 1000}),
        container("notice", dependsOn=["audit"]),
    ).succeeded("validate")
    decision = decide(told.done(), SETTINGS, NOW)

    assert decision.status.summary == "notice starts; train starts"
    assert decision.status.fields["steps"][1] == {
        "name": "audit",
        "state": "Skipped",
        "attempt": 0,
        "sentence": "skipped: rows is 100, below 1000",
    }
    assert decision.status.fields["progress"] == "2/5"


def test_what_needs_a_skipped_step_is_skipped() -> None:
    """There would be nothing for it to read."""
    told = a_run_of(
        container("raw", outputs=[{"name": "x"}], dependsOn=["validate"], when={"metric": "rows", "min": 1000}),
        container("use", inputs=[{"name": "x", "from": "raw.x"}]),
    ).succeeded("validate")

    assert states(told) == {
        "validate": "Succeeded",
        "raw": "Skipped",
        "use": "Skipped",
        "train": "Pending",
        "evaluate": "Pending",
    }


def test_a_condition_on_what_nobody_reports_is_an_error() -> None:
    """It names the field."""
    told = a_run_of(container("audit", dependsOn=["validate"], when={"metric": "row", "min": 1})).succeeded("validate")
    decision = decide(told.done(), SETTINGS, NOW)

    assert decision.status.summary == (
        "audit: spec.steps[audit].when.metric: no step before it reported row; let it depend on the step that"
        " reports it"
    )
    assert named(decision.status.conditions) == {"Failed": "True UserError", "Stalled": "True UserError"}


def test_a_run_whose_training_is_skipped_makes_no_version() -> None:
    """It is complete, and says why there is none."""
    train: dict[str, Any] = {"name": "train", "type": "BuiltIn", "builtIn": {"uses": "Train"}}
    train |= {"when": {"metric": "rows", "min": 1000}}
    decision = decide(a_run_of(train).succeeded("validate").done(), SETTINGS, NOW)

    assert decision.status.summary == "made no version: train was skipped: rows is 100, below 1000"
    assert named(decision.status.conditions) == {"Complete": "True Complete"}
    assert not decision.records


def test_a_skipped_step_stays_skipped() -> None:
    """Also when what it was judged by is not known any more."""
    told = a_run_of(container("audit", dependsOn=["validate"], when={"metric": "rows", "min": 1000}))
    told.succeeded("validate", "train", "evaluate").knowing(
        status={"steps": [{"name": "audit", "state": "Skipped", "attempt": 0, "sentence": "skipped: why"}]}
    )
    decision = decide(told.done(), SETTINGS, NOW)

    assert isinstance(decision.records[0], RecordVersion)
    assert decision.status.fields["steps"][1]["sentence"] == "skipped: why"


def test_a_step_that_takes_too_long_is_tried_again_and_then_fails_the_run() -> None:
    """With the limit that it broke."""
    audit = container("audit", timeoutAfter="90s", retries={"limit": 1, "backoff": "1m"})
    first = a_run_of(audit).succeeded("validate", "train").crashed("audit", late=True)
    second = a_run_of(audit).succeeded("validate", "train").crashed("audit", 1, crashes=1, late=True)
    said = "audit: it took longer than its timeoutAfter of 90 s and was stopped"
    tried, failed = (decide(told.done(), SETTINGS, NOW) for told in (first, second))

    assert tried.status.summary.startswith(f"{said} (kubectl logs -n demo job/churn-1-audit-0); tried again by itself")
    assert tried.again == timedelta(minutes=1)
    assert failed.status.summary == f"{said} (kubectl logs -n demo job/churn-1-audit-1) (attempt 2 of 2)"


def test_the_pause_before_another_attempt_is_doubled_up_to_ten_minutes() -> None:
    """Whatever the first one was."""
    audit = container("audit", retries={"limit": 20, "backoff": "30s"})
    pauses = [
        decide(a_run_of(audit).active("validate").crashed("audit", n, crashes=n).done(), SETTINGS, NOW).again
        for n in (0, 1, 4, 19)
    ]

    assert pauses == [timedelta(seconds=s) for s in (30, 60, 480, 600)]


def test_data_that_an_earlier_step_did_not_write_never_comes_later() -> None:
    """Nobody waits for it."""
    features = container("features", outputs=[{"name": "data", "type": "Dataset"}])
    validate: dict[str, Any] = {"name": "validate", "type": "BuiltIn", "builtIn": {"uses": "Validate"}}
    validate |= {"inputs": [{"name": "data", "from": "features.data"}]}
    told = a_run_of(features, validate).said("features", '{"outcome": "Succeeded", "sentence": "done"}')
    told.refused("validate", reason="DatasetMissing")

    assert named(decide(told.done(), SETTINGS, NOW).status.conditions)["Failed"] == "True UserError"


def test_a_container_says_in_its_own_words_what_must_be_mended() -> None:
    """With exit code 64; one of ours says it with field and remedy."""
    told = a_run_of(container("audit")).crashed("audit", 0, 64, by_user=True, message="exit code 64")
    summary = decide(told.done(), SETTINGS, NOW).status.summary

    assert summary == "audit: Traceback (kubectl logs -n demo job/churn-1-audit-0)"


EXIT = {"container": {"image": "tidy:1"}}


def ending() -> Run:
    """Return a run with something at its end, of which a version was recorded."""
    told = a_run_of(onExit=EXIT).succeeded("validate", "train", "evaluate")
    assert told.frozen is not None
    return told.knowing(versions=(a_version(4, run="churn-1", folder=told.frozen.folder),))


def test_what_runs_at_the_end_comes_before_the_run_is_over() -> None:
    """It is told how the run ended."""
    decision = decide(ending().done(), SETTINGS, NOW)
    [start] = decision.intents
    assert isinstance(start, StartStep)

    assert decision.status.summary == "made churn-v4, which passed its gates; on-exit starts"
    assert named(decision.status.conditions) == {"Reconciling": "True RunInProgress"}
    assert (start.step, start.told["MLWRIGHT_OUTCOME"]) == ("on-exit", "Succeeded")
    assert start.told["MLWRIGHT_SENTENCE"] == "made churn-v4, which passed its gates"


def test_while_it_goes_on_nothing_else_happens() -> None:
    """Its Job is not taken for one that must be stopped."""
    decision = decide(ending().active("on-exit").done(), SETTINGS, NOW)

    assert decision.status.summary == "made churn-v4, which passed its gates; on-exit is running"
    assert decision.intents == ()


def test_its_own_failure_changes_nothing_and_is_told() -> None:
    """The version is as good as before."""
    decision = decide(ending().crashed("on-exit").done(), SETTINGS, NOW)

    assert decision.status.summary == (
        "made churn-v4, which passed its gates; on-exit failed: its container ended with exit code 70"
        " (kubectl logs -n demo job/churn-1-on-exit-0)"
    )
    assert named(decision.status.conditions) == {"Complete": "True Complete"}
    assert decision.status.fields["steps"][-1]["state"] == "Failed"


def test_it_runs_after_a_failure_as_well() -> None:
    """The run fails when it is over."""
    told = a_run_of(onExit=EXIT).refused("validate")
    first = decide(told.done(), SETTINGS, NOW)
    then = decide(told.said("on-exit", '{"outcome": "Succeeded"}').done(), SETTINGS, NOW)

    assert first.status.summary.endswith("; on-exit starts")
    assert named(first.status.conditions) == {"Reconciling": "True RunInProgress"}
    assert named(then.status.conditions) == {"Failed": "True UserError", "Stalled": "True UserError"}
    assert "on-exit" not in then.status.summary


def test_the_shards_of_a_step_are_told_together() -> None:
    """Each has a message of its own; the step is done when all are."""
    told = a_run_of(container("audit", shards=3)).said("audit", '{"outcome": "Succeeded", "sentence": "one"}')
    fields = decide(told.done(), SETTINGS, NOW).status.fields

    assert fields["steps"][0]["sentence"] == "all 3 shards are done"


def test_results_of_containers_do_not_make_the_version() -> None:
    """They may have any name; the version is made of what the built-in steps report."""
    told = a_run_of(container("audit")).succeeded("validate", "train", "evaluate")
    told.said("audit", '{"outcome": "Succeeded", "results": {"metrics": {"f1": 0.0}, "bundle": {}}}')
    [record] = decide(told.done(), SETTINGS, NOW).records
    assert isinstance(record, RecordVersion)

    assert record.metrics["f1"] == 0.9
