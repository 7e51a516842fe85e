"""The values of watching for drift: what is counted, what was counted, and what a monitor sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlwright.api.drift import DriftMonitorSpec

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
    """

    wanted: Wanted
    reference: Surfaces = field(default_factory=dict)
    counts: Surfaces = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one span of time, as they were recorded."""

    revision: str
    since: int
    until: int
    counts: Surfaces
    object: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """The distributions that a revision is compared with, as they were recorded."""

    revision: str
    surfaces: Surfaces
    object: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class ServedSeen:
    """What a deployment serves."""

    revision: str
    version: str
    since: datetime
    """When it took over."""
    pods: tuple[tuple[str, float], ...] = ()
    """Its pods and when they were created, seconds since 1970."""


@dataclass(frozen=True, slots=True)
class MonitorSeen:
    """A monitor and all that belongs to it."""

    namespace: str
    name: str
    uid: str
    spec: DriftMonitorSpec
    status: Mapping[str, Any]
    served: ServedSeen | None = None
    missing: str = ""
    """What does not exist, and what is waited for; empty when something is served."""
    blocks: tuple[Block, ...] = ()
    """By their ends, the newest last; of all revisions."""
    references: tuple[Reference, ...] = ()
    tallied: Tallied | None = None
    pipelines: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The pipelines that actions name, as far as they exist, and the names of the Decisions about each."""


# intents


@dataclass(frozen=True, slots=True)
class KeepReference:
    """Record the distributions of a revision."""

    reference: Reference


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


DriftIntent = AskForRun | KeepReference | KeepBlock | ForgetRecord
