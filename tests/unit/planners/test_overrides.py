"""A run of somebody's own may train with other parameters than its pipeline says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlwright.api.runs import TrainingRunSpec
from mlwright.builders.training import for_run
from mlwright.errors import InvalidSpecError
from mlwright.plan.training import Freeze, RecordVersion
from mlwright.plan.writes import Create
from mlwright.planners.pipeline import decide as decide_pipeline
from mlwright.planners.run import decide
from mlwright.planners.template import freeze, template_digest
from tests.unit.planners.given import NOW, PIPELINE, SETTINGS, Pipeline, a_pipeline, a_run

LOGISTIC = {"class": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 0.5, "max_iter": 50}}
OVERRIDES: dict[str, Any] = {"parameters": {"max_iter": 500, "tol": 0.01}, "seed": 11}


def pipeline(**training: Any) -> Pipeline:
    """Begin to tell a pipeline with parameters of its own."""
    return a_pipeline().asking(training={**PIPELINE["training"], "estimator": LOGISTIC, "seed": 7, **training})


def frozen(of: Pipeline, overrides: dict[str, Any] | None) -> Freeze:
    """Return what a run freezes that begins now."""
    spec = {"pipelineRef": {"name": "churn"}, **({"overrides": overrides} if overrides else {})}
    seen = replace(a_run().done(), pipeline=of.done(), frozen=None, spec=TrainingRunSpec.model_validate(spec))
    [found] = [record for record in decide(seen, SETTINGS, NOW).records if isinstance(record, Freeze)]
    return found


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


def test_the_pipeline_starts_no_other_run_because_of_it() -> None:
    """The digest is that of its spec; else each such run would be followed by one that undoes it."""
    told = pipeline()
    made = freeze(told.done(), SETTINGS, run="churn-1", uid="uid-1", at=NOW, overrides=_overrides())

    assert made.digest == template_digest(told.done())
    after = told.with_run(1, "Succeeded", frozen=made).done()
    assert not decide_pipeline(after, SETTINGS, NOW).intents


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
