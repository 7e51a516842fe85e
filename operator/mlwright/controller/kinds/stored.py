"""What is seen of a monitor's looks at stored rows: its Jobs, what their pods said, and the version that they ask."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlwright.api.drift import DriftMonitorSpec
from mlwright.constants import (
    ANNOTATION_LOOK,
    ANNOTATION_RUN,
    COUNT,
    LABEL_REVISION,
    LABEL_STEP,
    LEARNED,
    STEP_CONTAINER,
)
from mlwright.controller.kinds import batches, jobs, parsing
from mlwright.controller.reconciler import CacheView
from mlwright.plan.drift import LookSeen, ServedSeen, StoredSeen
from mlwright.plan.pods import PodSeen, moment, pod_seen
from mlwright.plan.resources import JOB, POD, Body, Key


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, and what everybody reads of it."""

    body: Body
    seen: PodSeen


@dataclass(frozen=True, slots=True)
class Work:
    """The Jobs of a monitor, whatever they do, and their pods."""

    jobs: tuple[Body, ...]
    pods: tuple[Pod, ...]

    def made(self, job: Body) -> list[Pod]:
        """Return the pods of a Job."""
        return [pod for pod in self.pods if jobs.made(pod.seen, job["metadata"])]


def work_of(owner: Key, cache: CacheView) -> Work:
    """Return the Jobs of a monitor; without any it has no pods."""
    found = cache.children(JOB, owner)
    pods = cache.children(POD, owner) if found else ()
    return Work(found, tuple(Pod(pod, pod_seen(pod, STEP_CONTAINER)) for pod in pods))


def stored(body: Body, served: ServedSeen, work: Work, cache: CacheView) -> StoredSeen:
    """Return what is seen of the looks of a monitor, and the version that serves."""
    meta = body["metadata"]
    found = batches.source(served.version, "", meta["namespace"], cache)
    return StoredSeen(
        created=moment(meta.get("creationTimestamp")),
        request=parsing.annotation(body, ANNOTATION_RUN),
        version=found.told(found.version) if found.version else None,
        looks=tuple(sorted(_looks(work), key=lambda look: (look.created, look.slot))),
    )


def strays(spec: DriftMonitorSpec, work: Work) -> tuple[tuple[str, str], ...]:
    """Return name and uid of the Jobs that counted stored rows and of which nothing is read.

    Where requests are watched these are all; else those that do not say any more what asked for them.
    """
    found = (job for job in _counting(work) if spec.target.batch is None or _asked(job) is None)
    return tuple((job["metadata"]["name"], job["metadata"]["uid"]) for job in found)


def _counting(work: Work) -> list[Body]:
    found = (job for job in work.jobs if job["metadata"]["labels"].get(LABEL_STEP) == COUNT)
    return [job for job in found if "deletionTimestamp" not in job["metadata"]]


def _looks(work: Work) -> Iterator[LookSeen]:
    for job in _counting(work):
        asked = _asked(job)
        if asked is not None:
            yield _look(job, asked, work.made(job))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What asked for a look."""

    slot: datetime
    since: datetime
    token: str


def _asked(job: Body) -> _Asked | None:
    """Read what asked for a look; None where somebody has changed or removed the annotation that says it."""
    text = (job["metadata"].get("annotations") or {}).get(ANNOTATION_LOOK, "")
    try:
        told = json.loads(text)
        slot, since, token = moment(told["slot"]), moment(told["since"]), told["token"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    whole = isinstance(token, str) and slot.tzinfo is not None and since.tzinfo is not None
    return _Asked(slot, since, token) if whole else None


def _look(job: Body, asked: _Asked, pods: Sequence[Pod]) -> LookSeen:
    meta, status = job["metadata"], job.get("status") or {}
    state, final = jobs.state(status)
    return LookSeen(
        name=meta["name"],
        uid=meta["uid"],
        revision=meta["labels"].get(LABEL_REVISION, ""),
        slot=asked.slot,
        since=asked.since,
        token=asked.token,
        created=moment(meta.get("creationTimestamp")),
        shards=job["spec"]["completions"],
        state=state,
        message=final.get("message", ""),
        started=moment(status.get("startTime") or meta.get("creationTimestamp")),
        ended=moment(status.get("completionTime") or final.get("lastTransitionTime")) if final else None,
        done=status.get("succeeded", 0),
        pods=tuple(pod.seen for pod in pods),
        learned=next(filter(None, (_learned(pod.body) for pod in pods)), ""),
    )


def _learned(pod: Body) -> str:
    """Return what a pod said of what the version learned, before it counted; empty when it did not say it."""
    told: Iterable[Any] = (pod.get("status") or {}).get("initContainerStatuses") or ()
    ended = ((one.get("state") or {}).get("terminated") or {} for one in told if one.get("name") == LEARNED)
    return next((str(one.get("message") or "").strip() for one in ended if one.get("exitCode") == 0), "")
