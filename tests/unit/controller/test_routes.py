"""Who must look again when an object changed."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.constants import LABEL_OWNER, LABEL_OWNER_KIND
from mlwright.controller.cache import Cache
from mlwright.controller.routes import affected
from mlwright.controller.shelf import Change
from mlwright.plan.resources import BY_NAME, Body


def thing(kind: str, name: str, spec: Body | None = None, owner: tuple[str, str] | None = None) -> Body:
    labels = {LABEL_OWNER_KIND: owner[0], LABEL_OWNER: owner[1]} if owner else {}
    metadata = {"namespace": "demo", "name": name, "resourceVersion": "1", "generation": 1, "labels": labels}
    return {"apiVersion": BY_NAME[kind].api_version, "kind": kind, "metadata": metadata, "spec": spec or {}}


DEPLOYMENT = thing("ModelDeployment", "web", {"model": {"ref": {"name": "flights"}}})
PIPELINE = thing("TrainingPipeline", "nightly", {"modelRef": {"name": "flights"}})
RUN = thing("TrainingRun", "nightly-1", {"pipelineRef": {"name": "nightly"}})
VERSION = thing("ModelVersion", "flights-v1", {"modelRef": {"name": "flights"}, "lineage": {"run": "nightly-1"}})
MONITOR = thing("DriftMonitor", "watch", {"target": {"live": {"deploymentRef": {"name": "web"}}}})
IMPORT = thing("TrainingRun", "elsewhere", {"importFrom": {"modelRef": {"name": "taken"}}})
DECISION = thing("Decision", "d", {"subjectRef": {"kind": "ModelDeployment", "name": "web"}})
FROZEN = thing("ControllerRevision", "nightly-1", owner=("TrainingRun", "nightly-1"))
FROZEN["metadata"]["labels"]["mlwright.dev/model"] = "flights"

ROUTES: dict[str, tuple[Body, Change, set[str]]] = {
    "a Job wakes its run": (
        thing("Job", "j", owner=("TrainingRun", "nightly-1")),
        Change.STATUS,
        {"Job j", "TrainingRun nightly-1"},
    ),
    "a run wakes itself and its pipeline": (
        RUN,
        Change.STATUS,
        {"TrainingRun nightly-1", "TrainingPipeline nightly"},
    ),
    "a run that is new wakes the one before it, which may have to give way": (
        thing("TrainingRun", "nightly-12", {"pipelineRef": {"name": "nightly"}}),
        Change.SPEC,
        {"TrainingRun nightly-12", "TrainingRun nightly-1", "TrainingPipeline nightly"},
    ),
    "a run of another name wakes itself and its pipeline": (
        thing("TrainingRun", "by-hand", {"pipelineRef": {"name": "nightly"}}),
        Change.SPEC,
        {"TrainingRun by-hand", "TrainingPipeline nightly"},
    ),
    "a run that takes in a model wakes itself": (IMPORT, Change.SPEC, {"TrainingRun elsewhere"}),
    "a version wakes its model, all that follow the model or watch it, and the run that made it": (
        VERSION,
        Change.SPEC,
        {
            "ModelVersion flights-v1",
            "Model flights",
            "ModelDeployment web",
            "DriftMonitor watch",
            "TrainingPipeline nightly",
            "TrainingRun nightly-1",
        },
    ),
    "the status of a version wakes no monitor, which reads its record": (
        VERSION,
        Change.STATUS,
        {
            "ModelVersion flights-v1",
            "Model flights",
            "ModelDeployment web",
            "TrainingPipeline nightly",
            "TrainingRun nightly-1",
        },
    ),
    "a model whose spec changed wakes all that follow it, and runs that did not know where to write": (
        thing("Model", "flights"),
        Change.SPEC,
        {"Model flights", "ModelDeployment web", "TrainingPipeline nightly", "TrainingRun nightly-1"},
    ),
    "a model that appears wakes the run that takes one in for it, which may not have known where to write": (
        thing("Model", "taken"),
        Change.SPEC,
        {"Model taken", "TrainingRun elsewhere"},
    ),
    "the status of a model wakes nobody else": (thing("Model", "flights"), Change.STATUS, {"Model flights"}),
    "a pipeline whose spec changed wakes its runs": (
        PIPELINE,
        Change.SPEC,
        {"TrainingPipeline nightly", "TrainingRun nightly-1"},
    ),
    "the status of a pipeline wakes nobody else": (PIPELINE, Change.STATUS, {"TrainingPipeline nightly"}),
    "a decision wakes the model of its version": (
        {**DECISION, "spec": {**DECISION["spec"], "version": "flights-v3"}},
        Change.SPEC,
        {"Decision d", "ModelDeployment web", "DriftMonitor watch", "Model flights"},
    ),
    "a deployment wakes its model and who watches it": (
        DEPLOYMENT,
        Change.SPEC,
        {"ModelDeployment web", "Model flights", "DriftMonitor watch"},
    ),
    "the status of a deployment wakes nobody else": (DEPLOYMENT, Change.STATUS, {"ModelDeployment web"}),
    "what is frozen of a model wakes its owner": (
        FROZEN,
        Change.SPEC,
        {"ControllerRevision nightly-1", "TrainingRun nightly-1"},
    ),
    "what was frozen of a model wakes it when it goes, and its owner": (
        FROZEN,
        Change.GONE,
        {"ControllerRevision nightly-1", "TrainingRun nightly-1", "Model flights"},
    ),
    "a decision wakes its subject and who watches it": (
        DECISION,
        Change.SPEC,
        {"Decision d", "ModelDeployment web", "DriftMonitor watch"},
    ),
    "a thing of nobody wakes itself": (thing("Service", "s"), Change.SPEC, {"Service s"}),
    "a version of another shape wakes itself": (thing("ModelVersion", "odd"), Change.SPEC, {"ModelVersion odd"}),
}


@pytest.mark.parametrize("row", ROUTES.values(), ids=ROUTES.keys())
def test_a_change_wakes_whom_it_concerns(row: tuple[Any, Change, set[str]]) -> None:
    """All others sleep on."""
    body, change, expected = row
    cache = Cache()
    for other in (DEPLOYMENT, PIPELINE, RUN, IMPORT, MONITOR):
        cache.put(other)

    assert {f"{key.kind} {key.name}" for key in affected(body, change, cache)} == expected
