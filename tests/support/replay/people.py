"""What people do in the stories: make, edit and delete their objects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.plan.resources import Body
from tests.support.replay.world import World

API: Final = "mlwright.dev/v1alpha1"
PEM: Final = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
"""Looks like a public key, which is all that the operator knows of one."""


def pipeline(iterations: int = 100, name: str = "flights", **spec: Any) -> Body:
    """Return a pipeline whose model has so many iterations and must reach a roc_auc of 0.74."""
    gate = {"name": "good", "type": "Threshold", "threshold": {"metric": "roc_auc", "min": 0.74}}
    estimator = {"class": "sklearn.ensemble.HistGradientBoostingClassifier", "parameters": {"max_iter": iterations}}
    return _object(
        "TrainingPipeline",
        name,
        {
            "dataset": {"uri": "pvc://data/flights.csv", "target": "late"},
            "training": {"task": "Classification", "estimator": estimator},
            "evaluation": {"metrics": ["roc_auc"], "gates": [gate]},
            **spec,
        },
    )


def deployment(name: str = "flights", of: str = "flights", **spec: Any) -> Body:
    """Return a deployment that serves the latest good version of a model with two pods."""
    selector = {"type": "Latest", "ref": {"name": of}}
    return _object("ModelDeployment", name, {"model": selector, "replicas": 2, **spec})


def batch(name: str = "scores", **spec: Any) -> Body:
    """Return a batch prediction that answers once with what the deployment flights serves."""
    asked = {} if "schedule" in spec else {"runOnce": True}
    return _object(
        "BatchPrediction",
        name,
        {
            "source": {"type": "Deployment", "deployment": {"name": "flights"}},
            "input": {"uri": "pvc://data/today"},
            "output": {"uri": "pvc://data/answers"},
            **asked,
            **spec,
        },
    )


def monitor(name: str = "flights", **spec: Any) -> Body:
    """Return a monitor of the deployment flights whose windows of ten minutes end every two."""
    return _object(
        "DriftMonitor",
        name,
        {
            "target": {"type": "Live", "live": {"deploymentRef": {"name": "flights"}}},
            "windows": {"slow": {"length": "10m", "every": "2m"}},
            "checks": CHECKS,
            **spec,
        },
    )


def stored_monitor(
    name: str = "flights", *, cron: str = "*/10 * * * *", batch: Body | None = None, **spec: Any
) -> Body:
    """Return a monitor that compares stored rows with what the deployment flights serves, every ten minutes."""
    target = {
        "deploymentRef": {"name": "flights"},
        "dataset": {"uri": "pvc://data/today"},
        "schedule": {"cron": cron},
        **(batch or {}),
    }
    return _object("DriftMonitor", name, {"target": {"type": "Batch", "batch": target}, "checks": CHECKS[:1], **spec})


CHECKS: Final = [{"name": "data", "type": "DataDrift"}, {"name": "answers", "type": "PredictionDrift"}]
TRUTH: Final = {"name": "truth", "type": "Performance"}
QUALITY: Final = {"name": "whole", "type": "Quality"}


def acting_monitor(**spec: Any) -> Body:
    """Return such a monitor that asks the pipeline flights for a run."""
    again = {"name": "again", "when": ["DataDrift"], "type": "Retrain", "retrain": {"pipelineRef": {"name": "flights"}}}
    return monitor(independentRows=True, actions=[again], **spec)


BACK: Final = {"name": "back", "when": ["PredictionDrift"], "type": "Rollback"}


def guarding_monitor(**spec: Any) -> Body:
    """Return such a monitor that sends a version back which answers oddly."""
    return monitor(**{"independentRows": True, "actions": [BACK], **spec})


RECEIVER: Final = "https://hooks.example.com"
TELL: Final = {
    "name": "tell",
    "when": ["DataDrift"],
    "type": "Notify",
    "notify": {"url": f"{RECEIVER}/drift", "secretRef": {"name": "hook", "key": "token"}},
}


def telling_monitor(**spec: Any) -> Body:
    """Return such a monitor that tells somebody."""
    return monitor(**{"actions": [TELL], **spec})


def run(name: str, pipeline_name: str = "flights") -> Body:
    """Return a run that somebody asks for by creating it."""
    return _object("TrainingRun", name, {"pipelineRef": {"name": pipeline_name}, "trigger": {"type": "Request"}})


def begin_to_delete(world: World, body: Body, *, grace: timedelta = timedelta(seconds=30)) -> None:
    """Delete an object that does not go: its node is lost, or somebody's finalizer holds it."""
    over = timestamp(world.now + grace)
    world.edit(body, lambda found: found["metadata"].update(deletionTimestamp=over))


def imported(name: str = "elsewhere", of: str = "flights", **more: Any) -> Body:
    """Return a run that takes in a model which was trained elsewhere."""
    wanted = {"modelRef": {"name": of}, "uri": "https://models.example.com/flights.onnx", **more}
    return _object("TrainingRun", name, {"importFrom": wanted})


def version(number: int, *, passed: bool = True, model: str = "flights", **spec: Any) -> Body:
    """Return a version that was trained elsewhere."""
    gate = {"name": "good", "outcome": "Failed", "sentence": "gate good failed: roc_auc is 0.6900, below 0.74"}
    verdict = {"outcome": "Passed"} if passed else {"outcome": "Rejected", "gates": [gate]}
    bundle = {"uri": f"pvc://artifacts/handmade/{number}", "digest": "sha256:" + f"{number:064d}", "format": "ONNX"}
    content = {"modelRef": {"name": model}, "version": number, "bundle": bundle, "verdict": verdict, **spec}
    return _object("ModelVersion", f"{model}-v{number}", content)


def evaluated(number: int, accuracy: float = 0.9, held_out: int = 10_000) -> Body:
    """Return a version whose accuracy was measured."""
    dataset = {"uri": "pvc://data/flights.csv", "format": "CSV", "digest": "sha256:" + "d" * 64, "bytes": 10}
    counted = {"rows": 5 * held_out, "trainRows": 4 * held_out, "testRows": held_out, "features": 2}
    return version(number, metrics={"accuracy": accuracy}, lineage={"dataset": {**dataset, **counted}})


def model(name: str = "flights", **spec: Any) -> Body:
    """Return a model."""
    return _object("Model", name, spec)


def _object(kind: str, name: str, spec: Body) -> Body:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def edit(world: World, kind: str, name: str, change: Callable[[Body], Any]) -> None:
    """Change the spec of an object."""
    world.edit(world.one(kind, name), lambda body: change(body["spec"]))


def train_with(world: World, iterations: int, name: str = "flights") -> None:
    """Ask a pipeline for another number of iterations."""
    parameters = {"max_iter": iterations}
    edit(world, "TrainingPipeline", name, lambda spec: spec["training"]["estimator"].update(parameters=parameters))


def annotate(world: World, kind: str, name: str, **values: str) -> None:
    """Give a command by an annotation of ours."""
    found = {f"mlwright.dev/{key}": value for key, value in values.items()}
    world.edit(world.one(kind, name), lambda body: body["metadata"].setdefault("annotations", {}).update(found))


def take_back(world: World, kind: str, name: str, command: str) -> None:
    """Take the annotation of a command away."""
    world.edit(world.one(kind, name), lambda body: body["metadata"]["annotations"].pop(f"mlwright.dev/{command}"))


def status(world: World, kind: str, name: str = "flights") -> Body:
    """Return the status of an object."""
    return dict(world.one(kind, name).get("status") or {})


def conditions(world: World, kind: str, name: str = "flights") -> dict[str, str]:
    """Return the conditions of an object as type and status."""
    return {c["type"]: c["status"] for c in status(world, kind, name).get("conditions", ())}


def summary(world: World, kind: str, name: str = "flights") -> str:
    """Return the one sentence of an object."""
    return str(status(world, kind, name).get("summary"))
