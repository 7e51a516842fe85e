"""Flows: what people do one after the other, and what they wait for each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mlwright.constants import LABEL_DEPLOYMENT
from mlwright.plan.resources import TRAINING_PIPELINE, ResourceKind
from tests.support.apiserver import Json
from tests.support.kube import Kube
from tests.support.objects import BATCH, DEPLOYMENT, MODEL, PIPELINE, VERSION, changed
from tests.support.podstates import CrashLoop
from tests.support.scripts import Story
from tests.support.world import Space

Do = Callable[[Kube, str], Awaitable[Any]]
Holds = Callable[[Space], bool]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that people do, and what comes of it."""

    do: Do
    goal: Holds
    what: str


@dataclass(frozen=True, slots=True)
class Flow:
    """Acts, and what happens in the pods meanwhile."""

    name: str
    acts: tuple[Act, ...]
    story: Callable[[], Story] = Story
    prelude: int = 0
    """So many acts at the beginning are the end of another flow: no faults happen during them."""


def pipeline(quality: int = 300, **spec: Any) -> Json:
    """Return a pipeline whose versions score 0.5 + quality/1000 on a gate of 0.75."""
    gate = {"name": "good-enough", "type": "Threshold", "threshold": {"metric": "roc_auc", "min": 0.75}}
    changes = {
        "spec.training.estimator.parameters": {"max_iter": quality},
        "spec.evaluation": {"metrics": ["roc_auc"], "gates": [gate]},
    }
    return changed(PIPELINE, changes | {f"spec.{key}": value for key, value in spec.items()})


def version(number: int) -> Json:
    """Return a version that was trained elsewhere."""
    bundle = {"uri": f"pvc://artifacts/churn-{number}", "digest": f"sha256:{number:064x}", "format": "ONNX"}
    made = {"apiVersion": VERSION["apiVersion"], "kind": "ModelVersion", "metadata": {"name": f"churn-v{number}"}}
    return made | {"spec": {"modelRef": {"name": "churn"}, "version": number, "bundle": bundle}}


def deployment(**spec: Any) -> Json:
    """Return a deployment that follows the newest version and sets an alias."""
    changes = {"spec.replicas": 2, "spec.rollout": {"setAlias": "champion"}}
    return changed(DEPLOYMENT, changes | {f"spec.{key}": value for key, value in spec.items()})


YEARLY: Final = {"name": "yearly", "cron": "0 0 1 1 *", "timeZone": "UTC"}


def wait_for_a_slot() -> Do:
    """Return the act of letting a paused pipeline go on whose schedule was looked at last two years ago."""

    async def do(kube: Kube, namespace: str) -> None:
        since = {**YEARLY, "since": (datetime.now(UTC) - timedelta(days=730)).strftime("%Y-%m-%dT%H:%M:%SZ")}
        told = {"status": {"schedules": [since]}}
        await kube.merge(TRAINING_PIPELINE, namespace, "churn", told, subresource="/status")
        await kube.merge(TRAINING_PIPELINE, namespace, "churn", {"spec": {"paused": False}})

    return do


def create(*things: Json) -> Do:
    """Return the act of creating objects."""

    async def do(kube: Kube, namespace: str) -> None:
        for thing in things:
            await kube.create(thing, namespace)

    return do


def edit(kind: ResourceKind, **spec: Any) -> Do:
    """Return the act of editing the spec of the pipeline or the deployment."""

    async def do(kube: Kube, namespace: str) -> None:
        await kube.merge(kind, namespace, "churn", {"spec": spec})

    return do


def annotate(kind: ResourceKind, annotation: str, value: str) -> Do:
    """Return the act of annotating the pipeline or the deployment."""

    async def do(kube: Kube, namespace: str) -> None:
        await kube.merge(kind, namespace, "churn", {"metadata": {"annotations": {annotation: value}}})

    return do


def trained(run: str, state: str) -> Holds:
    """Tell whether the pipeline's newest run ended like that."""

    def holds(space: Space) -> bool:
        last = ((space.get("TrainingPipeline", "churn") or {}).get("status") or {}).get("lastRun") or {}
        ended = space.condition("TrainingRun", run, "Complete" if state in {"Succeeded", "Rejected"} else "Failed")
        model = ((space.get("Model", "churn") or {}).get("status") or {}).get("versions")
        told = last.get("name") == run and last.get("state") == state and bool(ended)
        return told and model == len(space.of("ModelVersion"))

    return holds


def serves(number: int, *, alias: bool = True) -> Holds:
    """Tell whether a version serves alone, the alias names it and nothing goes on."""

    def holds(space: Space) -> bool:
        status = (space.get("ModelDeployment", "churn") or {}).get("status") or {}
        model = space.get("Model", "churn") or {}
        aliases = {a["name"]: a["version"] for a in (model.get("spec") or {}).get("aliases") or ()}
        told = (model.get("status") or {}).get("observedGeneration") == model.get("metadata", {}).get("generation")
        stable = (status.get("stable") or {}).get("version") == f"churn-v{number}"
        return stable and settled(space) and told and (not alias or aliases.get("champion") == number)

    return holds


def answered(space: Space) -> bool:
    """Tell whether the newest run of the batch prediction is complete."""
    return space.condition("BatchPrediction", "churn", "Complete").startswith("True/")


def settled(space: Space) -> bool:
    """Tell whether the deployment is Ready, nothing goes on, and one Deployment with its pods is left."""
    ready = space.condition("ModelDeployment", "churn", "Ready").startswith("True/")
    going_on = space.condition("ModelDeployment", "churn", "Reconciling")
    body = space.get("ModelDeployment", "churn") or {}
    seen = (body.get("status") or {}).get("observedGeneration") == body["metadata"]["generation"]
    wanted = body["spec"].get("replicas", 1)
    pods = [pod for pod in space.of("Pod") if LABEL_DEPLOYMENT in pod["metadata"]["labels"]]
    return ready and not going_on and seen and len(space.of("Deployment")) == 1 and len(pods) == wanted


def rejected(number: int, stable: int) -> Holds:
    """Tell whether a candidate was rejected and another version goes on serving."""

    def holds(space: Space) -> bool:
        told = space.condition("ModelDeployment", "churn", "CandidateRejected").startswith("True/")
        sentence = space.summary("ModelDeployment", "churn").startswith(f"churn-v{number} is rejected")
        return told and sentence and serves(stable)(space)

    return holds


TRAINING = Flow("training", (Act(create(pipeline()), trained("churn-1", "Succeeded"), "the first version is made"),))


def graph() -> Json:
    """Return a pipeline whose runs walk a graph: data is made first, an audit beside the training, a notice behind."""

    def own(name: str, **more: Any) -> Json:
        return {"name": name, "type": "Container", "container": {"image": f"{name}:1"}, **more}

    validate = {"name": "validate", "type": "BuiltIn", "builtIn": {"uses": "Validate"}}
    steps = [
        own("features", outputs=[{"name": "data", "type": "Dataset"}]),
        validate | {"inputs": [{"name": "data", "from": "features.data"}]},
        own("audit", dependsOn=["validate"], when={"metric": "rows", "min": 100}),
        own("large", dependsOn=["validate"], when={"metric": "rows", "min": 100000}),
        own("notice", dependsOn=["evaluate", "audit", "large"]),
    ]
    return pipeline(steps=steps, onExit={"container": {"image": "tidy:1"}})


GRAPH = Flow("a graph of steps", (Act(create(graph()), trained("churn-1", "Succeeded"), "the first version is made"),))

SLOT = Flow(
    "a slot of a schedule",
    (
        Act(
            create(pipeline(paused=True, triggers={"specChange": False, "schedules": [YEARLY]})),
            lambda space: "schedules" in ((space.get("TrainingPipeline", "churn") or {}).get("status") or {}),
            "the schedule is known",
        ),
        Act(wait_for_a_slot(), trained("churn-1", "Succeeded"), "the newest slot has its run"),
    ),
    prelude=1,
)

SERVING = Flow(
    "serving",
    (
        Act(create(MODEL, version(1), deployment()), serves(1), "version 1 serves"),
        Act(create(version(2)), serves(2), "version 2 has replaced it"),
    ),
)

FIRST = Flow("the first version", SERVING.acts[:1])

REFUSED = Flow(
    "a candidate that refuses its bundle",
    (
        Act(create(MODEL, version(1), deployment(replicas=1)), serves(1), "version 1 serves"),
        Act(create(version(2)), rejected(2, stable=1), "version 2 is rejected"),
    ),
    story=lambda: Story(servers={"churn-v2": CrashLoop(64, "the digest of the bundle is not the one expected")}),
    prelude=1,
)

WORSE = Flow(
    "a worse version",
    (
        Act(
            create(pipeline(), deployment()), lambda s: trained("churn-1", "Succeeded")(s) and serves(1)(s), "v1 serves"
        ),
        Act(
            edit(TRAINING_PIPELINE, training={"estimator": {"parameters": {"max_iter": 200}}}),
            lambda s: trained("churn-2", "Rejected")(s) and serves(1)(s),
            "the second is rejected by the gate and version 1 still serves",
        ),
    ),
    prelude=1,
)

BATCHING = Flow(
    "a batch prediction",
    (SERVING.acts[0], Act(create(BATCH), answered, "stored rows are answered")),
    prelude=1,
)

FLOWS = (TRAINING, GRAPH, SERVING, REFUSED, WORSE, BATCHING)
