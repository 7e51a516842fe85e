"""Snapshots of training runs, and what is to be done for pipelines and runs: intents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mlwright.api.runs import TrainingRunSpec, Trigger
from mlwright.plan.frozen import Frozen
from mlwright.plan.jobs import JobSeen
from mlwright.plan.pipelines import PipelineSeen, ProbeSeen
from mlwright.plan.resources import JOB, ResourceKind
from mlwright.plan.versions import VersionSeen


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
    storage: Mapping[str, Any] = field(default_factory=dict)
    """How the object store of `artifacts` is reached."""


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
    left: tuple[str, ...] = ()
    """What an earlier run of this name left and is not removed yet, by kind and name; nothing of it is seen here."""


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
    fetching_image: str = ""
    """What fetches bundles out of object stores; empty where all lie on claims."""


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
