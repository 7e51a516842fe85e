"""Jobs of runs as planners see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mlwright.plan.pods import PodSeen
from mlwright.plan.resources import JOB, ResourceKind


class JobState(StrEnum):
    """Where a Job stands."""

    ACTIVE = "Active"
    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class JobSeen:
    """One Job of a run."""

    name: str
    uid: str
    step: str
    attempt: int
    collects: bool
    """True for a Job that only reads the result of a finished attempt again."""
    state: JobState
    message: str
    """Why it failed, in the Job controller's words."""
    by_user: bool
    """True when it failed by the exit code that means the user's error; known even when its pod is gone."""
    crashes: int
    """Attempts of this step before it that failed for a reason that is not the user's."""
    started: datetime
    ended: datetime | None
    pods: tuple[PodSeen, ...] = ()
    late: bool = False
    """True when it was stopped because it took longer than allowed."""
    retry: str = ""
    """Value of the retry annotation of its run when it was started."""
    kind: ResourceKind = JOB
    """Another kind for what another controller does."""
    suspended: bool = False
    """True while somebody, such as a queue, does not let it have pods."""
