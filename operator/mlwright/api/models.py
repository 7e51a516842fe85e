"""Model and ModelVersion: the aliases of a model, and the immutable record of each of its versions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.datasets import DatasetRecord
from mlwright.api.fields import (
    ArtifactUri,
    Cel,
    Digest,
    Duration,
    FreeObject,
    ListMap,
    Release,
    Rule,
    Schema,
    Sentence,
    ShortName,
    Timestamp,
)
from mlwright.api.gates import GateResult
from mlwright.api.imports import Source
from mlwright.api.parts import STORAGE_OF_S3, ArtifactStore, Ref, Status
from mlwright.api.storage import Storage
from mlwright.api.tuning import TuningRecord


class Alias(Schema):
    """A name for a version, such as champion."""

    name: ShortName = Field(description="Name of the alias.")
    version: int = Field(ge=1, le=999999999, description="Number of the version that it names.")


class Retention(Schema):
    """Which versions are kept."""

    keep_versions: int = Field(
        ge=1,
        le=10000,
        description=(
            "So many of the newest versions are kept. Older ones are removed unless they are in use: aliased, served or"
            " served last, pinned, answering stored rows, the newest that may be served, waiting for approval, compared"
            " with, made by a run that exists, or recorded within the grace period."
        ),
    )
    artifacts: Literal["Retain", "Delete"] = Field(
        default="Retain",
        description=(
            "Retain: folders of runs stay where they are. Delete: small Jobs in this namespace remove the folders that"
            " no run, version or deployment uses any more."
        ),
    )
    grace_period: Annotated[
        Duration,
        Cel(
            (
                Rule(
                    "duration(self) >= duration('1h') && duration(self) <= duration('8760h')",
                    "must be between 1h and 8760h: in less, what was just unused may be in use again",
                ),
            )
        ),
    ] = Field(
        default="24h",
        description="How long a folder must have been unused, and how old a version's record must be, to be removed.",
    )


class VerifyKey(Schema):
    """A public key that is trusted."""

    name: ShortName = Field(description="Name of the key, for messages.")
    pem: str = Field(
        pattern=r"^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PUBLIC KEY-----\n?$",
        max_length=1024,
        description="The key as PEM, on P-256, P-384 or P-521: what openssl ec -pubout writes.",
    )


class Verify(Schema):
    """Which signatures servers ask for."""

    keys: Annotated[tuple[VerifyKey, ...], ListMap("name")] = Field(
        min_length=1, max_length=8, description="A bundle must be signed with one of these."
    )


class ModelSpec(Schema):
    """What is common to all versions of a model."""

    aliases: Annotated[tuple[Alias, ...], ListMap("name")] = Field(
        default=(),
        max_length=32,
        description=(
            "Names for versions. A deployment with rollout.setAlias writes its one entry and never takes over"
            " another's."
        ),
    )
    artifacts: ArtifactStore | None = Field(
        default=None,
        description="Where the runs of this model are written, unless the pipeline says otherwise.",
    )
    retention: Retention | None = Field(
        default=None, description="Remove versions that are old and not in use; without it all are kept."
    )
    verify: Verify | None = Field(
        default=None,
        description=(
            "Serve only bundles that are signed with one of these keys. A change makes a new revision of each"
            " deployment of the model; what serves goes on serving until that has proven itself."
        ),
    )


class RetentionStatus(Schema):
    """What retention did."""

    sentence: Sentence = Field(default="", description="What is removed, and what is kept although it is old and why.")
    gone: int = Field(default=0, ge=0, description="How many numbers have no version any more; none is used again.")


class ArtifactsStatus(Schema):
    """What the last sweep of the folders of runs found."""

    checked_at: Timestamp | None = Field(default=None, description="When it ended.")
    folders: int = Field(default=0, ge=0, description="How many folders of runs of this model there were.")
    in_use: int = Field(default=0, ge=0, description="How many of them are in use.")
    waiting: int = Field(default=0, ge=0, description="How many are unused, and removed after the grace period.")
    waiting_bytes: int = Field(default=0, ge=0, description="Size of these in bytes.")
    removed: int = Field(default=0, ge=0, description="How many it removed.")
    removed_bytes: int = Field(default=0, ge=0, description="Size of these in bytes.")
    unmarked: int = Field(default=0, ge=0, description="How many it left alone because nothing says whose they are.")
    failed: int = Field(
        default=0, ge=0, description="How many it could not read or remove; the next sweep tries again."
    )
    sentence: Sentence = Field(default="", description="The same in words, or why the sweep failed.")


class ModelStatus(Status):
    """The versions of the model."""

    versions: int = Field(default=0, ge=0, description="How many versions exist.")
    highest: int = Field(
        default=0, ge=0, description="The highest number that a version ever had; numbers are not used again."
    )
    latest: str | None = Field(default=None, max_length=63, description="The newest version.")
    latest_passed: str | None = Field(
        default=None,
        max_length=63,
        description="The newest version that may be served: passed by its gates, and approved where that is needed.",
    )
    retention: RetentionStatus | None = Field(default=None, description="What spec.retention did.")
    artifacts: ArtifactsStatus | None = Field(default=None, description="What became of the folders of runs.")


class Bundle(Schema):
    """The files of a version."""

    uri: ArtifactUri = Field(description="Folder of the bundle: pvc://CLAIM/path or s3://BUCKET/path.")
    storage: Storage | None = Field(default=None, description="How the object store of an s3:// address is reached.")
    digest: Digest = Field(description="Digest of the bundle; the server refuses anything else.")
    format: Literal["ONNX", "Skops", "Pickle"] = Field(description="Format of the model in it.")
    bytes: int = Field(default=0, ge=0, description="Size in bytes.")
    format_reason: str = Field(default="", max_length=512, description="Why the format is not ONNX, if it is not.")
    signed_by: str = Field(
        default="", max_length=71, description="SHA-256 of the PEM of the public key that its files are signed with."
    )

    rules: ClassVar[tuple[Rule, ...]] = (STORAGE_OF_S3,)


class Lineage(Schema):
    """Where a version comes from."""

    run: str = Field(default="", max_length=63, description="The TrainingRun that made it.")
    folder: str = Field(default="", max_length=80, description="Name of that run's folder in the store.")
    pipeline: str = Field(default="", max_length=63, description="The TrainingPipeline of that run.")
    generation: int = Field(default=0, ge=0, description="Generation of the pipeline's spec.")
    template_digest: str = Field(
        default="", max_length=71, description="Digest of the frozen dataset, training and metrics."
    )
    dataset: DatasetRecord | None = Field(default=None, description="What was read.")
    source: Source | None = Field(default=None, description="Where a model came from that was trained elsewhere.")
    image: str = Field(default="", max_length=512, description="Image of the training steps.")
    estimator: str = Field(default="", max_length=200, description="Class of the estimator.")
    parameters: FreeObject = Field(default={}, description="Its parameters, those that a tuning found included.")
    tuning: TuningRecord | None = Field(default=None, description="The search for the parameters, if there was one.")
    seed: int = Field(default=0, ge=0, description="The seed.")
    environment: dict[str, Release] = Field(
        default={}, max_length=32, description="Versions of the libraries that made the bundle."
    )
    finished_at: Timestamp | None = Field(default=None, description="When the last step ended.")


class Verdict(Schema):
    """What the gates said of the version."""

    outcome: Literal["Passed", "Held", "Rejected"] = Field(
        description=(
            "Passed: all gates passed. Held: none refused it, and at least one could not decide, so it needs approval."
            " Rejected: at least one refused it; it is never served."
        )
    )
    gates: Annotated[tuple[GateResult, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="How each gate was judged."
    )


class ApprovalRecord(Schema):
    """What a person said of the version."""

    decision: Literal["Approved", "Denied"] = Field(
        description="Approved: it may be served. Denied: it may not, whatever its gates said, nor go on serving."
    )
    by: str = Field(default="", max_length=253, description="Who decided, as they say.")
    reason: str = Field(default="", max_length=1024, description="Why.")


ApprovalPolicy = Literal["Automatic", "Manual"]
"""Who lets a version be served that passed its gates."""


def unchanging(*fields: str) -> str:
    """Return the CEL condition that these fields are as they were, those that are absent included."""
    return " && ".join(
        f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"
        for name in fields
    )


class ModelVersionSpec(Schema):
    """The record of one version. Nothing but approval can change."""

    model_ref: Ref = Field(description="The Model.")
    version: int = Field(ge=1, le=999999999, description="Number of the version, from 1.")
    bundle: Bundle = Field(description="Its files.")
    lineage: Lineage = Field(default=Lineage(), description="Where it comes from; empty for a model trained elsewhere.")
    metrics: dict[str, float] = Field(default={}, max_length=32, description="Metrics on the held-out rows.")
    verdict: Verdict = Field(default=Verdict(outcome="Passed"), description="What its gates said.")
    approval_policy: ApprovalPolicy = Field(
        default="Automatic",
        description="Automatic: served if it passed its gates. Manual: served if somebody approved it as well.",
    )
    approval: ApprovalRecord | None = Field(
        default=None, description="What a person said of it: the one field that can change. Needs the verb approve."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            unchanging("modelRef", "version", "bundle", "lineage", "metrics", "verdict", "approvalPolicy"),
            "a ModelVersion cannot change, except for its approval: create another version",
        ),
        Rule(
            "!has(self.approval) || self.approval.decision == 'Denied' || self.verdict.outcome != 'Rejected'",
            "approval: a version that its gates rejected cannot be approved; change the gates and train again",
        ),
    )
