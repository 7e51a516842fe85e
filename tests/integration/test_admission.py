"""What the API server takes and refuses, with the generated CRDs on a real one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from mlwright.api.crds.definition import definition
from mlwright.api.crds.reference import rules
from mlwright.api.kinds import KINDS
from tests.support.apiserver import Client, Json, samples
from tests.support.objects import BASES, DEPLOYMENT, GONE, PIPELINE, changed


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sample that exactly one rule refuses: where the rule stands, and words of its message."""

    at: str
    words: str
    change: dict[str, Any]
    also: dict[str, Any] = field(default_factory=dict)
    """Further changes that make the sample good but for the one thing."""

    @property
    def kind(self) -> str:
        """The kind that the rule belongs to."""
        return self.at.split(".")[0]


def gate(**threshold: Any) -> list[Json]:
    """Return one gate with a threshold."""
    return [{"name": "good", "type": "Threshold", "threshold": {"metric": "roc_auc", **threshold}}]


def weight(name: str, percent: int, hold: str = "5m") -> Json:
    """Return a step of a canary."""
    return {"name": name, "type": "Weight", "weight": {"percent": percent, "hold": hold}}


def shadow(duration: str = "5m") -> Json:
    """Return a step that copies requests."""
    return {"name": "quiet", "type": "Shadow", "shadow": {"percent": 5, "duration": duration}}


def watched(*steps: Json, **check: Any) -> dict[str, Any]:
    """Return a canary that watches one thing."""
    found = {"name": "watch", "type": "ErrorRate", **check}
    passed = [*steps, weight("five", 5)]
    return {"spec.rollout": {"strategy": "Canary", "steps": passed, "analysis": {"checks": [found]}}}


def slices(**settings: Any) -> list[Json]:
    """Return one gate on slices."""
    return [{"name": "good", "type": "Slices", "slices": {"metric": "roc_auc", "column": "region", **settings}}]


FAIR = {
    "name": "fair",
    "type": "Fairness",
    "fairness": {"metric": "equalized_odds_difference", "column": "sex", "max": 0.1},
}
DETECTION: dict[str, Any] = {"spec.training.task": "AnomalyDetection", "spec.dataset.target": GONE}
"""The changes that leave a pipeline without labels."""
NAME = "metadata.name must begin with a letter"
ENV = "spec.pod.env"
BOTH = {"name": "A", "value": "x", "secretRef": {"name": "s", "key": "k"}}

STEPS = "TrainingPipeline.spec.steps"


def own(name: str = "audit", **more: Any) -> Json:
    """Return a step with a container."""
    return {"name": name, "type": "Container", "container": {"image": "audit:1"}, **more}


def step(**more: Any) -> dict[str, Any]:
    """Return the change that adds such a step."""
    return {"spec.steps": [own(**more)]}


def built_in(uses: str, **more: Any) -> dict[str, Any]:
    """Return the change that says more of a built-in step, beside one that has an output."""
    entry = {"name": uses.lower(), "type": "BuiltIn", "builtIn": {"uses": uses}, **more}
    return {"spec.steps": [own(outputs=[{"name": "data", "type": "Dataset"}]), entry]}


def resource(**more: Any) -> dict[str, Any]:
    """Return the change that adds a step which another controller does."""
    return {"spec.steps": [{"name": "big", "type": "Resource", "resource": {"manifest": {"kind": "X"}}, **more}]}


def ending(**ends: Json) -> dict[str, Any]:
    """Return the change that says when the object of such a step is over."""
    return {"spec.steps": [{"name": "big", "type": "Resource", "resource": {"manifest": {"kind": "X"}, **ends}}]}


TUNING = "TrainingPipeline.spec.training.tuning"
FLOAT, INT = f"{TUNING}.space[].float", f"{TUNING}.space[].int"


def parameter(type_: str = "Float", **members: Any) -> Json:
    """Return a parameter of a space."""
    return {"name": "learning_rate", "type": type_, **members}


def tuning(space: Json | None = None, **more: Any) -> dict[str, Any]:
    """Return the change that asks for a tuning."""
    good = parameter(float={"low": 0.01, "high": 0.3, "step": 0.01})
    objectives = [{"name": "good", "metric": "roc_auc"}]
    return {"spec.training.tuning": {"trials": 4, "objectives": objectives, "space": [space or good], **more}}


REFUSALS: dict[str, Refusal] = {
    "neither estimator nor container": Refusal(
        "TrainingPipeline.spec.training", "estimator goes with type Estimator", {"spec.training.estimator": GONE}
    ),
    "an estimator and a container": Refusal(
        "TrainingPipeline.spec.training",
        "container goes with type Container",
        {"spec.training.container": {"image": "mine:1"}},
    ),
    "a variable of a container that trains with a name of ours": Refusal(
        "TrainingPipeline.spec.training.container.env[]",
        "belong to mlwright",
        {
            "spec.training": {
                "task": "Classification",
                "type": "Container",
                "container": {"image": "mine:1", "env": [{"name": "MLWRIGHT_STEP", "value": "x"}]},
            }
        },
    ),
    "a tuning of a container": Refusal(
        "TrainingPipeline.spec.training",
        "tuning looks for the parameters of an estimator",
        {
            "spec.training": {"task": "Classification", "type": "Container", "container": {"image": "mine:1"}}
            | {"tuning": tuning()["spec.training.tuning"]}
        },
    ),
    "weights of rows for a container": Refusal(
        "TrainingPipeline.spec",
        "dataset.weightColumn is for estimators",
        {
            "spec.training": {"task": "Classification", "type": "Container", "container": {"image": "mine:1"}},
            "spec.dataset.weightColumn": "seats",
        },
    ),
    "a range of real numbers upside down": Refusal(
        FLOAT, "low must not be above high", tuning(parameter(float={"low": 1, "high": 0.5}))
    ),
    "a logarithmic range of real numbers from zero": Refusal(
        FLOAT, "begins above 0", tuning(parameter(float={"low": 0, "high": 0.5, "log": True}))
    ),
    "a step of a logarithmic range of real numbers": Refusal(
        FLOAT, "step must be above 0", tuning(parameter(float={"low": 0.1, "high": 0.5, "log": True, "step": 0.1}))
    ),
    "a range of whole numbers upside down": Refusal(
        INT, "low must not be above high", tuning(parameter("Int", int={"low": 5, "high": 1}))
    ),
    "a logarithmic range of whole numbers from zero": Refusal(
        INT, "begins above 0", tuning(parameter("Int", int={"low": 0, "high": 5, "log": True}))
    ),
    "a step of a logarithmic range of whole numbers": Refusal(
        INT, "step does not go with log", tuning(parameter("Int", int={"low": 1, "high": 5, "log": True, "step": 2}))
    ),
    "a parameter of type Float without range": Refusal(
        f"{TUNING}.space[]", "float goes with type Float", tuning(parameter())
    ),
    "a parameter of type Int without range": Refusal(
        f"{TUNING}.space[]", "int goes with type Int", tuning(parameter("Int"))
    ),
    "a parameter of type Categorical without choices": Refusal(
        f"{TUNING}.space[]", "categorical goes with type Categorical", tuning(parameter("Categorical"))
    ),
    "a pruner for several objectives": Refusal(
        TUNING,
        "know one objective",
        tuning(
            pruner="Median",
            objectives=[{"name": "good", "metric": "roc_auc"}, {"name": "sure", "metric": "log_loss"}],
        ),
    ),
    "a grid without steps": Refusal(
        TUNING, "a Grid needs values to count", tuning(parameter(float={"low": 0, "high": 1}), sampler="Grid")
    ),
    "an objective of the other task": Refusal(
        "TrainingPipeline.spec",
        "training.tuning.objectives: a Classification has",
        tuning(objectives=[{"name": "good", "metric": "rmse"}]),
    ),
    "an objective of the other task, the other way round": Refusal(
        "TrainingPipeline.spec",
        "training.tuning.objectives: a Regression has",
        tuning(),
        also={"spec.training.task": "Regression"},
    ),
    "a tuning without time": Refusal(f"{TUNING}.timeoutAfter", "must be longer than 0s", tuning(timeoutAfter="0s")),
    "a step tune without a tuning": Refusal(
        "TrainingPipeline.spec", "the step tune needs training.tuning", built_in("Tune")
    ),
    "a step with a name that a built-in one has": Refusal(
        f"{STEPS}[]", "a built-in step has the name", step(name="train")
    ),
    "a built-in step with a name of its own": Refusal(
        f"{STEPS}[]", "a built-in step has the name", built_in("Train", name="fit")
    ),
    "a step with the name of what runs at the end": Refusal(
        f"{STEPS}[]", "a built-in step has the name", step(name="on-exit")
    ),
    "a step of type Container without container": Refusal(
        f"{STEPS}[]", "container goes with type Container", {"spec.steps": [{"name": "audit", "type": "Container"}]}
    ),
    "a step with a container that is built in as well": Refusal(
        f"{STEPS}[]", "builtIn goes with type BuiltIn", step(builtIn={"uses": "Train"})
    ),
    "a step of type Resource without an object": Refusal(
        f"{STEPS}[]", "resource goes with type Resource", {"spec.steps": [{"name": "audit", "type": "Resource"}]}
    ),
    "a time limit of a Resource step": Refusal(
        f"{STEPS}[]", "a Resource step has no timeoutAfter", resource(timeoutAfter="1h")
    ),
    "a pod of a Resource step": Refusal(
        f"{STEPS}[]", "limits and pods stand in the manifest", resource(pod={"nodeSelector": {"gpu": "true"}})
    ),
    "an end by a condition and a field": Refusal(
        f"{STEPS}[].resource.success",
        "needs condition, or field and equals",
        ending(success={"condition": "Complete", "field": "jobStatus", "equals": "SUCCEEDED"}),
    ),
    "an end by a field without its value": Refusal(
        f"{STEPS}[].resource.failure", "needs condition, or field and equals", ending(failure={"field": "jobStatus"})
    ),
    "outputs of a built-in step": Refusal(
        f"{STEPS}[]", "outputs, cache and shards are for containers", built_in("Train", outputs=[{"name": "x"}])
    ),
    "shards of a built-in step": Refusal(
        f"{STEPS}[]", "outputs, cache and shards are for containers", built_in("Train", shards=2)
    ),
    "an input of a built-in step that reads none": Refusal(
        f"{STEPS}[]", "only validate takes an input", built_in("Train", inputs=[{"name": "data", "from": "audit.data"}])
    ),
    "an input of validate under another name": Refusal(
        f"{STEPS}[]",
        "only validate takes an input",
        built_in("Validate", inputs=[{"name": "rows", "from": "audit.data"}]),
    ),
    "a step that waits for itself": Refusal(f"{STEPS}[]", "cannot wait for itself", step(dependsOn=["audit"])),
    "a step that waits for nobody's step": Refusal(STEPS, "dependsOn names a step", step(dependsOn=["nobody"])),
    "an input from nobody's step": Refusal(
        STEPS, "an input names an output", step(inputs=[{"name": "x", "from": "nobody.x"}])
    ),
    "an input from no output": Refusal(
        STEPS, "an input names an output", {"spec.steps": [own("raw"), own(inputs=[{"name": "x", "from": "raw.x"}])]}
    ),
    "a variable of a container with a name of ours": Refusal(
        f"{STEPS}[].container.env[]",
        "belong to mlwright",
        step(container={"image": "audit:1", "env": [{"name": "MLWRIGHT_STEP", "value": "x"}]}),
    ),
    "a variable of what runs at the end with a name of ours": Refusal(
        "TrainingPipeline.spec.onExit.container.env[]",
        "belong to mlwright",
        {"spec.onExit": {"container": {"image": "tidy:1", "env": [{"name": "MLWRIGHT_STEP", "value": "x"}]}}},
    ),
    "no time for what runs at the end": Refusal(
        "TrainingPipeline.spec.onExit.timeoutAfter",
        "must be longer",
        {"spec.onExit": {"container": {"image": "tidy:1"}, "timeoutAfter": "0s"}},
    ),
    "no time for which a step is kept": Refusal(
        f"{STEPS}[].cache.maxAge", "must be longer", step(cache={"maxAge": "0s"})
    ),
    "no time for a run": Refusal(
        "TrainingPipeline.spec.policy.timeoutAfter", "must be longer", {"spec.policy": {"timeoutAfter": "0s"}}
    ),
    "no time for a step": Refusal(f"{STEPS}[].timeoutAfter", "must be longer", step(timeoutAfter="0s")),
    "no pause before another attempt": Refusal(
        f"{STEPS}[].retries.backoff", "must be longer", step(retries={"backoff": "0s"})
    ),
    "a condition on nothing": Refusal(f"{STEPS}[].when", "needs metric or param", step(when={"min": 1})),
    "a condition on two things": Refusal(
        f"{STEPS}[].when", "needs metric or param", step(when={"metric": "rows", "param": "max_iter", "min": 1})
    ),
    "a condition without a bound": Refusal(f"{STEPS}[].when", "needs equals, or min", step(when={"metric": "rows"})),
    "a condition with a value and a bound": Refusal(
        f"{STEPS}[].when", "needs equals, or min", step(when={"metric": "rows", "equals": "1", "min": 1})
    ),
    "a pipeline name that is too long for names made from it": Refusal(
        "TrainingPipeline", NAME, {"metadata.name": "a" * 41}
    ),
    "a metric of another task": Refusal(
        "TrainingPipeline.spec", "evaluation.metrics: a Classification has", {"spec.evaluation.metrics": ["rmse"]}
    ),
    "a gate on a metric of another task": Refusal(
        "TrainingPipeline.spec",
        "evaluation.gates: a Classification has",
        {"spec.evaluation.gates": [{"name": "close", "type": "Threshold", "threshold": {"metric": "rmse", "max": 1}}]},
    ),
    "a metric of another task than Regression": Refusal(
        "TrainingPipeline.spec",
        "evaluation.metrics: a Regression has",
        {"spec.evaluation.metrics": ["roc_auc"], "spec.training.task": "Regression"},
    ),
    "a gate on a metric of another task than Regression": Refusal(
        "TrainingPipeline.spec",
        "evaluation.gates: a Regression has",
        {"spec.evaluation.gates": gate(min=0.5), "spec.training.task": "Regression"},
    ),
    "a metric of another task than AnomalyDetection": Refusal(
        "TrainingPipeline.spec",
        "evaluation.metrics: an AnomalyDetection has",
        {"spec.evaluation.metrics": ["log_loss"], "spec.training.task": "AnomalyDetection"},
    ),
    "a gate on a metric of another task than AnomalyDetection": Refusal(
        "TrainingPipeline.spec",
        "evaluation.gates: an AnomalyDetection has",
        {"spec.evaluation.gates": slices(metric="r2", min=0.5), "spec.training.task": "AnomalyDetection"},
    ),
    "an objective that is better in neither direction": Refusal(
        "TrainingPipeline.spec",
        "training.tuning.objectives: an AnomalyDetection has",
        tuning(objectives=[{"name": "few", "metric": "anomaly_rate"}]),
        also={"spec.training.task": "AnomalyDetection"},
    ),
    "no target where one is learned": Refusal(
        "TrainingPipeline.spec",
        "dataset.target: name the column to be predicted; only an AnomalyDetection",
        {"spec.dataset.target": GONE},
    ),
    "names of anomalies for a classification": Refusal(
        "TrainingPipeline.spec",
        "dataset.anomalousLabels says which texts of dataset.target are anomalies",
        {"spec.dataset.anomalousLabels": ["fraud"]},
    ),
    "a metric of labels without labels": Refusal(
        "TrainingPipeline.spec",
        "evaluation.metrics: without dataset.target the metrics are anomaly_rate",
        {"spec.evaluation.metrics": ["anomaly_rate", "roc_auc"]},
        also=DETECTION,
    ),
    "a gate on a metric of labels without labels": Refusal(
        "TrainingPipeline.spec",
        "evaluation.gates: without dataset.target the metrics are anomaly_rate",
        {"spec.evaluation.gates": gate(min=0.5)},
        also=DETECTION,
    ),
    "a comparison with the champion without labels": Refusal(
        "TrainingPipeline.spec",
        "evaluation.gates: Champion and Fairness compare answers with labels: name the column",
        {"spec.evaluation.gates": [{"name": "better", "type": "Champion", "champion": {"metric": "roc_auc"}}]},
        also=DETECTION,
    ),
    "a tuning without labels": Refusal(
        "TrainingPipeline.spec", "training.tuning compares trials by labels", tuning(), also=DETECTION
    ),
    "a stratified split without labels": Refusal(
        "TrainingPipeline.spec.dataset",
        "split Stratified needs dataset.target",
        {"spec.dataset.split.type": "Stratified"},
        also=DETECTION,
    ),
    "a storage address of an unknown scheme": Refusal(
        "TrainingPipeline.spec.dataset",
        "dataset.uri must be pvc://CLAIM/path",
        {"spec.dataset.uri": "nfs://lake/churn"},
    ),
    "a claim without a path": Refusal(
        "TrainingPipeline.spec.dataset", "dataset.uri must be pvc://CLAIM/path", {"spec.dataset.uri": "pvc://lake/"}
    ),
    "a chained address": Refusal(
        "TrainingPipeline.spec.dataset", "one plain address", {"spec.dataset.uri": "pvc://lake/a.zip::b.csv"}
    ),
    "an address that climbs out of the claim": Refusal(
        "TrainingPipeline.spec.dataset", "one plain address", {"spec.dataset.uri": "pvc://lake/../other/a.csv"}
    ),
    "the target among the features": Refusal(
        "TrainingPipeline.spec.dataset", "must not hold the target", {"spec.dataset.features": ["age", "churned"]}
    ),
    "the target as the id": Refusal(
        "TrainingPipeline.spec.dataset", "another column than idColumn", {"spec.dataset.idColumn": "churned"}
    ),
    "the target as the time": Refusal(
        "TrainingPipeline.spec.dataset", "another column than idColumn", {"spec.dataset.timeColumn": "churned"}
    ),
    "a split by time without a time column": Refusal(
        "TrainingPipeline.spec.dataset",
        "split Temporal needs dataset.timeColumn",
        {"spec.dataset.split.type": "Temporal"},
    ),
    "the target as the group": Refusal(
        "TrainingPipeline.spec.dataset", "another column than idColumn", {"spec.dataset.groupColumn": "churned"}
    ),
    "the target as the weight": Refusal(
        "TrainingPipeline.spec.dataset", "groupColumn and weightColumn", {"spec.dataset.weightColumn": "churned"}
    ),
    "a split by groups without their column": Refusal(
        "TrainingPipeline.spec.dataset",
        "split Group needs dataset.groupColumn",
        {"spec.dataset.split.type": "Group"},
    ),
    "an empty time range": Refusal(
        "TrainingPipeline.spec.dataset.timeRange.last",
        "must be longer than 0s",
        {"spec.dataset.timeRange": {"column": "ts", "last": "0h"}},
    ),
    "a version of files": Refusal(
        "TrainingPipeline.spec.dataset",
        "dataset.revision is the version of a Delta table",
        {"spec.dataset.revision": "12"},
    ),
    "a store for a claim": Refusal(
        "TrainingPipeline.spec.dataset",
        "dataset.storage belongs to s3:// addresses",
        {"spec.dataset.storage": {"region": "eu-1"}},
    ),
    "keys in the address of a store": Refusal(
        "TrainingPipeline.spec.dataset.storage.endpointURL",
        "without user, password or query",
        {"spec.dataset.storage": {"endpointURL": "https://me:mine@store:9000"}, "spec.dataset.uri": "s3://lake/a.csv"},
    ),
    "an age of nothing": Refusal(
        "TrainingPipeline.spec.dataset.checks.freshness.maxAge",
        "must be longer than 0s",
        {"spec.dataset.checks": {"freshness": {"column": "ts", "maxAge": "0h"}}},
    ),
    "checks without a check": Refusal(
        "TrainingPipeline.spec.dataset.checks",
        "checks without a check prove nothing",
        {"spec.dataset.checks": {"onFailure": "Warn"}},
    ),
    "a slot that may not start a run": Refusal(
        "TrainingPipeline.spec.triggers.schedules[].startingDeadline",
        "must be longer than 0s",
        {"spec.triggers": {"schedules": [{"name": "nightly", "cron": "0 3 * * *", "startingDeadline": "0s"}]}},
    ),
    "a look at the data every second": Refusal(
        "TrainingPipeline.spec.triggers.dataChange.checkEvery",
        "must be between 1m and 720h",
        {"spec.triggers": {"dataChange": {"checkEvery": "1s"}}},
    ),
    "a pause that is none": Refusal(
        "TrainingPipeline.spec.guard.cooldown", "must be longer than 0s", {"spec.guard": {"cooldown": "0s"}}
    ),
    "an end without its time": Refusal(
        "TrainingPipeline.spec.dataset.timeRange.until",
        "set time exactly when type is Time",
        {"spec.dataset.timeRange": {"column": "ts", "last": "1h", "until": {"type": "Time"}}},
    ),
    "a time without being the end": Refusal(
        "TrainingPipeline.spec.dataset.timeRange.until",
        "set time exactly when type is Time",
        {"spec.dataset.timeRange": {"column": "ts", "last": "1h", "until": {"time": "2026-01-02T03:04:05Z"}}},
    ),
    "settings of the Hash split for another": Refusal(
        "TrainingPipeline.spec.dataset.split",
        "hash belongs to type Hash",
        {"spec.dataset.split": {"type": "Temporal", "hash": {"test": 0.1}}},
        {"spec.dataset.timeColumn": "ts"},
    ),
    "settings of the Temporal split for another": Refusal(
        "TrainingPipeline.spec.dataset.split",
        "temporal belongs to type Temporal",
        {"spec.dataset.split": {"type": "Hash", "temporal": {"test": 0.1}}},
    ),
    "settings of the Stratified split for another": Refusal(
        "TrainingPipeline.spec.dataset.split",
        "stratified belongs to type Stratified",
        {"spec.dataset.split": {"type": "Hash", "stratified": {"test": 0.1}}},
    ),
    "settings of the Group split for another": Refusal(
        "TrainingPipeline.spec.dataset.split",
        "group belongs to type Group",
        {"spec.dataset.split": {"type": "Hash", "group": {"test": 0.1}}},
    ),
    "settings of the Random split for another": Refusal(
        "TrainingPipeline.spec.dataset.split",
        "random belongs to type Random",
        {"spec.dataset.split": {"type": "Hash", "random": {"test": 0.1}}},
    ),
    "a gate without its settings": Refusal(
        "TrainingPipeline.spec.evaluation.gates[]",
        "threshold goes with type Threshold",
        {"spec.evaluation.gates": [{"name": "good", "type": "Threshold"}]},
    ),
    "a threshold without a bound": Refusal(
        "TrainingPipeline.spec.evaluation.gates[].threshold",
        "a gate on a metric needs min, max or both",
        {"spec.evaluation.gates": gate()},
    ),
    "a threshold that nothing can pass": Refusal(
        "TrainingPipeline.spec.evaluation.gates[].threshold",
        "must not be above",
        {"spec.evaluation.gates": gate(min=0.9, max=0.1)},
    ),
    "a gate on slices without its settings": Refusal(
        "TrainingPipeline.spec.evaluation.gates[]",
        "slices goes with type Slices",
        {"spec.evaluation.gates": [{"name": "good", "type": "Slices"}]},
    ),
    "slices without a bound": Refusal(
        "TrainingPipeline.spec.evaluation.gates[].slices",
        "a gate on a metric needs min, max or both",
        {"spec.evaluation.gates": slices()},
    ),
    "slices that nothing can pass": Refusal(
        "TrainingPipeline.spec.evaluation.gates[].slices",
        "must not be above",
        {"spec.evaluation.gates": slices(min=0.9, max=0.1)},
    ),
    "a gate on fairness without its settings": Refusal(
        "TrainingPipeline.spec.evaluation.gates[]",
        "fairness goes with type Fairness",
        {"spec.evaluation.gates": [{"name": "good", "type": "Fairness"}]},
    ),
    "fairness of a Regression": Refusal(
        "TrainingPipeline.spec",
        "Fairness compares the classes of a Classification",
        {"spec.evaluation.gates": [FAIR], "spec.training.task": "Regression"},
    ),
    "a gate on cost without its settings": Refusal(
        "TrainingPipeline.spec.evaluation.gates[]",
        "cost goes with type Cost",
        {"spec.evaluation.gates": [{"name": "good", "type": "Cost"}]},
    ),
    "cost without a figure": Refusal(
        "TrainingPipeline.spec.evaluation.gates[].cost",
        "needs latencyP99, bundleMegabytes or both",
        {"spec.evaluation.gates": [{"name": "good", "type": "Cost", "cost": {}}]},
    ),
    "a gate on the champion without its settings": Refusal(
        "TrainingPipeline.spec.evaluation.gates[]",
        "champion goes with type Champion",
        {"spec.evaluation.gates": [{"name": "good", "type": "Champion"}]},
    ),
    "as good as the champion in units that nobody knows": Refusal(
        "TrainingPipeline.spec.evaluation.gates[].champion",
        "say how much worse is still as good",
        {
            "spec.evaluation.gates": [{"name": "good", "type": "Champion", "champion": {"metric": "mae"}}],
            "spec.training.task": "Regression",
        },
    ),
    "an answer in no time": Refusal(
        "TrainingPipeline.spec.evaluation.gates[].cost.latencyP99",
        "must be longer than 0",
        {"spec.evaluation.gates": [{"name": "good", "type": "Cost", "cost": {"latencyP99": "0ms"}}]},
    ),
    "artifacts outside their folder": Refusal(
        "TrainingPipeline.spec.artifacts.uri", "remove the segments", {"spec.artifacts.uri": "pvc://artifacts/../x"}
    ),
    "a variable of ours in a training pod": Refusal(
        "TrainingPipeline.spec.pod.env[]", "choose another name", {ENV: [{"name": "MLWRIGHT_STEP", "value": "x"}]}
    ),
    "two sources for a variable of a training pod": Refusal(
        "TrainingPipeline.spec.pod.env[]", "set value or secretRef, not both", {ENV: [BOTH]}
    ),
    "a model name that is too long for names made from it": Refusal("Model", NAME, {"metadata.name": "a" * 41}),
    "a grace period in which what is unused may be in use again": Refusal(
        "Model.spec.retention.gracePeriod",
        "must be between 1h and 8760h",
        {"spec.retention": {"keepVersions": 3, "artifacts": "Delete", "gracePeriod": "59m"}},
    ),
    "a model's artifacts outside their folder": Refusal(
        "Model.spec.artifacts.uri", "remove the segments", {"spec.artifacts.uri": "pvc://artifacts/a/."}
    ),
    "keys of a store for runs on a claim": Refusal(
        "TrainingPipeline.spec.artifacts",
        "storage belongs to s3:// addresses",
        {"spec.artifacts": {"uri": "pvc://artifacts/x", "storage": {"secretRef": {"name": "keys"}}}},
    ),
    "a password in the address of a store of runs": Refusal(
        "TrainingPipeline.spec.artifacts.storage.endpointURL",
        "without user, password or query",
        {"spec.artifacts": {"uri": "s3://models/x", "storage": {"endpointURL": "https://me:mine@s3"}}},
    ),
    "keys of a store for a model's artifacts on a claim": Refusal(
        "Model.spec.artifacts",
        "storage belongs to s3:// addresses",
        {"spec.artifacts": {"uri": "pvc://artifacts/x", "storage": {"secretRef": {"name": "keys"}}}},
    ),
    "a password in the address of the store of a model": Refusal(
        "Model.spec.artifacts.storage.endpointURL",
        "without user, password or query",
        {"spec.artifacts": {"uri": "s3://models/x", "storage": {"endpointURL": "https://me:mine@s3"}}},
    ),
    "a password in the address of the store of a bundle": Refusal(
        "ModelVersion.spec.bundle.storage.endpointURL",
        "without user, password or query",
        {"spec.bundle.uri": "s3://models/x", "spec.bundle.storage": {"endpointURL": "https://me:mine@s3"}},
    ),
    "keys of a store for a bundle on a claim": Refusal(
        "ModelVersion.spec.bundle",
        "storage belongs to s3:// addresses",
        {"spec.bundle.storage": {"secretRef": {"name": "keys"}}},
    ),
    "a bundle outside its folder": Refusal(
        "ModelVersion.spec.bundle.uri", "remove the segments", {"spec.bundle.uri": "pvc://artifacts/.."}
    ),
    "a deployment name that begins with a digit": Refusal("ModelDeployment", NAME, {"metadata.name": "1-churn"}),
    "following the alias that it sets": Refusal(
        "ModelDeployment.spec",
        "cannot follow the alias that it sets",
        {
            "spec.model": {"type": "Alias", "alias": "champion", "ref": {"name": "churn"}},
            "spec.rollout.setAlias": "champion",
        },
    ),
    "pods that are killed while they answer": Refusal(
        "ModelDeployment.spec",
        "must be at least server.drain + server.timeout + 5",
        {"spec.server.drain": "1m30s", "spec.terminationGracePeriodSeconds": 60},
    ),
    "pods that are killed in their last request": Refusal(
        "ModelDeployment.spec",
        "raise it, or shorten server.timeout or server.drain",
        {"spec.server.timeout": "46s", "spec.terminationGracePeriodSeconds": 60},
    ),
    "a header that a Service is to read": Refusal(
        "ModelDeployment.spec.traffic",
        "a Service reads no headers",
        {"spec.traffic": {"provider": "Service", "headerOverride": "X-Variant"}},
    ),
    "a pinned version without its number": Refusal(
        "ModelDeployment.spec.model", "set model.version exactly when", {"spec.model.type": "Version"}
    ),
    "a number without pinning": Refusal(
        "ModelDeployment.spec.model", "set model.version exactly when", {"spec.model.version": 7}
    ),
    "an alias without its name": Refusal(
        "ModelDeployment.spec.model", "set model.alias exactly when", {"spec.model.type": "Alias"}
    ),
    "an alias that is not followed": Refusal(
        "ModelDeployment.spec.model", "set model.alias exactly when", {"spec.model.alias": "champion"}
    ),
    "a deadline that has passed already": Refusal(
        "ModelDeployment.spec.rollout.progressDeadline",
        "must be longer than 0s",
        {"spec.rollout.progressDeadline": "0m0s"},
    ),
    "steps that nothing passes": Refusal(
        "ModelDeployment.spec.rollout",
        "set strategy BlueGreen or Canary, or remove steps",
        {"spec.rollout.steps": [{"name": "ask", "type": "Approval"}]},
    ),
    "weights that fall": Refusal(
        "ModelDeployment.spec.rollout",
        "must not fall from one to the next",
        {"spec.rollout": {"strategy": "Canary", "steps": [weight("half", 50), weight("five", 5)]}},
    ),
    "a canary that never has a share": Refusal(
        "ModelDeployment.spec.rollout",
        "go with strategy Canary, which needs at least one",
        {"spec.rollout": {"strategy": "Canary", "steps": [{"name": "ask", "type": "Approval"}]}},
    ),
    "a share without a canary": Refusal(
        "ModelDeployment.spec.rollout",
        "go with strategy Canary",
        {"spec.rollout": {"strategy": "BlueGreen", "steps": [weight("five", 5)]}},
    ),
    "a weight without its settings": Refusal(
        "ModelDeployment.spec.rollout.steps[]",
        "weight goes with type Weight and only with it",
        {"spec.rollout": {"strategy": "Canary", "steps": [weight("five", 5), {"name": "ten", "type": "Weight"}]}},
    ),
    "a step of the name of the bake": Refusal(
        "ModelDeployment.spec.rollout.steps[]",
        "choose another name",
        {"spec.rollout": {"strategy": "Canary", "steps": [weight("bake", 5)]}},
    ),
    "a step of the name of the preflight": Refusal(
        "ModelDeployment.spec.rollout.steps[]",
        "are the names of the first stages",
        {"spec.rollout": {"strategy": "Canary", "steps": [weight("preflight", 5)]}},
    ),
    "a preflight that asks nothing": Refusal(
        "ModelDeployment.spec.rollout.preflight",
        "a preflight asks something",
        {"spec.rollout": {"preflight": {}}},
    ),
    "a preflight of a container without time": Refusal(
        "ModelDeployment.spec.rollout.preflight.container.timeoutAfter",
        "must be longer than 0s",
        {"spec.rollout": {"preflight": {"container": {"image": "asks:1", "timeoutAfter": "0s"}}}},
    ),
    "a preflight whose container is told a variable of ours": Refusal(
        "ModelDeployment.spec.rollout.preflight.container.env[]",
        "belong to mlwright",
        {"spec.rollout": {"preflight": {"container": {"image": "asks:1", "env": [{"name": "MLWRIGHT_TARGETS"}]}}}},
    ),
    "a preflight that answers in no time": Refusal(
        "ModelDeployment.spec.rollout.preflight.replay.latencyBound",
        "must be longer than 0",
        {"spec.rollout": {"preflight": {"replay": {"latencyBound": "0ms"}}}},
    ),
    "a replay to a server of one's own": Refusal(
        "ModelDeployment.spec",
        "replay asks the built-in server",
        {
            "spec.runtime": {"type": "Container", "container": {"image": "mlserver:1"}},
            "spec.rollout": {"preflight": {"replay": {}}},
        },
    ),
    "a share without its time": Refusal(
        "ModelDeployment.spec.rollout.steps[].weight.hold",
        "must be longer than 0s",
        {"spec.rollout": {"strategy": "Canary", "steps": [weight("five", 5, "0s")]}},
    ),
    "no time for an answer": Refusal(
        "ModelDeployment.spec.server.timeout", "must be longer than 0s", {"spec.server.timeout": "0s"}
    ),
    "a container of one's own without the container": Refusal(
        "ModelDeployment.spec.runtime", "set runtime.container exactly when", {"spec.runtime": {"type": "Container"}}
    ),
    "a container of one's own without saying so": Refusal(
        "ModelDeployment.spec.runtime",
        "set runtime.container exactly when",
        {"spec.runtime": {"container": {"image": "mlserver:1"}}},
    ),
    "pickles for a container of one's own": Refusal(
        "ModelDeployment.spec.runtime",
        "a container of your own loads what it likes",
        {
            "spec.runtime": {
                "type": "Container",
                "container": {"image": "mlserver:1"},
                "allowUnsafeFormats": True,
            }
        },
    ),
    "tokens for a container of one's own": Refusal(
        "ModelDeployment.spec",
        "a server of your own has none of these",
        {
            "spec.runtime": {"type": "Container", "container": {"image": "mlserver:1"}},
            "spec.server.auth": {"type": "Token", "secretRef": {"name": "tokens", "key": "token"}},
        },
    ),
    "tokens without their Secret": Refusal(
        "ModelDeployment.spec.server.auth", "set auth.secretRef exactly when", {"spec.server.auth": {"type": "Token"}}
    ),
    "a Secret that nobody asks for": Refusal(
        "ModelDeployment.spec.server.auth",
        "set auth.secretRef exactly when",
        {"spec.server.auth": {"secretRef": {"name": "tokens", "key": "token"}}},
    ),
    "a variable of ours in a serving pod": Refusal(
        "ModelDeployment.spec.pod.env[]", "choose another name", {ENV: [{"name": "MLWRIGHT_PORT", "value": "1"}]}
    ),
    "two sources for a variable of a serving pod": Refusal(
        "ModelDeployment.spec.pod.env[]", "set value or secretRef, not both", {ENV: [BOTH]}
    ),
}

DISAGREEMENT: Json = {"type": "Disagreement", "disagreement": {"max": 0.1}}
ANALYSIS = "ModelDeployment.spec.rollout.analysis"
CHECK = f"{ANALYSIS}.checks[]"
REFUSALS |= {
    "a comparison of answers without copies": Refusal(
        "ModelDeployment.spec.rollout", "add a step of type Shadow, such as", watched(**DISAGREEMENT)
    ),
    "copies without their settings": Refusal(
        "ModelDeployment.spec.rollout.steps[]",
        "shadow goes with type Shadow and only with it",
        {"spec.rollout": {"strategy": "BlueGreen", "steps": [{"name": "quiet", "type": "Shadow"}]}},
    ),
    "copies for no time": Refusal(
        "ModelDeployment.spec.rollout.steps[].shadow.duration",
        "must be longer than 0s",
        {"spec.rollout": {"strategy": "BlueGreen", "steps": [shadow("0s")]}},
    ),
    "an analysis without a canary": Refusal(
        "ModelDeployment.spec.rollout",
        "add a step of type Weight or Shadow, or remove it",
        {"spec.rollout": {"analysis": {"checks": [{"name": "errors", "type": "ErrorRate"}]}}},
    ),
    "no time to find a proof": Refusal(
        f"{ANALYSIS}.maxHold",
        "must be longer than 0s",
        {
            "spec.rollout": {
                "strategy": "Canary",
                "steps": [weight("five", 5)],
                "analysis": {"maxHold": "0s", "checks": [{"name": "errors", "type": "ErrorRate"}]},
            }
        },
    ),
    "a bound that is none": Refusal(
        f"{CHECK}.latency.bound", "must be longer than 0", watched(type="Latency", latency={"bound": "0ms"})
    ),
    "a margin within what is allowed for errors": Refusal(
        f"{CHECK}.errorRate", "at least twice", watched(errorRate={"maxIncrease": 0.01, "passMargin": 0.015})
    ),
    "a margin within what is allowed for slow answers": Refusal(
        f"{CHECK}.latency",
        "at least twice",
        watched(type="Latency", latency={"bound": "1s", "maxIncrease": 0.01, "passMargin": 0.015}),
    ),
    "a margin within what is allowed for accuracy": Refusal(
        f"{CHECK}.accuracy",
        "at least twice",
        watched(type="Accuracy", accuracy={"maxDecrease": 0.01, "passMargin": 0.015}),
    ),
    "a query without bounds": Refusal(
        f"{CHECK}.query", "needs min, max or both", watched(type="Query", query={"promql": "up"})
    ),
    "a query that nothing passes": Refusal(
        f"{CHECK}.query",
        "must not be above its max",
        watched(type="Query", query={"promql": "up", "min": 2.0, "max": 1.0}),
    ),
    **{
        f"{member} without its settings": Refusal(
            CHECK, f"{member} goes with type {type_}", watched(shadow(), type=type_)
        )
        for type_, member in (("Latency", "latency"), ("Disagreement", "disagreement"), ("Query", "query"))
    },
    **{
        f"{member} in another check": Refusal(
            CHECK,
            f"{member} belongs to type {type_}",
            watched(shadow(), **DISAGREEMENT, **{member: {}}),
        )
        for type_, member in (
            ("ErrorRate", "errorRate"),
            ("Accuracy", "accuracy"),
            ("PredictionDrift", "predictionDrift"),
        )
    },
}

REFUSALS |= {
    "feedback without keys": Refusal(
        "ModelDeployment.spec.feedback", "feedback needs feedback.keySecretRef", {"spec.feedback": {"enabled": True}}
    ),
    "a payload log that leaves its claim": Refusal(
        "ModelDeployment.spec.server.payloadLog.uri",
        "must be one plain address",
        {"spec.server": {"payloadLog": {"uri": "pvc://payloads/../other"}}},
    ),
    "keys of a store for a payload log on a claim": Refusal(
        "ModelDeployment.spec.server.payloadLog",
        "storage belongs to s3:// addresses",
        {"spec.server": {"payloadLog": {"uri": "pvc://payloads/live", "storage": {"region": "eu-1"}}}},
    ),
    "a password in the address of a payload log's store": Refusal(
        "ModelDeployment.spec.server.payloadLog.storage.endpointURL",
        "write an address such as https://minio.storage:9000",
        {
            "spec.server": {
                "payloadLog": {"uri": "s3://logs/live", "storage": {"endpointURL": "https://u:p@minio:9000"}}
            }
        },
    ),
    "no time for labels": Refusal(
        "ModelDeployment.spec.feedback.labelWindow", "must be longer than 0s", {"spec.feedback": {"labelWindow": "0s"}}
    ),
}

REFUSALS |= {
    "a batch prediction that never runs": Refusal(
        "BatchPrediction.spec", "one of the two says when to run", {"spec.runOnce": False}
    ),
    "a batch prediction by a schedule and once": Refusal(
        "BatchPrediction.spec", "one of the two says when to run", {"spec.schedule": {"cron": "0 3 * * *"}}
    ),
    "a deployment that is not named": Refusal(
        "BatchPrediction.spec.source", "deployment goes with type Deployment", {"spec.source": {"type": "Deployment"}}
    ),
    "a version that is not named": Refusal(
        "BatchPrediction.spec.source", "version goes with type Version", {"spec.source": {"type": "Version"}}
    ),
    "rows in a chain of addresses": Refusal(
        "BatchPrediction.spec.input", "must be one plain address", {"spec.input.uri": "pvc://lake/zip::rows"}
    ),
    "a store for rows on a claim": Refusal(
        "BatchPrediction.spec.input",
        "input.storage belongs to s3:// addresses",
        {"spec.input.storage": {"region": "eu-1"}},
    ),
    "a store for rows at an address with a password": Refusal(
        "BatchPrediction.spec.input.storage.endpointURL",
        "without user, password or query",
        {"spec.input.uri": "s3://lake/rows", "spec.input.storage": {"endpointURL": "https://user:word@store"}},
    ),
    "answers outside of the claim": Refusal(
        "BatchPrediction.spec.output", "must be one plain address", {"spec.output.uri": "pvc://lake/../answers"}
    ),
    "a store for answers on a claim": Refusal(
        "BatchPrediction.spec.output",
        "output.storage belongs to s3:// addresses",
        {"spec.output.storage": {"region": "eu-1"}},
    ),
    "a store for answers at an address with a password": Refusal(
        "BatchPrediction.spec.output.storage.endpointURL",
        "without user, password or query",
        {"spec.output.uri": "s3://lake/answers", "spec.output.storage": {"endpointURL": "https://user:word@store"}},
    ),
    "no time to start a batch": Refusal(
        "BatchPrediction.spec.schedule.startingDeadline",
        "must be longer than 0s",
        {"spec.runOnce": False, "spec.schedule": {"cron": "0 3 * * *", "startingDeadline": "0s"}},
    ),
    "no time for a batch": Refusal(
        "BatchPrediction.spec.timeoutAfter", "must be longer than 0s", {"spec.timeoutAfter": "0s"}
    ),
    "a variable of ours in a pod of a batch": Refusal(
        "BatchPrediction.spec.pod.env[]", "choose another name", {ENV: [{"name": "MLWRIGHT_PORT", "value": "1"}]}
    ),
    "two sources for a variable of a pod of a batch": Refusal(
        "BatchPrediction.spec.pod.env[]", "set value or secretRef, not both", {ENV: [BOTH]}
    ),
    "a name of a batch that no child could carry": Refusal("BatchPrediction", NAME, {"metadata.name": "c" * 41}),
}


def _check_of(type_: str, **settings: Any) -> Json:
    """Return one check of a monitor."""
    return {"name": "one", "type": type_, **settings}


def _stored(**more: Any) -> Json:
    """Return a target of stored rows."""
    plain = {
        "deploymentRef": {"name": "churn"},
        "dataset": {"uri": "pvc://lake/rows"},
        "schedule": {"cron": "0 3 * * *"},
    }
    return {"type": "Batch", "batch": {**plain, **more}}


TELL: Json = {"name": "tell", "when": ["DataDrift"], "type": "Notify"}

REFUSALS |= {
    "a monitor that names no deployment": Refusal(
        "DriftMonitor.spec.target", "live goes with type Live", {"spec.target": {"type": "Live"}}
    ),
    "a monitor of stored rows that says nothing of them": Refusal(
        "DriftMonitor.spec.target", "batch goes with type Batch", {"spec.target": {"type": "Batch"}}
    ),
    "stored rows in the target of requests": Refusal(
        "DriftMonitor.spec.target",
        "batch goes with type Batch and only with it",
        {"spec.target": {**_stored(), "type": "Live", "live": {"deploymentRef": {"name": "churn"}}}},
    ),
    "stored rows at no plain address": Refusal(
        "DriftMonitor.spec.target.batch.dataset",
        "target.batch.dataset.uri must be one plain address",
        {"spec.target": _stored(dataset={"uri": "pvc://lake/../rows"})},
    ),
    "keys of a store for rows on a claim": Refusal(
        "DriftMonitor.spec.target.batch.dataset",
        "target.batch.dataset.storage belongs to s3:// addresses",
        {"spec.target": _stored(dataset={"uri": "pvc://lake/rows", "storage": {"endpointURL": "https://s3:9000"}})},
    ),
    "a password in the address of a store of rows": Refusal(
        "DriftMonitor.spec.target.batch.dataset.storage.endpointURL",
        "without user, password or query",
        {"spec.target": _stored(dataset={"uri": "s3://lake/rows", "storage": {"endpointURL": "https://me:mine@s3"}})},
    ),
    "no time for a slot of stored rows": Refusal(
        "DriftMonitor.spec.target.batch.schedule.startingDeadline",
        "must be longer than 0s",
        {"spec.target": _stored(schedule={"cron": "0 3 * * *", "startingDeadline": "0s"})},
    ),
    "no time for a look at stored rows": Refusal(
        "DriftMonitor.spec.target.batch.timeoutAfter",
        "must be longer than 0s",
        {"spec.target": _stored(timeoutAfter="0s")},
    ),
    "a variable of ours for the pods that count": Refusal(
        "DriftMonitor.spec.target.batch.pod.env[]",
        "choose another name",
        {"spec.target": _stored(pod={"env": [{"name": "MLWRIGHT_COUNT", "value": "x"}]})},
    ),
    "two sources of a variable of the pods that count": Refusal(
        "DriftMonitor.spec.target.batch.pod.env[]",
        "set value or secretRef, not both",
        {"spec.target": _stored(pod={"env": [{"name": "A", "value": "x", "secretRef": {"name": "s", "key": "k"}}]})},
    ),
    "the truth of stored rows without its column": Refusal(
        "DriftMonitor.spec",
        "name the column in target.batch.label",
        {"spec.target": _stored(), "spec.checks": [_check_of("Performance")]},
    ),
    "the column of the truth that nobody asks for": Refusal(
        "DriftMonitor.spec",
        "target.batch.label is for a check of type Performance",
        {"spec.target": _stored(label="y")},
    ),
    "a window that is no multiple of its blocks": Refusal(
        "DriftMonitor.spec.windows.slow",
        "length must be 1 to 48 times every",
        {"spec.windows": {"slow": {"length": "90m", "every": "1h"}}},
    ),
    "a block that is shorter than a scrape": Refusal(
        "DriftMonitor.spec.windows.slow.every",
        "must be between 10s and 24h",
        {"spec.windows": {"slow": {"length": "30s", "every": "5s"}}},
    ),
    "minutes that do not cut an hour": Refusal(
        "DriftMonitor.spec.windows.fast",
        "length must be 10m, 12m, 15m, 20m or 30m",
        {"spec.windows": {"fast": {"length": "25m"}}},
    ),
    "minutes that are usual without a weekend": Refusal(
        "DriftMonitor.spec.windows.fast",
        "baseline must be whole weeks",
        {"spec.windows": {"fast": {"baseline": "48h"}}},
    ),
    "minutes that are longer than a block": Refusal(
        "DriftMonitor.spec.windows",
        "fast.length must be shorter than slow.every",
        {"spec.windows": {"slow": {"length": "1h", "every": "10m"}, "fast": {"length": "10m"}}},
    ),
    "minutes of stored rows": Refusal(
        "DriftMonitor.spec",
        "windows.fast is for requests",
        {"spec.target": _stored(), "spec.windows": {"fast": {"length": "10m"}}},
    ),
    "a feature that is watched and is not": Refusal(
        "DriftMonitor.spec.features",
        "take it out of one of them",
        {"spec.features": {"include": ["age"], "exclude": ["age"]}},
    ),
    "more proofs than windows": Refusal(
        "DriftMonitor.spec.checks[].dataDrift.persistence",
        "it could never be reached",
        {"spec.checks": [_check_of("DataDrift", dataDrift={"persistence": {"required": 3, "of": 2}})]},
    ),
    "more proofs than windows of answers": Refusal(
        "DriftMonitor.spec.checks[].predictionDrift.persistence",
        "it could never be reached",
        {"spec.checks": [_check_of("PredictionDrift", predictionDrift={"persistence": {"required": 3, "of": 2}})]},
    ),
    "more proofs than windows of broken values": Refusal(
        "DriftMonitor.spec.checks[].quality.persistence",
        "it could never be reached",
        {"spec.checks": [_check_of("Quality", quality={"persistence": {"required": 3, "of": 2}})]},
    ),
    "settings of broken values for what is asked": Refusal(
        "DriftMonitor.spec.checks[]",
        "quality belongs to type Quality",
        {"spec.checks": [_check_of("DataDrift", quality={"maxMissing": 0.2})]},
    ),
    "settings of labels for what is asked": Refusal(
        "DriftMonitor.spec.checks[]",
        "performance belongs to type Performance",
        {"spec.checks": [_check_of("DataDrift", performance={"maxDrop": 0.1})]},
    ),
    "two bets on the same labels": Refusal(
        "DriftMonitor.spec",
        "keep the one with the smaller maxDrop",
        {"spec.checks": [_check_of("Performance"), {"name": "two", "type": "Performance"}]},
    ),
    "settings of another check of drift": Refusal(
        "DriftMonitor.spec.checks[]",
        "dataDrift belongs to type DataDrift",
        {"spec.checks": [_check_of("PredictionDrift", dataDrift={"maxDistance": 0.2})]},
    ),
    "settings of answers for what is asked": Refusal(
        "DriftMonitor.spec.checks[]",
        "predictionDrift belongs to type PredictionDrift",
        {"spec.checks": [_check_of("DataDrift", predictionDrift={"maxDistance": 0.2})]},
    ),
    "a run of no pipeline": Refusal(
        "DriftMonitor.spec.actions[]",
        "retrain goes with type Retrain",
        {"spec.actions": [{"name": "again", "when": ["DataDrift"], "type": "Retrain"}]},
    ),
    "a receiver with a password in its address": Refusal(
        "DriftMonitor.spec.actions[].notify.url",
        "such as https://host.example.com/path, without user, password or query",
        {"spec.actions": [{**TELL, "notify": {"url": "https://me:secret@hooks.example.com/"}}]},
    ),
    "a message to nobody": Refusal(
        "DriftMonitor.spec.actions[]", "notify goes with type Notify", {"spec.actions": [TELL]}
    ),
    "a way back for a run": Refusal(
        "DriftMonitor.spec.actions[]",
        "rollback belongs to type Rollback",
        {
            "spec.actions": [
                {
                    "name": "again",
                    "when": ["DataDrift"],
                    "type": "Retrain",
                    "retrain": {"pipelineRef": {"name": "churn"}},
                    "rollback": {"within": "1h"},
                }
            ]
        },
    ),
    "a version that is blamed for what is asked": Refusal(
        "DriftMonitor.spec.actions[]",
        "Rollback cannot follow from DataDrift",
        {"spec.actions": [{"name": "back", "when": ["DataDrift"], "type": "Rollback"}]},
    ),
    "a run that would learn from broken values": Refusal(
        "DriftMonitor.spec.actions[]",
        "only Notify can follow from Quality",
        {
            "spec.actions": [
                {
                    "name": "again",
                    "when": ["Quality"],
                    "type": "Retrain",
                    "retrain": {"pipelineRef": {"name": "churn"}},
                }
            ]
        },
    ),
    "an older version that answers broken values no better": Refusal(
        "DriftMonitor.spec.actions[]",
        "only Notify can follow from Quality",
        {"spec.actions": [{"name": "back", "when": ["PredictionDrift", "Quality"], "type": "Rollback"}]},
    ),
    "a version that is sent back without a look at what is asked": Refusal(
        "DriftMonitor.spec",
        "needs a check of type DataDrift",
        {
            "spec.checks": [_check_of("PredictionDrift")],
            "spec.actions": [{"name": "back", "when": ["PredictionDrift"], "type": "Rollback"}],
        },
    ),
    "a name of a monitor that no child could carry": Refusal("DriftMonitor", NAME, {"metadata.name": "c" * 41}),
}

REFUSALS |= {
    "an approval of what the gates rejected": Refusal(
        "ModelVersion.spec",
        "a version that its gates rejected cannot be approved",
        {"spec.verdict.outcome": "Rejected", "spec.approval": {"decision": "Approved"}},
    ),
}


def _scaled(**spec: Any) -> dict[str, Any]:
    """Return the change to a deployment that is scaled by its requests."""
    rate = {"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}
    return {"spec.autoscaling": {"maxReplicas": 5, "metrics": [rate], **spec}}


def _scaled_by(type_: str, **settings: Any) -> dict[str, Any]:
    return _scaled(metrics=[{"name": "load", "type": type_, **settings}])


METRIC = "ModelDeployment.spec.autoscaling.metrics[]"
REFUSALS |= {
    "fewer pods at most than at least": Refusal(
        "ModelDeployment.spec.autoscaling", "minReplicas must not be above maxReplicas", _scaled(minReplicas=6)
    ),
    "a floor above the most pods": Refusal(
        "ModelDeployment.spec.autoscaling",
        "minReplicas of a floor must not be above maxReplicas",
        _scaled(floors=[{"name": "day", "cron": "0 8 * * *", "duration": "9h", "minReplicas": 6}]),
    ),
    "asleep after no time": Refusal(
        "ModelDeployment.spec.autoscaling.idleAfter", "must be longer than 0s", _scaled(idleAfter="0s")
    ),
    "a floor that lasts no time": Refusal(
        "ModelDeployment.spec.autoscaling.floors[].duration",
        "must be longer than 0s",
        _scaled(floors=[{"name": "day", "cron": "0 8 * * *", "duration": "0s", "minReplicas": 1}]),
    ),
    "scaled by concurrency without a target": Refusal(METRIC, "concurrency goes with", _scaled_by("Concurrency")),
    "scaled by requests without a target": Refusal(METRIC, "requestRate goes with", _scaled_by("RequestRate")),
    "scaled by slow answers without a bound": Refusal(METRIC, "latency goes with", _scaled_by("Latency")),
    "scaled by a query without words": Refusal(METRIC, "query goes with", _scaled_by("Query")),
    "a target of nothing": Refusal(
        f"{METRIC}.requestRate.target",
        "should be greater than 0",
        _scaled_by("RequestRate", requestRate={"target": 0}),
    ),
    "answers that take no time": Refusal(
        f"{METRIC}.latency.bound", "must be longer than 0", _scaled_by("Latency", latency={"bound": "0ms"})
    ),
    "a fallback without its number": Refusal(
        "ModelDeployment.spec.autoscaling.whenMetricsMissing",
        "set whenMetricsMissing.fallback exactly when",
        _scaled(whenMetricsMissing={"type": "Fallback"}),
    ),
}
HASTE = {"modelRef": {"name": "churn"}, "uri": "https://models.example.com/churn.onnx"}
AWAY = {"spec.pipelineRef": GONE, "spec.importFrom": HASTE}
REFUSALS |= {
    "a run of a pipeline that takes in a model as well": Refusal(
        "TrainingRun.spec", "set pipelineRef to run a pipeline, or importFrom", {"spec.importFrom": HASTE}
    ),
    "an import with a password in its address": Refusal(
        "TrainingRun.spec.importFrom.uri",
        "without user, password or query",
        {"spec.importFrom.uri": "https://me:secret@models.example.com/churn.onnx"},
        AWAY,
    ),
    "an MLflow server with a query in its address": Refusal(
        "TrainingRun.spec.importFrom.mlflow.uri",
        "such as https://host.example.com/path, without user, password or query",
        {"spec.importFrom.mlflow": {"uri": "https://mlflow.example.com/?key=1"}},
        AWAY | {"spec.importFrom": {**HASTE, "uri": "models:/churn/3"}},
    ),
    "a mirror with a password in its address": Refusal(
        "TrainingPipeline.spec.mirror.mlflow.uri",
        "such as https://host.example.com/path, without user, password or query",
        {"spec.mirror": {"mlflow": {"uri": "https://me:secret@mlflow.example.com"}}},
    ),
    "an import that overrides a pipeline": Refusal(
        "TrainingRun.spec",
        "overrides change what a pipeline trains",
        {"spec.overrides": {"seed": 1}},
        AWAY,
    ),
    "a model of MLflow without its server": Refusal(
        "TrainingRun.spec.importFrom",
        "mlflow: name the server",
        {"spec.importFrom.uri": "models:/churn@champion"},
        AWAY,
    ),
    "an import that writes outside its folder": Refusal(
        "TrainingRun.spec.importFrom.artifacts.uri",
        "remove the segments",
        {"spec.importFrom.artifacts": {"uri": "s3://models/../x"}},
        AWAY,
    ),
    "keys of a store for an import on a claim": Refusal(
        "TrainingRun.spec.importFrom.artifacts",
        "storage belongs to s3:// addresses",
        {"spec.importFrom.artifacts": {"uri": "pvc://artifacts/x", "storage": {"region": "eu-1"}}},
        AWAY,
    ),
    "a password in the address of a store of imports": Refusal(
        "TrainingRun.spec.importFrom.artifacts.storage.endpointURL",
        "without user, password or query",
        {"spec.importFrom.artifacts": {"uri": "s3://models/x", "storage": {"endpointURL": "https://me:mine@s3"}}},
        AWAY,
    ),
    "a variable of ours in a pod that imports": Refusal(
        "TrainingRun.spec.importFrom.pod.env[]",
        "choose another name",
        {"spec.importFrom.pod.env": [{"name": "MLWRIGHT_STEP", "value": "x"}]},
        AWAY,
    ),
    "two sources for a variable of a pod that imports": Refusal(
        "TrainingRun.spec.importFrom.pod.env[]",
        "set value or secretRef, not both",
        {"spec.importFrom.pod.env": [BOTH]},
        AWAY,
    ),
}
EXPERIMENT = "ModelDeployment.spec.experiment"
TOLD = {"spec.feedback": {"enabled": True, "keySecretRef": {"name": "keys"}}}


def compared(*versions: int, weight: int = 10, **settings: Any) -> dict[str, Any]:
    """Return an experiment with variants of such versions."""
    names = [f"v{place}" for place in range(len(versions))]
    variants = [{"name": n, "model": {"version": v}, "weight": weight} for n, v in zip(names, versions, strict=True)]
    goal = {"type": "Reward", "reward": {"effect": 0.02}}
    return {"spec.experiment": {"name": "pricing", "variants": variants, "goal": goal, **settings}}


def assigned(**assignment: Any) -> dict[str, Any]:
    """Return an experiment whose users are told apart in such a way."""
    return compared(2, assignment=assignment)


def by_counters(metric: str = "shop_offers_total", label: str = "app", **settings: Any) -> dict[str, Any]:
    """Return an experiment by two counters of a shop."""
    trials = {"metric": metric, "labels": [{"name": label, "value": "shop"}]}
    counters = {"trials": trials, "successes": {"metric": "shop_orders_total"}}
    return compared(2, goal={"type": "Queries", "queries": {"effect": 0.02, **counters, **settings}})


REFUSALS |= {
    "trials that are no counter": Refusal(
        f"{EXPERIMENT}.goal.queries.trials.metric", "should match", by_counters("shop_offers_per_second")
    ),
    "trials of another namespace": Refusal(
        f"{EXPERIMENT}.goal.queries.trials.labels[]",
        "counters of the deployment's namespace are read",
        by_counters(label="namespace"),
    ),
    "successes of another namespace": Refusal(
        f"{EXPERIMENT}.goal.queries.successes.labels[]",
        "counters of the deployment's namespace are read",
        by_counters(successes={"metric": "shop_orders_total", "labels": [{"name": "namespace", "value": "a"}]}),
    ),
    "trials of one version": Refusal(
        f"{EXPERIMENT}.goal.queries", "the label that tells versions apart", by_counters(label="model_version")
    ),
    "versions that are told apart by the namespace": Refusal(
        f"{EXPERIMENT}.goal.queries",
        "let another label of it tell the version",
        by_counters(versionLabel="namespace"),
    ),
    "successes that are the trials": Refusal(
        f"{EXPERIMENT}.goal.queries",
        "trials and successes are two counters",
        by_counters(successes={"metric": "shop_offers_total", "labels": [{"name": "app", "value": "shop"}]}),
    ),
    "a goal of queries without its settings": Refusal(
        f"{EXPERIMENT}.goal", "queries goes with type Queries", compared(2, goal={"type": "Queries"})
    ),
    "an experiment that nobody tells rewards of": Refusal(
        "ModelDeployment.spec", "an experiment compares rewards", compared(2)
    ),
    "variants that leave nothing": Refusal(EXPERIMENT, "must leave something", compared(2, 3, weight=50), TOLD),
    "two variants of one version": Refusal(EXPERIMENT, "two variants of one version", compared(2, 2), TOLD),
    "a variant that is called stable": Refusal(
        f"{EXPERIMENT}.variants[]",
        "are names of their own",
        compared(variants=[{"name": "stable", "model": {"version": 2}, "weight": 10}]),
        TOLD,
    ),
    "users by a header that is not named": Refusal(
        f"{EXPERIMENT}.assignment", "header goes with type Header", assigned(type="Header"), TOLD
    ),
    "users where each request is one": Refusal(
        f"{EXPERIMENT}.assignment", "every request is a user", assigned(type="Request", requestsPerUser=5), TOLD
    ),
    "a goal without its settings": Refusal(
        f"{EXPERIMENT}.goal", "reward goes with type Reward", compared(2, goal={"type": "Reward"}), TOLD
    ),
    "a guardrail on slow answers without a bound": Refusal(
        f"{EXPERIMENT}.guardrails[]",
        "latency goes with type Latency",
        compared(2, guardrails=[{"name": "slow", "type": "Latency"}]),
        TOLD,
    ),
    **{
        f"{member} in another guardrail": Refusal(
            f"{EXPERIMENT}.guardrails[]",
            f"{member} belongs to type {type_}",
            compared(2, guardrails=[{"name": "watch", "type": other, member: {}}]),
            TOLD,
        )
        for type_, member, other in (("ErrorRate", "errorRate", "Accuracy"), ("Accuracy", "accuracy", "ErrorRate"))
    },
    "a guardrail whose bound is none": Refusal(
        f"{EXPERIMENT}.guardrails[].latency.bound",
        "must be longer than 0",
        compared(2, guardrails=[{"name": "slow", "type": "Latency", "latency": {"bound": "0ms"}}]),
        TOLD,
    ),
    "no time for rewards": Refusal(
        f"{EXPERIMENT}.maxDuration", "must be longer than 0s", compared(2, maxDuration="0s"), TOLD
    ),
}
EDITS: dict[str, Refusal] = {
    "an experiment that becomes another": Refusal(
        EXPERIMENT,
        "an experiment does not change",
        {"spec.experiment.confidence": 0.9},
        TOLD | compared(2),
    ),
    "a run that takes in another model": Refusal(
        "TrainingRun.spec.importFrom",
        "importFrom cannot change",
        {"spec.importFrom.uri": "https://models.example.com/other.onnx"},
        AWAY,
    ),
    "a run that does something else than before": Refusal(
        "TrainingRun.spec.overrides",
        "overrides cannot change",
        {"spec.overrides.seed": 2},
        {"spec.overrides": {"seed": 1}},
    ),
    "a run that begins to do something otherwise": Refusal(
        "TrainingRun.spec", "a run cannot become another", {"spec.overrides": {"seed": 1}}
    ),
    "a run of a pipeline that becomes an import": Refusal(
        "TrainingRun.spec", "a run cannot become another", {"spec.pipelineRef": None, "spec.importFrom": HASTE}
    ),
    "a run for another pipeline": Refusal(
        "TrainingRun.spec.pipelineRef", "pipelineRef cannot change", {"spec.pipelineRef.name": "other"}
    ),
    "a run that somebody else asked for": Refusal(
        "TrainingRun.spec.trigger", "trigger cannot change", {"spec.trigger.by": "another"}
    ),
    "a version with other files": Refusal(
        "ModelVersion.spec", "a ModelVersion cannot change", {"spec.bundle.digest": "sha256:" + "0b" * 32}
    ),
    "a version with another verdict": Refusal(
        "ModelVersion.spec", "a ModelVersion cannot change", {"spec.verdict.outcome": "Rejected"}
    ),
    "a version with other parameters": Refusal(
        "ModelVersion.spec", "a ModelVersion cannot change", {"spec.lineage.parameters.max_iter": 21}
    ),
    "a version with other parameters deep inside": Refusal(
        "ModelVersion.spec", "a ModelVersion cannot change", {"spec.lineage.parameters.nested.deep": 2}
    ),
    "a version with one more parameter": Refusal(
        "ModelVersion.spec", "a ModelVersion cannot change", {"spec.lineage.parameters.more": 1}
    ),
    "a version whose approval is not needed any more": Refusal(
        "ModelVersion.spec", "a ModelVersion cannot change", {"spec.approvalPolicy": "Manual"}
    ),
    "a version without a metric": Refusal("ModelVersion.spec", "a ModelVersion cannot change", {"spec.metrics": None}),
    "a decision that says something else": Refusal(
        "Decision.spec", "a Decision cannot change", {"spec.sentence": "all is well"}
    ),
    "a decision on other evidence": Refusal("Decision.spec", "a Decision cannot change", {"spec.evidence.exitCode": 0}),
    "a decision on other evidence deep inside": Refusal(
        "Decision.spec", "a Decision cannot change", {"spec.evidence.nested.deep": 2}
    ),
    "a decision without evidence": Refusal("Decision.spec", "a Decision cannot change", {"spec.evidence": None}),
}


AT_A_GATEWAY: dict[str, Any] = {"gateway": {"parentRefs": [{"name": "public"}]}}
REFUSALS |= {
    "a Gateway that nobody names": Refusal(
        "ModelDeployment.spec.traffic",
        "which Gateway is to divide requests?",
        {"spec.traffic": {"provider": "Gateway"}},
    ),
    "a Gateway beside the router": Refusal(
        "ModelDeployment.spec.traffic",
        "traffic.gateway goes with provider Gateway",
        {"spec.traffic": {"provider": "Router", **AT_A_GATEWAY}},
    ),
    "a Gateway that stands there twice": Refusal(
        "ModelDeployment.spec.traffic.gateway",
        "a Gateway stands here twice",
        {"spec.traffic": {"gateway": {"parentRefs": [{"name": "a", "sectionName": "http"}, {"name": "a"}]}}},
    ),
    "a deployment behind a Gateway that sleeps": Refusal(
        "ModelDeployment.spec",
        "behind a Gateway nothing wakes a deployment of no pods",
        {
            "spec.traffic": AT_A_GATEWAY,
            "spec.autoscaling": {
                "minReplicas": 0,
                "maxReplicas": 3,
                "metrics": [{"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}],
            },
        },
    ),
    "TLS between a Gateway and the pods": Refusal(
        "ModelDeployment.spec",
        "an HTTPRoute leads to plain HTTP",
        {"spec.traffic": AT_A_GATEWAY, "spec.server.tls": {"secretRef": {"name": "cert"}}},
    ),
    "an experiment by users at a Gateway": Refusal(
        "ModelDeployment.spec",
        "a Gateway divides requests by chance",
        {
            "spec.traffic": AT_A_GATEWAY,
            **TOLD,
            **compared(2, assignment={"type": "Cookie"}),
        },
    ),
}


def all_rules() -> set[tuple[str, str]]:
    """Return (path, message) of every rule in every CRD."""
    return {
        rule
        for kind in KINDS.values()
        for rule in rules(definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"], kind.name)
    }


def assert_refused(answer: Any, refusal: Refusal) -> None:
    """Assert that one rule, and no other, refused."""
    path = refusal.at.removeprefix(refusal.kind).removeprefix(".")
    [(where, said)] = answer.causes

    assert answer.status == 422
    assert (where.removeprefix("<nil>"), refusal.words in said) == (path, True), (where, said)


@pytest.mark.parametrize("thing", samples().values(), ids=samples().keys())
def test_every_example_is_accepted(client: Client, namespace: str, thing: Json) -> None:
    """What the documentation shows can be applied as it is, without a warning."""
    answer = client.create(thing, namespace)

    assert (answer.status, answer.warnings) == (201, ()), answer.body


@pytest.mark.parametrize("thing", BASES.values(), ids=BASES.keys())
def test_every_base_of_this_table_is_accepted(client: Client, namespace: str, thing: Json) -> None:
    """A refusal below is due to the change and nothing else."""
    answer = client.create(thing, namespace)

    assert answer.status == 201, answer.body


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_rule_refuses_and_names_the_remedy(client: Client, namespace: str, refusal: Refusal) -> None:
    """The message is the rule's own and stands at the field."""
    thing = changed(changed(BASES[refusal.kind], refusal.also), refusal.change)

    assert_refused(client.create(thing, namespace), refusal)


@pytest.mark.parametrize("refusal", EDITS.values(), ids=EDITS.keys())
def test_a_record_cannot_be_edited(client: Client, namespace: str, refusal: Refusal) -> None:
    """What was recorded stays as it was, down to the last free-typed value."""
    base = changed(BASES[refusal.kind], refusal.also)
    client.create(base, namespace)

    answer = client.merge(base, namespace, changed({}, refusal.change))

    assert_refused(answer, refusal)


@pytest.mark.parametrize("decision", ["Approved", "Denied"])
def test_the_approval_of_a_version_is_the_one_thing_that_changes(client: Client, namespace: str, decision: str) -> None:
    """A person may come to another conclusion, and say so more than once."""
    base = BASES["ModelVersion"]
    client.create(base, namespace)

    first = client.merge(base, namespace, {"spec": {"approval": {"decision": decision, "by": "a person"}}})
    second = client.merge(base, namespace, {"spec": {"approval": None}})

    assert (first.status, second.status) == (200, 200)


def test_every_rule_has_a_sample_that_it_refuses() -> None:
    """A rule that nothing was refused by may be one that refuses nothing."""
    proven = {
        (path, message)
        for path, message in all_rules()
        for refusal in (*REFUSALS.values(), *EDITS.values())
        if refusal.at == path and refusal.words in message
    }

    assert all_rules() - proven == set()


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_field_is_refused_by_name(client: Client, namespace: str, kind: str) -> None:
    """Strict checks are what kubectl asks for, so a typing error is not swallowed."""
    answer = client.create(changed(BASES[kind], {"spec.colour": "red"}), namespace)

    assert answer.status == 400
    assert 'unknown field "spec.colour"' in answer.body["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_field_of_an_older_tool_is_dropped(client: Client, namespace: str, kind: str) -> None:
    """Nothing is stored that the schema does not know."""
    client.create(changed(BASES[kind], {"spec.colour": "red"}), namespace, fieldValidation="Ignore")

    assert "colour" not in client.read(kind, namespace, BASES[kind]["metadata"]["name"])["spec"]


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_of_the_api_server_are_those_of_the_models(client: Client, namespace: str, kind: str) -> None:
    """The operator reads the same object whether it was stored or comes from a file."""
    client.create(BASES[kind], namespace)

    stored = client.read(kind, namespace, BASES[kind]["metadata"]["name"])["spec"]

    model = KINDS[kind].spec
    assert model.model_validate(stored) == model.model_validate(BASES[kind]["spec"])


def test_defaults_are_written_into_the_object(client: Client, namespace: str) -> None:
    """A stored object says what it means, and nothing empty."""
    client.create(PIPELINE, namespace)
    client.create(DEPLOYMENT, namespace)

    pipeline = client.read("TrainingPipeline", namespace, "churn")["spec"]
    deployment = client.read("ModelDeployment", namespace, "churn")["spec"]

    assert pipeline == {
        "dataset": {"uri": "pvc://lake/churn.csv", "target": "churned", "split": {"type": "Hash"}},
        "training": {
            "task": "Classification",
            "type": "Estimator",
            "estimator": {"class": "sklearn.linear_model.LogisticRegression", "preprocessing": "Auto"},
            "seed": 0,
        },
        "evaluation": {"approvalPolicy": "Automatic"},
        "triggers": {"specChange": True},
        "suspend": False,
        "policy": {"overlap": "Queue", "keepSucceeded": 5, "keepFailed": 10},
        "paused": False,
    }
    assert deployment == {
        "model": {"type": "Latest", "ref": {"name": "churn"}},
        "runtime": {"type": "BuiltIn", "allowUnsafeFormats": False},
        "server": {"timeout": "30s", "maxBodyMegabytes": 4, "drain": "10s", "grpc": False, "auth": {"type": "None"}},
        "replicas": 1,
        "rollout": {
            "strategy": "AllAtOnce",
            "bake": "0s",
            "onNewVersion": "Queue",
            "onFailure": "Rollback",
            "progressDeadline": "10m",
        },
        "feedback": {"enabled": False, "labelWindow": "168h"},
        "traffic": {"provider": "Auto"},
        "terminationGracePeriodSeconds": 60,
        "suspend": False,
        "paused": False,
    }


def test_what_is_free_typed_is_kept(client: Client, namespace: str) -> None:
    """Parameters of an estimator reach the training step as they were written, null included."""
    parameters = {"max_iter": 20, "class_weight": None, "solver": "saga", "warm_start": True, "tol": 1e-4}
    client.create(changed(PIPELINE, {"spec.training.estimator.parameters": parameters}), namespace)

    stored = client.read("TrainingPipeline", namespace, "churn")

    assert stored["spec"]["training"]["estimator"]["parameters"] == parameters


def test_a_quantity_may_be_written_as_a_number(client: Client, namespace: str) -> None:
    """`cpu: 1` is how people write it in a pod."""
    answer = client.create(changed(PIPELINE, {"spec.pod.resources.requests": {"cpu": 1, "memory": "2Gi"}}), namespace)

    assert answer.status == 201, answer.body


@pytest.mark.parametrize(
    "kind, change, where",
    [
        ("TrainingPipeline", {"spec.dataset.features": ["age", "age"]}, "spec.dataset.features[]"),
        ("TrainingPipeline", {"spec.evaluation.metrics": ["f1", "f1"]}, "spec.evaluation.metrics[]"),
        ("TrainingPipeline", {"spec.evaluation.gates": gate(min=0) * 2}, "spec.evaluation.gates[]"),
        ("Model", {"spec.aliases": [{"name": "a", "version": 1}, {"name": "a", "version": 2}]}, "spec.aliases[]"),
        ("ModelDeployment", {ENV: [{"name": "A"}, {"name": "A"}]}, "spec.pod.env[]"),
    ],
    ids=["features", "metrics", "gates", "aliases", "variables"],
)
def test_the_same_entry_twice_is_refused(
    client: Client, namespace: str, kind: str, change: dict[str, Any], where: str
) -> None:
    """Of two entries with one name, nobody could say which one counts."""
    answer = client.create(changed(BASES[kind], change), namespace)

    assert [(path, "Duplicate value" in said) for path, said in answer.causes] == [(where, True)]


def test_a_required_field_that_is_missing_is_named(client: Client, namespace: str) -> None:
    """The first error of a newcomer is answered with the field."""
    answer = client.create(changed(PIPELINE, {"spec.dataset.uri": GONE}), namespace)

    assert ("spec.dataset.uri", "Required value") in answer.causes


ANOMALIES: dict[str, dict[str, Any]] = {
    "nothing but the rows": DETECTION,
    "gates that need no labels": {
        **DETECTION,
        "spec.evaluation": {
            "metrics": ["anomaly_rate", "score_p99"],
            "gates": [
                {"name": "few", "type": "Threshold", "threshold": {"metric": "anomaly_rate", "max": 0.1}},
                {
                    "name": "everywhere",
                    "type": "Slices",
                    "slices": {"metric": "anomaly_rate", "column": "region", "max": 0.2},
                },
                {"name": "light", "type": "Cost", "cost": {"latencyP99": "5ms"}},
            ],
        },
    },
    "all that labels allow": {
        "spec.training.task": "AnomalyDetection",
        "spec.dataset.anomalousLabels": ["fraud", "theft"],
        "spec.dataset.split.type": "Stratified",
        "spec.evaluation.gates": [
            *slices(metric="recall", min=0.5),
            {"name": "better", "type": "Champion", "champion": {"metric": "roc_auc"}},
            FAIR,
        ],
        **tuning(objectives=[{"name": "found", "metric": "average_precision"}]),
    },
}


@pytest.mark.parametrize("changes", ANOMALIES.values(), ids=ANOMALIES.keys())
def test_anomalies_are_looked_for_with_labels_and_without(
    client: Client, namespace: str, changes: dict[str, Any]
) -> None:
    """A target is what judges; without one there are gates all the same."""
    answer = client.create(changed(PIPELINE, changes), namespace)

    assert answer.status == 201, answer.body


def test_messages_hold_no_path_of_another_kind() -> None:
    """A rule on a shared part speaks of fields that the reader can find where the message stands."""
    strangers = [
        (path, message)
        for path, message in all_rules()
        for word in re.findall(r"(?<![\w.])(dataset|model|server|rollout|evaluation)\.", message)
        if word
        not in definition(KINDS[path.split(".")[0]])["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
            "spec"
        ]["properties"]
    ]

    assert strangers == []
