"""ModelDeployment: how a model is served and how a new version replaces the old one."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.access import Auth, Encryption
from mlwright.api.autoscaling import Autoscaling
from mlwright.api.fields import (
    BundleUri,
    Duration,
    ListMap,
    ListSet,
    PositiveDuration,
    Rule,
    Schema,
    Sentence,
    ShortName,
    Timestamp,
)
from mlwright.api.parts import ObjectRef, PodSurface, Ref, Status

VersionNumber = Annotated[int, Field(ge=1, le=999999999)]


class ModelSelector(Schema):
    """Which version is served."""

    ref: Ref = Field(description="The Model.")
    type: Literal["Latest", "Version", "Alias"] = Field(
        default="Latest",
        description=(
            "Latest: the newest version that may be served. Version: that one. Alias: the version that the"
            " Model's alias names."
        ),
    )
    version: int | None = Field(
        default=None, ge=1, le=999999999, description="Number of the version, with type Version."
    )
    alias: ShortName | None = Field(default=None, description="Name of the alias, with type Alias.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'Version' ? has(self.version) : !has(self.version)",
            "set model.version exactly when model.type is Version",
        ),
        Rule(
            "self.type == 'Alias' ? has(self.alias) : !has(self.alias)",
            "set model.alias exactly when model.type is Alias",
        ),
    )


class PayloadLog(Schema):
    """A sample of requests with their answers, written as lines of JSON."""

    sample: float = Field(default=0.01, gt=0, le=1, description="Share of the requests that is written.")
    uri: BundleUri = Field(
        description=(
            "A folder on a PersistentVolumeClaim of this namespace: pvc://CLAIM/path. Every pod writes files of its own"
            " there, at most 64 MiB; nobody removes those of pods that are gone."
        ),
    )


class Server(Schema):
    """Settings of the built-in model server."""

    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the server; the chart's server image when absent.",
    )
    timeout: PositiveDuration = Field(default="30s", description="A request that takes longer is answered with 504.")
    max_body_megabytes: int = Field(default=4, ge=1, le=256, description="A larger request is answered with 413.")
    drain: Duration = Field(default="10s", description="How long a pod that is going away still answers.")
    payload_log: PayloadLog | None = Field(
        default=None, description="A sample of requests with their answers, to be asked again of other versions."
    )
    grpc: bool = Field(
        default=False, description="Whether the protocol is spoken over gRPC as well, on port 8081 of pods and Service."
    )
    auth: Auth = Field(default=Auth(), description="Who may ask.")
    tls: Encryption | None = Field(
        default=None, description="TLS from a Secret; without it requests and answers are not encrypted."
    )


class RolloutStep(Schema):
    """One step that a new version passes before it takes over."""

    name: ShortName = Field(description="Name of the step.")
    type: Literal["Approval"] = Field(
        description=(
            "Approval: wait until somebody approves the version, with the annotation mlwright.dev/approve or in"
            " approvedVersions."
        )
    )


class Rollout(Schema):
    """How a new version replaces the old one."""

    strategy: Literal["AllAtOnce", "BlueGreen"] = Field(
        default="AllAtOnce",
        description=(
            "AllAtOnce: all pods of the new version are ready before traffic moves, and only then the old ones go."
            " BlueGreen: the same, and steps are passed before traffic moves."
        ),
    )
    steps: Annotated[tuple[RolloutStep, ...], ListMap("name")] = Field(
        default=(),
        max_length=16,
        description=(
            "What a new version passes, in this order, before it takes over. An edit acts on the next rollout; the one"
            " that goes on keeps the steps with which it began."
        ),
    )
    bake: Duration = Field(
        default="0s",
        description=(
            "How long the new version has all traffic while the old one stays warm. If its pods fail meanwhile, traffic"
            " goes back and the version is rejected. The old pods go, and setAlias is set, only afterwards."
        ),
    )
    approved_versions: Annotated[tuple[VersionNumber, ...], ListSet()] = Field(
        default=(), max_length=32, description="Numbers of versions that need not wait at steps of type Approval."
    )
    on_new_version: Literal["Queue", "Restart"] = Field(
        default="Queue",
        description=(
            "When a newer version appears while one passes its steps or bakes. Queue: the newest waits until that is"
            " decided. Restart: it takes its place at once. Whoever edits spec.model or the pods restarts in any case."
        ),
    )
    on_failure: Literal["Rollback", "Pause"] = Field(
        default="Rollback",
        description=(
            "When a new version fails, all traffic goes back to the old one. Rollback: its pods go. Pause: they stay to"
            " be looked at, until the annotation mlwright.dev/abort or mlwright.dev/retry is set or another version"
            " comes."
        ),
    )
    progress_deadline: PositiveDuration = Field(
        default="10m",
        description=(
            "A new version whose pods run and are not ready by then is rejected; the old one goes on serving. While"
            " its pods cannot start (a Secret, a claim, the image or room is missing), it waits."
        ),
    )
    set_alias: ShortName | None = Field(
        default=None, description="Alias of the Model that is set to the version after it took over and baked."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.steps) || size(self.steps) == 0 || self.strategy != 'AllAtOnce'",
            "steps are not passed with strategy AllAtOnce: set strategy BlueGreen, or remove steps",
        ),
    )


class Feedback(Schema):
    """What clients may tell later about predictions: what was true, or what they were worth."""

    enabled: bool = Field(
        default=False, description="Answers carry a prediction id, and feedback is taken at /v2/models/NAME/feedback."
    )
    key_secret_ref: ObjectRef | None = Field(
        default=None,
        description=(
            "Secret with the keys that seal prediction ids, each of 32 bytes or 64 hexadecimal digits. The key whose"
            " name sorts last seals, all of them open; changes act within two minutes, without a restart."
        ),
    )
    label_window: PositiveDuration = Field(
        default="168h", description="For how long after a prediction its feedback is taken."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.enabled || has(self.keySecretRef)",
            "feedback needs feedback.keySecretRef, a Secret whose keys seal prediction ids: name one, or set"
            " feedback.enabled to false",
        ),
    )


class Traffic(Schema):
    """How requests reach the pods."""

    provider: Literal["Auto", "Service", "Router"] = Field(
        default="Auto",
        description=(
            "Service: a plain Service, all requests go to one version. Router: the router of the namespace, which"
            " divides requests among versions and wakes a deployment of no pods. Auto: what the chart says"
            " (traffic.provider). A change of it ends connections that are kept open."
        ),
    )
    header_override: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        max_length=63,
        description=(
            "Header with which a request names the variant of status.variants that answers it, such as"
            " X-Mlwright-Variant; none when absent. Needs the router."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.provider != 'Service' || !has(self.headerOverride)",
            "a Service reads no headers: remove traffic.headerOverride, or set traffic.provider to Router",
        ),
    )


class ModelDeploymentSpec(Schema):
    """How a model is served."""

    model: ModelSelector = Field(description="Which version is served.")
    server: Server = Field(default=Server(), description="Settings of the built-in model server.")
    replicas: int = Field(
        default=1, ge=0, le=1000, description="Number of pods; with autoscaling the number to begin with."
    )
    autoscaling: Autoscaling | None = Field(
        default=None, description="Find the number of pods by the load; needs the chart's prometheus.url."
    )
    rollout: Rollout = Field(default=Rollout(), description="How a new version replaces the old one.")
    feedback: Feedback = Field(
        default=Feedback(), description="What clients may tell later about predictions; off when absent."
    )
    traffic: Traffic = Field(default=Traffic(), description="How requests reach the pods.")
    pod: PodSurface = Field(default=PodSurface(), description="The serving pods.")
    termination_grace_period_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Seconds after which a pod that is going away is killed; at least server.drain.",
    )
    suspend: bool = Field(default=False, description="Run no pods; everything else is kept.")
    paused: bool = Field(default=False, description="Decide nothing; what serves goes on serving and is repaired.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(self.model.type == 'Alias' && has(self.rollout.setAlias) && self.rollout.setAlias == self.model.alias)",
            "a deployment cannot follow the alias that it sets: change model.alias or rollout.setAlias",
        ),
        Rule(
            "duration(self.server.drain).getSeconds() <= self.terminationGracePeriodSeconds",
            "terminationGracePeriodSeconds must not be shorter than server.drain, or pods are killed while they answer:"
            " raise it or shorten server.drain",
        ),
    )


class Variant(Schema):
    """One served revision."""

    name: Literal["stable", "candidate"] = Field(description="Role of the revision now.")
    version: str = Field(max_length=63, description="The ModelVersion.")
    revision: str = Field(max_length=63, description="The revision: version, image and settings, frozen.")
    weight: int = Field(ge=0, le=100, description="Share of the traffic in percent that is asked for.")
    verified_weight: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Share that is known to be in effect; absent while the pods of the router do not all say the same.",
    )
    replicas: int = Field(default=0, ge=0, description="Pods that exist.")
    ready: int = Field(default=0, ge=0, description="Pods that are ready.")
    sentence: Sentence = Field(default="", description="How its pods are.")


class CandidateRevision(Schema):
    """The revision that is about to take over."""

    version: str = Field(max_length=63, description="The ModelVersion.")
    revision: str = Field(max_length=63, description="The revision.")
    digest: str = Field(default="", max_length=71, description="Digest of its bundle.")
    step: str = Field(default="", max_length=63, description="The step that it is at; empty while its pods start.")


class StageStatus(Schema):
    """One stage of the rollout that goes on."""

    name: str = Field(max_length=63, description="Name of the step; the last stage is bake.")
    type: str = Field(max_length=16, description="What it waits for.")
    percent: int = Field(ge=0, le=100, description="Share of the traffic that the new revision has in it.")
    size: int = Field(ge=0, le=100, description="Pods that it needs, in percent of spec.replicas.")
    hold: int = Field(default=0, ge=0, description="Seconds that it lasts.")


class RolloutStatus(Schema):
    """How far the rollout is that goes on. Were it lost, it would go on at the share of traffic that it has."""

    revision: str = Field(max_length=63, description="The revision that is about to take over.")
    version: int = Field(ge=1, description="Number of its version.")
    stage: int = Field(ge=0, le=32, description="The stage that it is at, from 0.")
    since: Timestamp | None = Field(default=None, description="Since when its share of the traffic is applied.")
    lacking: Timestamp | None = Field(default=None, description="Since when it lacks pods that it needs.")
    stages: tuple[StageStatus, ...] = Field(
        max_length=32, description="The steps as they were when it was ready first, and the bake."
    )


class ServedRevision(Schema):
    """The revision that serves."""

    version: str = Field(max_length=63, description="The ModelVersion.")
    revision: str = Field(max_length=63, description="The revision.")
    digest: str = Field(default="", max_length=71, description="Digest of its bundle.")
    since: Timestamp | None = Field(default=None, description="Since when the address leads to it.")


class ScalingStatus(Schema):
    """What autoscaling did last, and why."""

    wanted: int = Field(ge=0, description="Number of pods.")
    sentence: Sentence = Field(description="From what to what, and by which metric; or what holds it back.")
    at: Timestamp = Field(description="Since when.")


class ModelDeploymentStatus(Status):
    """What is served, by which pods, and where."""

    url: str = Field(default="", max_length=512, description="Where predictions are asked for, inside the cluster.")
    stable: ServedRevision | None = Field(default=None, description="The revision that serves.")
    candidate: CandidateRevision | None = Field(default=None, description="The revision that is about to take over.")
    rollout: RolloutStatus | None = Field(default=None, description="How far its rollout is.")
    variants: Annotated[tuple[Variant, ...], ListMap("name")] = Field(
        default=(), max_length=8, description="The served revisions."
    )
    scaling: ScalingStatus | None = Field(default=None, description="What autoscaling did last, and why.")
    replicas: int = Field(default=0, ge=0, description="Pods that exist, of all revisions.")
    selector: str = Field(
        default="", max_length=512, description="Label selector of the pods, for the scale subresource."
    )
