"""ModelDeployment: how a model is served and how a new version replaces the old one."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from mlwright.api.access import Auth, Encryption
from mlwright.api.autoscaling import Autoscaling
from mlwright.api.experiments import Experiment
from mlwright.api.fields import (
    ArtifactUri,
    Duration,
    ObjectName,
    PositiveDuration,
    Rule,
    Schema,
    ShortName,
)
from mlwright.api.gateways import GatewayRoute
from mlwright.api.parts import STORAGE_OF_S3, ObjectRef, PodSurface, Ref
from mlwright.api.rollouts import Rollout
from mlwright.api.runtime import Runtime
from mlwright.api.storage import Storage


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


class BundleCache(Schema):
    """Copies of bundles, beside the artifact store."""

    claim_name: ObjectName = Field(
        description=(
            "A PersistentVolumeClaim that several pods may write to. A pod that starts takes the bundle from there;"
            " the first one copies it from the artifact store. Nobody removes old copies."
        )
    )


class PayloadLog(Schema):
    """A sample of requests with their answers, written as lines of JSON."""

    sample: float = Field(default=0.01, gt=0, le=1, description="Share of the requests that is written.")
    uri: ArtifactUri = Field(
        description=(
            "A folder on a PersistentVolumeClaim of this namespace, pvc://CLAIM/path, where every pod keeps files of"
            " its own of at most 64 MiB, or in an object store, s3://BUCKET/path, where every pod leaves a file each"
            " minute, and as soon as it has 16 MiB. Nobody removes those of pods that are gone."
        ),
    )
    storage: Storage | None = Field(default=None, description="How the object store of an s3:// address is reached.")

    rules: ClassVar[tuple[Rule, ...]] = (STORAGE_OF_S3,)


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
    cache: BundleCache | None = Field(
        default=None, description="Where pods leave bundles for each other, so that new ones need no artifact store."
    )
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

    provider: Literal["Auto", "Service", "Router", "Gateway"] = Field(
        default="Auto",
        description=(
            "Service: a plain Service, all requests go to one version. Router: the router of the namespace, which"
            " divides requests among versions and wakes a deployment of no pods. Gateway: a Gateway of yours divides"
            " requests, told by an HTTPRoute. Auto: Gateway where traffic.gateway is set, else what the chart says"
            " (traffic.provider). A change of it ends connections that are kept open."
        ),
    )
    gateway: GatewayRoute | None = Field(
        default=None, description="The Gateway and what it sends here, with provider Gateway or Auto."
    )
    header_override: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        max_length=63,
        description=(
            "Header with which a request names the variant of status.variants that answers it, such as"
            " X-Mlwright-Variant; none when absent. Needs the router or a Gateway."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.provider != 'Service' || !has(self.headerOverride)",
            "a Service reads no headers: remove traffic.headerOverride, or set traffic.provider to Router",
        ),
        Rule(
            "self.provider != 'Gateway' || has(self.gateway)",
            "which Gateway is to divide requests? Name it in traffic.gateway.parentRefs, or set traffic.provider to"
            " Router",
        ),
        Rule(
            "!has(self.gateway) || self.provider in ['Gateway', 'Auto']",
            "traffic.gateway goes with provider Gateway: remove it, or set traffic.provider to Gateway",
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
    experiment: Experiment | None = Field(
        default=None,
        description=(
            "Versions that answer beside the stable one, to learn which of them brings most. It needs the router or"
            " a Gateway, feedback and Prometheus."
        ),
    )
    feedback: Feedback = Field(
        default=Feedback(), description="What clients may tell later about predictions; off when absent."
    )
    traffic: Traffic = Field(default=Traffic(), description="How requests reach the pods.")
    pod: PodSurface = Field(default=PodSurface(), description="The serving pods.")
    termination_grace_period_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description=(
            "Seconds after which a pod that is going away is killed; at least server.drain + server.timeout + 5, so"
            " that the last request that it takes is answered."
        ),
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
            " self.server.auth.type != 'None' || has(self.server.payloadLog) || has(self.server.cache) ||"
            " self.feedback.enabled)",
            "a server of your own has none of these: remove server.image, grpc, tls, auth, payloadLog, cache and"
            " feedback, or set runtime.type to BuiltIn",
        ),
        Rule(
            "self.runtime.type == 'BuiltIn' || !has(self.rollout.preflight) || !has(self.rollout.preflight.replay)",
            "replay asks the built-in server: remove rollout.preflight.replay and let rollout.preflight.container ask"
            " yours, or set runtime.type to BuiltIn",
        ),
        Rule(
            "!has(self.experiment) || self.experiment.goal.type != 'Reward' || self.feedback.enabled",
            "an experiment compares rewards, which clients tell as feedback: set feedback.enabled, let goal.type be"
            " Queries, or remove it",
        ),
        Rule(
            "!has(self.traffic.gateway) || !has(self.autoscaling) || self.autoscaling.minReplicas > 0 ||"
            " self.autoscaling.mode == 'Observe'",
            "behind a Gateway nothing wakes a deployment of no pods: set autoscaling.minReplicas to 1, or remove"
            " traffic.gateway and set traffic.provider to Router",
        ),
        Rule(
            "!has(self.traffic.gateway) || !(self.server.grpc || has(self.server.tls))",
            "an HTTPRoute leads to plain HTTP: remove server.grpc and server.tls (let the Gateway end TLS), or remove"
            " traffic.gateway and set traffic.provider to Service",
        ),
        Rule(
            "!has(self.traffic.gateway) || !has(self.experiment) || self.experiment.assignment.type == 'Request'",
            "a Gateway divides requests by chance: set experiment.assignment.type to Request, or remove"
            " traffic.gateway and set traffic.provider to Router",
        ),
        Rule(
            "duration(self.server.drain).getSeconds() + duration(self.server.timeout).getSeconds() + 5 <="
            " self.terminationGracePeriodSeconds",
            "terminationGracePeriodSeconds must be at least server.drain + server.timeout + 5, or pods are killed while"
            " they answer: raise it, or shorten server.timeout or server.drain",
        ),
    )
