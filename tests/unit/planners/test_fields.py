"""What a change of each field does: it trains, rolls out, answers again, counts otherwise, or does none of it.

No field is left out.
"""

from __future__ import annotations

import copy
import types
import typing
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from mlwright.api.batches import BatchPredictionSpec
from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.api.drift import DriftMonitorSpec
from mlwright.api.fields import Schema
from mlwright.api.pipelines import TrainingPipelineSpec
from mlwright.builders import drift_batch
from mlwright.controller.kinds import batches, deployments, pipelines
from mlwright.controller.kinds import drift as monitors
from mlwright.plan.drift import ServedSeen, StoredSeen
from mlwright.plan.drift_counts import Wanted
from mlwright.plan.drift_intents import StartLook
from mlwright.plan.pods import moment
from mlwright.plan.resources import Body
from mlwright.plan.serving import Target
from mlwright.plan.writes import Write
from mlwright.planners.batch import once
from mlwright.planners.drift import decide
from mlwright.planners.target import resolve
from mlwright.planners.template import template_digest
from tests.support.replay import people
from tests.support.replay.operator import SETTINGS
from tests.support.replay.world import World

TRAINS: Final = "trains"
ROLLS_OUT: Final = "rolls out"
NEITHER: Final = "neither"
FIXED: Final = "has one value"
ANSWERS: Final = "answers again"
COUNTS: Final = "counts other rows"
LOOKS: Final = "looks otherwise the next time"

SURFACE: Final[dict[str, Any]] = {
    "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "2Gi"}},
    "env": [{"name": "A", "value": "a", "secretRef": {"name": "s", "key": "k"}}],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "gpu"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [{"maxSkew": 1}],
    "serviceAccountName": "reader",
    "imagePullSecrets": [{"name": "pull"}],
    "priorityClassName": "high",
    "runtimeClassName": "runc",
}
SURFACE_FIELDS: Final = (
    "resources.requests",
    "resources.limits",
    "env.name",
    "env.value",
    "env.secretRef.name",
    "env.secretRef.key",
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "serviceAccountName",
    "imagePullSecrets.name",
    "priorityClassName",
    "runtimeClassName",
)

CONTAINER: Final[dict[str, Any]] = {
    "image": "features:1",
    "command": ["python"],
    "args": ["features.py"],
    "env": [{"name": "A", "value": "a"}],
}
CONTAINER_FIELDS: Final = ("image", "command", "args", "env.name", "env.value")
STEP_POD_FIELDS: Final = (
    "resources.requests",
    "resources.limits",
    "nodeSelector",
    "tolerations",
    "affinity",
    "priorityClassName",
    "runtimeClassName",
)

PIPELINE: Final[dict[str, Any]] = {
    "modelRef": {"name": "flights"},
    "dataset": {
        "uri": "pvc://data/flights.csv",
        "format": "CSV",
        "target": "late",
        "anomalousLabels": ["fraud"],
        "features": ["hour"],
        "idColumn": "id",
        "timeColumn": "ts",
        "groupColumn": "airline",
        "weightColumn": "seats",
        "revision": "12",
        "timeRange": {"column": "ts", "last": "24h", "until": {"type": "Time", "time": "2026-01-01T00:00:00Z"}},
        "split": {
            "type": "Hash",
            "temporal": {"test": 0.3},
            **{name: {"test": 0.3, "seed": 1} for name in ("hash", "stratified", "group", "random")},
        },
        "storage": {
            "endpointURL": "https://store:9000",
            "region": "eu-1",
            "caBundleRef": {"name": "authorities", "key": "ca.crt"},
            "secretRef": {"name": "keys"},
        },
        "checks": {
            "minRows": 10,
            "maxMissing": 0.5,
            "maxDuplicateRows": 0.5,
            "freshness": {"column": "ts", "maxAge": "48h"},
            "columns": [
                {
                    "name": "hour",
                    "type": "Number",
                    "min": 0.5,
                    "max": 23.5,
                    "maxMissing": 0.5,
                    "allowed": [1, 2],
                    "unique": True,
                }
            ],
            "againstChampion": {"schema": True, "maxDrift": 0.5},
            "onFailure": "Warn",
        },
    },
    "training": {
        "task": "Classification",
        "type": "Estimator",
        "estimator": {"class": "a.B", "parameters": {"max_iter": 100}, "preprocessing": "None"},
        "container": copy.deepcopy(CONTAINER),
        "tuning": {
            "trials": 8,
            "parallelism": 2,
            "sampler": "Random",
            "pruner": "Median",
            "objectives": [{"name": "good", "metric": "f1", "goal": "Maximize"}],
            "space": [
                {
                    "name": "max_iter",
                    "type": "Int",
                    "float": {"low": 0.1, "high": 0.9, "log": True, "step": 0.1},
                    "int": {"low": 1, "high": 9, "log": True, "step": 2},
                    "categorical": {"choices": [1, 2]},
                }
            ],
            "crossValidation": {"folds": 4},
            "timeoutAfter": "1h",
            "maxFailedTrials": 3,
        },
        "seed": 7,
    },
    "evaluation": {
        "metrics": ["f1"],
        "approvalPolicy": "Manual",
        "gates": [
            {
                "name": "good",
                "type": "Threshold",
                "threshold": {"metric": "f1", "min": 0.5, "max": 0.9},
                "slices": {"metric": "f1", "min": 0.5, "max": 0.9, "column": "hour", "minRows": 50},
                "fairness": {"metric": "equalized_odds_difference", "max": 0.1, "column": "hour", "minRows": 50},
                "cost": {"latencyP99": "5ms", "bundleMegabytes": 200.0},
                "champion": {"metric": "f1", "tolerance": 0.02, "confidence": 0.9},
            }
        ],
    },
    "steps": [
        {
            "name": "features",
            "type": "Container",
            "container": CONTAINER,
            "builtIn": {"uses": "Train"},
            "resource": {
                "manifest": {"kind": "JobSet"},
                "success": {"condition": "Completed", "field": "state", "equals": "DONE"},
                "failure": {"condition": "Broken", "field": "state", "equals": "FAILED"},
            },
            "dependsOn": ["validate"],
            "inputs": [{"name": "data", "from": "raw.data"}],
            "outputs": [{"name": "data", "type": "Dataset"}],
            "when": {"metric": "rows", "param": "max_iter", "min": 1.0, "max": 9.0, "equals": "1"},
            "retries": {"limit": 1, "backoff": "5s"},
            "timeoutAfter": "1h",
            "cache": {"maxAge": "24h"},
            "shards": 2,
            "pod": copy.deepcopy(SURFACE),
        }
    ],
    "onExit": {"container": copy.deepcopy(CONTAINER), "timeoutAfter": "5m"},
    "triggers": {
        "specChange": True,
        "schedules": [{"name": "nightly", "cron": "0 3 * * *", "timeZone": "UTC", "startingDeadline": "2h"}],
        "dataChange": {"checkEvery": "10m", "minNewRows": 1000},
    },
    "policy": {"overlap": "Skip", "queueName": "team-a", "timeoutAfter": "4h", "keepSucceeded": 3, "keepFailed": 3},
    "guard": {"cooldown": "30m", "maxRunsPerDay": 8, "maxConsecutiveFailures": 3},
    "artifacts": {
        "uri": "s3://artifacts/runs",
        "storage": {
            "endpointURL": "https://store:9000",
            "region": "eu-1",
            "caBundleRef": {"name": "authorities", "key": "ca.crt"},
            "secretRef": {"name": "keys"},
        },
    },
    "mirror": {"mlflow": {"uri": "https://mlflow.example.com", "experiment": "churn", "secretRef": {"name": "keys"}}},
    "signing": {"secretRef": {"name": "signing", "key": "private.pem"}},
    "image": "trainer:1",
    "pod": SURFACE,
    "suspend": False,
    "paused": False,
}
OF_PIPELINE: Final = {
    "modelRef.name": TRAINS,
    "dataset.uri": TRAINS,
    "dataset.format": TRAINS,
    "dataset.target": TRAINS,
    "dataset.anomalousLabels": TRAINS,
    "dataset.features": TRAINS,
    "dataset.idColumn": TRAINS,
    "dataset.timeColumn": TRAINS,
    "dataset.groupColumn": TRAINS,
    "dataset.weightColumn": TRAINS,
    "dataset.revision": TRAINS,
    "dataset.timeRange.column": TRAINS,
    "dataset.timeRange.last": TRAINS,
    "dataset.timeRange.until.type": TRAINS,
    "dataset.timeRange.until.time": TRAINS,
    "dataset.split.type": TRAINS,
    "dataset.split.hash.test": TRAINS,
    "dataset.split.hash.seed": TRAINS,
    "dataset.split.stratified.test": TRAINS,
    "dataset.split.stratified.seed": TRAINS,
    "dataset.split.temporal.test": TRAINS,
    "dataset.split.group.test": TRAINS,
    "dataset.split.group.seed": TRAINS,
    "dataset.split.random.test": TRAINS,
    "dataset.split.random.seed": TRAINS,
    **{
        f"dataset.checks.{name}": TRAINS
        for name in (
            "minRows",
            "maxMissing",
            "maxDuplicateRows",
            "freshness.column",
            "freshness.maxAge",
            "columns.name",
            "columns.type",
            "columns.min",
            "columns.max",
            "columns.maxMissing",
            "columns.allowed",
            "columns.unique",
            "againstChampion.schema",
            "againstChampion.maxDrift",
        )
    },
    "dataset.checks.onFailure": NEITHER,
    "dataset.storage.endpointURL": TRAINS,
    "dataset.storage.region": TRAINS,
    "dataset.storage.caBundleRef.name": TRAINS,
    "dataset.storage.caBundleRef.key": TRAINS,
    "dataset.storage.secretRef.name": TRAINS,
    "training.task": TRAINS,
    "training.type": TRAINS,
    **{f"training.container.{name}": TRAINS for name in CONTAINER_FIELDS},
    "training.estimator.class": TRAINS,
    "training.estimator.parameters": TRAINS,
    "training.estimator.preprocessing": TRAINS,
    "training.seed": TRAINS,
    **{
        f"training.tuning.{name}": TRAINS
        for name in (
            "trials",
            "parallelism",
            "sampler",
            "pruner",
            "objectives.name",
            "objectives.metric",
            "objectives.goal",
            "space.name",
            "space.type",
            *(f"space.float.{name}" for name in ("low", "high", "log", "step")),
            *(f"space.int.{name}" for name in ("low", "high", "log", "step")),
            "space.categorical.choices",
            "crossValidation.folds",
            "timeoutAfter",
            "maxFailedTrials",
        )
    },
    "evaluation.metrics": TRAINS,
    "evaluation.approvalPolicy": NEITHER,
    "evaluation.gates.name": NEITHER,
    "evaluation.gates.type": NEITHER,
    "evaluation.gates.threshold.metric": NEITHER,
    "evaluation.gates.threshold.min": NEITHER,
    "evaluation.gates.threshold.max": NEITHER,
    **{f"evaluation.gates.slices.{name}": NEITHER for name in ("metric", "min", "max", "column", "minRows")},
    **{f"evaluation.gates.fairness.{name}": NEITHER for name in ("metric", "max", "column", "minRows")},
    **{f"evaluation.gates.champion.{name}": NEITHER for name in ("metric", "tolerance", "confidence")},
    "evaluation.gates.cost.latencyP99": NEITHER,
    "evaluation.gates.cost.bundleMegabytes": NEITHER,
    "steps.name": TRAINS,
    "steps.type": TRAINS,
    **{f"steps.container.{name}": TRAINS for name in CONTAINER_FIELDS},
    "steps.builtIn.uses": TRAINS,
    "steps.resource.manifest": TRAINS,
    **{
        f"steps.resource.{end}.{name}": TRAINS
        for end in ("success", "failure")
        for name in ("condition", "field", "equals")
    },
    "steps.dependsOn": TRAINS,
    "steps.inputs.name": TRAINS,
    "steps.inputs.from": TRAINS,
    "steps.outputs.name": TRAINS,
    "steps.outputs.type": TRAINS,
    **{f"steps.when.{name}": TRAINS for name in ("metric", "param", "min", "max", "equals")},
    "steps.retries.limit": NEITHER,
    "steps.retries.backoff": NEITHER,
    "steps.timeoutAfter": NEITHER,
    "steps.cache.maxAge": NEITHER,
    "steps.shards": TRAINS,
    **{f"steps.pod.{name}": NEITHER for name in STEP_POD_FIELDS},
    **{f"onExit.container.{name}": NEITHER for name in CONTAINER_FIELDS},
    "onExit.timeoutAfter": NEITHER,
    "triggers.specChange": NEITHER,
    "triggers.dataChange.checkEvery": NEITHER,
    "triggers.dataChange.minNewRows": NEITHER,
    "triggers.schedules.name": NEITHER,
    "triggers.schedules.cron": NEITHER,
    "triggers.schedules.timeZone": NEITHER,
    "triggers.schedules.startingDeadline": NEITHER,
    **{f"policy.{name}": NEITHER for name in ("overlap", "queueName", "timeoutAfter", "keepSucceeded", "keepFailed")},
    "guard.cooldown": NEITHER,
    "guard.maxRunsPerDay": NEITHER,
    "guard.maxConsecutiveFailures": NEITHER,
    "artifacts.uri": NEITHER,
    **{
        f"artifacts.storage.{name}": NEITHER
        for name in ("endpointURL", "region", "caBundleRef.name", "caBundleRef.key", "secretRef.name")
    },
    **{f"mirror.mlflow.{name}": NEITHER for name in ("uri", "experiment", "secretRef.name")},
    "signing.secretRef.name": NEITHER,
    "signing.secretRef.key": NEITHER,
    "image": NEITHER,
    "suspend": NEITHER,
    "paused": NEITHER,
    **{f"pod.{name}": NEITHER for name in SURFACE_FIELDS},
}

WAY: Final[dict[str, Any]] = {
    "stabilizationWindowSeconds": 30,
    "selectPolicy": "Min",
    "policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}],
    "tolerance": 0.2,
}
WAY_FIELDS: Final = (
    "stabilizationWindowSeconds",
    "selectPolicy",
    "policies.type",
    "policies.value",
    "policies.periodSeconds",
    "tolerance",
)
DEPLOYMENT: Final[dict[str, Any]] = {
    "model": {"ref": {"name": "flights"}, "type": "Version", "version": 1},
    "runtime": {
        "type": "Container",
        "container": {
            "image": "mlserver:1",
            "command": ["mlserver"],
            "args": ["start"],
            "port": 9000,
            "protocol": "OIPv2",
            "modelMountPath": "/models",
        },
        "allowUnsafeFormats": True,
    },
    "server": {
        "image": "server:1",
        "timeout": "20s",
        "maxBodyMegabytes": 8,
        "drain": "5s",
        "payloadLog": {
            "sample": 0.5,
            "uri": "s3://payloads/live",
            "storage": {
                "endpointURL": "https://minio:9000",
                "region": "eu-1",
                "caBundleRef": {"name": "cas", "key": "ca.crt"},
                "secretRef": {"name": "keys"},
            },
        },
        "grpc": True,
        "cache": {"claimName": "bundles"},
        "auth": {"type": "Token", "secretRef": {"name": "tokens", "key": "token"}},
        "tls": {"secretRef": {"name": "certificate"}},
    },
    "replicas": 2,
    "autoscaling": {
        "mode": "Observe",
        "minReplicas": 2,
        "maxReplicas": 9,
        "metrics": [
            {
                "name": "load",
                "type": "RequestRate",
                "concurrency": {"target": 4},
                "requestRate": {"target": 100},
                "latency": {"bound": "50ms", "maxShareSlower": 0.1},
                "query": {"promql": "q", "target": 5, "activation": 1},
            }
        ],
        "idleAfter": "5m",
        "floors": [
            {"name": "day", "cron": "0 8 * * *", "timeZone": "Europe/Berlin", "duration": "9h", "minReplicas": 3}
        ],
        "behavior": {"scaleUp": WAY, "scaleDown": WAY},
        "whenMetricsMissing": {"type": "Fallback", "fallback": {"replicas": 3}},
    },
    "experiment": {
        "name": "pricing",
        "variants": [{"name": "b", "model": {"version": 2}, "weight": 10}],
        "assignment": {"type": "Header", "header": "X-User", "requestsPerUser": 5},
        "guardrails": [
            {
                "name": "slow",
                "type": "Latency",
                "errorRate": {"maxIncrease": 0.002},
                "latency": {"bound": "100ms", "maxIncrease": 0.002},
                "accuracy": {"maxDecrease": 0.02},
            }
        ],
        "goal": {
            "type": "Reward",
            "reward": {"effect": 0.02, "delay": "1h", "perUser": 3},
            "queries": {
                "effect": 0.02,
                "delay": "1h",
                "perUser": 3,
                "trials": {"metric": "offers_total", "labels": [{"name": "app", "value": "shop"}]},
                "successes": {"metric": "orders_total", "labels": [{"name": "app", "value": "shop"}]},
                "versionLabel": "version",
            },
        },
        "confidence": 0.9,
        "minSamples": 200,
        "maxDuration": "24h",
        "onWinner": "Report",
        "onNewVersion": "Wait",
    },
    "rollout": {
        "strategy": "Canary",
        "steps": [
            {
                "name": "ask",
                "type": "Weight",
                "weight": {"percent": 5, "hold": "5m"},
                "shadow": {"percent": 5, "duration": "5m"},
            }
        ],
        "analysis": {
            "mode": "Act",
            "falseRollback": 0.05,
            "confidence": 0.9,
            "noise": "Auto",
            "minRequests": 60,
            "warmup": "30s",
            "maxHold": "2h",
            "whenInconclusive": "Hold",
            "whenNoData": "Hold",
            "checks": [
                {
                    "name": "errors",
                    "type": "ErrorRate",
                    "errorRate": {"maxIncrease": 0.002, "passMargin": 0.02},
                    "latency": {"bound": "100ms", "maxIncrease": 0.002, "passMargin": 0.02},
                    "disagreement": {"max": 0.05},
                    "accuracy": {"maxDecrease": 0.01, "passMargin": 0.04},
                    "predictionDrift": {"maxDistance": 0.2},
                    "query": {"promql": "up", "min": 0.5, "max": 1.5, "failures": 4},
                }
            ],
        },
        "preflight": {
            "replay": {"requests": 500, "latencyBound": "100ms"},
            "container": {
                "image": "example/asks:1",
                "command": ["ask"],
                "args": ["all"],
                "env": [{"name": "A", "value": "a"}],
                "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "2Gi"}},
                "timeoutAfter": "5m",
                "retries": 1,
            },
        },
        "bake": "30m",
        "approvedVersions": [8],
        "onNewVersion": "Queue",
        "onFailure": "Rollback",
        "progressDeadline": "5m",
        "setAlias": "champion",
    },
    "feedback": {"enabled": True, "keySecretRef": {"name": "keys"}, "labelWindow": "24h"},
    "traffic": {
        "provider": "Router",
        "headerOverride": "X-Mlwright-Variant",
        "gateway": {
            "parentRefs": [{"name": "public", "namespace": "infra", "sectionName": "http"}],
            "hostnames": ["flights.example.com"],
            "path": "/flights",
        },
    },
    "pod": SURFACE,
    "terminationGracePeriodSeconds": 30,
    "suspend": False,
    "paused": False,
}
OF_DEPLOYMENT: Final = {
    "model.ref.name": ROLLS_OUT,
    "model.type": ROLLS_OUT,
    "model.version": ROLLS_OUT,
    "model.alias": ROLLS_OUT,
    "runtime.type": ROLLS_OUT,
    "runtime.allowUnsafeFormats": ROLLS_OUT,
    **{
        f"runtime.container.{name}": ROLLS_OUT
        for name in ("image", "command", "args", "port", "protocol", "modelMountPath")
    },
    "server.image": ROLLS_OUT,
    "server.timeout": ROLLS_OUT,
    "server.maxBodyMegabytes": ROLLS_OUT,
    "server.drain": ROLLS_OUT,
    "server.payloadLog.sample": ROLLS_OUT,
    "server.payloadLog.uri": ROLLS_OUT,
    **{
        f"server.payloadLog.storage.{name}": ROLLS_OUT
        for name in ("endpointURL", "region", "caBundleRef.name", "caBundleRef.key", "secretRef.name")
    },
    "server.grpc": ROLLS_OUT,
    "server.cache.claimName": ROLLS_OUT,
    "server.auth.type": ROLLS_OUT,
    "server.auth.secretRef.name": ROLLS_OUT,
    "server.auth.secretRef.key": ROLLS_OUT,
    "server.tls.secretRef.name": ROLLS_OUT,
    "replicas": NEITHER,
    **{f"autoscaling.{name}": NEITHER for name in ("mode", "minReplicas", "maxReplicas", "idleAfter")},
    **{f"autoscaling.floors.{name}": NEITHER for name in ("name", "cron", "timeZone", "duration", "minReplicas")},
    **{f"autoscaling.metrics.{name}": NEITHER for name in ("name", "type", "concurrency.target", "requestRate.target")},
    **{f"autoscaling.metrics.latency.{name}": NEITHER for name in ("bound", "maxShareSlower")},
    **{f"autoscaling.metrics.query.{name}": NEITHER for name in ("promql", "target", "activation")},
    **{f"autoscaling.behavior.{way}.{name}": NEITHER for way in ("scaleUp", "scaleDown") for name in WAY_FIELDS},
    "autoscaling.whenMetricsMissing.type": NEITHER,
    "autoscaling.whenMetricsMissing.fallback.replicas": NEITHER,
    **{f"experiment.{name}": NEITHER for name in ("name", "confidence", "minSamples", "maxDuration", "onWinner")},
    **{f"experiment.variants.{name}": NEITHER for name in ("name", "model.version", "weight")},
    **{f"experiment.assignment.{name}": NEITHER for name in ("type", "header", "requestsPerUser")},
    "experiment.goal.type": NEITHER,
    **{f"experiment.goal.reward.{name}": NEITHER for name in ("effect", "delay", "perUser")},
    **{f"experiment.goal.queries.{name}": NEITHER for name in ("effect", "delay", "perUser", "versionLabel")},
    **{
        f"experiment.goal.queries.{counter}.{name}": NEITHER
        for counter in ("trials", "successes")
        for name in ("metric", "labels.name", "labels.value")
    },
    "experiment.onNewVersion": NEITHER,
    **{f"experiment.guardrails.{name}": NEITHER for name in ("name", "type", "errorRate.maxIncrease")},
    **{f"experiment.guardrails.latency.{name}": NEITHER for name in ("bound", "maxIncrease")},
    "experiment.guardrails.accuracy.maxDecrease": NEITHER,
    "rollout.strategy": NEITHER,
    "rollout.steps.name": NEITHER,
    "rollout.steps.type": NEITHER,
    "rollout.steps.weight.percent": NEITHER,
    "rollout.steps.weight.hold": NEITHER,
    "rollout.steps.shadow.percent": NEITHER,
    "rollout.steps.shadow.duration": NEITHER,
    **{
        f"rollout.analysis.{name}": NEITHER
        for name in (
            "mode",
            "falseRollback",
            "confidence",
            "noise",
            "minRequests",
            "warmup",
            "maxHold",
            "whenInconclusive",
            "whenNoData",
            "checks.name",
            "checks.type",
            "checks.errorRate.maxIncrease",
            "checks.errorRate.passMargin",
            "checks.latency.bound",
            "checks.latency.maxIncrease",
            "checks.latency.passMargin",
            "checks.disagreement.max",
            "checks.accuracy.maxDecrease",
            "checks.accuracy.passMargin",
            "checks.predictionDrift.maxDistance",
            *(f"checks.query.{name}" for name in ("promql", "min", "max", "failures")),
        )
    },
    "rollout.preflight.replay.requests": NEITHER,
    "rollout.preflight.replay.latencyBound": NEITHER,
    **{
        f"rollout.preflight.container.{name}": NEITHER
        for name in (
            "image",
            "command",
            "args",
            "env.name",
            "env.value",
            "resources.requests",
            "resources.limits",
            "timeoutAfter",
            "retries",
        )
    },
    "rollout.bake": NEITHER,
    "rollout.approvedVersions": NEITHER,
    "rollout.onNewVersion": NEITHER,
    "rollout.onFailure": NEITHER,
    "traffic.provider": NEITHER,
    "traffic.headerOverride": NEITHER,
    **{f"traffic.gateway.parentRefs.{name}": NEITHER for name in ("name", "namespace", "sectionName")},
    **{f"traffic.gateway.{name}": NEITHER for name in ("hostnames", "path")},
    "rollout.progressDeadline": NEITHER,
    "rollout.setAlias": NEITHER,
    "feedback.enabled": ROLLS_OUT,
    "feedback.keySecretRef.name": ROLLS_OUT,
    "feedback.labelWindow": ROLLS_OUT,
    "terminationGracePeriodSeconds": ROLLS_OUT,
    "suspend": NEITHER,
    "paused": NEITHER,
    **{f"pod.{name}": ROLLS_OUT for name in SURFACE_FIELDS},
}

BATCH: Final[dict[str, Any]] = {
    "source": {"type": "Deployment", "deployment": {"name": "flights"}, "version": {"name": "flights-v1"}},
    "schedule": {"cron": "0 3 * * *", "timeZone": "UTC", "startingDeadline": "2h"},
    "runOnce": True,
    "input": {
        "uri": "pvc://data/rows",
        "format": "CSV",
        "storage": {
            "endpointURL": "https://store:9000",
            "region": "eu-1",
            "caBundleRef": {"name": "authorities", "key": "ca.crt"},
            "secretRef": {"name": "keys"},
        },
    },
    "output": {
        "uri": "pvc://data/answers",
        "format": "Parquet",
        "columns": ["id"],
        "storage": {
            "endpointURL": "https://store:9000",
            "region": "eu-1",
            "caBundleRef": {"name": "authorities", "key": "ca.crt"},
            "secretRef": {"name": "keys"},
        },
    },
    "shards": 2,
    "retries": 2,
    "timeoutAfter": "2h",
    "keepRuns": 5,
    "image": "trainer:1",
    "pod": SURFACE,
    "suspend": False,
}
OF_BATCH: Final = {
    "source.type": ANSWERS,
    "source.deployment.name": ANSWERS,
    "source.version.name": ANSWERS,
    "schedule.cron": NEITHER,
    "schedule.timeZone": NEITHER,
    "schedule.startingDeadline": NEITHER,
    "runOnce": NEITHER,
    "input.uri": ANSWERS,
    "input.format": ANSWERS,
    "input.storage.endpointURL": ANSWERS,
    "input.storage.region": ANSWERS,
    "input.storage.caBundleRef.name": ANSWERS,
    "input.storage.caBundleRef.key": ANSWERS,
    "input.storage.secretRef.name": ANSWERS,
    "output.uri": ANSWERS,
    "output.storage.endpointURL": ANSWERS,
    "output.storage.region": ANSWERS,
    "output.storage.caBundleRef.name": ANSWERS,
    "output.storage.caBundleRef.key": ANSWERS,
    "output.storage.secretRef.name": ANSWERS,
    "output.format": FIXED,
    "output.columns": ANSWERS,
    "shards": NEITHER,
    "retries": NEITHER,
    "timeoutAfter": NEITHER,
    "keepRuns": NEITHER,
    "image": NEITHER,
    "suspend": NEITHER,
    **{f"pod.{name}": NEITHER for name in SURFACE_FIELDS},
}

STORED_ROWS: Final[dict[str, Any]] = {
    "deploymentRef": {"name": "flights"},
    "dataset": {key: BATCH["input"][key] for key in ("uri", "format", "storage")},
    "schedule": {"cron": "0 3 * * *", "timeZone": "UTC", "startingDeadline": "2h"},
    "label": "late",
    **{key: BATCH[key] for key in ("shards", "retries", "timeoutAfter", "image", "pod")},
}
DRIFT: Final[dict[str, Any]] = {
    "maxDistance": 0.2,
    "falseAlarm": 0.02,
    "persistence": {"required": 2, "of": 4},
}
QUALITY: Final[dict[str, Any]] = {
    "maxMissing": 0.1,
    "maxUnseen": 0.1,
    "maxOutOfRange": 0.1,
    "falseAlarm": 0.02,
    "persistence": {"required": 2, "of": 4},
}
MONITOR: Final[dict[str, Any]] = {
    "target": {"type": "Live", "live": {"deploymentRef": {"name": "flights"}}, "batch": STORED_ROWS},
    "windows": {"slow": {"length": "24h", "every": "1h"}, "fast": {"length": "10m", "baseline": "168h"}},
    "features": {"include": ["hour"], "exclude": ["day"]},
    "minSamples": 500,
    "independentRows": False,
    "mode": "Observe",
    "actions": [
        {
            "name": "again",
            "when": ["DataDrift"],
            "type": "Retrain",
            "retrain": {"pipelineRef": {"name": "flights"}},
            "rollback": {"within": "24h"},
            "notify": {"url": "https://hooks.example.com/", "secretRef": {"name": "hook", "key": "token"}},
        }
    ],
    "checks": [
        {
            "name": "data",
            "type": "DataDrift",
            "dataDrift": DRIFT,
            "predictionDrift": copy.deepcopy(DRIFT),
            "quality": QUALITY,
            "performance": {"metric": "accuracy", "maxDrop": 0.05},
        }
    ],
    "paused": False,
}
OF_MONITOR: Final = {
    "target.type": NEITHER,  # it never changes alone: the settings that it names go with it
    "target.live.deploymentRef.name": COUNTS,
    "target.batch.deploymentRef.name": LOOKS,
    **{
        f"target.batch.dataset.{name}": LOOKS
        for name in (
            "uri",
            "format",
            "storage.endpointURL",
            "storage.region",
            "storage.caBundleRef.name",
            "storage.caBundleRef.key",
            "storage.secretRef.name",
        )
    },
    **{f"target.batch.schedule.{name}": NEITHER for name in ("cron", "timeZone", "startingDeadline")},
    **{f"target.batch.{name}": LOOKS for name in ("label", "shards", "retries", "timeoutAfter", "image")},
    **{f"target.batch.pod.{name}": LOOKS for name in SURFACE_FIELDS},
    "windows.slow.length": COUNTS,
    "windows.slow.every": COUNTS,
    "windows.fast.length": NEITHER,  # of what is over the long span is counted first
    "windows.fast.baseline": NEITHER,
    "features.include": NEITHER,
    "features.exclude": NEITHER,
    "minSamples": NEITHER,
    "independentRows": NEITHER,
    "mode": NEITHER,
    "actions.name": NEITHER,
    "actions.when": NEITHER,
    "actions.type": NEITHER,
    "actions.retrain.pipelineRef.name": NEITHER,
    "actions.rollback.within": NEITHER,
    "actions.notify.url": NEITHER,
    "actions.notify.secretRef.name": NEITHER,
    "actions.notify.secretRef.key": NEITHER,
    "checks.name": NEITHER,
    "checks.type": LOOKS,  # pods answer stored rows only where somebody asks about answers
    **{
        f"checks.{check}.{name}": COUNTS if name == "persistence.of" and check == "dataDrift" else NEITHER
        for check in ("dataDrift", "predictionDrift")
        for name in ("maxDistance", "falseAlarm", "persistence.required", "persistence.of")
    },
    "checks.performance.metric": FIXED,
    "checks.performance.maxDrop": NEITHER,
    **{
        f"checks.quality.{name}": NEITHER
        for name in ("maxMissing", "maxUnseen", "maxOutOfRange", "falseAlarm", "persistence.required", "persistence.of")
    },
    "paused": COUNTS,
}

OTHER: Final = {
    "dataset.uri": "pvc://data/other.csv",
    "evaluation.gates.champion.confidence": 0.99,
    "dataset.timeRange.until.time": "2026-02-01T00:00:00Z",
    "artifacts.uri": "pvc://artifacts/other",
    "model.version": 2,
    "rollout.approvedVersions": [9],
    "rollout.analysis.confidence": 0.8,
    "experiment.confidence": 0.8,
    "experiment.goal.queries.trials.metric": "other_total",
    "experiment.goal.queries.successes.metric": "other_total",
    "model.type": "Latest",
    **{f"{pod}.resources.requests": {"cpu": "2"} for pod in ("pod", "target.batch.pod")},
    "target.batch.pod.resources.limits": {"memory": "4Gi"},
    "target.batch.schedule.timeZone": "Europe/Paris",
    "pod.resources.limits": {"memory": "4Gi"},
    "steps.pod.resources.requests": {"cpu": "2"},
    "rollout.preflight.container.resources.requests": {"cpu": "2"},
    "rollout.preflight.container.resources.limits": {"memory": "4Gi"},
    "steps.pod.resources.limits": {"memory": "4Gi"},
}
"""Values for fields that take not just any."""


def leaves(model: type[Schema], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Return the paths of all fields that hold no further fields of ours."""
    for name, info in model.model_fields.items():
        here = f"{path}.{info.alias or name}".lstrip(".")
        part = _part(info.annotation)
        if part is None:
            yield here, info
        else:
            yield from leaves(part, here)


def _part(annotation: Any) -> type[Schema] | None:
    """Return the part of a spec that a field holds, alone or in a list; None for a value."""
    if isinstance(annotation, type) and issubclass(annotation, Schema):
        return annotation
    if get_origin(annotation) in {tuple, types.UnionType, typing.Union, typing.Annotated}:
        return next((part for inner in get_args(annotation) if (part := _part(inner)) is not None), None)
    return None


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a field that takes only some."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for inner in get_args(annotation) if (found := choices(inner))), ())


def another(path: str, info: FieldInfo, value: Any) -> Any:
    """Return another value for a field."""
    if path in OTHER:
        return OTHER[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value / 2 if isinstance(value, float) else value + 1
    if isinstance(value, list):
        return [*value, {"more": 1} if value and isinstance(value[0], dict) else _more(choices(info.annotation), value)]
    if isinstance(value, dict):
        return {**value, "more": 1 if path.endswith("parameters") else "x"}
    return next(
        (choice for choice in choices(info.annotation) if choice != value),
        f"1{value}" if value[0].isdigit() else f"{value}x",
    )


def _more(found: tuple[Any, ...], value: list[Any]) -> Any:
    return next((choice for choice in found if choice not in value), "more")


def at(spec: Any, path: str) -> tuple[Any, str]:
    """Return what holds a field, and the field's name in it."""
    *before, last = path.split(".")
    node = spec
    for name in before:
        node = node[name][0] if isinstance(node[name], list) else node[name]
    return node, last


def changed(spec: dict[str, Any], path: str, info: FieldInfo) -> dict[str, Any]:
    """Return a spec with another value in one field."""
    other = copy.deepcopy(spec)
    node, name = at(other, path)
    node[name] = another(path, info, node[name])
    return other


def effect(kind: str, before: Body, after: Body) -> str:
    """Return what a change of a spec does."""
    if kind == "TrainingPipeline":
        return TRAINS if digest(before) != digest(after) else NEITHER
    if kind == "BatchPrediction":
        return ANSWERS if asked_once(before) != asked_once(after) else NEITHER
    if kind == "DriftMonitor":
        if wanted(before) != wanted(after):
            return COUNTS
        return LOOKS if look(before) != look(after) else NEITHER
    return ROLLS_OUT if revision(before) != revision(after) else NEITHER


def digest(spec: Body) -> str:
    """Return the digest that tells when a new run is needed."""
    world = World()
    body = world.add({**people.pipeline(), "spec": spec})
    return template_digest(pipelines.gather(body, world))


def asked_once(spec: Body) -> str:
    """Return the digest that tells when runOnce answers again."""
    world = World()
    return once(batches.gather(world.add({**people.batch(), "spec": spec}), world))


def wanted(spec: Body) -> Wanted | None:
    """Return which rows a monitor wants counted next."""
    world = World()
    seen = monitors.gather(world.add({**people.monitor(), "spec": spec}), world)
    served = ServedSeen("0a1b2c3d", "flights-v1", moment("2025-01-01T00:00:00Z"))
    return decide(replace(seen, served=served, missing=""), SETTINGS, world.now).wanted


def look(spec: Body) -> tuple[str, Write]:
    """Return whose version stored rows are compared with, and the Job that counts them when a person asks for it."""
    world = World()
    spec = {**spec, "target": {"type": "Batch", "batch": spec["target"]["batch"]}}
    seen = monitors.gather(world.add({**people.monitor(), "spec": spec}), world)
    served = ServedSeen("0a1b2c3d", "flights-v1", moment("2025-01-01T00:00:00Z"))
    stored = StoredSeen(world.now, request="1", version={"name": "flights-v1", "uri": "pvc://models/flights/1"})
    asked = replace(seen, served=served, missing="", stored=stored)
    (start,) = (one for one in decide(asked, SETTINGS, world.now).intents if isinstance(one, StartLook))
    return asked.watched, drift_batch.rendered(asked, start)


def revision(spec: Body) -> str:
    """Return the revision that is asked for."""
    world = World()
    for model in ("flights", "flightsx"):
        world.add(people.version(1, model=model))
        world.add(people.version(2, model=model))
        world.add(people.model(model, aliases=[{"name": "blue", "version": 1}, {"name": "bluex", "version": 2}]))
    body = world.add({**people.deployment(), "spec": spec})
    goal = resolve(deployments.gather(body, world), SETTINGS)
    assert isinstance(goal, Target), goal
    return goal.revision


def base(kind: str, path: str) -> dict[str, Any]:
    """Return the spec that is changed."""
    if path == "model.alias":
        return {**DEPLOYMENT, "model": {"ref": {"name": "flights"}, "type": "Alias", "alias": "blue"}}
    if path == "target.batch.pod.env.value":
        plain = {**SURFACE, "env": [{"name": "A", "value": "a"}]}
        return {**MONITOR, "target": {"type": "Batch", "batch": {**STORED_ROWS, "pod": plain}}}
    return {"TrainingPipeline": PIPELINE, "BatchPrediction": BATCH, "DriftMonitor": MONITOR}.get(kind, DEPLOYMENT)


TABLES: Final[dict[str, tuple[type[Schema], dict[str, str]]]] = {
    "TrainingPipeline": (TrainingPipelineSpec, OF_PIPELINE),
    "ModelDeployment": (ModelDeploymentSpec, OF_DEPLOYMENT),
    "BatchPrediction": (BatchPredictionSpec, OF_BATCH),
    "DriftMonitor": (DriftMonitorSpec, OF_MONITOR),
}
ROWS: Final = [(kind, path) for kind, (_, table) in TABLES.items() for path in table]


@pytest.mark.parametrize("kind", TABLES)
def test_no_field_is_left_out(kind: str) -> None:
    """A new field needs a row: does a change of it train, roll out, or do neither?"""
    model, table = TABLES[kind]

    assert sorted(path for path, _ in leaves(model)) == sorted(table)


@pytest.mark.parametrize("kind, path", ROWS)
def test_a_change_of_the_field_does_what_the_table_says(kind: str, path: str) -> None:
    """And nothing else."""
    model, table = TABLES[kind]
    info = dict(leaves(model))[path]
    if table[path] == FIXED:
        assert len(choices(info.annotation)) == 1
        return
    before = base(kind, path)
    after = changed(before, path, info)

    assert effect(kind, before, after) == table[path]


def test_the_order_of_metrics_and_of_keys_is_no_change() -> None:
    """A spec that says the same in another order trains nothing."""
    metrics = {**PIPELINE["evaluation"], "metrics": ["roc_auc", "f1"]}
    turned = {**PIPELINE["evaluation"], "metrics": ["f1", "roc_auc"]}
    shuffled = dict(reversed({**PIPELINE, "evaluation": turned}.items()))

    assert digest({**PIPELINE, "evaluation": metrics}) == digest(shuffled)


def test_to_spell_out_a_default_is_no_change() -> None:
    """So a field that a later release adds with a default neither trains nor rolls out."""
    lean = {key: value for key, value in people.pipeline()["spec"].items() if key in {"dataset", "training"}}
    spelled = copy.deepcopy(lean)
    spelled["training"] |= {"type": "Estimator", "seed": 0}
    spelled["dataset"]["split"] = {"type": "Hash"}
    serving = people.deployment()["spec"]

    assert digest(lean) == digest(spelled)
    assert revision(serving) == revision({**serving, "server": {"timeout": "30s", "drain": "10s"}, "pod": {}})


@pytest.mark.parametrize("annotation, does", [("refresh", ROLLS_OUT), ("retry", NEITHER)])
def test_what_the_annotations_of_a_deployment_do(annotation: str, does: str) -> None:
    """Refresh makes a new revision of the same version; retry only forgets a rejection."""
    world = World()
    world.add(people.version(1))
    body = world.add(people.deployment())
    before = resolve(deployments.gather(body, world), SETTINGS)
    people.annotate(world, "ModelDeployment", "flights", **{annotation: "1"})
    after = resolve(deployments.gather(body, world), SETTINGS)

    assert (before != after) == (does == ROLLS_OUT)


RELEASED: Final[dict[str, Any]] = {
    "modelRef": {"name": "flights"},
    "dataset": {
        "uri": "pvc://data/flights.csv",
        "format": "CSV",
        "target": "late",
        "features": ["hour"],
        "idColumn": "id",
        "timeColumn": "ts",
        "timeRange": {"column": "ts", "last": "24h", "until": {"type": "Time", "time": "2026-01-01T00:00:00Z"}},
        "split": {"type": "Hash", "hash": {"test": 0.3, "seed": 1}, "temporal": {"test": 0.3}},
    },
    "training": {
        "task": "Classification",
        "type": "Estimator",
        "estimator": {"class": "a.B", "parameters": {"max_iter": 100}, "preprocessing": "None"},
        "seed": 7,
    },
    "evaluation": {"metrics": ["f1"]},
}
"""What a pipeline could say before fields were added."""


SERVED: Final[dict[str, Any]] = {
    name: part for name, part in DEPLOYMENT.items() if name not in {"feedback", "runtime"}
} | {"server": {name: DEPLOYMENT["server"][name] for name in ("image", "timeout", "maxBodyMegabytes", "drain")}}
"""What a deployment could say before."""


def test_digests_are_those_of_the_release_before() -> None:
    """Another digest would train every pipeline, and roll out every deployment, when the operator is upgraded."""
    assert digest(RELEASED) == "sha256:041e8d392b9d36b74c5615baf1d4aa2fa8a0ddb4fe785ad102f93b8a7c757982"
    assert revision(SERVED) == "ed255104"
