"""Snapshots of pipelines, with what they know of their runs, looks and mirrors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mlwright.api.pipelines import TrainingPipelineSpec
from mlwright.plan.frozen import Frozen
from mlwright.plan.jobs import JobState
from mlwright.plan.versions import DataRead, VersionSeen


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
    model_storage: Mapping[str, Any] = field(default_factory=dict)
    """How the object store is reached that model_artifacts names."""
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
    token: str = ""
    """What asked for it: the value of the annotation mlwright.dev/run, a slot or a Decision."""


@dataclass(frozen=True, slots=True)
class RunBrief:
    """A run as its pipeline sees it."""

    name: str
    number: int
    """0 for a run that somebody created under a name of their own, or with overrides."""
    token: str
    state: Literal["Running", "Waiting", "Succeeded", "Rejected", "Failed"]
    sentence: str
    version: str
    created: datetime
    ended: datetime | None = None
    """None while it goes on."""
    stuck: bool = False
    """True while it cannot go on by itself: something is missing, or its pod does not start."""
    deleting: bool = False
    """True while its deletion takes its time: it goes on no more, whatever its status says."""
    replaced: bool = False
    """True when it ended because a newer run took its place: that says nothing about the pipeline."""
    asked: bool = False
    """True when a person asked for it."""
    overridden: bool = False
    """True when it trains otherwise than the pipeline says: it answers nothing that the pipeline's spec asks for."""
    data: DataRead | None = None
    """What it read; None before that."""
    slot: datetime | None = None
    """The slot of a schedule that it answers."""
    frozen: Frozen | None = None
    """What it uses; looked up for the newest runs without overrides only."""
