"""Gates: what a version must prove on the held-out rows before it may be served, and how it was judged."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import ColumnName, Latency, Rule, Schema, Sentence, ShortName, Union
from mlwright.api.metrics import MetricName


class Bounded(Schema):
    """A metric that must lie within bounds."""

    metric: MetricName = Field(description="Which metric.")
    min: float | None = Field(default=None, description="Smallest value that passes.")
    max: float | None = Field(default=None, description="Largest value that passes.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.min) || has(self.max)", "a gate on a metric needs min, max or both"),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "min of a gate must not be above its max",
        ),
    )


class Threshold(Bounded):
    """A metric on the held-out rows must reach a bound."""


class Slices(Bounded):
    """A metric must reach a bound for every value of a column, not only on the average."""

    column: ColumnName = Field(
        description=(
            "Column of the data by whose values the held-out rows are divided; it need not be a feature. Numbers of"
            " more than 20 values are divided into quarters."
        )
    )
    min_rows: int = Field(
        default=100,
        ge=5,
        le=1_000_000_000,
        description="Held-out rows that a value must have to be judged, and to be named; the others are counted.",
    )


class Fairness(Schema):
    """Groups must be treated alike: the largest difference of a rate between two of them."""

    metric: Literal["demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference"] = (
        Field(
            description=(
                "demographic_parity_difference: of the share called positive. equal_opportunity_difference: of the"
                " share found of those that are positive. equalized_odds_difference: of that share or of the share of"
                " false alarms, whichever differs more. As fairlearn computes them; two classes only."
            )
        )
    )
    column: ColumnName = Field(description="Column of the data that holds the group; it need not be a feature.")
    max: float = Field(ge=0, le=1, description="Largest difference that passes, between 0 and 1.")
    min_rows: int = Field(
        default=100,
        ge=5,
        le=1_000_000_000,
        description="Held-out rows that a group must have to be compared, and to be named; the others are counted.",
    )


class Cost(Schema):
    """What an answer may cost."""

    latency_p99: Latency | None = Field(
        default=None,
        alias="latencyP99",
        description=(
            "Longest 99th percentile of the time for one row that passes, such as 5ms: measured in the step evaluate by"
            " the code of the server, without HTTP, one row at a time on one thread."
        ),
    )
    bundle_megabytes: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        description="Largest size of the bundle's files that passes, in 1,000,000 bytes.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.latencyP99) || has(self.bundleMegabytes)",
            "a gate on cost needs latencyP99, bundleMegabytes or both",
        ),
    )


class ChampionTest(Schema):
    """No worse than the champion, on the same held-out rows."""

    metric: Literal[
        "accuracy",
        "balanced_accuracy",
        "f1",
        "precision",
        "recall",
        "roc_auc",
        "log_loss",
        "brier",
        "r2",
        "mae",
        "mse",
        "rmse",
    ] = Field(description="Which metric; these have a paired test.")
    tolerance: float | None = Field(
        default=None,
        ge=0,
        description=(
            "How much worse is still as good, in units of the metric; 0.01 when absent. With 0 it must be better."
        ),
    )
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description=(
            "How sure it must be that the version is not worse by more than the tolerance. A set of rows that judged"
            " other versions against this champion before asks for more: the chance of a mistake is divided among them."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(self.metric in ['mae', 'mse', 'rmse']) || has(self.tolerance)",
            "champion.tolerance: say how much worse is still as good, in units of the target",
        ),
    )


class Gate(Schema):
    """One thing that a version must prove before it may be served."""

    name: ShortName = Field(description="Name of the gate, used in sentences.")
    type: Literal["Threshold", "Slices", "Fairness", "Cost", "Champion"] = Field(
        description=(
            "Kind of proof. Threshold: a metric on all held-out rows. Slices: a metric for each value of a column."
            " Fairness: how alike groups are treated. Cost: how long an answer takes and how large the bundle is."
            " Champion: no worse than the version that the alias champion names, else the one promoted last."
        )
    )
    threshold: Threshold | None = Field(default=None, description="Settings of type Threshold.")
    slices: Slices | None = Field(default=None, description="Settings of type Slices.")
    fairness: Fairness | None = Field(default=None, description="Settings of type Fairness.")
    cost: Cost | None = Field(default=None, description="Settings of type Cost.")
    champion: ChampionTest | None = Field(default=None, description="Settings of type Champion.")
    union: ClassVar[Union | None] = Union()


class GateResult(Schema):
    """How one gate was judged."""

    name: str = Field(max_length=40, description="Name of the gate.")
    outcome: Literal["Passed", "Failed", "NoData", "Held"] = Field(
        description="The judgement. NoData never passes; Held could not be decided, and asks for a person's approval."
    )
    metric: str | None = Field(default=None, max_length=64, description="The metric that was judged.")
    value: float | None = Field(default=None, description="Its value on the held-out rows; of slices the worst.")
    champion: int | None = Field(default=None, ge=1, description="Number of the version it was compared with.")
    sentence: Sentence = Field(description="The judgement, in words.")
