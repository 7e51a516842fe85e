"""What a monitor sees: what is served, what was counted of it, and what became of its actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.digests import child_name, short
from mlwright.plan.drift_counts import Block, Reference, Tallied, Usual, Varied
from mlwright.plan.jobs import JobState
from mlwright.plan.pods import PodSeen
from mlwright.plan.serving import DeploymentSeen

_DIGITS: Final = 10
"""Of the hash in a Decision's name."""


@dataclass(frozen=True, slots=True)
class ServedSeen:
    """What a deployment serves."""

    revision: str
    version: str
    since: datetime
    """When it took over."""
    pods: tuple[tuple[str, float], ...] = ()
    """Its pods and when they were created, seconds since 1970."""
    accuracy: float | None = None
    """On the held-out rows; None where it was not evaluated by it."""
    held_out: int = 0
    """How many these were."""
    feedback: bool = False
    """Whether the deployment takes labels."""
    label: str = ""
    """Of stored rows: the column with the right answers."""


@dataclass(frozen=True, slots=True)
class NoteSeen:
    """A Decision that somebody is told."""

    name: str
    uid: str
    action: str
    version: str
    revision: str
    until: str
    """End of the window that it tells of."""
    sentence: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """A Job that tells somebody."""

    name: str
    uid: str
    state: JobState
    said: str = ""
    """What its newest pod said at its end, else why it failed in the Job controller's words."""
    waiting: str = ""
    """Why its pod does not start."""


@dataclass(frozen=True, slots=True)
class LookSeen:
    """A Job that counts stored rows."""

    name: str
    uid: str
    revision: str
    slot: datetime
    since: datetime
    """The slot before it."""
    token: str
    """What asked for it: a slot, or the value of an annotation."""
    created: datetime
    shards: int
    state: JobState
    message: str
    """Why it failed, in the Job controller's words."""
    started: datetime
    ended: datetime | None
    done: int = 0
    """Shards that are done."""
    pods: tuple[PodSeen, ...] = ()
    learned: str = ""
    """What a pod said of what the version learned."""


@dataclass(frozen=True, slots=True)
class StoredSeen:
    """What is seen of the watching of stored rows."""

    created: datetime
    """The monitor's birth: earlier slots are none of its own."""
    request: str = ""
    """Value of the annotation that asks for a look; empty without one."""
    version: Mapping[str, Any] | None = None
    """The version that serves, as programs are told of it; None where it has no record any more."""
    looks: tuple[LookSeen, ...] = ()
    """As they were made, the newest last."""


JUDGED: Final = frozenset({"Drifted", "QualityDegraded", "PerformanceDegraded", "EnoughData"})
"""Conditions of a monitor that tell what was found, beside those that tell how it is."""


def watched(spec: DriftMonitorSpec) -> str:
    """Return the name of the deployment whose version a monitor watches."""
    target = spec.target.live or spec.target.batch
    return target.deployment_ref.name if target else ""


@dataclass(frozen=True, slots=True)
class MonitorSeen:
    """A monitor and all that belongs to it."""

    namespace: str
    name: str
    uid: str
    spec: DriftMonitorSpec
    status: Mapping[str, Any]
    generation: int = 0
    """Of the spec."""
    served: ServedSeen | None = None
    missing: str = ""
    """What does not exist, and what is waited for; empty when something is served."""
    blocks: tuple[Block, ...] = ()
    """By their ends, the newest last; of all revisions."""
    references: tuple[Reference, ...] = ()
    varied: tuple[Varied, ...] = ()
    """The newest last; of all revisions."""
    usual: tuple[Usual, ...] = ()
    """The newest last; of all revisions."""
    tallied: Tallied | None = None
    stored: StoredSeen | None = None
    """Where stored rows are watched; None where requests are."""
    strays: tuple[tuple[str, str], ...] = ()
    """Name and uid of Jobs that counted stored rows and of which nothing is read."""
    deployment: DeploymentSeen | None = None
    """What is watched, where an action may send it back; None otherwise."""
    notes: tuple[NoteSeen, ...] = ()
    messages: tuple[MessageSeen, ...] = ()
    pipelines: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The pipelines that actions name, as far as they exist, and the names of the Decisions about each."""

    @property
    def watched(self) -> str:
        """Name of the deployment."""
        return watched(self.spec)

    @property
    def is_told_of_spec(self) -> bool:
        """Whether the status speaks of the spec as it is, and not of one before an edit."""
        return bool(self.status.get("observedGeneration", 0) == self.generation)

    def retrain_name(self, pipeline: str, revision: str) -> str:
        """Return the name of the Decision by which a pipeline is asked because of a revision, whoever asks."""
        question = [f"{self.namespace}/{pipeline}", "Retrain", self.watched, revision]
        return child_name(pipeline, "retrain", short(question, _DIGITS))
