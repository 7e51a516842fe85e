"""TrainingRun: the record of one attempt to make a version."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.checks import ChecksRecord
from mlwright.api.datasets import (
    DatasetRecord,
)
from mlwright.api.fields import (
    Cel,
    FreeObject,
    ListMap,
    Rule,
    Schema,
    Sentence,
    ShortName,
    Timestamp,
)
from mlwright.api.gates import (
    GateResult,
)
from mlwright.api.imports import ModelImport
from mlwright.api.parts import (
    ObjectRef,
    Ref,
    Status,
)
from mlwright.api.tuning import TuningStatus


class Trigger(Schema):
    """Who or what asked for a run, and why."""

    type: Literal["SpecChange", "Request", "Schedule", "DataChange", "Drift"] = Field(
        description=(
            "SpecChange: the pipeline's spec changed. Request: somebody asked. Schedule: a slot has come. DataChange:"
            " the data is not as the newest run read it. Drift: a DriftMonitor asked."
        )
    )
    by: str = Field(default="", max_length=253, description="Who asked, as far as it is known.")
    reason: str = Field(default="", max_length=512, description="Why, in words.")
    token: str = Field(
        default="",
        max_length=253,
        description=(
            "Value of the annotation that asked, name and time of the slot, revision of the data, or name of the"
            " Decision; each is handled once."
        ),
    )
    scheduled_time: Timestamp | None = Field(
        default=None,
        description="The slot that the run answers, in the schedule's zone; timeRange.until Trigger ends there.",
    )


class Overrides(Schema):
    """What a run does otherwise than its pipeline says."""

    parameters: FreeObject = Field(
        default={},
        description=(
            "Parameters of the estimator, in place of the pipeline's of these names or beside them. One that a tuning"
            " looks for is chosen by it."
        ),
    )
    seed: int | None = Field(
        default=None, ge=0, le=2147483647, description="The seed in place of the pipeline's training.seed."
    )


class TrainingRunSpec(Schema):
    """Which pipeline runs, or what is taken in instead, and why. Immutable."""

    pipeline_ref: Annotated[
        Ref | None, Cel((Rule("self == oldSelf", "a run's pipelineRef cannot change: create another TrainingRun"),))
    ] = Field(default=None, description="The TrainingPipeline; its spec is frozen when the run starts.")
    import_from: Annotated[
        ModelImport | None,
        Cel((Rule("self == oldSelf", "a run's importFrom cannot change: create another TrainingRun"),)),
    ] = Field(default=None, description="A model that was trained elsewhere; the run makes a version of it.")
    overrides: Annotated[
        Overrides | None,
        Cel((Rule("self == oldSelf", "a run's overrides cannot change: create another TrainingRun"),)),
    ] = Field(
        default=None,
        description=(
            "What this one run does otherwise than its pipeline says; it is no answer to a change of the pipeline's"
            " spec, and its failure says nothing of the pipeline."
        ),
    )
    trigger: Annotated[
        Trigger, Cel((Rule("self == oldSelf", "a run's trigger cannot change: create another TrainingRun"),))
    ] = Field(default=Trigger(type="Request"), description="Who or what asked for it.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.pipelineRef) != has(self.importFrom)",
            "set pipelineRef to run a pipeline, or importFrom to take in a model: one of the two",
        ),
        Rule(
            "has(self.pipelineRef) == has(oldSelf.pipelineRef) && has(self.overrides) == has(oldSelf.overrides)",
            "a run cannot become another: create another TrainingRun",
        ),
        Rule(
            "!has(self.overrides) || has(self.pipelineRef)",
            "overrides change what a pipeline trains: set pipelineRef, or remove them",
        ),
    )

    @property
    def pipeline(self) -> str:
        """Name of its pipeline; empty for a run that takes in a model."""
        return self.pipeline_ref.name if self.pipeline_ref else ""


class StepStatus(Schema):
    """One step of a run."""

    name: ShortName = Field(description="Name of the step.")
    state: Literal["Pending", "Queued", "Running", "Waiting", "Succeeded", "Cached", "Skipped", "Failed", "Stopped"] = (
        Field(
            description=(
                "Where it stands. Queued: a queue has not admitted its Job. Cached: what an earlier run made"
                " is used. Skipped: its condition does not hold. Stopped: it was at work when the run ended."
            )
        )
    )
    attempt: int = Field(default=0, ge=0, description="Number of the attempt, from 0.")
    evictions: int = Field(
        default=0, ge=0, description="How often a queue took the Job's room back after it had started."
    )
    job: str | None = Field(default=None, max_length=63, description="The Job of this attempt.")
    started_at: Timestamp | None = Field(default=None, description="When the attempt began.")
    finished_at: Timestamp | None = Field(default=None, description="When the attempt ended.")
    sentence: Sentence = Field(
        default="",
        description="What happened, in one sentence; of a failure also the command that shows its log.",
    )
    results: FreeObject | None = Field(default=None, description="What the step reported.")
    cache_key: str | None = Field(
        default=None, max_length=71, description="Digest of all that a step with a cache rests on."
    )
    origin: str | None = Field(
        default=None,
        max_length=253,
        description="Its folder among those of all runs: FOLDER/STEP-ATTEMPT.",
    )


class RunEnding(Schema):
    """How a run is about to end."""

    type: Literal["Complete", "Failed"] = Field(description="The condition that it will have.")
    reason: str = Field(max_length=64, description="The reason of that condition.")
    outcome: Literal["Succeeded", "Rejected", "NoVersion", "Failed"] = Field(
        description="What the container of onExit finds in MLWRIGHT_OUTCOME."
    )
    sentence: Sentence = Field(description="How it ends, in one sentence.")


class TrainingRunStatus(Status):
    """Where the run stands."""

    template_revision: str | None = Field(
        default=None, max_length=63, description="The ControllerRevision that holds the frozen spec."
    )
    pipeline_generation: int = Field(default=0, ge=0, description="Generation of the pipeline that was frozen.")
    steps: Annotated[tuple[StepStatus, ...], ListMap("name")] = Field(
        default=(), max_length=32, description="The steps, each behind those that it depends on."
    )
    ending: RunEnding | None = Field(
        default=None,
        description="How it ends, while the container of onExit runs; nothing that happens meanwhile changes it.",
    )
    progress: str = Field(default="", max_length=32, description="Finished and all steps, such as 2/3.")
    dataset: DatasetRecord | None = Field(default=None, description="What was read.")
    checks: ChecksRecord | None = Field(default=None, description="How the data was judged.")
    tuning: TuningStatus | None = Field(default=None, description="What the search for parameters found so far.")
    metrics: dict[str, float] | None = Field(default=None, max_length=32, description="Metrics on the held-out rows.")
    gates: Annotated[tuple[GateResult, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="How the gates were judged."
    )
    handled_retry: str | None = Field(
        default=None, max_length=253, description="Value of the last handled mlwright.dev/retry annotation."
    )
    timed_from: Timestamp | None = Field(
        default=None,
        description="Since when policy.timeoutAfter counts, if not since the creation: tried again, or resumed.",
    )
    handled_abort: str | None = Field(
        default=None, max_length=253, description="Value of the last handled mlwright.dev/abort annotation."
    )
    model_version_ref: ObjectRef | None = Field(default=None, description="The ModelVersion that this run made.")
