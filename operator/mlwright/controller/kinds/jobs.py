"""Jobs as they are found: how they stand, and which pods are theirs."""

from __future__ import annotations

from typing import Any

from mlwright.plan.pods import PodSeen
from mlwright.plan.resources import Body
from mlwright.plan.training import JobState


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
