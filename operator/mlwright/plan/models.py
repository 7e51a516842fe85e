"""Snapshots and intents of models: which versions there are, and what uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlwright.api.models import ModelSpec
from mlwright.plan.jobs import JobState
from mlwright.plan.versions import VersionSeen
from mlwright.plan.writes import Witness


@dataclass(frozen=True, slots=True)
class Use:
    """That something needs a version."""

    version: str
    """Name of the version."""
    why: str
    """What needs it and for what, such as `ModelDeployment flights serves it`."""


@dataclass(frozen=True, slots=True)
class SweepSeen:
    """A Job that removes folders that nothing uses."""

    name: str
    uid: str
    slot: int
    """Second since 1970 for which it was made."""
    state: JobState
    ended: datetime | None
    said: str
    """Termination message of its pod, else why it failed."""


@dataclass(frozen=True, slots=True)
class TrainerSeen:
    """What a pipeline of the model says of where and how its runs work."""

    name: str
    artifacts: str
    """Address where its runs are written; empty where the pipeline says nothing."""
    image: str
    pod: Mapping[str, Any]
    storage: Mapping[str, Any] = field(default_factory=dict)
    """How the object store of `artifacts` is reached."""


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """A model and its versions, by number."""

    name: str
    spec: ModelSpec
    versions: tuple[VersionSeen, ...]
    misnamed: tuple[str, ...] = ()
    """Records of this model that are no versions: their name is not that of their number."""
    status: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = ""
    uid: str = ""
    uses: tuple[Use, ...] = ()
    """Looked up only where a version may be removed."""
    champion: int = 0
    """Number of the champion; 0 when there is none. Looked up as `uses`."""
    witnesses: tuple[Witness, ...] = ()
    """Upon which objects it rests that a version is not in use."""

    sweeps: tuple[SweepSeen, ...] = ()
    """In the order of their slots."""
    trainers: tuple[TrainerSeen, ...] = ()
    """The pipelines of the model, by name; looked up only where folders are to be removed."""
    folders: frozenset[str] = frozenset()
    """Names of the folders of runs that are in use; looked up as `trainers`."""


# intents


@dataclass(frozen=True, slots=True)
class RemoveVersion:
    """Delete the record of a version that nothing uses, if nothing has changed."""

    name: str
    uid: str
    witnesses: tuple[Witness, ...]


@dataclass(frozen=True, slots=True)
class StartSweep:
    """Create the Job that sweeps for a slot."""

    slot: int
    image: str
    image_pull_policy: str
    pod: Mapping[str, Any]
    """What people may set of a pod."""
    document: Mapping[str, Any]
    """What the sweep is told."""
    deadline: int
    """Seconds after which it is given up."""


@dataclass(frozen=True, slots=True)
class RemoveSweep:
    """Delete the Job of a sweep that is over."""

    name: str
    uid: str


ModelIntent = RemoveVersion | StartSweep | RemoveSweep
