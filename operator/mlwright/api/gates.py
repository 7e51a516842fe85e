"""Gates: what a version must prove on the held-out rows before it may be served, and how it was judged."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import ColumnName, Rule, Schema, Sentence, ShortName, Union
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


class Gate(Schema):
    """One thing that a version must prove before it may be served."""

    name: ShortName = Field(description="Name of the gate, used in sentences.")
    type: Literal["Threshold", "Slices"] = Field(
        description=(
            "Kind of proof. Threshold: a metric on all held-out rows. Slices: a metric for each value of a column."
        )
    )
    threshold: Threshold | None = Field(default=None, description="Settings of type Threshold.")
    slices: Slices | None = Field(default=None, description="Settings of type Slices.")
    union: ClassVar[Union | None] = Union()


class GateResult(Schema):
    """How one gate was judged."""

    name: str = Field(max_length=40, description="Name of the gate.")
    outcome: Literal["Passed", "Failed", "NoData"] = Field(description="The judgement; NoData never passes.")
    metric: str | None = Field(default=None, max_length=64, description="The metric that was judged.")
    value: float | None = Field(default=None, description="Its value on the held-out rows; of slices the worst.")
    sentence: Sentence = Field(description="The judgement, in words.")
