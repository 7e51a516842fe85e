"""What a ModelDeployment tells of itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlwright.api.fields import (
    FreeObject,
    ListMap,
    Schema,
    Sentence,
    Timestamp,
)
from mlwright.api.parts import Status


class Variant(Schema):
    """One served revision."""

    name: str = Field(
        max_length=63, description="Role of the revision now: stable, candidate, or the variant of an experiment."
    )
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
    preflight: FreeObject | None = Field(
        default=None, description="spec.rollout.preflight as it was when the rollout began."
    )
    replayed: Sentence = Field(default="", description="What came of the preflight that was passed.")
    noise: NoiseStatus | None = Field(default=None, description="How stable's errors are spread, chosen once.")
    observed: str = Field(
        default="",
        max_length=8192,
        description="When and why it would first have been sent back, where rollout.analysis.mode is Observe.",
    )
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


class ArmStatus(Schema):
    """What was counted for one side of an experiment."""

    name: str = Field(max_length=63, description="Name of the variant, or stable.")
    version: str = Field(default="", max_length=63, description="The ModelVersion.")
    revision: str = Field(max_length=63, description="The revision.")
    requests: float = Field(default=0, ge=0, description="Requests that it answered.")
    rewards: float = Field(default=0, ge=0, description="Rewards that its predictions got.")
    total: float = Field(default=0, ge=0, description="Sum of these.")
    squares: float = Field(default=0, ge=0, description="Sum of their squares.")


class ExperimentStatus(Schema):
    """How far the experiment is. Were it lost, counting would begin anew."""

    name: str = Field(max_length=63, description="Its name.")
    state: Literal["Waiting", "Running", "Ended"] = Field(
        description="Waiting: it has not begun, or is interrupted. Running: its variants answer. Ended: it is decided."
    )
    sentence: Sentence = Field(default="", description="How far it is, in words.")
    since: Timestamp | None = Field(default=None, description="When its variants first had their shares.")
    counted: Timestamp | None = Field(default=None, description="Up to when was counted.")
    steady: Timestamp | None = Field(default=None, description="Since when the shares are as they should be.")
    lacking: Timestamp | None = Field(default=None, description="Since when a variant lacks pods that it needs.")
    arms: Annotated[tuple[ArmStatus, ...], ListMap("name")] = Field(
        default=(), max_length=8, description="What was counted for each variant, the stable version first."
    )


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
    experiment: ExperimentStatus | None = Field(default=None, description="How far the experiment is.")
    variants: Annotated[tuple[Variant, ...], ListMap("name")] = Field(
        default=(), max_length=8, description="The served revisions."
    )
    scaling: ScalingStatus | None = Field(default=None, description="What autoscaling did last, and why.")
    replicas: int = Field(default=0, ge=0, description="Pods that exist, of all revisions.")
    selector: str = Field(
        default="", max_length=512, description="Label selector of the pods, for the scale subresource."
    )
