"""Snapshots and intents of serving: versions, revisions, variants, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mlwright.api.conditions import Verdict
from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.api.gateways import GatewayRoute
from mlwright.api.preflight import Preflight
from mlwright.plan.experiments import Surveyed
from mlwright.plan.jobs import JobState
from mlwright.plan.loads import Answer, Glance, Question
from mlwright.plan.measuring import Measured
from mlwright.plan.pods import PodSeen
from mlwright.plan.scaling import Memory
from mlwright.plan.traffic import Route, Share, TrafficSeen, Users
from mlwright.plan.versions import VersionSeen
from mlwright.plan.writes import Witness


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
    generation: int = 0
    """Of its spec: another one after every change of its number of pods."""
    set_by: str = ""
    """The field manager that set its number of pods, if that was somebody else; empty when it was the operator."""
    deleted: datetime | None = None
    """Since when it is being deleted."""
    finalizers: tuple[str, ...] = ()
    """What its deletion waits for."""


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
    experiment: str = ""
    """Name of the experiment that ended with it."""


@dataclass(frozen=True, slots=True)
class PreflightSeen:
    """A Job that asks a candidate before anybody else does."""

    name: str
    uid: str
    of: str
    """uid of the Deployment that it asks."""
    state: JobState
    ended: datetime | None = None
    message: str = ""
    """Why it failed, in the Job controller's words."""
    pods: tuple[PodSeen, ...] = ()
    own: bool = False
    """Whether a container of somebody's own asks."""
    asked: tuple[str, ...] = ()
    """Addresses of the pods that it was told to ask."""

    @property
    def begun(self) -> bool:
        """Whether a program of it ran."""
        return any(pod.started is not None for pod in self.pods)


ALL: Final = 100
"""Percent."""


@dataclass(frozen=True, slots=True)
class SharesSeen:
    """How the traffic of a deployment is shared by its revisions, in percent; a revision without any is left out."""

    requested: Mapping[str, int] = field(default_factory=dict)
    """As it was asked for last; empty before anything was."""
    verified: Mapping[str, int] = field(default_factory=dict)
    """As it is known to be applied everywhere now; empty while nobody knows."""

    @property
    def whole(self) -> str:
        """The revision that is asked to answer everything and is known to do so; empty if there is none."""
        known = dict(self.requested) == dict(self.verified)
        return next((name for name, percent in self.requested.items() if percent == ALL and known), "")

    def has(self, revision: str) -> bool:
        """Tell whether a revision has a share, or may still have one."""
        return bool(self.requested.get(revision) or self.verified.get(revision))


@dataclass(frozen=True, slots=True)
class Handing:
    """A deployment that follows an alias of a model and sets another one: it hands versions on."""

    deployment: str
    follows: str
    sets: str


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
    approve: str = ""
    """Values of the annotations by which people speak of a version: its number."""
    promote: str = ""
    abort: str = ""
    model_uid: str = ""
    model_resource_version: str = ""
    aliases: Mapping[str, int] = field(default_factory=dict)
    handing: tuple[Handing, ...] = ()
    """What other deployments of the model do with its aliases; looked up only where this one does the like."""
    verify_keys: Mapping[str, str] = field(default_factory=dict)
    """Public keys by name, one of which must have signed what is served; none: no signature is needed."""
    versions: tuple[VersionSeen, ...] = ()
    revisions: tuple[RevisionSeen, ...] = ()
    variants: tuple[VariantSeen, ...] = ()
    decisions: tuple[DecisionSeen, ...] = ()
    shares: SharesSeen = SharesSeen()
    witnesses: tuple[Witness, ...] = ()
    """What tells which revisions have traffic, as it was seen: nothing that may serve goes if one of it has changed."""
    answers: Mapping[Question, Answer] = field(default_factory=dict)
    """What was answered last about the load, as far as it is asked."""
    glances: tuple[Glance, ...] = ()
    """What the routers knew of it in the last seconds, the newest last."""
    memory: Memory | None = None
    """What was wanted and done about its size; None when nothing is remembered."""
    preflights: tuple[PreflightSeen, ...] = ()
    budget_uid: str = ""
    """uid of the PodDisruptionBudget; empty when there is none."""
    traffic: TrafficSeen = field(default_factory=TrafficSeen)
    measured: Measured | Surveyed | None = None
    """What was counted for its rollout or its experiment last; None before anything was."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the size of a deployment follows from beside its load, where the last look at the load moved nothing.

    It holds until anything is heard of the deployment, which leads to another look.
    """

    seen: DeploymentSeen
    """No more of it than that takes."""
    rolls: bool
    """Whether another revision was about to take over."""
    verdicts: tuple[Verdict, ...]
    """What was told about the metrics."""


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
class ShareTraffic:
    """Keep the address, and share what comes there by revision, in percent; the shares sum to 100."""

    weights: Mapping[str, int]
    """Through a router a revision may be there with 0, which only the override header leads to."""
    route: Route | None = None
    """What the router is told; None without one."""
    through_router: bool = False


@dataclass(frozen=True, slots=True)
class KeepBackend:
    """Keep the headless Service of a revision, by which routers and Gateways find its pods."""

    revision: str


@dataclass(frozen=True, slots=True)
class KeepHTTPRoute:
    """Keep the HTTPRoute by which Gateways divide the requests."""

    shares: tuple[Share, ...]
    asked: GatewayRoute


@dataclass(frozen=True, slots=True)
class KeepGuard:
    """Keep the NetworkPolicy that lets only the router, or only Gateways, and chosen others reach the pods."""

    gateways: bool = False


@dataclass(frozen=True, slots=True)
class KeepCopies:
    """Keep what tells serving pods of which revision to ask how many percent of their requests again; none: nothing."""

    copies: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class KeepRouterAccount:
    """Keep the service account of the namespace's router; like all of it, as long as one of `users` is there."""

    users: Users


@dataclass(frozen=True, slots=True)
class KeepRouterBinding:
    """Keep what gives the router its rights."""

    users: Users


@dataclass(frozen=True, slots=True)
class StartRouterPods:
    """Create the Deployment of the router."""

    users: Users


@dataclass(frozen=True, slots=True)
class KeepRouterPods:
    """Keep the Deployment of the router, number of pods excepted."""

    users: Users


@dataclass(frozen=True, slots=True)
class KeepRouterService:
    """Keep the Service in whose annotations the router's pods say what they follow."""

    users: Users


@dataclass(frozen=True, slots=True)
class KeepRouterBudget:
    """Keep the PodDisruptionBudget of the router."""

    users: Users


@dataclass(frozen=True, slots=True)
class StartPreflight:
    """Create the Job that asks the ready pods of a candidate."""

    revision: RevisionSeen
    variant: VariantSeen
    asked: Preflight
    stable: str
    """The revision whose recorded requests are asked again."""
    own: bool = False
    """Whether the container of somebody's own asks, rather than our program."""


@dataclass(frozen=True, slots=True)
class RemovePreflight:
    """Delete a Job that could not ask, so that it is made anew, or one whose answer nobody waits for any more."""

    job: PreflightSeen


@dataclass(frozen=True, slots=True)
class KeepBudget:
    """Keep the PodDisruptionBudget."""


@dataclass(frozen=True, slots=True)
class RemoveBudget:
    """Delete the PodDisruptionBudget: with one pod it would only block drains."""

    uid: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Record a promotion, a rejection, or how an experiment ended."""

    type: str
    revision: RevisionSeen
    epoch: str
    after: str
    sentence: str
    evidence: Mapping[str, Any]
    by: str = "mlwright"
    """Who decided: the annotation by which a person did, or mlwright."""
    experiment: str = ""
    """Name of the experiment that ended."""


@dataclass(frozen=True, slots=True)
class SetAlias:
    """Let an alias of the Model name a version."""

    alias: str
    version: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete a record that is past its limit, or what nothing uses any more."""

    kind: str
    name: str
    uid: str


ServingIntent = (
    RecordRevision
    | StartVariant
    | KeepVariant
    | ScaleVariant
    | RemoveVariant
    | ShareTraffic
    | KeepBackend
    | KeepHTTPRoute
    | KeepCopies
    | KeepGuard
    | KeepRouterAccount
    | KeepRouterBinding
    | StartRouterPods
    | KeepRouterPods
    | KeepRouterService
    | KeepRouterBudget
    | StartPreflight
    | RemovePreflight
    | KeepBudget
    | RemoveBudget
    | Decide
    | SetAlias
    | Forget
)
