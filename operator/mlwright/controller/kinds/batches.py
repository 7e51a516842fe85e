"""BatchPrediction: gather, decide, render."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from mlwright.api.batches import BatchPredictionSpec
from mlwright.builders import batches
from mlwright.constants import (
    ANNOTATION_RETRY,
    ANNOTATION_RUN,
    LABEL_BATCH_RUN,
    LABEL_STEP,
    STEP_CONTAINER,
)
from mlwright.controller.kinds import jobs, parsing
from mlwright.controller.kinds.deployments import decisions
from mlwright.controller.ownership import is_still, left_behind
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.batch import BatchFrozen, BatchJob, BatchRunSeen, BatchSeen, SourceSeen
from mlwright.plan.plan import Plan
from mlwright.plan.pods import PodSeen, moment, pod_seen
from mlwright.plan.resources import (
    BATCH_PREDICTION,
    CONTROLLER_REVISION,
    JOB,
    MODEL,
    MODEL_DEPLOYMENT,
    MODEL_VERSION,
    POD,
    Body,
    Key,
)
from mlwright.planners import batch
from mlwright.planners.decisions import chain
from mlwright.settings import Settings


def gather(body: Body, cache: CacheView) -> BatchSeen:
    """Return a batch prediction, its runs with their Jobs, and the version that would answer now."""
    meta, spec = body["metadata"], parsing.spec(BatchPredictionSpec, body)
    owner = Key(BATCH_PREDICTION.name, meta["namespace"], meta["name"])
    left = _left(body, cache)
    found = () if left else tuple(_jobs(cache, owner))
    runs = () if left else _runs(cache, owner, found)
    known = {run.frozen.run for run in runs}
    return BatchSeen(
        namespace=owner.namespace,
        name=owner.name,
        uid=meta["uid"],
        created=moment(meta.get("creationTimestamp")),
        spec=spec,
        request=parsing.annotation(body, ANNOTATION_RUN),
        retry=parsing.annotation(body, ANNOTATION_RETRY),
        status=body.get("status") or {},
        source=_source(spec, owner.namespace, cache),
        runs=runs,
        strays=tuple(job for run, job in found if run not in known),
        left=left,
    )


def _left(body: Body, cache: CacheView) -> tuple[str, ...]:
    """Return what an earlier object of this name left: its answers are not what this one is asked for."""
    if (body.get("status") or {}).get("runs"):
        return ()
    owner = Key(BATCH_PREDICTION.name, body["metadata"]["namespace"], body["metadata"]["name"])
    records, others = cache.children(CONTROLLER_REVISION, owner), cache.children(JOB, owner)
    return left_behind(body, records, others, lambda record: _holds(record, cache))


def _holds(record: Body, cache: CacheView) -> bool:
    """Tell whether a run answered with a version that is there still, and not with one that was restored."""
    frozen = record.get("data") or {}
    version = cache.get(MODEL_VERSION, record["metadata"]["namespace"], (frozen.get("version") or {}).get("name", ""))
    return is_still(version, frozen.get("version_uid", ""))


def _source(spec: BatchPredictionSpec, namespace: str, cache: CacheView) -> SourceSeen:
    if spec.source.version is not None:
        name = spec.source.version.name
        missing = f"ModelVersion {name} (spec.source.version) does not exist; the run starts when it does"
        return source(name, missing, namespace, cache)
    name = spec.source.deployment.name if spec.source.deployment else ""
    deployment = cache.get(MODEL_DEPLOYMENT, namespace, name)
    field = "spec.source.deployment"
    if deployment is None:
        return SourceSeen(missing=f"ModelDeployment {name} ({field}) does not exist; the run starts when it serves")
    promoted = chain(decisions(cache, deployment))
    if not promoted:
        return SourceSeen(
            missing=f"ModelDeployment {name} ({field}) serves no version yet; the run starts when it does"
        )
    version = promoted[-1].version
    return source(version, f"{version}, which ModelDeployment {name} serves, has no record any more", namespace, cache)


def source(name: str, missing: str, namespace: str, cache: CacheView) -> SourceSeen:
    """Return a version as whoever answers with it needs it; what is missing where it has no record."""
    body = cache.get(MODEL_VERSION, namespace, name)
    if body is None:
        return SourceSeen(missing=missing)
    model = body["spec"]["modelRef"]["name"]
    record: dict[str, Any] = (cache.get(MODEL, namespace, model) or {}).get("spec") or {}
    keys = {key["name"]: key["pem"] for key in (record.get("verify") or {}).get("keys") or ()}
    return SourceSeen(version=parsing.version_seen(body), model=model, keys=keys)


def _jobs(cache: CacheView, owner: Key) -> Iterator[tuple[str, BatchJob]]:
    """Return the Jobs with the names of their runs."""
    found = [job for job in cache.children(JOB, owner) if "deletionTimestamp" not in job["metadata"]]
    pods = [pod_seen(pod, STEP_CONTAINER) for pod in cache.children(POD, owner)] if found else []
    for job in found:
        own = tuple(pod for pod in pods if jobs.made(pod, job["metadata"]))
        yield job["metadata"]["labels"].get(LABEL_BATCH_RUN, ""), _job(job, own)


def _job(body: Body, pods: tuple[PodSeen, ...]) -> BatchJob:
    meta, status = body["metadata"], body.get("status") or {}
    state, final = jobs.state(status)
    return BatchJob(
        name=meta["name"],
        uid=meta["uid"],
        step=meta["labels"].get(LABEL_STEP, ""),
        retry=parsing.annotation(body, ANNOTATION_RETRY),
        state=state,
        message=final.get("message", ""),
        started=moment(status.get("startTime") or meta.get("creationTimestamp")),
        ended=moment(status.get("completionTime") or final.get("lastTransitionTime")) if final else None,
        done=status.get("succeeded", 0),
        failed=status.get("failedIndexes", ""),
        pods=pods,
    )


def _runs(cache: CacheView, owner: Key, found: Sequence[tuple[str, BatchJob]]) -> tuple[BatchRunSeen, ...]:
    seen = (_run(body, found) for body in cache.children(CONTROLLER_REVISION, owner))
    return tuple(sorted((run for run in seen if run is not None), key=lambda run: run.frozen.number))


def _run(body: Body, found: Sequence[tuple[str, BatchJob]]) -> BatchRunSeen | None:
    """Return a run as it was frozen; None for a record of another make that merely bears our labels."""
    meta = body["metadata"]
    try:
        frozen = BatchFrozen.read(body.get("data") or {})
    except TypeError:
        return None
    return BatchRunSeen(
        frozen=frozen,
        object=meta["name"],
        uid=meta["uid"],
        created=moment(meta.get("creationTimestamp")),
        jobs=tuple(job for run, job in found if run == frozen.run),
    )


def plan(seen: BatchSeen, settings: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return batch.decide(seen, settings, now).rendered(batches.renderer(seen))


RECONCILER = Reconciler(kind=BATCH_PREDICTION, gather=gather, plan=plan)
"""How batch predictions are looked after."""
