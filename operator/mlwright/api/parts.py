"""Parts that several kinds share: references, conditions, the history of a status, and the pod surface."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import (
    ArtifactUri,
    Column,
    FreeObject,
    LabelValue,
    ListMap,
    ObjectName,
    PreserveUnknown,
    Quantity,
    Rule,
    Schema,
    Sentence,
    ShortName,
    Timestamp,
)
from mlwright.api.storage import Storage

READY_COLUMNS = (
    Column(
        "Ready",
        "string",
        '.status.conditions[?(@.type=="Ready")].status',
        "Whether the object does what its spec says.",
    ),
    Column("Summary", "string", ".status.summary", "What is going on, in one sentence.", priority=1),
    Column("Age", "date", ".metadata.creationTimestamp", "Time since creation."),
)


class Ref(Schema):
    """A reference to an object of the same namespace."""

    name: ShortName = Field(description="Name of the object, in the same namespace.")


class ObjectRef(Schema):
    """A reference to an object of the same namespace whose name is not bound to the forty characters of our kinds."""

    name: ObjectName = Field(description="Name of the object, in the same namespace.")


STORAGE_OF_S3 = Rule(
    "!has(self.storage) || self.uri.startsWith('s3://')",
    "storage belongs to s3:// addresses: remove it, or correct uri",
)


class ArtifactStore(Schema):
    """Where runs and bundles are written."""

    uri: ArtifactUri = Field(
        description=(
            "A folder on a PersistentVolumeClaim of this namespace, pvc://CLAIM/path, or in an object store,"
            " s3://BUCKET/path. Claim or bucket must exist; the operator never creates one."
        ),
    )
    storage: Storage | None = Field(default=None, description="How the object store of an s3:// address is reached.")

    rules: ClassVar[tuple[Rule, ...]] = (STORAGE_OF_S3,)


class Condition(Schema):
    """One aspect of an object's state, in the form that kubectl wait, Argo CD and Flux read."""

    type: str = Field(min_length=1, max_length=64, description="Name of the aspect, such as Ready.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(min_length=1, max_length=64, description="Why, as one word of the list in the documentation.")
    message: Sentence = Field(description="Why, as a sentence.")
    last_transition_time: Timestamp = Field(description="When the status last changed.")
    observed_generation: int = Field(default=0, ge=0, description="The generation of the spec that was judged.")


class Transition(Schema):
    """One entry of an object's history."""

    time: Timestamp = Field(description="When it happened.")
    reason: str = Field(max_length=64, description="Why, as one word.")
    sentence: Sentence = Field(description="What happened, as a sentence.")


class Status(Schema):
    """What every kind's status has."""

    observed_generation: int = Field(
        default=0, ge=0, description="The generation of the spec that this status speaks of."
    )
    conditions: Annotated[tuple[Condition, ...], ListMap("type")] = Field(
        default=(), max_length=16, description="Ready, Reconciling, Stalled, and the kind's own."
    )
    summary: Sentence = Field(default="", description="What is going on and why, in one sentence.")
    history: tuple[Transition, ...] = Field(
        default=(), max_length=20, description="The last 20 changes of state, oldest first."
    )


class SecretKey(Schema):
    """One key of a Secret of the same namespace; it is read by the pod, never by the operator."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: str = Field(min_length=1, max_length=253, description="Key in the Secret.")


class EnvVar(Schema):
    """An environment variable of the container."""

    name: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        max_length=128,
        description="Name of the variable; names that begin with MLWRIGHT_ are refused.",
    )
    value: str | None = Field(default=None, max_length=4096, description="The value, as text.")
    secret_ref: SecretKey | None = Field(default=None, description="Take the value from a key of a Secret.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.name.startsWith('MLWRIGHT_')",
            "names that begin with MLWRIGHT_ belong to mlwright: choose another name",
        ),
        Rule("!has(self.value) || !has(self.secretRef)", "set value or secretRef, not both"),
    )


class Resources(Schema):
    """Compute resources of the container, as in a pod."""

    requests: dict[str, Quantity] | None = Field(
        default=None, max_length=16, description="What is reserved, such as cpu: 500m."
    )
    limits: dict[str, Quantity] | None = Field(
        default=None, max_length=16, description="What may not be exceeded, such as memory: 2Gi."
    )


class PodSurface(Schema):
    """The part of a pod that people may set. Everything else is fixed by mlwright (restricted Pod Security)."""

    resources: Resources | None = Field(
        default=None,
        description="Requests and limits of the container; documented defaults apply where absent.",
    )
    env: Annotated[tuple[EnvVar, ...], ListMap("name")] = Field(
        default=(), max_length=32, description="Additional environment variables."
    )
    node_selector: dict[str, LabelValue] | None = Field(
        default=None, max_length=16, description="Labels that the node must have."
    )
    tolerations: tuple[FreeObject, ...] = Field(default=(), max_length=16, description="Tolerations, as in a pod.")
    affinity: Annotated[dict[str, object] | None, PreserveUnknown()] = Field(
        default=None, description="Affinity, as in a pod."
    )
    topology_spread_constraints: tuple[FreeObject, ...] = Field(
        default=(), max_length=8, description="Topology spread constraints, as in a pod."
    )
    service_account_name: ObjectName | None = Field(
        default=None, description="Service account of the pod; its token is not mounted."
    )
    image_pull_secrets: Annotated[tuple[ObjectRef, ...], ListMap("name")] = Field(
        default=(), max_length=8, description="Secrets for pulling the image."
    )
    priority_class_name: ObjectName | None = Field(default=None, description="Priority class of the pod.")
    runtime_class_name: ObjectName | None = Field(default=None, description="Runtime class of the pod.")
