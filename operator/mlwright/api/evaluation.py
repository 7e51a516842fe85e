"""What is measured on the held-out rows, what must be proven there, and how it was judged."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import (
    ListMap,
    ListSet,
    Rule,
    Schema,
    Sentence,
    ShortName,
    Union,
)

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


def metric_rules(task: str, metrics: tuple[str, ...]) -> tuple[Rule, Rule]:
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


class GateResult(Schema):
    """How one gate was judged."""

    name: str = Field(max_length=40, description="Name of the gate.")
    outcome: Literal["Passed", "Failed", "NoData"] = Field(description="The judgement; NoData never passes.")
    metric: str | None = Field(default=None, max_length=64, description="The metric that was judged.")
    value: float | None = Field(default=None, description="Its value on the held-out rows.")
    sentence: Sentence = Field(description="The judgement, in words.")
