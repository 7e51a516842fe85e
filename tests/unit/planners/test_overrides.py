"""A run of somebody's own may train with other parameters than its pipeline says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mlwright.api.reasons import Reason
from mlwright.api.runs import TrainingRunSpec
from mlwright.builders.training import for_run
from mlwright.errors import InvalidSpecError
from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import PipelineSeen, ProbeSeen, RetrainSeen
from mlwright.plan.training import Freeze, RecordVersion, StartRun
from mlwright.plan.versions import DataRead
from mlwright.plan.writes import Create
from mlwright.planners.pipeline import decide as decide_pipeline
from mlwright.planners.probing import looked_at, slot_of
from mlwright.planners.run import decide
from mlwright.planners.runs import BEHIND, newest_digests
from mlwright.planners.template import freeze, template_digest
from tests.unit.planners.given import NOW, PIPELINE, SETTINGS, Pipeline, a_pipeline, a_run

LOGISTIC = {"class": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 0.5, "max_iter": 50}}
OVERRIDES: dict[str, Any] = {"parameters": {"max_iter": 500, "tol": 0.01}, "seed": 11}
EVERY = timedelta(minutes=10)
FOUND = json.dumps(
    {
        "step": "revision",
        "outcome": "Succeeded",
        "sentence": "found rows",
        "results": {"dataset": {"revision": "r2", "rows": 1200}},
    }
)


def test_a_field_of_the_pipeline_that_a_run_lacks_is_named_with_the_pipeline() -> None:
    """The run has no such field."""
    seen = replace(a_run().done(), frozen=None, jobs=(), pipeline=a_pipeline().done())
    nowhere = replace(SETTINGS, artifacts_uri="")

    with pytest.raises(InvalidSpecError, match=r"^TrainingPipeline churn spec\.artifacts\.uri: nobody says where"):
        decide(seen, nowhere, NOW)


def pipeline(**training: Any) -> Pipeline:
    """Begin to tell a pipeline with parameters of its own."""
    return a_pipeline().asking(training={**PIPELINE["training"], "estimator": LOGISTIC, "seed": 7, **training})


def frozen(of: Pipeline, overrides: dict[str, Any] | None) -> Freeze:
    """Return what a run freezes that begins now."""
    spec = {"pipelineRef": {"name": "churn"}, **({"overrides": overrides} if overrides else {})}
    seen = replace(a_run().done(), pipeline=of.done(), frozen=None, spec=TrainingRunSpec.model_validate(spec))
    [found] = [record for record in decide(seen, SETTINGS, NOW).records if isinstance(record, Freeze)]
    return found


def starts(seen: PipelineSeen) -> list[str]:
    """Return why the pipeline starts runs now."""
    records = decide_pipeline(seen, SETTINGS, NOW).records
    return [record.trigger.reason for record in records if isinstance(record, StartRun)]


def test_they_stand_for_the_pipelines_own_or_beside_them() -> None:
    """What the run does not name stays as the pipeline says."""
    training = frozen(pipeline(), OVERRIDES).frozen.training

    assert training["estimator"]["parameters"] == {"C": 0.5, "max_iter": 500, "tol": 0.01}
    assert training["estimator"]["class"] == LOGISTIC["class"]
    assert training["seed"] == 11


def test_without_them_the_pipeline_is_frozen_as_it_is() -> None:
    """As every other run."""
    training = frozen(pipeline(), None).frozen.training

    assert (training["estimator"]["parameters"], training["seed"]) == (LOGISTIC["parameters"], 7)


def test_a_seed_alone_leaves_the_parameters() -> None:
    """Also of a container, which finds it in what the step is told."""
    container = {"estimator": None, "type": "Container", "container": {"image": "mine:1"}}
    own = frozen(pipeline(**container), {"seed": 3}).frozen

    assert own.training["seed"] == 3


def test_a_container_has_no_parameters() -> None:
    """The sentence names the field of the run."""
    container = {"estimator": None, "type": "Container", "container": {"image": "mine:1"}}
    with pytest.raises(InvalidSpecError, match="churn trains with a container") as refused:
        frozen(pipeline(**container), OVERRIDES)

    assert refused.value.field == "spec.overrides.parameters"


def test_more_than_a_step_can_read_is_refused() -> None:
    """One variable of its pod holds it."""
    with pytest.raises(InvalidSpecError, match="a step reads at most") as refused:
        frozen(pipeline(), {"parameters": {"note": "x" * 200_000}})

    assert refused.value.field == "spec.overrides.parameters"


@pytest.mark.parametrize("state", ["Succeeded", "Failed", "Rejected"])
def test_the_pipeline_starts_no_other_run_because_of_it(state: str) -> None:
    """What the pipeline's own run answered stays answered, however the one beside it ended."""
    after = pipeline().with_run(1, "Succeeded").with_run(0, state, overridden=True).done()

    assert not starts(after)


@pytest.mark.parametrize("state", ["Succeeded", "Failed", "Rejected"])
def test_it_is_no_answer_to_a_change_of_the_spec(state: str) -> None:
    """It trained something else, of the new spec as well; the pipeline trains what it says itself."""
    told = pipeline().with_run(1, "Succeeded")
    after = told.asking(evaluation={**PIPELINE["evaluation"], "metrics": ["f1"]}).with_run(0, state, overridden=True)
    assert starts(after.done()) == ["the spec changed"]


def test_it_is_not_the_first_run_of_a_new_pipeline() -> None:
    """Nothing has trained what the pipeline says yet."""
    assert starts(pipeline().with_run(0, "Failed", overridden=True).done()) == ["the pipeline is new"]


def test_many_of_them_hide_no_run_of_the_pipelines_own() -> None:
    """They do not push it out of the newest, of which alone is known what they used."""
    told = pipeline().with_run(1, "Succeeded")
    for _ in range(BEHIND + 2):
        told = told.with_run(0, "Succeeded", overridden=True)

    assert newest_digests(told.done()) == {template_digest(told.done())}
    assert not starts(told.done())


def test_it_is_no_answer_to_data_that_changed() -> None:
    """It read what is new, and the pipeline has not trained on it: neither what it read nor that it began counts."""
    watched = pipeline().asking(triggers={"dataChange": {"checkEvery": "10m"}})
    own = watched.with_run(1, "Succeeded", data=DataRead(PIPELINE["dataset"]["uri"], "r1", 1000))
    other = DataRead(PIPELINE["dataset"]["uri"], "r2", 1200)
    found = ProbeSeen("look", "uid", slot_of(NOW, EVERY), JobState.COMPLETE, NOW, NOW, FOUND, looked_at(own.done()))
    after = own.with_run(0, "Succeeded", overridden=True, created=NOW, data=other).knowing(probes=[found])

    assert starts(after.done()) == ["the data changed: 1,200 rows, 200 more than churn-1 found"]


def test_it_is_no_answer_to_a_monitor_that_found_drift() -> None:
    """The monitor asked for what the pipeline says, on newer data."""
    asked = RetrainSeen("flights-retrain-1", "carrier has drifted", "DriftMonitor watch", NOW - timedelta(minutes=30))
    told = pipeline().with_run(1, "Succeeded").knowing(retrain=asked)
    after = told.with_run(0, "Succeeded", overridden=True, created=NOW)

    assert starts(after.done()) == ["carrier has drifted"]
    assert not starts(told.with_run(2, "Succeeded", created=NOW).done())


def test_one_that_fails_says_nothing_of_the_pipeline() -> None:
    """The pipeline stands as its own runs left it; that the other failed is told beside."""
    own = pipeline().with_run(1, "Succeeded", "made churn-v1")
    after = own.with_run(0, "Failed", "train: LogisticRegression has no parameter 'depht'", overridden=True)
    status = decide_pipeline(after.done(), SETTINGS, NOW).status

    assert "Stalled" not in {one.type for one in status.conditions}
    assert next(one for one in status.conditions if one.type == "Ready").reason != Reason.RUN_FAILED
    assert status.summary == (
        "churn-1: made churn-v1; churn-0, which has overrides of its own, failed:"
        " train: LogisticRegression has no parameter 'depht'"
    )


def test_one_that_waits_leaves_the_pipeline_ready() -> None:
    """What it waits for may be of its overrides; that it goes on is told."""
    own = pipeline().with_version(1).with_run(1, "Succeeded", version="churn-v1")
    after = own.with_run(0, "Waiting", "waits for its data", stuck=True, overridden=True)
    status = decide_pipeline(after.done(), SETTINGS, NOW).status

    assert next(one for one in status.conditions if one.type == "Ready").status == "True"
    assert status.summary == "churn-0: waits for its data"


@pytest.mark.parametrize(
    "field, named",
    [
        ("spec.training.estimator.parameters.tol", "spec.overrides.parameters.tol"),
        ("spec.training.estimator.parameters.C", "spec.training.estimator.parameters.C"),
        (
            "spec.training.estimator.parameters",
            "spec.training.estimator.parameters with spec.overrides.parameters of this run",
        ),
        ("spec.dataset.uri", "spec.dataset.uri"),
    ],
)
def test_its_sentence_names_the_field_that_is_to_blame(field: str, named: str) -> None:
    """A step knows the parameters, not who gave them."""
    told = a_run().of(pipeline()).started().succeeded("validate").refused("train", where=field)
    spec = TrainingRunSpec.model_validate({"pipelineRef": {"name": "churn"}, "overrides": OVERRIDES})
    status = decide(replace(told.done(), spec=spec), SETTINGS, NOW).status

    assert status.summary.startswith(f"train: {named}: ")


def test_the_version_remembers_what_it_was_trained_with() -> None:
    """Its lineage tells, whatever the pipeline says later."""
    told = a_run().of(pipeline()).succeeded("validate", "train", "evaluate")
    made = freeze(pipeline().done(), SETTINGS, run="churn-1", uid="uid-1", at=NOW, overrides=_overrides())
    seen = replace(told.done(), frozen=made)
    [record] = [found for found in decide(seen, SETTINGS, NOW).records if isinstance(found, RecordVersion)]
    write = for_run(seen)(record)
    assert isinstance(write, Create)
    lineage = write.body["spec"]["lineage"]

    assert lineage["parameters"] == {"C": 0.5, "max_iter": 500, "tol": 0.01}
    assert lineage["seed"] == 11


def _overrides() -> Any:
    return TrainingRunSpec.model_validate({"pipelineRef": {"name": "churn"}, "overrides": OVERRIDES}).overrides
