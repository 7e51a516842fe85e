"""Snapshots and intents of batch predictions: runs as they were frozen, their Jobs, the version that answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from mlwright.api.batches import BatchPredictionSpec
from mlwright.plan.digests import short
from mlwright.plan.jobs import JobState
from mlwright.plan.pods import PodSeen
from mlwright.plan.versions import VersionSeen


@dataclass(frozen=True, slots=True)
class BatchFrozen:
    """Everything that a run uses, frozen when it starts: the content of its ControllerRevision."""

    run: str
    number: int
    trigger: str
    """Once, Schedule or Request."""
    token: str
    """What asked for it: a digest, a slot, or the value of an annotation."""
    version: Mapping[str, Any]
    """name, model, number, uri, digest, keys."""
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    shards: int
    retries: int
    pod: Mapping[str, Any]
    image: str
    image_pull_policy: str
    timeout: float = 0.0
    """Seconds that the shards may take; 0 for as long as they want."""
    slot: str = ""
    """The slot of the schedule that it answers."""
    retry: str = ""
    """Value of the retry annotation when it started: that one asks for no other try of it."""
    version_uid: str = ""
    """Tells what was left by an earlier object of the same name from what was restored from a backup."""
    fetching_image: str = ""
    """What fetches the bundle out of an object store; empty where it lies on a claim."""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> BatchFrozen:
        """Return what a ControllerRevision holds; fields that a newer release wrote are passed over."""
        return cls(**{key: value for key, value in data.items() if key in _FROZEN})


_FROZEN: Final = frozenset(entry.name for entry in fields(BatchFrozen))


@dataclass(frozen=True, slots=True)
class BatchJob:
    """The Job that answers the rows of a run, or the one that lets the answers appear."""

    name: str
    uid: str
    step: str
    retry: str
    """Value of the annotation because of which it was started; empty for the first one."""
    state: JobState
    message: str
    """Why it failed, in the Job controller's words."""
    started: datetime
    ended: datetime | None
    done: int = 0
    """Shards that are done."""
    failed: str = ""
    """Numbers of the shards that failed for good, such as `1,3-5`."""
    pods: tuple[PodSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchRunSeen:
    """A run and its Jobs."""

    frozen: BatchFrozen
    object: str
    uid: str
    created: datetime
    jobs: tuple[BatchJob, ...] = ()

    @property
    def folder(self) -> str:
        """Name of the folder of its answers: of its own, even if a run of that name existed before."""
        return f"{self.frozen.run}-{short(self.uid)}"


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """The version that would answer if a run started now, as far as there is one."""

    version: VersionSeen | None = None
    missing: str = ""
    """What does not exist, and what is waited for; empty when there is a version."""
    model: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Public keys of the Model by name, one of which must have signed the bundle."""

    def told(self, version: VersionSeen) -> dict[str, Any]:
        """Return a version as the programs that answer with it are told of it."""
        return {
            "name": version.name,
            "model": self.model,
            "number": version.number,
            "uri": version.uri,
            "digest": version.digest,
            **({"storage": dict(version.storage)} if version.storage else {}),
            "keys": dict(self.keys),
        }


@dataclass(frozen=True, slots=True)
class BatchSeen:
    """A batch prediction and all that belongs to it."""

    namespace: str
    name: str
    uid: str
    created: datetime
    spec: BatchPredictionSpec
    request: str
    """Value of the annotation that asks for a run; empty without one."""
    retry: str
    """Value of the annotation that asks for another try of what failed; empty without one."""
    status: Mapping[str, Any]
    source: SourceSeen
    runs: tuple[BatchRunSeen, ...] = ()
    """By number, the newest last."""
    strays: tuple[BatchJob, ...] = ()
    """Jobs of runs that are forgotten: a leader that woke up late made them."""
    left: tuple[str, ...] = ()
    """What an earlier object of this name left and is not removed yet, by kind and name; no run of it is seen here."""


# intents


@dataclass(frozen=True, slots=True)
class FreezeBatch:
    """Record what a run uses."""

    frozen: BatchFrozen


@dataclass(frozen=True, slots=True)
class StartShards:
    """Create the Job that answers the rows."""

    run: BatchRunSeen
    retry: str


@dataclass(frozen=True, slots=True)
class StartPublish:
    """Create the Job that lets the answers appear."""

    run: BatchRunSeen
    retry: str


@dataclass(frozen=True, slots=True)
class RemoveBatchJob:
    """Delete a Job."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class ForgetBatchRun:
    """Delete the record of a run that ended long ago; its answers stay."""

    name: str
    uid: str


BatchIntent = FreezeBatch | StartShards | StartPublish | RemoveBatchJob | ForgetBatchRun
