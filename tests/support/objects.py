"""One small good object of each kind, and a way to make a slightly different one."""

from __future__ import annotations

import copy
from typing import Any

from mlwright.api.kinds import API_VERSION
from tests.support.apiserver import Json

GONE = object()

PIPELINE: Json = {
    "apiVersion": API_VERSION,
    "kind": "TrainingPipeline",
    "metadata": {"name": "churn"},
    "spec": {
        "dataset": {"uri": "pvc://lake/churn.csv", "target": "churned"},
        "training": {"task": "Classification", "estimator": {"class": "sklearn.linear_model.LogisticRegression"}},
    },
}
RUN: Json = {
    "apiVersion": API_VERSION,
    "kind": "TrainingRun",
    "metadata": {"name": "churn-1"},
    "spec": {"pipelineRef": {"name": "churn"}, "trigger": {"type": "Request", "by": "a person"}},
}
MODEL: Json = {
    "apiVersion": API_VERSION,
    "kind": "Model",
    "metadata": {"name": "churn"},
    "spec": {"artifacts": {"uri": "pvc://artifacts/models"}},
}
VERSION: Json = {
    "apiVersion": API_VERSION,
    "kind": "ModelVersion",
    "metadata": {"name": "churn-v8"},
    "spec": {
        "modelRef": {"name": "churn"},
        "version": 8,
        "bundle": {"uri": "pvc://artifacts/churn", "digest": "sha256:" + "0a" * 32, "format": "ONNX"},
        "lineage": {
            "run": "churn-1",
            "parameters": {"max_iter": 20, "nested": {"deep": 1}},
            "environment": {"python": "3.11"},
        },
        "metrics": {"roc_auc": 0.75},
        "verdict": {"outcome": "Passed", "gates": [{"name": "good", "outcome": "Passed", "sentence": "good enough"}]},
    },
}
DEPLOYMENT: Json = {
    "apiVersion": API_VERSION,
    "kind": "ModelDeployment",
    "metadata": {"name": "churn"},
    "spec": {"model": {"ref": {"name": "churn"}}},
}
BATCH: Json = {
    "apiVersion": API_VERSION,
    "kind": "BatchPrediction",
    "metadata": {"name": "churn"},
    "spec": {
        "source": {"type": "Deployment", "deployment": {"name": "churn"}},
        "runOnce": True,
        "input": {"uri": "pvc://lake/customers"},
        "output": {"uri": "pvc://lake/answers"},
    },
}
MONITOR: Json = {
    "apiVersion": API_VERSION,
    "kind": "DriftMonitor",
    "metadata": {"name": "churn"},
    "spec": {
        "target": {"type": "Live", "live": {"deploymentRef": {"name": "churn"}}},
        "checks": [{"name": "data", "type": "DataDrift"}],
    },
}
DECISION: Json = {
    "apiVersion": API_VERSION,
    "kind": "Decision",
    "metadata": {"name": "churn-reject-1"},
    "spec": {
        "subjectRef": {"kind": "ModelDeployment", "name": "churn"},
        "type": "Reject",
        "sentence": "version 8 did not become ready",
        "evidence": {"exitCode": 64, "nested": {"deep": 1}},
    },
}
BASES: dict[str, Json] = {
    thing["kind"]: thing for thing in (PIPELINE, RUN, MODEL, VERSION, DEPLOYMENT, BATCH, MONITOR, DECISION)
}


def changed(thing: Json, changes: dict[str, Any]) -> Json:
    """Return a copy with other values at dotted paths; GONE takes a field away."""
    copied = copy.deepcopy(thing)
    for path, value in changes.items():
        *parents, last = path.split(".")
        node = copied
        for parent in parents:
            node = node.setdefault(parent, {})
        if value is GONE:
            node.pop(last)
        else:
            node[last] = value
    return copied
