"""Snapshots and intents of serving: versions, revisions, variants, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.plan.pods import PodSeen
from mlwright.plan.training import VersionSeen


@dataclass(frozen=True, slots=True)
class RevisionSeen:
    """A served combination, frozen: what a ControllerRevision of a deployment holds."""

    name: str
    """Short name: the hash of what was asked for."""
    object: str
    """Name of the ControllerRevision."""
    uid: str
    number: int
    version: str
    digest: str
    template: Mapping[str, Any]
    """The pod template, rendered once; an upgrade of the operator does not change it."""


@dataclass(frozen=True, slots=True)
class VariantSeen:
    """The Deployment of one revision."""

    revision: str
    object: str
    uid: str
    resource_version: str
    created: datetime
    wanted: int
    """Its spec.replicas."""
    replicas: int
    ready: int
    observed: bool
    """The Deployment controller has seen the newest spec."""
    deleting: bool
    refused: str = ""
    """Why its pods cannot be created (quota, service account), in the words of the API server."""
    pods: tuple[PodSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionSeen:
    """A Decision about this deployment."""

    name: str
    uid: str
    type: str
    revision: str
    version: str
    epoch: str
    after: str
    """Name of the promotion that it follows; orders promotions without a clock."""
    sentence: str
    created: datetime


@dataclass(frozen=True, slots=True)
class DeploymentSeen:
    """A ModelDeployment and all that belongs to it."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: ModelDeploymentSpec
    epoch: str
    """Value of the retry annotation: rejections of another epoch do not count."""
    refresh: str
    """Value of the refresh annotation: part of what makes a revision."""
    status: Mapping[str, Any]
    model_exists: bool
    model_uid: str = ""
    model_resource_version: str = ""
    aliases: Mapping[str, int] = field(default_factory=dict)
    verify_keys: Mapping[str, str] = field(default_factory=dict)
    """Public keys by name, one of which must have signed what is served; none: no signature is needed."""
    versions: tuple[VersionSeen, ...] = ()
    revisions: tuple[RevisionSeen, ...] = ()
    variants: tuple[VariantSeen, ...] = ()
    decisions: tuple[DecisionSeen, ...] = ()
    service_revision: str = ""
    """The revision that the Service selects; empty when there is no Service."""
    budget_uid: str = ""
    """uid of the PodDisruptionBudget; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the spec asks to be served."""

    version: VersionSeen
    revision: str
    """Short name of the revision that serves it with the settings of the spec."""


# intents


@dataclass(frozen=True, slots=True)
class RecordRevision:
    """Freeze a served combination."""

    target: Target
    number: int


@dataclass(frozen=True, slots=True)
class StartVariant:
    """Create the Deployment of a revision."""

    revision: RevisionSeen
    replicas: int


@dataclass(frozen=True, slots=True)
class KeepVariant:
    """Keep the Deployment of a revision as its revision says, number of pods excepted."""

    revision: RevisionSeen


@dataclass(frozen=True, slots=True)
class ScaleVariant:
    """Set the number of pods of a variant."""

    variant: VariantSeen
    replicas: int


@dataclass(frozen=True, slots=True)
class RemoveVariant:
    """Delete the Deployment of a revision that serves nobody."""

    variant: VariantSeen


@dataclass(frozen=True, slots=True)
class PointService:
    """Keep the Service, and let it lead to the pods of a revision."""

    revision: str


@dataclass(frozen=True, slots=True)
class KeepBudget:
    """Keep the PodDisruptionBudget."""


@dataclass(frozen=True, slots=True)
class RemoveBudget:
    """Delete the PodDisruptionBudget: with one pod it would only block drains."""

    uid: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Record a promotion or a rejection."""

    type: str
    revision: RevisionSeen
    epoch: str
    after: str
    sentence: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SetAlias:
    """Let an alias of the Model name a version."""

    alias: str
    version: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete a record that is past its limit."""

    kind: str
    name: str
    uid: str


ServingIntent = (
    RecordRevision
    | StartVariant
    | KeepVariant
    | ScaleVariant
    | RemoveVariant
    | PointService
    | KeepBudget
    | RemoveBudget
    | Decide
    | SetAlias
    | Forget
)
