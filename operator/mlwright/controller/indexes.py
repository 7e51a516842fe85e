"""By what else than its name an object is found: its owner, and what its spec refers to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mlwright.constants import LABEL_MODEL, LABEL_OWNER, LABEL_OWNER_KIND
from mlwright.plan.resources import (
    BATCH_PREDICTION,
    CONTROLLER_REVISION,
    DECISION,
    DRIFT_MONITOR,
    MODEL_DEPLOYMENT,
    MODEL_VERSION,
    TRAINING_PIPELINE,
    TRAINING_RUN,
    Body,
    Key,
    ResourceKind,
)

Extract = Callable[[Body], str]


def key_of(body: Body) -> Key:
    """Return the key of an object."""
    return Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


def owner_of(body: Body) -> Key | None:
    """Return whom the labels name as the owner; None for what nobody owns."""
    labels = body["metadata"].get("labels") or {}
    kind, name = labels.get(LABEL_OWNER_KIND), labels.get(LABEL_OWNER)
    return Key(kind, body["metadata"]["namespace"], name) if kind and name else None


def _version_model(body: Body) -> str:
    return str(body["spec"]["modelRef"]["name"])


def _deployment_model(body: Body) -> str:
    return str(body["spec"]["model"]["ref"]["name"])


def _pipeline_model(body: Body) -> str:
    ref = body["spec"].get("modelRef") or body["metadata"]
    return str(ref["name"])


def _run_pipeline(body: Body) -> str:
    """Return the pipeline; a run that takes in a model has none, and is found by the model."""
    wanted = body["spec"].get("importFrom")
    return imports_of(wanted["modelRef"]["name"]) if wanted else str(body["spec"]["pipelineRef"]["name"])


def imports_of(model: str) -> str:
    """Return the value under which runs are found that take in a model; no pipeline has such a name."""
    return f"import/{model}"


def _frozen_model(body: Body) -> str:
    return str(body["metadata"]["labels"][LABEL_MODEL])


def _decision_subject(body: Body) -> str:
    subject = body["spec"]["subjectRef"]
    return f"{subject['kind']}/{subject['name']}"


def _batch_source(body: Body) -> str:
    """Return the deployment, or the model of the version, that answers."""
    source = body["spec"]["source"]
    if source["type"] == "Deployment":
        return of_deployment(source["deployment"]["name"])
    return str(source["version"]["name"]).rpartition("-v")[0]


def _monitor_target(body: Body) -> str:
    target = body["spec"]["target"]
    return str((target.get("batch") or target["live"])["deploymentRef"]["name"])


def of_deployment(name: str) -> str:
    """Return the value under which batch predictions are found that take a deployment's version; no model's name."""
    return f"deployment/{name}"


INDEXES: Final[Mapping[ResourceKind, tuple[str, Extract]]] = {
    MODEL_VERSION: ("model", _version_model),
    MODEL_DEPLOYMENT: ("model", _deployment_model),
    TRAINING_PIPELINE: ("model", _pipeline_model),
    TRAINING_RUN: ("pipeline", _run_pipeline),
    DECISION: ("subject", _decision_subject),
    CONTROLLER_REVISION: ("model", _frozen_model),
    BATCH_PREDICTION: ("source", _batch_source),
    DRIFT_MONITOR: ("deployment", _monitor_target),
}
"""Secondary index of a kind: its name and how its value is read. Values are names in the object's own namespace.

What runs use and what is served is frozen in ControllerRevisions, which tell the model also when specs name another.
"""


def related_value(kind: ResourceKind, body: Body) -> str | None:
    """Return the value under which the secondary index finds the object; None for kinds without one.

    A spec of another shape than ours (an older CRD) is found under nothing rather than failing the stream of events.
    """
    if kind not in INDEXES:
        return None
    try:
        return INDEXES[kind][1](body)
    except (KeyError, TypeError):
        return None
