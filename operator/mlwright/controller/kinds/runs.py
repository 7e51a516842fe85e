"""TrainingRun: gather, decide, render."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mlwright.api.training import TrainingRunSpec
from mlwright.builders import training
from mlwright.builders.training import COLLECTS
from mlwright.constants import LABEL_ATTEMPT, LABEL_STEP, STEP_CONTAINER
from mlwright.controller.kinds import parsing, pipelines
from mlwright.controller.kinds.models import versions
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.plan import Plan
from mlwright.plan.pods import PodSeen, moment, pod_seen
from mlwright.plan.resources import CONTROLLER_REVISION, JOB, POD, TRAINING_PIPELINE, TRAINING_RUN, Body, Key
from mlwright.plan.training import Frozen, JobSeen, JobState, PipelineSeen, RunSeen
from mlwright.planners import run
from mlwright.settings import Settings


def gather(body: Body, cache: CacheView) -> RunSeen:
    """Return a run, its Jobs and their pods, its frozen template, and the versions of the model."""
    meta, spec = body["metadata"], parsing.spec(TrainingRunSpec, body)
    owner = Key(TRAINING_RUN.name, meta["namespace"], meta["name"])
    frozen = _frozen(cache.get(CONTROLLER_REVISION, owner.namespace, owner.name))
    pods = tuple(pod_seen(pod, STEP_CONTAINER) for pod in cache.children(POD, owner))
    jobs = tuple(_job(job, pods) for job in cache.children(JOB, owner))
    pipeline = None if frozen else _pipeline(spec, owner.namespace, cache)
    return RunSeen(
        namespace=owner.namespace,
        name=owner.name,
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        created=moment(meta.get("creationTimestamp")),
        spec=spec,
        status=body.get("status") or {},
        pipeline=pipeline,
        frozen=frozen,
        jobs=jobs,
        versions=versions(cache, owner.namespace, frozen.model) if frozen else (),
    )


def _pipeline(spec: TrainingRunSpec, namespace: str, cache: CacheView) -> PipelineSeen | None:
    body = cache.get(TRAINING_PIPELINE, namespace, spec.pipeline_ref.name)
    return pipelines.gather(body, cache) if body else None


def _frozen(body: Body | None) -> Frozen | None:
    if body is None:
        return None
    data = body["data"]
    return Frozen(**{**data, "metrics": tuple(data["metrics"]), "gates": tuple(data["gates"])})


def _job(body: Body, pods: tuple[PodSeen, ...]) -> JobSeen:
    meta, status = body["metadata"], body.get("status") or {}
    labels = meta["labels"]
    ended = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    state, final = _job_state(ended)
    return JobSeen(
        name=meta["name"],
        uid=meta["uid"],
        step=labels[LABEL_STEP],
        attempt=int(labels[LABEL_ATTEMPT]),
        collects=COLLECTS in labels,
        state=state,
        message=final.get("message", ""),
        started=moment(status.get("startTime") or meta.get("creationTimestamp")),
        ended=moment(status.get("completionTime") or final.get("lastTransitionTime")) if final else None,
        pods=tuple(pod for pod in pods if pod.labels.get("batch.kubernetes.io/job-name") == meta["name"]),
    )


def _job_state(ended: dict[str, Any]) -> tuple[JobState, dict[str, Any]]:
    if "Complete" in ended:
        return JobState.COMPLETE, ended["Complete"]
    if "Failed" in ended:
        return JobState.FAILED, ended["Failed"]
    return JobState.ACTIVE, {}


def plan(seen: RunSeen, settings: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return run.decide(seen, settings, now).rendered(training.for_run(seen))


RECONCILER = Reconciler(kind=TRAINING_RUN, gather=gather, plan=plan)
