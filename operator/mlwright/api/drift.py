"""DriftMonitor: whether what a deployment is asked and what it answers is still as its model learned it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import (
    Cel,
    ColumnName,
    Duration,
    ListMap,
    ListSet,
    Rule,
    Schema,
    Sentence,
    ShortName,
    Timestamp,
    Union,
)
from mlwright.api.parts import Ref, Status

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

    type: Literal["Live"] = Field(description="Live: the requests to a ModelDeployment and its answers.")
    live: LiveTarget | None = Field(default=None, description="The deployment, with type Live.")
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


class Windows(Schema):
    """Over which times it is judged."""

    slow: SlowWindow = Field(default=SlowWindow(), description="The newest rows beside those of the training.")


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


class Check(Schema):
    """One thing that is watched."""

    name: ShortName = Field(description="Name of the check, used in sentences.")
    type: Literal["DataDrift", "PredictionDrift"] = Field(
        description="What is watched. DataDrift: what is asked, feature by feature. PredictionDrift: what is answered."
    )
    data_drift: Drift | None = Field(default=None, description="Settings of type DataDrift; may be absent.")
    prediction_drift: Drift | None = Field(default=None, description="Settings of type PredictionDrift; may be absent.")
    union: ClassVar[Union | None] = Union(optional=("DataDrift", "PredictionDrift"))


class Retrain(Schema):
    """A run of a pipeline."""

    pipeline_ref: Ref = Field(description="The TrainingPipeline; its guard says how often it runs at most.")


class Action(Schema):
    """What follows when something has drifted. Each is recorded as a Decision first."""

    name: ShortName = Field(description="Name of the action, used in sentences.")
    when: Annotated[tuple[Literal["DataDrift", "PredictionDrift"], ...], ListSet()] = Field(
        min_length=1, max_length=2, description="Types of the checks of which one must have found drift."
    )
    type: Literal["Retrain"] = Field(
        description="Retrain: a pipeline is asked for a run, once for each revision that serves."
    )
    retrain: Retrain | None = Field(default=None, description="Settings of type Retrain.")
    union: ClassVar[Union | None] = Union()


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
            "You know that rows are independent of one another: no few users send most of them. Actions are taken only"
            " then, for otherwise chance alone may look like drift."
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


class FeatureStatus(Schema):
    """How far one feature, or one output, is from where it was."""

    check: str = Field(max_length=40, description="The check that judges it.")
    name: str = Field(max_length=253, description="Name of the feature or output.")
    verdict: Literal["Stable", "Inconclusive", "Drifted", "NotEnoughData"] = Field(
        description=(
            "Stable: proven to be no farther away than twice what is allowed. Drifted: proven to be farther away than"
            " allowed, in enough windows. Inconclusive: neither. NotEnoughData: too few rows."
        )
    )
    rows: int = Field(default=0, ge=0, description="Rows of the newest window.")
    distance: float | None = Field(default=None, description="Jensen-Shannon distance, without what chance shows.")
    lower: float | None = Field(default=None, description="It is at least this far away, as sure as falseAlarm asks.")
    upper: float | None = Field(default=None, description="It is at most this far away, as sure as falseAlarm asks.")
    detectable: float | None = Field(
        default=None, description="Smallest distance that so many rows prove in four of five windows."
    )
    moved: float | None = Field(default=None, description="Share of the rows that are in another bin, 0 to 1.")
    over: int = Field(default=0, ge=0, description="Newest windows in which it was proven to be too far away.")
    windows: int = Field(default=0, ge=0, description="Newest windows that could be judged.")


class WindowStatus(Schema):
    """The newest window."""

    since: Timestamp = Field(description="Its beginning.")
    until: Timestamp = Field(description="Its end.")
    rows: int = Field(default=0, ge=0, description="Rows that were answered.")


class LastAction(Schema):
    """What was done, or would have been, about the revision that serves."""

    name: str = Field(max_length=40, description="Name of the action.")
    type: str = Field(max_length=32, description="Its type.")
    decision: str | None = Field(default=None, max_length=63, description="The Decision; absent with mode Observe.")
    sentence: Sentence = Field(description="What was done, in words.")


class DriftMonitorStatus(Status):
    """What was found."""

    version: str = Field(default="", max_length=63, description="The ModelVersion that is watched.")
    revision: str = Field(default="", max_length=63, description="Its revision; with another one windows begin anew.")
    window: WindowStatus | None = Field(default=None, description="The newest window.")
    features: tuple[FeatureStatus, ...] = Field(
        default=(), max_length=64, description="Features and outputs, the one that is farthest away first."
    )
    last_action: LastAction | None = Field(default=None, description="What was done about it.")
