"""DriftMonitor: gather, decide, render."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mlwright.api.drift import DriftMonitorSpec
from mlwright.builders import drift as builders
from mlwright.constants import LABEL_MESSAGE, LABEL_REVISION
from mlwright.controller.kinds import deployments, jobs, parsing
from mlwright.controller.kinds.deployments import decisions
from mlwright.controller.kinds.stored import Work, stored, strays, work_of
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.drift import MessageSeen, MonitorSeen, NoteSeen, ServedSeen, watched
from mlwright.plan.plan import Plan
from mlwright.plan.pods import moment
from mlwright.plan.resources import (
    CONTROLLER_REVISION,
    DECISION,
    DRIFT_MONITOR,
    MODEL_DEPLOYMENT,
    MODEL_VERSION,
    POD,
    TRAINING_PIPELINE,
    Body,
    Key,
)
from mlwright.plan.serving import DeploymentSeen
from mlwright.planners import drift
from mlwright.planners.decisions import chain
from mlwright.settings import Settings


def gather(body: Body, cache: CacheView) -> MonitorSeen:
    """Return a monitor, what its deployment serves, and what was recorded."""
    meta, spec = body["metadata"], parsing.spec(DriftMonitorSpec, body)
    owner = Key(DRIFT_MONITOR.name, meta["namespace"], meta["name"])
    serving = cache.get(MODEL_DEPLOYMENT, owner.namespace, watched(spec))
    deployment = _sent_back(spec, serving, cache)
    served = _served(spec, serving, deployment, cache)
    records = cache.children(CONTROLLER_REVISION, owner)
    work = work_of(owner, cache)
    return MonitorSeen(
        namespace=owner.namespace,
        name=owner.name,
        uid=meta["uid"],
        spec=spec,
        status=body.get("status") or {},
        generation=meta.get("generation", 0),
        served=served if isinstance(served, ServedSeen) else None,
        missing=served if isinstance(served, str) else "",
        blocks=builders.blocks(records),
        references=tuple(builders.references(records)),
        varied=builders.variations(records),
        usual=builders.usuals(records),
        tallied=cache.tallied(owner),
        stored=stored(body, served, work, cache) if spec.target.batch and isinstance(served, ServedSeen) else None,
        strays=strays(spec, work),
        deployment=deployment,
        notes=tuple(_notes(owner, cache)),
        messages=tuple(_messages(work)),
        pipelines=_pipelines(spec, owner.namespace, cache),
    )


def _pipelines(spec: DriftMonitorSpec, namespace: str, cache: CacheView) -> dict[str, frozenset[str]]:
    """Return the Decisions about each pipeline that an action names and that exists."""
    named = {action.retrain.pipeline_ref.name for action in spec.actions if action.retrain}
    return {
        name: frozenset(cache.related_names(DECISION, namespace, "subject", f"{TRAINING_PIPELINE.name}/{name}"))
        for name in sorted(named)
        if cache.get(TRAINING_PIPELINE, namespace, name) is not None
    }


def _notes(owner: Key, cache: CacheView) -> Iterator[NoteSeen]:
    for body in cache.related(DECISION, owner.namespace, "subject", f"{owner.kind}/{owner.name}"):
        meta, spec = body["metadata"], body["spec"]
        evidence = spec.get("evidence") or {}
        if spec["type"] == "Notify":
            yield NoteSeen(
                name=meta["name"],
                uid=meta["uid"],
                action=str(evidence.get("action") or ""),
                version=spec.get("version", ""),
                revision=spec.get("revision", ""),
                until=str(evidence.get("until") or ""),
                sentence=spec["sentence"],
                evidence={key: value for key, value in evidence.items() if key != "action"},
            )


def _messages(work: Work) -> Iterator[MessageSeen]:
    for job in work.jobs:
        meta = job["metadata"]
        if LABEL_MESSAGE not in meta["labels"]:
            continue
        state, final = jobs.state(job.get("status") or {})
        own = sorted((pod.seen for pod in work.made(job)), key=lambda pod: (pod.created, pod.name))
        said = [pod.exit_message for pod in own if pod.exit_message]
        why = said[-1] if said else final.get("message", "")
        yield MessageSeen(meta["name"], meta["uid"], state, why, own[-1].waiting_reason if own else "")


def _sent_back(spec: DriftMonitorSpec, watched: Body | None, cache: CacheView) -> DeploymentSeen | None:
    """Return the deployment, if an action may send it back."""
    if watched is None or not any(action.type == "Rollback" for action in spec.actions):
        return None
    return deployments.gather(watched, cache)


def _served(
    spec: DriftMonitorSpec, body: Body | None, seen: DeploymentSeen | None, cache: CacheView
) -> ServedSeen | str:
    """Return what serves; what is missing, in words, where nothing does.

    Args:
        spec: What is watched.
        body: The deployment; None when it does not exist.
        seen: What is known of it, where that was gathered already.
        cache: Of what exists.
    """
    name, batch = watched(spec), spec.target.batch
    field = f"spec.target.{'batch' if batch else 'live'}.deploymentRef"
    if body is None:
        return f"ModelDeployment {name} ({field}) does not exist; it is watched when it serves"
    promoted = chain(seen.decisions if seen else decisions(cache, body))
    if not promoted:
        return f"ModelDeployment {name} ({field}) serves no version yet; it is watched when it does"
    serving, namespace = promoted[-1], body["metadata"]["namespace"]
    pods = (
        (pod["metadata"]["name"], moment(pod["metadata"].get("creationTimestamp")).timestamp())
        for pod in cache.children(POD, Key(MODEL_DEPLOYMENT.name, namespace, name))
        if pod["metadata"]["labels"].get(LABEL_REVISION) == serving.revision
    )
    accuracy, held_out = _evaluated(cache.get(MODEL_VERSION, namespace, serving.version))
    feedback = bool((body["spec"].get("feedback") or {}).get("enabled"))
    known = (serving.revision, serving.version, serving.created, tuple(pods), accuracy, held_out, feedback)
    return ServedSeen(*known, label=(batch.label or "") if batch else "")


def _evaluated(version: Body | None) -> tuple[float | None, int]:
    """Return the accuracy of a version on the held-out rows, None without one, and how many these were."""
    spec = version["spec"] if version else {}
    dataset = (spec.get("lineage") or {}).get("dataset") or {}
    return (spec.get("metrics") or {}).get("accuracy"), dataset.get("testRows") or 0


def plan(seen: MonitorSeen, settings: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return drift.decide(seen, settings, now).rendered(builders.renderer(seen))


RECONCILER = Reconciler(kind=DRIFT_MONITOR, gather=gather, plan=plan)
"""How drift monitors are looked after."""
