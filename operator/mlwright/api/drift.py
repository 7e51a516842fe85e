"""DriftMonitor: whether what a deployment is asked and what it answers is still as its model learned it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.drift_batch import BatchTarget
from mlwright.api.fields import (
    Cel,
    ColumnName,
    Duration,
    ListMap,
    ListSet,
    Rule,
    Schema,
    ShortName,
    Union,
)
from mlwright.api.imports import Url
from mlwright.api.parts import Ref, SecretKey

MOST_BLOCKS = 48
"""Blocks of the longest window: each is a record."""

Block = Annotated[
    Duration,
    Cel(
        (
            Rule(
                "duration(self) >= duration('10s') && duration(self) <= duration('24h')",
                "must be between 10s and 24h: each is a question to Prometheus and a record",
            ),
        )
    ),
]


class LiveTarget(Schema):
    """A deployment that serves."""

    deployment_ref: Ref = Field(description="The ModelDeployment; the version that serves is watched.")


class Target(Schema):
    """What is watched."""

    type: Literal["Live", "Batch"] = Field(
        description=(
            "Live: the requests to a ModelDeployment and its answers. Batch: rows that are stored, looked at by a"
            " schedule."
        )
    )
    live: LiveTarget | None = Field(default=None, description="The deployment, with type Live.")
    batch: BatchTarget | None = Field(default=None, description="The stored rows, with type Batch.")
    union: ClassVar[Union | None] = Union()


class SlowWindow(Schema):
    """The newest rows, compared with those that the model was trained on."""

    length: Duration = Field(
        default="24h", description="How much time is looked at: a whole day, unless every hour of it looks alike."
    )
    every: Block = Field(
        default="1h", description="How often a window ends; length is a multiple of it, at most 48 of it."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "duration(self.length).getSeconds() % duration(self.every).getSeconds() == 0"
            " && duration(self.length).getSeconds() >= duration(self.every).getSeconds()"
            f" && duration(self.length).getSeconds() <= {MOST_BLOCKS} * duration(self.every).getSeconds()",
            f"length must be 1 to {MOST_BLOCKS} times every, such as length: 24h with every: 1h",
        ),
    )


class FastWindow(Schema):
    """The newest minutes, compared with the same hour of other days."""

    length: Duration = Field(default="10m", description="How much time is looked at, and how often.")
    baseline: Duration = Field(
        default="168h",
        description=(
            "For so many hours with rows it is learnt what is usual at each hour of working days, and of Saturdays and"
            " Sundays (UTC); nothing is judged before that. Whole weeks: each holds every weekday once."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "duration(self.length) >= duration('10m') && duration(self.length) <= duration('30m')"
            " && 3600 % duration(self.length).getSeconds() == 0",
            "length must be 10m, 12m, 15m, 20m or 30m: an hour is cut into such spans, and each span of a day is a"
            " record",
        ),
        Rule(
            "duration(self.baseline) >= duration('168h') && duration(self.baseline) <= duration('672h')"
            " && duration(self.baseline).getSeconds() % 604800 == 0",
            "baseline must be whole weeks, 168h to 672h: without a weekend in it every weekend would be drift",
        ),
    )


class Windows(Schema):
    """Over which times it is judged."""

    slow: SlowWindow = Field(default=SlowWindow(), description="The newest rows beside those of the training.")
    fast: FastWindow | None = Field(
        default=None,
        description=(
            "The newest minutes beside the same hour of other days, for what breaks suddenly; absent: not looked at."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.fast) || !has(self.slow) || duration(self.fast.length) < duration(self.slow.every)",
            "fast.length must be shorter than slow.every: make slow.every longer, such as 1h, or leave fast out",
        ),
    )


class Features(Schema):
    """Which of the features that the server counts are judged; it counts the 20 most important ones."""

    include: Annotated[tuple[ColumnName, ...], ListSet()] = Field(
        default=(), max_length=64, description="Only these; all when empty."
    )
    exclude: Annotated[tuple[ColumnName, ...], ListSet()] = Field(
        default=(), max_length=64, description="Not these, such as a date that moves by itself."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.include) || !has(self.exclude) || !self.include.exists(one, one in self.exclude)",
            "a feature is in include and in exclude: take it out of one of them",
        ),
    )


class Persistence(Schema):
    """How long it must last until it counts."""

    required: int = Field(default=3, ge=1, le=24, description="In so many windows it must be proven.")
    of: int = Field(
        default=5,
        ge=1,
        le=24,
        description="Of so many of the newest windows; what has drifted is over when it was proven in none of them.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.required <= self.of", "required must not be more than of: it could never be reached"),
    )


class Drift(Schema):
    """How far distributions may be from those of the training."""

    max_distance: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description=(
            "Jensen-Shannon distance that is no matter, 0 to 1. 0.1 is a mean that moved by a quarter of a standard"
            " deviation, or 2 % of never seen values. A window counts only with proof that it is more."
        ),
    )
    false_alarm: float = Field(
        default=0.01,
        gt=0,
        le=0.2,
        description="Chance that a window counts for any feature although none is farther away; over all of them.",
    )
    persistence: Persistence = Field(default=Persistence(), description="How long it must last until it counts.")


class Quality(Schema):
    """How many values may be broken, beyond those of the training."""

    max_missing: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description=(
            "Share of missing values that is no matter, beyond that of the training: 0.05 allows 6 % where the training"
            " had 1 %. 1 allows all. A window counts only with proof that it is more."
        ),
    )
    max_unseen: float = Field(
        default=0.05, ge=0, le=1, description="The same of texts that the training never had; 1 allows all."
    )
    max_out_of_range: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="The same of numbers below or above all of the training; 1 allows all.",
    )
    false_alarm: float = Field(
        default=0.01,
        gt=0,
        le=0.2,
        description="Chance that a window counts for any feature although no share is larger; over all of them.",
    )
    persistence: Persistence = Field(default=Persistence(), description="How long it must last until it counts.")


class Performance(Schema):
    """How much worse answers may be than they were in the evaluation, as far as labels tell."""

    metric: Literal["accuracy"] = Field(
        default="accuracy",
        description="What is compared. accuracy: the share of labelled answers that were right, of a classifier.",
    )
    max_drop: float = Field(
        default=0.03,
        gt=0,
        lt=1,
        description=(
            "So much may be lost, beside the accuracy on the held-out rows: 0.03 allows 87 % where it was 90 %. Less"
            " counts only with proof: by chance once in 4,320 windows without any loss."
        ),
    )


class Check(Schema):
    """One thing that is watched."""

    name: ShortName = Field(description="Name of the check, used in sentences.")
    type: Literal["DataDrift", "PredictionDrift", "Quality", "Performance"] = Field(
        description=(
            "What is watched. DataDrift: what is asked, feature by feature. PredictionDrift: what is answered. Quality:"
            " values that are missing, unseen or out of range; while it finds too many, no run is asked for."
            " Performance: labels that come late, through the deployment's feedback."
        )
    )
    data_drift: Drift | None = Field(default=None, description="Settings of type DataDrift; may be absent.")
    prediction_drift: Drift | None = Field(default=None, description="Settings of type PredictionDrift; may be absent.")
    quality: Quality | None = Field(default=None, description="Settings of type Quality; may be absent.")
    performance: Performance | None = Field(default=None, description="Settings of type Performance; may be absent.")
    union: ClassVar[Union | None] = Union(optional=("DataDrift", "PredictionDrift", "Quality", "Performance"))


class Retrain(Schema):
    """A run of a pipeline."""

    pipeline_ref: Ref = Field(description="The TrainingPipeline; its guard says how often it runs at most.")


class Rollback(Schema):
    """When a version may be sent back."""

    within: Duration = Field(
        default="168h", description="Only a version that took over less than this ago is sent back."
    )


class Notify(Schema):
    """Somebody outside who is told."""

    url: Url = Field(
        description=(
            "Where a CloudEvent (1.0, structured JSON) is sent by POST; its host must be one of the chart's"
            " outside.hosts."
        ),
    )
    secret_ref: SecretKey | None = Field(
        default=None, description="Key of a Secret whose content is sent as Authorization: Bearer."
    )


class Action(Schema):
    """What follows when something has drifted. Each is recorded as a Decision first."""

    name: ShortName = Field(description="Name of the action, used in sentences.")
    when: Annotated[tuple[Literal["DataDrift", "PredictionDrift", "Performance", "Quality"], ...], ListSet()] = Field(
        min_length=1,
        max_length=4,
        description="Types of the checks of which one must have found something; Quality with type Notify alone.",
    )
    type: Literal["Retrain", "Rollback", "Notify"] = Field(
        description=(
            "Retrain: a pipeline is asked for a run, once for each revision that serves. Rollback: the deployment goes"
            " back to what it served before, once for each promotion, where what is asked is as the training was."
            " Notify: somebody outside is told, once each time that it begins."
        )
    )
    retrain: Retrain | None = Field(default=None, description="Settings of type Retrain.")
    rollback: Rollback | None = Field(default=None, description="Settings of type Rollback; may be absent.")
    notify: Notify | None = Field(default=None, description="Settings of type Notify.")
    union: ClassVar[Union | None] = Union(optional=("Rollback",))
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type != 'Rollback' || !('DataDrift' in self.when)",
            "Rollback cannot follow from DataDrift: an older version has not learned what is asked now either; use"
            " Retrain, or when: [PredictionDrift]",
        ),
        Rule(
            "self.type == 'Notify' || !('Quality' in self.when)",
            "only Notify can follow from Quality: a run would learn from broken values, and an older version answers"
            " them no better; take Quality out of when, or use type: Notify",
        ),
    )


class DriftMonitorSpec(Schema):
    """What is watched, over which times, and what is too much."""

    target: Target = Field(description="What is watched.")
    windows: Windows = Field(default=Windows(), description="Over which times it is judged.")
    features: Features = Field(default=Features(), description="Which features are judged.")
    min_samples: int = Field(
        default=200,
        ge=200,
        le=1_000_000_000,
        description="Rows of a window below which nothing is said; with fewer than 200 the proof would be none.",
    )
    checks: Annotated[tuple[Check, ...], ListMap("name")] = Field(
        min_length=1, max_length=8, description="What is watched."
    )
    independent_rows: bool = Field(
        default=False,
        description=(
            "You know that rows are independent of one another: no few users send most of them. Otherwise it is learnt"
            " from spans a day apart how much more than by chance they vary, and nothing counts as drift before that"
            " is known, after a day and 24 spans; with spans below 30m or above 6h it cannot be, and nothing is done."
        ),
    )
    mode: Literal["Act", "Observe"] = Field(
        default="Act", description="Observe: tell what would be done, and do nothing of it."
    )
    actions: Annotated[tuple[Action, ...], ListMap("name")] = Field(
        default=(),
        max_length=8,
        description="What follows when something has drifted; nothing but the condition when empty.",
    )
    paused: bool = Field(default=False, description="Judge nothing; what was found last stays as it is.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.actions) || !self.actions.exists(one, one.type == 'Rollback')"
            " || self.checks.exists(one, one.type == 'DataDrift')",
            "an action of type Rollback needs a check of type DataDrift: it tells whether what is asked is the cause",
        ),
        Rule(
            "self.checks.filter(one, one.type == 'Performance').size() <= 1",
            "there is more than one check of type Performance: keep the one with the smaller maxDrop",
        ),
        Rule(
            "!has(self.target.batch) || has(self.target.batch.label)"
            " || !self.checks.exists(one, one.type == 'Performance')",
            "a check of type Performance needs to know what is right: name the column in target.batch.label",
        ),
        Rule(
            "!has(self.target.batch) || !has(self.target.batch.label)"
            " || self.checks.exists(one, one.type == 'Performance')",
            "target.batch.label is for a check of type Performance: add one, or remove label",
        ),
        Rule(
            "!has(self.target.batch) || !has(self.windows) || !has(self.windows.fast)",
            "windows.fast is for requests: stored rows are looked at by their schedule; remove windows.fast",
        ),
    )
