"""What a DriftMonitor tells: the fields of its status."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlwright.api.batches import BatchScheduleStatus
from mlwright.api.drift_batch import LookStatus
from mlwright.api.fields import Schema, Sentence, Timestamp
from mlwright.api.parts import Status


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


class QualityStatus(Schema):
    """How many values of one feature are broken in one way."""

    check: str = Field(max_length=40, description="The check that judges it.")
    name: str = Field(max_length=253, description="Name of the feature.")
    values: Literal["Missing", "Unseen", "OutOfRange"] = Field(description="Which values are counted.")
    verdict: Literal["Stable", "Inconclusive", "Degraded", "NotEnoughData"] = Field(
        description=(
            "Stable: proven to be less than twice as many more as allowed. Degraded: proven to be more than allowed, in"
            " enough windows. Inconclusive: neither. NotEnoughData: too few rows."
        )
    )
    rows: int = Field(default=0, ge=0, description="Rows of the newest window.")
    usual: float | None = Field(default=None, description="Their share in the training, 0 to 1.")
    share: float | None = Field(default=None, description="Their share in the newest window, 0 to 1.")
    lower: float | None = Field(default=None, description="It is at least this, in 95 of 100 windows.")
    upper: float | None = Field(default=None, description="It is at most this, in 95 of 100 windows.")
    detectable: float | None = Field(
        default=None, description="Smallest share that so many rows prove to be too large in four of five windows."
    )
    over: int = Field(default=0, ge=0, description="Newest windows in which it was proven to be too large.")
    windows: int = Field(default=0, ge=0, description="Newest windows that could be judged.")


class PerformanceStatus(Schema):
    """What labels that came late say."""

    check: str = Field(max_length=40, description="The check that judges it.")
    metric: str = Field(max_length=40, description="What is compared.")
    verdict: Literal["Steady", "Degraded", "NotEnoughData", "NoData", "NoReference"] = Field(
        description=(
            "Degraded: proven to be worse than allowed. Steady: that is not proven. NotEnoughData: too few labels."
            " NoData: no labels. NoReference: the version was not evaluated by this metric."
        )
    )
    evaluated: float | None = Field(default=None, description="The metric on the held-out rows.")
    least: float | None = Field(
        default=None, description="The least that is allowed: what the held-out rows prove, less maxDrop."
    )
    labels: int = Field(default=0, ge=0, description="Labels of the newest window.")
    observed: float | None = Field(default=None, description="The metric on them.")
    since: Timestamp | None = Field(default=None, description="Since when the labels count that the proof rests on.")
    weighed: int = Field(default=0, ge=0, description="How many these are.")
    right: int = Field(default=0, ge=0, description="How many of them said that the answer was right.")


class EstimateStatus(Schema):
    """How many answers may be right, without labels: shown, and nothing follows from it."""

    metric: str = Field(max_length=40, description="What is estimated.")
    estimated: float = Field(
        description=(
            "The metric as evaluated, moved by as much as the model is less sure of its answers than of those on the"
            " held-out rows. Errors that it is sure of are not seen."
        )
    )
    evaluated: float = Field(description="The metric on the held-out rows.")
    rows: int = Field(default=0, ge=0, description="Answers of the newest window that it rests on.")
    sentence: Sentence = Field(description="What it says, in words.")


class WindowStatus(Schema):
    """The newest window."""

    since: Timestamp = Field(description="Its beginning.")
    until: Timestamp = Field(description="Its end.")
    rows: int = Field(default=0, ge=0, description="Rows that were answered.")


class FastStatus(Schema):
    """The newest minutes beside the same hour of other days."""

    since: Timestamp | None = Field(
        default=None,
        description=(
            "Beginning of the span that is told of: the newest one while any feature is strange, else the one that was"
            " newest when the long windows were told."
        ),
    )
    until: Timestamp | None = Field(default=None, description="Its end.")
    rows: int = Field(default=0, ge=0, description="Rows that were answered in it.")
    learned: int = Field(ge=0, description="Hours of what is usual that are learnt of every feature.")
    needed: int = Field(ge=0, description="Hours that are to be learnt before anything is judged.")
    features: tuple[FeatureStatus, ...] = Field(
        default=(), max_length=64, description="Features and outputs, the one that is farthest away first."
    )


class LastAction(Schema):
    """What was done, or would have been, about the revision that serves."""

    name: str = Field(max_length=40, description="Name of the action.")
    type: str = Field(max_length=32, description="Its type.")
    decision: str | None = Field(default=None, max_length=63, description="The Decision; absent with mode Observe.")
    sentence: Sentence = Field(description="What was done, in words.")


class Notification(Schema):
    """What somebody was told of, as long as it goes on."""

    action: str = Field(max_length=40, description="Name of the action.")
    decision: str = Field(max_length=63, description="The Decision; the Job that tells has the same name.")


class DriftMonitorStatus(Status):
    """What was found."""

    version: str = Field(default="", max_length=63, description="The ModelVersion that is watched.")
    revision: str = Field(default="", max_length=63, description="Its revision; with another one windows begin anew.")
    window: WindowStatus | None = Field(default=None, description="The newest window.")
    features: tuple[FeatureStatus, ...] = Field(
        default=(), max_length=64, description="Features and outputs, the one that is farthest away first."
    )
    fast: FastStatus | None = Field(
        default=None, description="With spec.windows.fast the newest minutes beside the same hour of other days."
    )
    quality: tuple[QualityStatus, ...] = Field(
        default=(), max_length=64, description="Shares of broken values, those that are too large first."
    )
    performance: PerformanceStatus | None = Field(default=None, description="What labels that came late say.")
    estimate: EstimateStatus | None = Field(
        default=None,
        description="How many answers may be right: an estimate without labels, which nothing follows from.",
    )
    last_action: LastAction | None = Field(default=None, description="What was done about it.")
    last_look: LookStatus | None = Field(default=None, description="With target type Batch the newest look.")
    schedule: BatchScheduleStatus | None = Field(
        default=None, description="With target type Batch the schedule, as it is kept."
    )
    handled_request: str | None = Field(
        default=None, max_length=253, description="Value of the last handled mlwright.dev/run annotation."
    )
    notifications: tuple[Notification, ...] = Field(
        default=(), max_length=8, description="Who was told of what goes on, so that nobody is told twice."
    )
