"""Snapshots and intents of training: pipelines, runs, Jobs, versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from mlwright.api.training import TrainingPipelineSpec, TrainingRunSpec, Trigger
from mlwright.plan.pods import PodSeen

STEPS = ("validate", "train", "evaluate")


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
    started: datetime
    ended: datetime | None
    pods: tuple[PodSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """One ModelVersion."""

    name: str
    number: int
    passed: bool
    run: str
    sentence: str
    """How its gates were judged."""
    uri: str
    digest: str
    pipeline: str = ""
    template_digest: str = ""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Everything of a pipeline that a run uses, frozen when the run starts:

    what a ControllerRevision of a run holds.
    """

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


@dataclass(frozen=True, slots=True)
class PipelineSeen:
    """A pipeline and all that belongs to it."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: TrainingPipelineSpec
    request: str
    """Value of the annotation that asks for a run; empty without one."""
    status: Mapping[str, Any]
    model: str
    model_exists: bool
    model_artifacts: str
    runs: tuple[RunBrief, ...] = ()
    """By number, the newest last."""
    versions: tuple[VersionSeen, ...] = ()
    """All versions of the model, by number."""


@dataclass(frozen=True, slots=True)
class RunBrief:
    """A run as its pipeline sees it."""

    name: str
    number: int
    token: str
    digest: str
    """Digest of its frozen template; empty when it is not known."""
    state: Literal["Running", "Waiting", "Succeeded", "Rejected", "Failed"]
    sentence: str
    version: str


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
    """Attempts of earlier steps whose output it reads."""
    collects: bool = False


@dataclass(frozen=True, slots=True)
class RemoveJob:
    """Delete the Job of an attempt that a later one replaces."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """Create the ModelVersion of a finished run."""

    number: int
    frozen: Frozen
    bundle: Mapping[str, Any]
    lineage: Mapping[str, Any]
    metrics: Mapping[str, float]
    gates: tuple[Mapping[str, Any], ...]
    passed: bool


TrainingIntent = MakeModel | StartRun | Freeze | StartStep | RemoveJob | RecordVersion
