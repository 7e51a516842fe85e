"""Objects as a user would write them, in few words."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from mlwright.api.kinds import API_VERSION
from tests.support.apiserver import Json

FEATURES = ["age", "months", "plan", "calls", "active", "balance"]
FLIGHTS = "pvc://store/flights"
"""Where tests put the bundle of `write_flight_bundle`."""
LOGISTIC = "sklearn.linear_model.LogisticRegression"
DEFAULTS: Json = {"target": "churned", "features": FEATURES}


def pipeline(name: str, uri: str, estimator: str = LOGISTIC, **spec: Any) -> Json:
    """Return a TrainingPipeline on the customers: a classifier of `churned` unless the spec says otherwise.

    Args:
        name: its name.
        uri: where the data lies.
        estimator: class of the estimator.
        **spec: parts of the spec; `dataset` and `training` are merged, `parameters` are those of the estimator. A field
            of the dataset that is None is left out.
    """
    named = {"uri": uri, **DEFAULTS, **spec.pop("dataset", {})}
    dataset = {field: value for field, value in named.items() if value is not None}
    chosen = {"class": estimator, "parameters": spec.pop("parameters", {})}
    training = {"task": "Classification", "estimator": chosen, **spec.pop("training", {})}
    return _ours("TrainingPipeline", name, {"dataset": dataset, "training": training, **spec})


def run(name: str, of: str, **spec: Any) -> Json:
    """Return a TrainingRun of a pipeline under a name of somebody's own."""
    return _ours("TrainingRun", name, {"pipelineRef": {"name": of}, **spec})


def deployment(name: str, model: str | Json, **spec: Any) -> Json:
    """Return a ModelDeployment of a model (followed at its latest version), or of what the given selector names."""
    selector = {"ref": {"name": model}} if isinstance(model, str) else model
    return _ours("ModelDeployment", name, {"model": selector, **spec})


def monitor(watched: str, **spec: Any) -> Json:
    """Return a DriftMonitor of a deployment, named like it."""
    target = {"type": "Live", "live": {"deploymentRef": {"name": watched}}}
    return _ours("DriftMonitor", watched, {"target": target, **spec})


def version(model: str, number: int, uri: str, digest: str) -> Json:
    """Return the ModelVersion of a bundle that was made elsewhere."""
    bundle = {"uri": uri, "digest": digest, "format": "ONNX"}
    return _ours(
        "ModelVersion", f"{model}-v{number}", {"modelRef": {"name": model}, "version": number, "bundle": bundle}
    )


def model(name: str) -> Json:
    """Return a Model."""
    return _ours("Model", name, {})


def claim(name: str) -> Json:
    """Return a claim that several pods may share."""
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def config_map(name: str, files: Mapping[str, bytes]) -> Json:
    """Return a ConfigMap that holds files."""
    data = {key: base64.b64encode(content).decode() for key, content in files.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "binaryData": data}


def secret(name: str, files: Mapping[str, bytes]) -> Json:
    """Return a Secret that holds files."""
    data = {key: base64.b64encode(content).decode() for key, content in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def _ours(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
