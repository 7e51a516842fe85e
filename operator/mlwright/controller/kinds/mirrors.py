"""What the mirror of a pipeline is to show, and the Jobs that tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mlwright.constants import LABEL_ATTEMPT, LABEL_MIRROR, STEP_CONTAINER
from mlwright.controller.kinds import jobs, parsing
from mlwright.controller.kinds.versions import numbers
from mlwright.controller.reconciler import CacheView
from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import MirrorJob, MirrorSeen, PipelineSeen
from mlwright.plan.pods import moment, pod_seen
from mlwright.plan.resources import JOB, MODEL, MODEL_VERSION, POD, TRAINING_PIPELINE, Body, Key

AT_ONCE: Final = 10
"""New versions that one Job tells of; more wait for the next one."""


def seen(pipeline: PipelineSeen, cache: CacheView) -> MirrorSeen:
    """Return the snapshot; of a pipeline without a mirror only the Jobs that are left of one."""
    owner = Key(TRAINING_PIPELINE.name, pipeline.namespace, pipeline.name)
    found = tuple(_jobs(cache, owner))
    if pipeline.spec.mirror is None:
        return MirrorSeen(jobs=found)
    known = sorted(numbers(cache, pipeline.namespace, pipeline.model))
    status = pipeline.status.get("mirror") or {}
    told, failed = status.get("through"), status.get("failed") or ()
    before = told if told is not None else (known[-1] - 1 if known else 0)
    new = [number for number in known if number > before][:AT_ONCE]
    named = _aliases(pipeline, cache)
    asked = sorted({*failed, *new, *named.values()})
    records = {n: record for n in asked if (record := _own(pipeline, n, cache)) is not None}
    return MirrorSeen(
        versions=tuple(records.values()),
        since=before,
        through=new[-1] if new else before,
        aliases={name: number for name, number in named.items() if number in records},
        kept=tuple(sorted(named)),
        jobs=found,
    )


def _aliases(pipeline: PipelineSeen, cache: CacheView) -> dict[str, int]:
    spec = (cache.get(MODEL, pipeline.namespace, pipeline.model) or {}).get("spec") or {}
    return {alias["name"]: alias["version"] for alias in spec.get("aliases") or ()}


def _own(pipeline: PipelineSeen, number: int, cache: CacheView) -> Mapping[str, Any] | None:
    """Return the spec of a version that this pipeline made."""
    body = cache.get(MODEL_VERSION, pipeline.namespace, f"{pipeline.model}-v{number}")
    spec: dict[str, Any] = (body or {}).get("spec") or {}
    return spec if (spec.get("lineage") or {}).get("pipeline") == pipeline.name else None


def _jobs(cache: CacheView, owner: Key) -> Iterator[MirrorJob]:
    found = [job for job in cache.children(JOB, owner) if LABEL_MIRROR in job["metadata"]["labels"]]
    pods = [pod_seen(pod, STEP_CONTAINER) for pod in cache.children(POD, owner)] if found else []
    for job in found:
        said = [pod.exit_message for pod in pods if jobs.made(pod, job["metadata"]) and pod.exit_message]
        yield _job(job, said[-1] if said else "")


def _job(body: Body, said: str) -> MirrorJob:
    meta, status = body["metadata"], body.get("status") or {}
    state, final = jobs.state(status)
    return MirrorJob(
        name=meta["name"],
        uid=meta["uid"],
        told=meta["labels"][LABEL_MIRROR],
        attempt=parsing.number_after("a", f"a{meta['labels'].get(LABEL_ATTEMPT, '')}"),
        state=state,
        ended=moment(status.get("completionTime") or final.get("lastTransitionTime")) if final else None,
        said=said or (final.get("message", "") if state is JobState.FAILED else ""),
    )
