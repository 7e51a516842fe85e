"""What a monitor decides to do: what it records, whom it tells, which Jobs it starts and removes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlwright.plan.drift_counts import Block, Reference, Usual, Varied
from mlwright.plan.serving import DecisionSeen, DeploymentSeen


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
