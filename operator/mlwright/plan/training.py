"""Snapshots and intents of training: pipelines, runs, Jobs, versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from mlwright.api.pipelines import TrainingPipelineSpec
from mlwright.api.runs import TrainingRunSpec, Trigger
from mlwright.plan.pods import PodSeen
from mlwright.plan.resources import JOB, ResourceKind
from mlwright.plan.steps import BUILT_IN, StepTemplate, templates


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


@dataclass(frozen=True, slots=True)
class Approval:
    """How a version stands with people."""

    state: Literal["Given", "Awaited", "Denied"] = "Given"
    sentence: str = ""
    """What somebody did or has to do, said of the version; empty when nobody was asked."""


@dataclass(frozen=True, slots=True)
class DataRead:
    """The data as a run found it."""

    uri: str
    revision: str
    rows: int


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """One ModelVersion."""

    name: str
    number: int
    passed: bool
    """Its gates refused nothing."""
    run: str
    sentence: str
    """How its gates were judged."""
    uri: str
    digest: str
    approval: Approval = Approval()
    gates: tuple[Mapping[str, Any], ...] = ()
    dataset: Mapping[str, Any] = field(default_factory=dict)
    """What it learned from, as its lineage says."""
    folder: str = ""
    """Name of the folder of the run that made it: tells runs of the same name apart."""
    pipeline: str = ""
    template_digest: str = ""
    data: DataRead | None = None
    """What its run read."""
    uid: str = ""
    resource_version: str = ""
    created: datetime | None = None
    """When its record was made here; None for one that was not read from the cluster."""
    leaving: bool = False
    """It is deleted already, and only somebody's finalizer keeps it."""

    @property
    def approved(self) -> bool:
        """Whether it may be served."""
        return self.passed and self.approval.state == "Given"

    @property
    def awaited(self) -> bool:
        """Whether it may be served as soon as somebody approves it."""
        return self.passed and self.approval.state == "Awaited"

    @property
    def standing(self) -> str:
        """What became of it, said of it, such as `passed its gates` or `is rejected: ...`."""
        if not self.passed:
            return f"is rejected: {self.sentence}"
        return self.approval.sentence or "passed its gates"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Everything of a pipeline that a run uses, frozen when the run starts: the content of its ControllerRevision."""

    pipeline: str
    generation: int
    model: str
    dataset: Mapping[str, Any]
    training: Mapping[str, Any]
    metrics: tuple[str, ...]
    gates: tuple[Mapping[str, Any], ...]
    pod: Mapping[str, Any]
    image: str
    image_pull_policy: str
    artifacts_uri: str
    digest: str
    """Digest of what makes a new run when it changes."""
    queue: str = ""
    """Name of the LocalQueue that admits its Jobs; empty without one."""
    folder: str = ""
    """Name of the run's folder in the store; of its own even if a run of that name existed before."""
    steps: tuple[StepTemplate, ...] = BUILT_IN
    """What it does: each step stands behind those that it depends on."""
    timeout: float = 0.0
    """Seconds that the run may take; 0 for as long as it wants."""
    on_exit: StepTemplate | None = None
    """What runs when all else is over."""
    approval_policy: str = "Automatic"
    champion: Mapping[str, Any] = field(default_factory=dict)
    """The version that it is compared with; empty when there was none, or nothing compares."""
    model_uid: str = ""
    """uid of the Model, which the run's folder is marked with; empty when there was none."""
    signing: Mapping[str, Any] = field(default_factory=dict)
    """With which key bundles are signed; empty without one."""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Frozen:
        """Return what a ControllerRevision holds; fields that a newer release wrote are passed over."""
        known = {key: value for key, value in data.items() if key in _FROZEN}
        lists = {"metrics": tuple(known["metrics"]), "gates": tuple(known["gates"])}
        walked = {"steps": templates(known["steps"])} if "steps" in known else {}
        last = templates([known["on_exit"]])[0] if known.get("on_exit") else None
        return cls(**{**known, **lists, **walked, "on_exit": last})

    def step(self, name: str) -> StepTemplate:
        """Return the template of a step."""
        every = [*self.steps, *([self.on_exit] if self.on_exit else [])]
        return next(template for template in every if template.name == name)


_FROZEN: Final = frozenset(entry.name for entry in fields(Frozen))


@dataclass(frozen=True, slots=True)
class ProbeSeen:
    """A Job that looks at the data of a pipeline, or at how far the tuning of a run is."""

    name: str
    uid: str
    slot: int
    """Second since 1970 for which it was made."""
    state: JobState
    started: datetime
    ended: datetime | None
    said: str
    """Termination message of its pod, else why it failed."""
    about: str = ""
    """Digest of where the data lies at which it looks; empty when it looks at no data."""


@dataclass(frozen=True, slots=True)
class MirrorJob:
    """A Job that tells the mirror of a pipeline."""

    name: str
    uid: str
    told: str
    """The first digits of the digest of what it tells."""
    attempt: int
    state: JobState
    ended: datetime | None
    said: str
    """Termination message of its pod, else why it failed."""


@dataclass(frozen=True, slots=True)
class MirrorSeen:
    """What the mirror of a pipeline is to show, and the Jobs that tell it."""

    versions: tuple[Mapping[str, Any], ...] = ()
    """Specs of ModelVersions by number: those that are new, and those that aliases name."""
    since: int = 0
    """Number of the newest version that it was told of before, or would have been when it was new."""
    through: int = 0
    """Number of the newest version that was considered."""
    aliases: Mapping[str, int] = field(default_factory=dict)
    """Aliases of the model that name versions of this pipeline."""
    kept: tuple[str, ...] = ()
    """Names of all aliases of the model."""
    jobs: tuple[MirrorJob, ...] = ()


@dataclass(frozen=True, slots=True)
class PipelineSeen:
    """A pipeline and all that belongs to it."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: datetime
    spec: TrainingPipelineSpec
    request: str
    """Value of the annotation that asks for a run; empty without one."""
    status: Mapping[str, Any]
    model: str
    model_exists: bool
    model_artifacts: str
    model_uid: str = ""
    approved_ahead: str = ""
    """Value of the annotation that approves a version to come."""
    champion: Mapping[str, Any] = field(default_factory=dict)
    """The champion of the model; looked up where a run is about to start."""
    next_number: int = 1
    """Number of the next run: no run had it, as far as anything remembers."""
    runs: tuple[RunBrief, ...] = ()
    """In the order in which they were made, the newest last."""
    history: tuple[OwnRun, ...] = ()
    """Its own runs, in any order; looked up only when there are more than are kept."""
    versions: tuple[VersionSeen, ...] = ()
    """All versions of the model, by number."""
    probes: tuple[ProbeSeen, ...] = ()
    """In the order of their slots."""
    mirror: MirrorSeen = MirrorSeen()
    retrain: RetrainSeen | None = None
    """The newest Decision that asks for a run."""
    passed_over: tuple[str, ...] = ()
    """Names of Decisions that ask for a run and do not say until when they saw."""


@dataclass(frozen=True, slots=True)
class RetrainSeen:
    """A Decision that asks a pipeline for a run."""

    name: str
    sentence: str
    by: str
    until: datetime
    """End of the time on which it rests: a run that started since has answered it."""


@dataclass(frozen=True, slots=True)
class OwnRun:
    """A run that a pipeline started, as far as it matters for how long it is kept."""

    name: str
    uid: str
    number: int
    end: Literal["Complete", "Failed", ""]
    """How it ended; empty while it goes on."""


@dataclass(frozen=True, slots=True)
class RunBrief:
    """A run as its pipeline sees it."""

    name: str
    number: int
    """0 for a run that somebody created under a name of their own."""
    token: str
    state: Literal["Running", "Waiting", "Succeeded", "Rejected", "Failed"]
    sentence: str
    version: str
    created: datetime
    ended: datetime | None = None
    """None while it goes on."""
    stuck: bool = False
    """True while it cannot go on by itself: something is missing, or its pod does not start."""
    replaced: bool = False
    """True when it ended because a newer run took its place: that says nothing about the pipeline."""
    asked: bool = False
    """True when a person asked for it."""
    data: DataRead | None = None
    """What it read; None before that."""
    slot: datetime | None = None
    """The slot of a schedule that it answers."""
    frozen: Frozen | None = None
    """What it uses; looked up for the newest runs only."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a step left in an earlier run of the pipeline."""

    run: str
    key: str
    """Digest of all that it rests on."""
    origin: str
    """Its folder among those of all runs: FOLDER/STEP-ATTEMPT."""
    finished: datetime
    sentence: str
    results: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelKnown:
    """The Model that a run takes a version in for."""

    name: str
    exists: bool
    artifacts: str
    """Where its runs are written, as its spec says; empty when it does not."""
    uid: str = ""
    """Empty when it does not exist."""


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run and all that belongs to it."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: datetime
    spec: TrainingRunSpec
    status: Mapping[str, Any]
    pipeline: PipelineSeen | None
    frozen: Frozen | None
    jobs: tuple[JobSeen, ...] = ()
    versions: tuple[VersionSeen, ...] = ()
    last_number: int = 0
    """The highest number that a version of the model ever had, as far as anything remembers."""
    approved_ahead: str = ""
    """Value of the pipeline's annotation that approves a version to come."""
    champion: str = ""
    """Name of the version that is the champion now; looked up where a run may be recorded."""
    newer: str = ""
    """Name of a run that the pipeline started after this one; empty when there is none or this one has ended."""
    retry: str = ""
    """Value of the annotation that asks for another try of the failed steps; empty without one."""
    abort: str = ""
    """Value of the annotation that ends the run; empty without one."""
    suspended: bool = False
    """The pipeline says that there are to be no pods."""
    kept: tuple[Kept, ...] = ()
    """What steps with a cache left in earlier runs, the newest first; looked up only for a run that has such steps."""
    replaced: bool = False
    """True when the pipeline's policy wants the newer one in its place, whether or not this one gets on."""
    looks: tuple[ProbeSeen, ...] = ()
    """In the order of their slots."""
    model: ModelKnown | None = None
    """Only of a run that takes in a model."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step reported: the content of its result.json."""

    outcome: Literal["Succeeded", "UserError", "Failed"]
    sentence: str
    results: Mapping[str, Any] = field(default_factory=dict)
    field: str = ""
    remedy: str = ""
    reason: str = ""


# intents


@dataclass(frozen=True, slots=True)
class MakeModel:
    """Create the Model record that versions belong to."""

    name: str


@dataclass(frozen=True, slots=True)
class StartRun:
    """Create the TrainingRun of that number."""

    number: int
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class StartProbe:
    """Create the Job that looks at the data for a slot."""

    slot: int
    image: str
    image_pull_policy: str
    deadline: int
    """Seconds after which it is given up."""
    about: str
    """Digest of where the data lies."""


@dataclass(frozen=True, slots=True)
class StartLook:
    """Create the Job that looks for a slot at how far the tuning of a run is."""

    frozen: Frozen
    slot: int
    deadline: int
    """Seconds after which it is given up."""


@dataclass(frozen=True, slots=True)
class StartMirror:
    """Create the Job that tells the mirror."""

    digest: str
    attempt: int
    document: Mapping[str, Any]
    image: str
    image_pull_policy: str


@dataclass(frozen=True, slots=True)
class RemoveRun:
    """Delete a run that ended long ago, and with it its Jobs; what it made stays."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Record what the run uses."""

    frozen: Frozen


@dataclass(frozen=True, slots=True)
class StartStep:
    """Create the Job of one attempt of a step."""

    frozen: Frozen
    step: str
    attempt: int
    inputs: Mapping[str, int]
    """Attempts of the steps before it, whose output it may read; by name of the step."""
    origins: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Folders of those that an earlier run did, among those of all runs."""
    crashes: int = 0
    """Earlier attempts that failed for a reason that is not the user's."""
    collects: bool = False
    """Only read again what a finished attempt reported."""
    retry: str = ""
    """Value of the annotation because of which the run goes on; empty for one that never failed."""
    hosts: tuple[str, ...] = ()
    """Hosts outside that the installation lets pods ask; an import gets them."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables: what the last step is told of the run's end."""


@dataclass(frozen=True, slots=True)
class RemoveJob:
    """Delete the Job of an attempt that a later one, or a newer run, replaces."""

    name: str
    uid: str
    kind: ResourceKind = JOB


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """Create the ModelVersion of a finished run."""

    number: int
    frozen: Frozen
    bundle: Mapping[str, Any]
    lineage: Mapping[str, Any]
    metrics: Mapping[str, float]
    gates: tuple[Mapping[str, Any], ...]
    outcome: Literal["Passed", "Held", "Rejected"]
    approval: Mapping[str, Any] | None = None
    """What somebody said of it before it was there."""


TrainingIntent = (
    MakeModel
    | StartRun
    | StartProbe
    | StartLook
    | StartMirror
    | RemoveRun
    | Freeze
    | StartStep
    | RemoveJob
    | RecordVersion
)
