"""TrainingPipeline: how a model is made and what it must prove."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.datasets import (
    Dataset,
)
from mlwright.api.evaluation import (
    Evaluation,
)
from mlwright.api.fields import (
    ListMap,
    Rule,
    Schema,
    Sentence,
    Timestamp,
)
from mlwright.api.fitting import (
    Training,
)
from mlwright.api.metrics import task_rules
from mlwright.api.mirrors import Mirror, MirrorStatus
from mlwright.api.parts import (
    ArtifactStore,
    PodSurface,
    Ref,
    SecretKey,
    Status,
)
from mlwright.api.steps import OnExit, Steps
from mlwright.api.triggers import (
    DataStatus,
    Guard,
    GuardStatus,
    Policy,
    ScheduleStatus,
    Triggers,
)
from mlwright.api.tuning import WITHOUT_TUNING


class Signing(Schema):
    """The key with which bundles are signed (OpenSSF model signing)."""

    secret_ref: SecretKey = Field(
        description=(
            "Where the private key is: PEM of a key on P-256, P-384 or P-521, without password. Only the pod that"
            " trains reads it."
        )
    )


class TrainingPipelineSpec(Schema):
    """How a model is made and what it must prove."""

    model_ref: Ref | None = Field(
        default=None,
        description="The Model that versions belong to; metadata.name when absent. Made when it does not exist.",
    )
    dataset: Dataset = Field(description="The data.")
    training: Training = Field(description="How the model is fitted.")
    evaluation: Evaluation = Field(default=Evaluation(), description="What is measured and what must be proven.")
    steps: Steps = Field(
        default=(),
        max_length=24,
        description=(
            "The steps of a run beside validate, train and evaluate, which every run has; one of those stands here only"
            " to say more of it."
        ),
    )
    on_exit: OnExit | None = Field(
        default=None, description="What runs at the end of every run; its own failure changes nothing."
    )
    triggers: Triggers = Field(default=Triggers(), description="What starts a run by itself.")
    guard: Guard | None = Field(default=None, description="What keeps runs from starting by themselves too often.")
    policy: Policy = Field(default=Policy(), description="How runs get on with each other.")
    artifacts: ArtifactStore | None = Field(
        default=None,
        description="Where runs and bundles are written; else Model.spec.artifacts, else the chart's default.",
    )
    mirror: Mirror | None = Field(default=None, description="Where else the versions are shown.")
    signing: Signing | None = Field(
        default=None, description="Sign every bundle, so that servers can tell that it was made here."
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the training steps; the chart's trainer image when absent.",
    )
    pod: PodSurface = Field(default=PodSurface(), description="The pods of the training steps.")
    suspend: bool = Field(
        default=False, description="No pods: a step at work is stopped, and begins anew when this is false again."
    )
    paused: bool = Field(default=False, description="Start no run; a running one goes on to its end.")
    rules: ClassVar[tuple[Rule, ...]] = (
        *task_rules(),
        Rule(
            "!has(self.dataset.weightColumn) || self.training.type == 'Estimator'",
            "dataset.weightColumn is for estimators: remove it, and weigh the rows in the container",
        ),
        Rule("!has(self.steps) || has(self.training.tuning) || self.steps.all(s, s.name != 'tune')", WITHOUT_TUNING),
    )


class RunSummary(Schema):
    """A run as its pipeline shows it."""

    name: str = Field(max_length=63, description="Name of the TrainingRun.")
    state: Literal["Running", "Waiting", "Succeeded", "Rejected", "Failed"] = Field(description="Where it stands.")
    sentence: Sentence = Field(default="", description="The run's own summary.")
    version: str | None = Field(default=None, max_length=63, description="The ModelVersion it made.")


class TrainingPipelineStatus(Status):
    """What the pipeline does now and what it has made."""

    last_run: RunSummary | None = Field(default=None, description="The newest run.")
    runs: int = Field(default=0, ge=0, description="Number of the newest run.")
    handled_request: str | None = Field(
        default=None, max_length=253, description="Value of the last handled mlwright.dev/run annotation."
    )
    handled_drift: str | None = Field(
        default=None, max_length=63, description="The last Decision of a DriftMonitor that a run answers."
    )
    template_digest: str | None = Field(
        default=None, max_length=71, description="Digest of what the newest run was started with."
    )
    next_run: Timestamp | None = Field(default=None, description="The next slot of all schedules.")
    schedules: Annotated[tuple[ScheduleStatus, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="The schedules, as they are kept."
    )
    data: DataStatus | None = Field(default=None, description="What is known of the data, with triggers.dataChange.")
    guard: GuardStatus | None = Field(default=None, description="What the guard remembers of the runs.")
    mirror: MirrorStatus | None = Field(default=None, description="What the mirror was told last.")
    latest_version: str | None = Field(
        default=None, max_length=63, description="The newest version that may be served."
    )
