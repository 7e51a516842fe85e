"""ModelDeployment: how a model is served and how a new version replaces the old one."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.access import Auth, Encryption
from mlwright.api.analysis import Analysis
from mlwright.api.autoscaling import Autoscaling
from mlwright.api.fields import (
    BundleUri,
    Duration,
    FreeObject,
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
from mlwright.api.runtime import Runtime

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


class WeightStep(Schema):
    """A share of the traffic for a time."""

    percent: int = Field(ge=1, le=100, description="Share of the requests that the new version answers.")
    hold: PositiveDuration = Field(
        description="How long it answers that share, counted from when the share is known to be applied everywhere."
    )


class ShadowStep(Schema):
    """Copies of requests for a time."""

    percent: int = Field(
        ge=1,
        le=100,
        description="Share of the requests that the new version is asked again; nobody sees its answers.",
    )
    duration: PositiveDuration = Field(
        description="How long the step lasts. Copies go on in later steps, up to the bake, to compare answers there."
    )


class RolloutStep(Schema):
    """One step that a new version passes before it takes over."""

    name: ShortName = Field(description="Name of the step; bake is the name of the last stage.")
    type: Literal["Shadow", "Weight", "Approval"] = Field(
        description=(
            "Shadow: the new version is asked copies of requests, and its answers are compared with what clients got."
            " Weight: the new version answers a share of the requests for a time. Approval: wait until somebody"
            " approves the version, with the annotation mlwright.dev/approve or in approvedVersions."
        )
    )
    shadow: ShadowStep | None = Field(default=None, description="Settings of type Shadow.")
    weight: WeightStep | None = Field(default=None, description="Settings of type Weight.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'Weight' ? has(self.weight) : !has(self.weight)",
            "weight goes with type Weight and only with it: set both or none",
        ),
        Rule(
            "self.type == 'Shadow' ? has(self.shadow) : !has(self.shadow)",
            "shadow goes with type Shadow and only with it: set both or none",
        ),
        Rule("self.name != 'bake'", "bake is the name of the last stage: choose another name"),
    )


class Rollout(Schema):
    """How a new version replaces the old one."""

    strategy: Literal["AllAtOnce", "BlueGreen", "Canary"] = Field(
        default="AllAtOnce",
        description=(
            "AllAtOnce: all pods of the new version are ready before traffic moves, and only then the old ones go."
            " BlueGreen: the same, and steps are passed before traffic moves. Canary: steps give it growing shares of"
            " the requests, and it has pods for as many; spec.traffic must be able to divide them."
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
    analysis: Analysis | None = Field(
        default=None,
        description=(
            "What is watched while a canary has a share, on the same traffic as the stable version: a step is passed"
            " with proof that it is good enough, and proof that it is worse ends the rollout. It needs Prometheus"
            " (prometheus.url of the chart)."
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
            "!has(self.analysis) || has(self.steps) && self.steps.exists(s, s.type in ['Weight', 'Shadow'])",
            "analysis compares two versions on the same requests: add a step of type Weight or Shadow, or remove it",
        ),
        Rule(
            "!has(self.analysis) || !self.analysis.checks.exists(c, c.type == 'Disagreement') ||"
            " has(self.steps) && self.steps.exists(s, s.type == 'Shadow')",
            "a check of type Disagreement compares answers to copied requests: add a step of type Shadow, such as"
            " {name: quiet, type: Shadow, shadow: {percent: 25, duration: 10m}}",
        ),
        Rule(
            "!has(self.steps) || size(self.steps) == 0 || self.strategy != 'AllAtOnce'",
            "steps are not passed with strategy AllAtOnce: set strategy BlueGreen or Canary, or remove steps",
        ),
        Rule(
            "self.strategy == 'Canary' ? has(self.steps) && self.steps.exists(s, s.type == 'Weight') :"
            " !has(self.steps) || !self.steps.exists(s, s.type == 'Weight')",
            "steps of type Weight go with strategy Canary, which needs at least one, such as {name: five, type: Weight,"
            " weight: {percent: 5, hold: 5m}}: add one, or set strategy BlueGreen",
        ),
        Rule(
            "!has(self.steps) || self.steps.filter(s, has(s.weight)).map(s, s.weight.percent).isSorted()",
            "the percent of steps of type Weight must not fall from one to the next: put them in rising order",
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
    runtime: Runtime = Field(default=Runtime(), description="What serves: the built-in server, or one of your own.")
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
            "self.runtime.type == 'BuiltIn' || !(has(self.server.image) || self.server.grpc || has(self.server.tls) ||"
            " self.server.auth.type != 'None' || has(self.server.payloadLog) || self.feedback.enabled)",
            "a server of your own has none of these: remove server.image, grpc, tls, auth, payloadLog and feedback, or"
            " set runtime.type to BuiltIn",
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


class CheckStatus(Schema):
    """What one check says of the candidate."""

    name: str = Field(max_length=63, description="Name of the check.")
    type: str = Field(max_length=32, description="Its type.")
    verdict: Literal["Pass", "Fail", "Hold", "NoData", "Error"] = Field(
        description=(
            "Pass: proven good enough. Fail: proven worse. Hold: counted, neither is proven. NoData: nothing could be"
            " counted yet. Error: asking failed, or the answer cannot be true."
        )
    )
    sentence: Sentence = Field(default="", description="The same in words, with its numbers.")
    numbers: dict[str, float] = Field(default={}, max_length=32, description="Counts and evidence, for machines.")


class CandidateRevision(Schema):
    """The revision that is about to take over."""

    version: str = Field(max_length=63, description="The ModelVersion.")
    revision: str = Field(max_length=63, description="The revision.")
    digest: str = Field(default="", max_length=71, description="Digest of its bundle.")
    step: str = Field(default="", max_length=63, description="The step that it is at; empty while its pods start.")
    checks: Annotated[tuple[CheckStatus, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="What each check of rollout.analysis says of it."
    )


class StageStatus(Schema):
    """One stage of the rollout that goes on."""

    name: str = Field(max_length=63, description="Name of the step; the last stage is bake.")
    type: str = Field(max_length=16, description="What it waits for.")
    percent: int = Field(ge=0, le=100, description="Share of the traffic that the new revision has in it.")
    size: int = Field(ge=0, le=100, description="Pods that it needs, in percent of spec.replicas.")
    hold: int = Field(default=0, ge=0, description="Seconds that it lasts.")
    copies: int = Field(
        default=0, ge=0, le=100, description="Share of the requests that are asked again of the new revision."
    )


class PhaseStatus(Schema):
    """A time in which the new revision is known to have had the share of a stage."""

    stage: int = Field(ge=0, le=32, description="The stage, from 0.")
    since: Timestamp = Field(description="When its share was first seen to be applied.")
    until: Timestamp | None = Field(default=None, description="When that ended; absent while it goes on.")


class NoiseStatus(Schema):
    """How the errors of the stable version are spread over time."""

    block: int = Field(ge=0, description="Seconds of the blocks by which it is judged; 0: by counting requests.")
    sentence: Sentence = Field(default="", description="Why.")


class RolloutStatus(Schema):
    """How far the rollout is that goes on. Were it lost, it would go on at the share of traffic that it has."""

    revision: str = Field(max_length=63, description="The revision that is about to take over.")
    version: int = Field(ge=1, description="Number of its version.")
    stage: int = Field(ge=0, le=32, description="The stage that it is at, from 0.")
    copied: int = Field(
        default=0, ge=0, le=100, description="Share of the requests that pods were told to ask again of it, in percent."
    )
    since: Timestamp | None = Field(default=None, description="Since when its share of the traffic is applied.")
    lacking: Timestamp | None = Field(default=None, description="Since when it lacks pods that it needs.")
    stages: tuple[StageStatus, ...] = Field(
        max_length=32, description="The steps as they were when it was ready first, and the bake."
    )
    analysis: FreeObject | None = Field(
        default=None, description="spec.rollout.analysis as it was when the rollout began."
    )
    noise: NoiseStatus | None = Field(default=None, description="How stable's errors are spread, chosen once.")
    phases: tuple[PhaseStatus, ...] = Field(
        default=(),
        max_length=32,
        description="When it had which share, the oldest first; evidence is of these times.",
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
