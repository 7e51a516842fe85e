"""Jobs as they are found: how they stand, and which pods are theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlwright.constants import LABEL_DATA
from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import ProbeSeen
from mlwright.plan.pods import PodSeen, moment
from mlwright.plan.resources import Body


def made(pod: PodSeen, job: Body) -> bool:
    """Tell whether a Job made a pod, rather than an earlier Job of that name. Takes the Job's metadata."""
    maker = pod.labels.get("batch.kubernetes.io/controller-uid", job["uid"])
    return (maker, pod.labels.get("batch.kubernetes.io/job-name")) == (job["uid"], job["name"])


def state(status: dict[str, Any]) -> tuple[JobState, dict[str, Any]]:
    """Return how a Job stands, and the condition that ended it."""
    ended = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    if "Complete" in ended:
        return JobState.COMPLETE, ended["Complete"]
    if "Failed" in ended:
        return JobState.FAILED, ended["Failed"]
    return JobState.ACTIVE, {}


def probe_seen(body: Body, slot: int, pods: Iterable[PodSeen]) -> ProbeSeen:
    """Return a Job that looks at something, for a slot, and what its pod said."""
    meta, status = body["metadata"], body.get("status") or {}
    stands, final = state(status)
    said = [pod.exit_message for pod in pods if made(pod, meta) and pod.exit_message]
    return ProbeSeen(
        name=meta["name"],
        uid=meta["uid"],
        slot=slot,
        state=stands,
        started=moment(status.get("startTime") or meta.get("creationTimestamp")),
        ended=moment(status.get("completionTime") or final.get("lastTransitionTime")) if final else None,
        said=said[-1] if said else final.get("message", "") if stands is JobState.FAILED else "",
        about=meta["labels"].get(LABEL_DATA, ""),
    )
