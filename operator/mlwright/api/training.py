"""TrainingPipeline and TrainingRun: how a model is made, what it must prove, and the record of each attempt."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import (
    Cel,
    ColumnName,
    Digest,
    FreeObject,
    ListMap,
    ListSet,
    PositiveDuration,
    Rule,
    Schema,
    Sentence,
    ShortName,
    Timestamp,
    Union,
)
from mlwright.api.parts import ArtifactStore, ObjectRef, PodSurface, Ref, Status

MetricName = Literal[
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "r2",
    "mae",
    "mse",
    "rmse",
    "mape",
    "median_absolute_error",
]
CLASSIFICATION_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
)
REGRESSION_METRICS = ("r2", "mae", "mse", "rmse", "mape", "median_absolute_error")


def _metrics_of(task: str, metrics: tuple[str, ...]) -> tuple[Rule, Rule]:
    """Return the rules that keep metrics and gates of a pipeline to those of its task."""
    known = "[" + ", ".join(f"'{name}'" for name in metrics) + "]"
    other_task = f"self.training.task != '{task}' || !has(self.evaluation)"
    remedy = f"a {task} has the metrics {', '.join(metrics)}: choose one of them or correct training.task"
    return (
        Rule(
            f"{other_task} || !has(self.evaluation.metrics) || self.evaluation.metrics.all(m, m in {known})",
            f"evaluation.metrics: {remedy}",
        ),
        Rule(
            f"{other_task} || !has(self.evaluation.gates)"
            f" || self.evaluation.gates.all(g, !has(g.threshold) || g.threshold.metric in {known})",
            f"evaluation.gates: {remedy}",
        ),
    )


class Until(Schema):
    """Where a time range ends."""

    type: Literal["Newest", "Trigger", "Time"] = Field(
        default="Newest",
        description=(
            "Newest: the largest value of the column. Trigger: the moment the run was asked for. Time: the given time."
        ),
    )
    time: Timestamp | None = Field(default=None, description="The end, with type Time; RFC 3339.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.type == 'Time' ? has(self.time) : !has(self.time)", "set time exactly when type is Time"),
    )


class TimeRange(Schema):
    """Which rows are read, by their time: what makes a later run see newer data."""

    column: ColumnName = Field(description="Column that holds the time of a row.")
    last: PositiveDuration = Field(
        description="Length of the range, such as 2160h; rows in (until - last, until] are read."
    )
    until: Until = Field(default=Until(), description="Where the range ends.")


class HashSplit(Schema):
    """A row is held out or not for ever, whatever rows come later."""

    test: float = Field(default=0.2, gt=0, lt=1, description="Share of rows that are held out, between 0 and 1.")
    seed: int = Field(default=0, ge=0, le=2147483647, description="Another seed gives another split.")


class TemporalSplit(Schema):
    """The newest rows are held out."""

    test: float = Field(
        default=0.2, gt=0, lt=1, description="Share of rows that are held out, the newest by timeColumn."
    )


class Split(Schema):
    """How held-out rows are chosen."""

    type: Literal["Hash", "Temporal"] = Field(
        default="Hash",
        description=(
            "Hash: by idColumn or, without one, by the row's content; stable for ever. Temporal: the newest rows."
        ),
    )
    hash: HashSplit | None = Field(default=None, description="Settings of type Hash.")
    temporal: TemporalSplit | None = Field(default=None, description="Settings of type Temporal.")
    union: ClassVar[Union | None] = Union(optional=("Hash", "Temporal"))


class Dataset(Schema):
    """The data of a run: where it lies, which rows and columns are used, and which rows are held out."""

    uri: str = Field(
        min_length=7,
        max_length=512,
        description="Where the data lies: pvc://CLAIM/path (the last segment may hold *) or configmap://NAME/key.",
    )
    format: Literal["Parquet", "CSV", "JSONLines"] | None = Field(
        default=None, description="Format of the files; guessed from the suffix when absent."
    )
    target: ColumnName = Field(description="Column to be predicted.")
    features: Annotated[tuple[ColumnName, ...] | None, ListSet()] = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Columns to predict from; every column but target, idColumn and timeColumn when absent.",
    )
    id_column: ColumnName | None = Field(
        default=None, description="Column that identifies a row; never a feature by default."
    )
    time_column: ColumnName | None = Field(
        default=None, description="Column that holds the time of a row; needed by the Temporal split."
    )
    time_range: TimeRange | None = Field(default=None, description="Which rows are read, by time; all when absent.")
    split: Split = Field(default=Split(), description="How held-out rows are chosen.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.uri.matches('^(pvc|configmap)://[a-z0-9][-a-z0-9.]*/.+$')",
            "dataset.uri must be pvc://CLAIM/path or configmap://NAME/key; put the data on a PersistentVolumeClaim or"
            " in a ConfigMap of this namespace",
        ),
        Rule(
            "!self.uri.contains('::') && !self.uri.matches('/[.][.]?(/|$)')",
            "dataset.uri must be one plain address: remove '::' and the segments . and ..",
        ),
        Rule(
            "!has(self.features) || !self.features.exists(f, f == self.target)",
            "dataset.features must not hold the target: a model that sees the answer learns nothing",
        ),
        Rule(
            "(!has(self.idColumn) || self.idColumn != self.target) && (!has(self.timeColumn) || self.timeColumn !="
            " self.target)",
            "dataset.target must be another column than idColumn and timeColumn: name the column to be predicted",
        ),
        Rule(
            "self.split.type != 'Temporal' || has(self.timeColumn)",
            "split Temporal needs dataset.timeColumn: name the column that holds the time of a row",
        ),
    )


class Estimator(Schema):
    """A scikit-learn estimator."""

    class_: str = Field(
        alias="class",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$",
        max_length=200,
        description=(
            "Full class name, such as sklearn.ensemble.HistGradientBoostingClassifier; judged by the validate step."
        ),
    )
    parameters: FreeObject = Field(default={}, description="Constructor parameters; numbers, texts, booleans and null.")
    preprocessing: Literal["Auto", "None"] = Field(
        default="Auto",
        description=(
            "Auto: missing values, texts and scales are handled as the estimator needs. None: all features"
            " are numbers already."
        ),
    )


class Training(Schema):
    """How the model is fitted."""

    task: Literal["Classification", "Regression"] = Field(description="What is learned.")
    type: Literal["Estimator"] = Field(default="Estimator", description="How it is learned.")
    estimator: Estimator = Field(description="The estimator of type Estimator.")
    seed: int = Field(
        default=0,
        ge=0,
        le=2147483647,
        description="Seed of everything random; the same inputs give the same bundle.",
    )


class Threshold(Schema):
    """A metric on the held-out rows must reach a bound."""

    metric: MetricName = Field(description="Which metric.")
    min: float | None = Field(default=None, description="Smallest value that passes.")
    max: float | None = Field(default=None, description="Largest value that passes.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.min) || has(self.max)", "a threshold needs min, max or both"),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "threshold.min must not be above threshold.max",
        ),
    )


class Gate(Schema):
    """One thing that a version must prove before it may be served."""

    name: ShortName = Field(description="Name of the gate, used in sentences.")
    type: Literal["Threshold"] = Field(description="Kind of proof.")
    threshold: Threshold | None = Field(default=None, description="Settings of type Threshold.")
    union: ClassVar[Union | None] = Union()


class Evaluation(Schema):
    """What is measured on the held-out rows, and what must be proven."""

    metrics: Annotated[tuple[MetricName, ...], ListSet()] = Field(
        default=(),
        max_length=16,
        description="Metrics to compute; those that gates name are always computed.",
    )
    gates: Annotated[tuple[Gate, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="All must pass, or the version is rejected and never served."
    )


class Triggers(Schema):
    """What starts a run by itself."""

    spec_change: bool = Field(
        default=True,
        description="Start a run when dataset, training or evaluation.metrics change, the first one included.",
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
    triggers: Triggers = Field(default=Triggers(), description="What starts a run by itself.")
    artifacts: ArtifactStore | None = Field(
        default=None,
        description="Where runs and bundles are written; else Model.spec.artifacts, else the chart's default.",
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the training steps; the chart's trainer image when absent.",
    )
    pod: PodSurface = Field(default=PodSurface(), description="The pods of the training steps.")
    paused: bool = Field(default=False, description="Start no run; a running one goes on to its end.")
    rules: ClassVar[tuple[Rule, ...]] = (
        *_metrics_of("Classification", CLASSIFICATION_METRICS),
        *_metrics_of("Regression", REGRESSION_METRICS),
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
    template_digest: str | None = Field(
        default=None, max_length=71, description="Digest of what the newest run was started with."
    )
    latest_version: str | None = Field(
        default=None, max_length=63, description="The newest version that passed its gates."
    )


class Trigger(Schema):
    """Who or what asked for a run, and why."""

    type: Literal["SpecChange", "Request"] = Field(
        description="SpecChange: the pipeline's spec changed. Request: somebody asked."
    )
    by: str = Field(default="", max_length=253, description="Who asked, as far as it is known.")
    reason: str = Field(default="", max_length=512, description="Why, in words.")
    token: str = Field(
        default="",
        max_length=253,
        description="Value of the annotation that asked; each value is handled once.",
    )


class TrainingRunSpec(Schema):
    """Which pipeline runs, and why. Immutable."""

    pipeline_ref: Annotated[
        Ref, Cel((Rule("self == oldSelf", "a run's pipelineRef cannot change: create another TrainingRun"),))
    ] = Field(description="The TrainingPipeline; its spec is frozen when the run starts.")
    trigger: Annotated[
        Trigger, Cel((Rule("self == oldSelf", "a run's trigger cannot change: create another TrainingRun"),))
    ] = Field(default=Trigger(type="Request"), description="Who or what asked for it.")


class StepStatus(Schema):
    """One step of a run."""

    name: Literal["validate", "train", "evaluate"] = Field(description="Name of the step.")
    state: Literal["Pending", "Running", "Waiting", "Succeeded", "Failed"] = Field(description="Where it stands.")
    attempt: int = Field(default=0, ge=0, description="Number of the attempt, from 0.")
    job: str | None = Field(default=None, max_length=63, description="The Job of this attempt.")
    started_at: Timestamp | None = Field(default=None, description="When the attempt began.")
    finished_at: Timestamp | None = Field(default=None, description="When the attempt ended.")
    sentence: Sentence = Field(
        default="",
        description="What happened, in one sentence; of a failure also the command that shows its log.",
    )
    results: FreeObject | None = Field(default=None, description="What the step reported.")


class DatasetRecord(Schema):
    """What was read, exactly."""

    uri: str = Field(default="", max_length=512, description="Where it lay.")
    format: str = Field(default="", max_length=32, description="Format of the files.")
    digest: Digest = Field(description="Digest of the content that was read.")
    bytes: int = Field(default=0, ge=0, description="Size of the files in bytes.")
    rows: int = Field(ge=0, description="Rows read.")
    train_rows: int = Field(ge=0, description="Rows the model learned from.")
    test_rows: int = Field(ge=0, description="Rows held out.")
    features: int = Field(default=0, ge=0, description="Number of features.")
    range: TimeRangeRecord | None = Field(default=None, description="The resolved time range.")


class TimeRangeRecord(Schema):
    """A resolved time range."""

    from_: str = Field(alias="from", max_length=40, description="Begin, exclusive.")
    until: str = Field(max_length=40, description="End, inclusive.")


class GateResult(Schema):
    """How one gate was judged."""

    name: str = Field(max_length=40, description="Name of the gate.")
    outcome: Literal["Passed", "Failed", "NoData"] = Field(description="The judgement; NoData never passes.")
    metric: str | None = Field(default=None, max_length=64, description="The metric that was judged.")
    value: float | None = Field(default=None, description="Its value on the held-out rows.")
    sentence: Sentence = Field(description="The judgement, in words.")


class TrainingRunStatus(Status):
    """Where the run stands."""

    template_revision: str | None = Field(
        default=None, max_length=63, description="The ControllerRevision that holds the frozen spec."
    )
    pipeline_generation: int = Field(default=0, ge=0, description="Generation of the pipeline that was frozen.")
    steps: Annotated[tuple[StepStatus, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="The steps, in order."
    )
    progress: str = Field(default="", max_length=32, description="Finished and all steps, such as 2/3.")
    dataset: DatasetRecord | None = Field(default=None, description="What was read.")
    metrics: dict[str, float] | None = Field(default=None, max_length=32, description="Metrics on the held-out rows.")
    gates: Annotated[tuple[GateResult, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="How the gates were judged."
    )
    model_version_ref: ObjectRef | None = Field(default=None, description="The ModelVersion that this run made.")
