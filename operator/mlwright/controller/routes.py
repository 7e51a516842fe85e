"""Which objects must be looked at again when one object changed. Pure.

| changed | look again at |
|---|---|
| anything that is reconciled | itself |
| anything with owner labels | the owner |
| a part of the router of a namespace | the ModelDeployments of that namespace |
| TrainingRun | its TrainingPipeline, a little later |
| TrainingRun (that is new) | the one before it, in whose place it may have been started |
| ModelVersion | its Model, the ModelDeployments and TrainingPipelines of that model, the run that made it |
| Model (its spec) | the ModelDeployments and TrainingPipelines of it, runs that take in a model for it |
| TrainingPipeline (its spec) | its runs, which may have waited for it |
| ModelDeployment (its spec) | its Model, of which a version may be in use no more |
| Decision | its subject, and the Model of the version that it is about |
| BatchPrediction (its spec) | its Model, as a ModelDeployment |
| ModelVersion | the BatchPredictions that name a version of its model |
| ModelVersion (that is new, or went) | the DriftMonitors of the deployments of its model |
| Decision, ModelDeployment (its spec) | the BatchPredictions that take what the deployment serves |
| Decision, ModelDeployment (its spec) | the DriftMonitors that watch the deployment |
| ControllerRevision of a run or a deployment (that went) | its Model, of which a version may be in use no more |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from mlwright.constants import ROUTER
from mlwright.controller.indexes import imports_of, key_of, of_deployment, owner_of, related_value
from mlwright.controller.shelf import Change
from mlwright.plan.resources import (
    BATCH_PREDICTION,
    CONTROLLER_REVISION,
    DECISION,
    DRIFT_MONITOR,
    JOB,
    MODEL,
    MODEL_DEPLOYMENT,
    MODEL_VERSION,
    TRAINING_PIPELINE,
    TRAINING_RUN,
    Body,
    Key,
    ResourceKind,
)


class Names(Protocol):
    """Finds names by a secondary index."""

    def related_names(self, kind: ResourceKind, namespace: str, index: str, value: str) -> tuple[str, ...]:
        """Return the names under which the index finds the objects."""
        ...

    def names(self, kind: ResourceKind, namespace: str) -> tuple[str, ...]:
        """Return the names of all objects of a kind in a namespace."""
        ...


def affected(body: Body, change: Change, names: Names) -> frozenset[Key]:
    """Return the keys to look at again.

    Args:
        body: the object that changed, or as it was before it went.
        change: what is new about it.
        names: finds who refers to it.
    """
    found = {key_of(body)}
    owner = owner_of(body)
    if owner is not None:
        found.add(owner)
        found.update(_users(owner, names))
    if body["kind"] in _ROUTES:
        found.update(_ROUTES[body["kind"]](body, change, names))
    return frozenset(found)


def _users(owner: Key, names: Names) -> Iterator[Key]:
    """A router is everybody's of its namespace."""
    for name in names.names(MODEL_DEPLOYMENT, owner.namespace) if owner.kind == ROUTER else ():
        yield Key(MODEL_DEPLOYMENT.name, owner.namespace, name)


def retells(body: Body, change: Change, key: Key, *, own: bool) -> bool:
    """Tell whether a key that looks again at an object that changed has only something to say, nothing to do.

    A pipeline retells what its runs say. A run whose Jobs were just made tells that they are there, and whoever wrote
    a status decided upon everything else a moment ago.

    Args:
        body: the object that changed.
        change: what is new about it.
        key: who looks again.
        own: whether the change is the answer to a write of ours.
    """
    if body["kind"] == TRAINING_RUN.name and key.kind == TRAINING_PIPELINE.name:
        return True
    if key == key_of(body):
        return own and change is Change.STATUS
    return own and key.kind == TRAINING_RUN.name and body["kind"] in _TOLD


_TOLD: Final = frozenset({JOB.name, CONTROLLER_REVISION.name})


def _run(body: Body, change: Change, names: Names) -> Iterator[Key]:
    pipeline = ((body.get("spec") or {}).get("pipelineRef") or {}).get("name")
    yield from _single(TRAINING_PIPELINE.name, body, pipeline)
    if change >= Change.SPEC and pipeline:
        yield from _single(TRAINING_RUN.name, body, _before(body, pipeline, names))


def _before(body: Body, pipeline: str, names: Names) -> str | None:
    """Return the run that a pipeline started before a run, None for one that it did not start."""
    prefix, metadata = f"{pipeline}-", body["metadata"]
    found = names.related_names(TRAINING_RUN, metadata["namespace"], "pipeline", pipeline)
    numbers = {int(digits): name for name in found if (digits := name.removeprefix(prefix)).isdecimal()}
    own = metadata["name"].removeprefix(prefix)
    earlier = [number for number in numbers if number < int(own)] if own.isdecimal() else []
    return numbers[max(earlier)] if earlier else None


def _version(body: Body, change: Change, names: Names) -> Iterator[Key]:
    model = related_value(MODEL_VERSION, body)
    yield from _single(MODEL.name, body, model)
    yield from _of_model(body, model, names)
    yield from _referring(BATCH_PREDICTION, "source", body, model or "", names)
    yield from _single(TRAINING_RUN.name, body, ((body.get("spec") or {}).get("lineage") or {}).get("run"))
    if change >= Change.SPEC:
        yield from _watching(body, model or "", names)


def _watching(body: Body, model: str, names: Names) -> Iterator[Key]:
    for deployment in names.related_names(MODEL_DEPLOYMENT, body["metadata"]["namespace"], "model", model):
        yield from _referring(DRIFT_MONITOR, "deployment", body, deployment, names)


def _model(body: Body, change: Change, names: Names) -> Iterator[Key]:
    """Runs too: one of any pipeline of the model may not have known where to write."""
    if change >= Change.SPEC:
        name = body["metadata"]["name"]
        for pipeline in names.related_names(TRAINING_PIPELINE, body["metadata"]["namespace"], "model", name):
            yield from _referring(TRAINING_RUN, "pipeline", body, pipeline, names)
        yield from _of_model(body, name, names)
        yield from _referring(TRAINING_RUN, "pipeline", body, imports_of(name), names)


def _pipeline(body: Body, change: Change, names: Names) -> Iterator[Key]:
    if change >= Change.SPEC:
        yield from _referring(TRAINING_RUN, "pipeline", body, body["metadata"]["name"], names)


def _decision(body: Body, _: Change, names: Names) -> Iterator[Key]:
    subject = related_value(DECISION, body)
    if subject:
        kind, name = subject.split("/", 1)
        yield from _single(kind, body, name)
        yield from _referring(BATCH_PREDICTION, "source", body, of_deployment(name), names)
        yield from _referring(DRIFT_MONITOR, "deployment", body, name, names)
    yield from _single(MODEL.name, body, str((body.get("spec") or {}).get("version") or "").rpartition("-v")[0])


def _deployment(body: Body, change: Change, names: Names) -> Iterator[Key]:
    if change >= Change.SPEC:
        yield from _single(MODEL.name, body, related_value(MODEL_DEPLOYMENT, body))
        yield from _referring(BATCH_PREDICTION, "source", body, of_deployment(body["metadata"]["name"]), names)
        yield from _referring(DRIFT_MONITOR, "deployment", body, body["metadata"]["name"], names)


def _batch(body: Body, change: Change, _: Names) -> Iterator[Key]:
    if change >= Change.SPEC:
        yield from _single(MODEL.name, body, _named_model(body))


def _named_model(body: Body) -> str | None:
    """Return the model of the version that a batch prediction names; None for one that takes a deployment's."""
    found = related_value(BATCH_PREDICTION, body) or ""
    return None if "/" in found else found


def _frozen(body: Body, change: Change, _: Names) -> Iterator[Key]:
    """What is frozen goes with its run or deployment, which may have been the last that used a version."""
    if change is Change.GONE:
        yield from _single(MODEL.name, body, related_value(CONTROLLER_REVISION, body))


_ROUTES: Final[Mapping[str, Callable[[Body, Change, Names], Iterator[Key]]]] = {
    TRAINING_RUN.name: _run,
    MODEL_VERSION.name: _version,
    MODEL.name: _model,
    TRAINING_PIPELINE.name: _pipeline,
    MODEL_DEPLOYMENT.name: _deployment,
    BATCH_PREDICTION.name: _batch,
    DECISION.name: _decision,
    CONTROLLER_REVISION.name: _frozen,
}


def _single(kind: str, body: Body, name: str | None) -> Iterator[Key]:
    if name:
        yield Key(kind, body["metadata"]["namespace"], name)


def _of_model(body: Body, model: str | None, names: Names) -> Iterator[Key]:
    for kind in (MODEL_DEPLOYMENT, TRAINING_PIPELINE):
        yield from _referring(kind, "model", body, model or "", names)


def _referring(kind: ResourceKind, index: str, body: Body, value: str, names: Names) -> Iterator[Key]:
    namespace = body["metadata"]["namespace"]
    for name in names.related_names(kind, namespace, index, value):
        yield Key(kind.name, namespace, name)
