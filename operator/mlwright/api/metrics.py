"""The metrics that a pipeline may name, and which of them belong to which task."""

from __future__ import annotations

from typing import Final, Literal, get_args

from mlwright.api.fields import Rule

ClassificationMetric = Literal[
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
]
RegressionMetric = Literal["r2", "mae", "mse", "rmse", "mape", "median_absolute_error"]
MetricName = Literal[ClassificationMetric, RegressionMetric]
CLASSIFICATION_METRICS: Final[tuple[str, ...]] = get_args(ClassificationMetric)
REGRESSION_METRICS: Final[tuple[str, ...]] = get_args(RegressionMetric)

_JUDGING: Final = ("threshold", "slices", "champion")
"""Members of a gate that name one of these metrics."""


FAIRNESS_RULE: Final = Rule(
    "self.training.task == 'Classification' || !has(self.evaluation) || !has(self.evaluation.gates)"
    " || self.evaluation.gates.all(g, !has(g.fairness))",
    "evaluation.gates: Fairness compares the classes of a Classification; use a gate of type Slices for a Regression",
)


def metric_rules(task: str, metrics: tuple[str, ...]) -> tuple[Rule, Rule]:
    """Return the rules that keep metrics and gates of a pipeline to those of its task."""
    known = "[" + ", ".join(f"'{name}'" for name in metrics) + "]"
    other_task = f"self.training.task != '{task}' || !has(self.evaluation)"
    remedy = f"a {task} has the metrics {', '.join(metrics)}: choose one of them or correct training.task"
    fits = " && ".join(f"(!has(g.{kind}) || g.{kind}.metric in {known})" for kind in _JUDGING)
    return (
        Rule(
            f"{other_task} || !has(self.evaluation.metrics) || self.evaluation.metrics.all(m, m in {known})",
            f"evaluation.metrics: {remedy}",
        ),
        Rule(
            f"{other_task} || !has(self.evaluation.gates) || self.evaluation.gates.all(g, {fits})",
            f"evaluation.gates: {remedy}",
        ),
    )
