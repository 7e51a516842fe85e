"""Runs with a tuning: what its pods say becomes the status of the run and the lineage of the version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlwright.plan.training import RecordVersion, StartStep
from mlwright.planners.run import decide
from tests.unit.planners.given import NOW, RESULTS, SETTINGS, Run, a_pipeline, a_pod, a_run, said

TRAINING: dict[str, Any] = {
    "task": "Classification",
    "estimator": {"class": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 1.0, "max_iter": 50}},
    "tuning": {
        "trials": 4,
        "parallelism": 2,
        "objectives": [{"name": "good", "metric": "roc_auc"}],
        "space": [{"name": "C", "type": "Float", "float": {"low": 0.1, "high": 10}}],
    },
}
FOUND: dict[str, Any] = RESULTS["tune"]["tuning"]


def a_tuned_run() -> Run:
    """Begin to tell a run that has validated."""
    return a_run().of(a_pipeline().asking(training=TRAINING)).succeeded("validate")


def pod(index: int, results: dict[str, Any]) -> Any:
    """Return a pod of the step that ended well."""
    message = said("Succeeded", "done", results=results)
    return a_pod(f"tune-{index}", exit_code=0, exit_message=message)


def test_the_coordinator_tells_the_result() -> None:
    """Whichever of its pods is seen first: the others only helped."""
    told = a_tuned_run().succeeded("tune")
    told.jobs[-1] = replace(told.jobs[-1], pods=(pod(1, {"trialsDone": 2}), pod(0, {"tuning": FOUND})))
    decision = decide(told.done(), SETTINGS, NOW)

    assert decision.status.summary == "train starts"
    assert decision.status.fields["tuning"] == {**FOUND, "sentence": "done"}
    [start] = [intent for intent in decision.intents if isinstance(intent, StartStep)]
    assert start.inputs == {"validate": 0, "tune": 0}


def test_the_version_remembers_what_it_was_trained_with() -> None:
    """The parameters that were found stand for those of the pipeline; the others stay."""
    told = a_tuned_run().succeeded("tune", "train", "evaluate")
    [record] = [r for r in decide(told.done(), SETTINGS, NOW).records if isinstance(r, RecordVersion)]

    assert record.lineage["parameters"] == {"C": 0.5, "max_iter": 50}
    assert record.lineage["tuning"] == FOUND


def test_a_tuning_that_is_skipped_trains_what_the_pipeline_says() -> None:
    """And makes a version all the same."""
    step = {"name": "tune", "type": "BuiltIn", "builtIn": {"uses": "Tune"}, "when": {"metric": "rows", "min": 1000}}
    told = a_run().of(a_pipeline().asking(training=TRAINING, steps=[step])).succeeded("validate")

    assert decide(told.done(), SETTINGS, NOW).status.summary == "train starts"
    done = told.succeeded("train", "evaluate")
    [record] = [r for r in decide(done.done(), SETTINGS, NOW).records if isinstance(r, RecordVersion)]
    assert "tuning" not in record.lineage
