"""The values of watching for drift: what is counted, what was counted, and what a monitor sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.digests import child_name, short
from mlwright.plan.jobs import JobState
from mlwright.plan.pods import PodSeen
from mlwright.plan.serving import DecisionSeen, DeploymentSeen
from mlwright.stats.wobble import Wobble

_DIGITS: Final = 10
"""Of the hash in a Decision's name."""

Counts = Mapping[str, int]
"""Rows by the slot of a distribution: a bin, or below, above, missing, unseen."""
Surfaces = Mapping[str, Counts]
"""Counts by what they are of: `feature:age`, `output:label`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows that are to be counted: those of one revision in one span of time."""

    namespace: str
    deployment: str
    revision: str
    since: float
    """Seconds since 1970."""
    until: float
    born: tuple[tuple[str, float], ...] = ()
    """When each pod that is known was created: what it counted before its first scrape counts."""
    known: tuple[str, ...] = ()
    """What distributions there are, if that is known; they are asked for otherwise."""
    labels: bool = False
    """Whether labels that came late are counted as well."""

    @property
    def span(self) -> tuple[str, float, float]:
        """What the counts are of."""
        return self.revision, self.since, self.until


@dataclass(frozen=True, slots=True)
class Tallied:
    """What came of counting.

    Attributes:
        wanted: What was to be counted.
        reference: What the profile of the revision holds; empty where Prometheus has none.
        counts: What was counted.
        trouble: Why nothing could be counted; empty when it could.
        names: What the numbered bins of the reference hold, in words, as far as pods tell it.
    """

    wanted: Wanted
    reference: Surfaces = field(default_factory=dict)
    counts: Surfaces = field(default_factory=dict)
    trouble: str = ""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bet:
    """What is known of late labels after a span of time: the bet that the accuracy is at least a floor.

    Attributes:
        least: The floor.
        since: When the first span of the bet began, seconds since 1970.
        right: Labelled answers since then that were right.
        labelled: Labelled answers since then.
        degraded: Whether the accuracy is held to be below the floor.
    """

    least: float
    since: int = 0
    right: int = 0
    labelled: int = 0
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one span of time, as they were recorded."""

    revision: str
    since: int
    until: int
    counts: Surfaces
    object: str = ""
    uid: str = ""
    bet: Bet | None = None
    """With these rows; None where no check asks for labels."""
    data: str = ""
    """Of stored rows: what changes when they do; empty for those of requests."""
    token: str = ""
    """Of stored rows: which slot or request they were counted for."""


@dataclass(frozen=True, slots=True)
class Variation:
    """How a distribution varies from day to day, by pairs of its slots in this order."""

    slots: tuple[str, ...]
    wobble: Wobble


@dataclass(frozen=True, slots=True)
class Varied:
    """How distributions of a revision vary, as it was recorded with the span of time that ended then."""

    revision: str
    until: int
    variation: Mapping[str, Variation]
    object: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """What is usual of a distribution at each hour of working days, and of weekends.

    Attributes:
        slots: Its slots.
        learned: Hours that were learnt.
        counts: For each hour that was (UTC; 0 to 23 of working days, 24 to 47 of weekends), the rows of each slot.
        wobble: How spans that lie a day apart differ.
    """

    slots: tuple[str, ...]
    learned: int
    counts: Mapping[int, tuple[int, ...]]
    wobble: Wobble


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual of the distributions of a revision, as it was recorded with the hour that ended then."""

    revision: str
    until: int
    length: int
    """Seconds of the spans that it was learnt from; how much those of another length differ is another matter."""
    hours: Mapping[str, Hours]
    object: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """The distributions that a revision is compared with, as they were recorded."""

    revision: str
    surfaces: Surfaces
    object: str = ""
    uid: str = ""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the numbered bins hold, in words, of those of which it is known."""
    variation: Mapping[str, Variation] = field(default_factory=dict)
    """How they vary from day to day, as far as that is known."""
    varied_until: int = 0
    """With which spans: those that ended by then."""


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


@dataclass(frozen=True, slots=True)
class Acted:
    """What is done about what was found.

    Attributes:
        records: Decisions to record.
        shown: What the status tells of the last action; None without one.
        trouble: Why an action cannot be taken; empty when all can.
        intents: What is done upon Decisions that are recorded.
        notified: Which Decisions tell of what goes on, by action.
    """

    records: tuple[AskForRun | SendBack | Note, ...] = ()
    shown: Mapping[str, Any] | None = None
    trouble: str = ""
    intents: tuple[StartMessage, ...] = ()
    notified: tuple[Mapping[str, Any], ...] = ()


# intents


@dataclass(frozen=True, slots=True)
class KeepReference:
    """Record the distributions of a revision."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class KeepVaried:
    """Record how distributions vary."""

    varied: Varied


@dataclass(frozen=True, slots=True)
class KeepUsual:
    """Record what is usual at each hour."""

    usual: Usual


@dataclass(frozen=True, slots=True)
class KeepBlock:
    """Record what was counted in a span of time."""

    block: Block


@dataclass(frozen=True, slots=True)
class ForgetRecord:
    """Delete a record that nothing rests on any more."""

    object: str
    uid: str


@dataclass(frozen=True, slots=True)
class AskForRun:
    """Record that a pipeline is to train again; it starts the run itself."""

    name: str
    pipeline: str
    revision: str
    version: str
    sentence: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SendBack:
    """Record that a deployment is to go back to what it served before; it does so itself."""

    name: str
    deployment: DeploymentSeen
    promotion: DecisionSeen
    """What is taken back."""
    sentence: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """Record that somebody is told."""

    name: str
    action: str
    revision: str
    version: str
    sentence: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StartMessage:
    """Create the Job that tells somebody."""

    name: str
    document: Mapping[str, Any]
    secret: Mapping[str, str] | None
    image: str
    image_pull_policy: str


@dataclass(frozen=True, slots=True)
class RemoveMessage:
    """Delete a Job that has told somebody of what is over."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class ForgetNote:
    """Delete a Decision of long ago."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class StartLook:
    """Create the Job that counts stored rows."""

    name: str
    revision: str
    slot: datetime
    since: datetime
    token: str
    document: Mapping[str, Any]
    target: Mapping[str, Any]
    """The target as it stands in the spec."""
    image: str
    image_pull_policy: str
    fetching_image: str = ""
    """What fetches the bundle out of an object store; empty where it lies on a claim."""


@dataclass(frozen=True, slots=True)
class RemoveLook:
    """Delete a Job that counted stored rows."""

    name: str
    uid: str


DriftIntent = (
    AskForRun
    | SendBack
    | Note
    | StartMessage
    | RemoveMessage
    | ForgetNote
    | KeepReference
    | KeepVaried
    | KeepUsual
    | KeepBlock
    | ForgetRecord
    | StartLook
    | RemoveLook
)
