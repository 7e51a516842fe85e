"""The metrics that a pipeline may name, and which of them belong to which task."""

from __future__ import annotations

from typing import Final, Literal, get_args

from mlwright.api.fields import Rule
from mlwright.scoring import Task

LabelMetric = Literal[
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "average_precision",
]
"""Metrics of labels, and of how rows are ranked."""
ClassificationMetric = Literal[LabelMetric, "log_loss", "brier"]
RegressionMetric = Literal["r2", "mae", "mse", "rmse", "mape", "median_absolute_error"]
ScoreMetric = Literal["anomaly_rate", "score_median", "score_p95", "score_p99"]
"""Metrics of an AnomalyDetection that need no labels."""
MetricName = Literal[ClassificationMetric, RegressionMetric, ScoreMetric]
CLASSIFICATION_METRICS: Final[tuple[str, ...]] = get_args(ClassificationMetric)
REGRESSION_METRICS: Final[tuple[str, ...]] = get_args(RegressionMetric)
SCORE_METRICS: Final[tuple[str, ...]] = get_args(ScoreMetric)
ANOMALY_METRICS: Final[tuple[str, ...]] = (*get_args(LabelMetric), *SCORE_METRICS)
_METRICS: Final = {
    Task.CLASSIFICATION: CLASSIFICATION_METRICS,
    Task.REGRESSION: REGRESSION_METRICS,
    Task.ANOMALY_DETECTION: ANOMALY_METRICS,
}
_TUNABLE: Final = {**_METRICS, Task.ANOMALY_DETECTION: get_args(LabelMetric)}
"""Metrics that are better in one direction, by task."""

_UNLABELLED: Final = "self.training.task == 'AnomalyDetection' && !has(self.dataset.target)"


def task_rules() -> tuple[Rule, ...]:
    """Return the rules that keep target, metrics, gates and objectives of a pipeline to those of its task."""
    return (
        Rule(
            "self.training.task == 'AnomalyDetection' || has(self.dataset.target)",
            "dataset.target: name the column to be predicted; only an AnomalyDetection learns without one",
        ),
        Rule(
            "!has(self.dataset.anomalousLabels) || (self.training.task == 'AnomalyDetection' &&"
            " has(self.dataset.target))",
            "dataset.anomalousLabels says which texts of dataset.target are anomalies: name the target of an"
            " AnomalyDetection, or remove it",
        ),
        *(rule for task, metrics in _METRICS.items() for rule in _rules_of(task, metrics)),
        *_rules_without_target(),
        Rule(
            "self.training.task != 'Regression' || !has(self.evaluation) || !has(self.evaluation.gates)"
            " || self.evaluation.gates.all(g, !has(g.fairness))",
            "evaluation.gates: Fairness compares the classes of a Classification; use a gate of type Slices for a"
            " Regression",
        ),
        *(_objectives(task, metrics) for task, metrics in _TUNABLE.items()),
    )


def _rules_of(task: Task, metrics: tuple[str, ...]) -> tuple[Rule, Rule]:
    """Return the rules for the metrics and gates of a task, where there is a target."""
    concerned = f"self.training.task == '{task}'"
    if task is Task.ANOMALY_DETECTION:
        concerned += " && has(self.dataset.target)"
    remedy = f"{task.named} has the metrics {', '.join(metrics)}: choose one of them or correct training.task"
    return _named_rules(concerned, metrics, ("threshold", "slices", "champion"), remedy)


def _rules_without_target() -> tuple[Rule, ...]:
    """Return the rules about what compares answers with labels, where there are none."""
    remedy = (
        f"without dataset.target the metrics are {', '.join(SCORE_METRICS)}: choose one of them, or name the column of"
        " labels"
    )
    return (
        *_named_rules(_UNLABELLED, SCORE_METRICS, ("threshold", "slices"), remedy),
        Rule(
            f"!({_UNLABELLED}) || !has(self.evaluation) || !has(self.evaluation.gates)"
            " || self.evaluation.gates.all(g, !has(g.champion) && !has(g.fairness))",
            "evaluation.gates: Champion and Fairness compare answers with labels: name the column of them in"
            " dataset.target, or use gates of type Threshold, Slices and Cost",
        ),
        Rule(
            f"!({_UNLABELLED}) || !has(self.training.tuning)",
            "training.tuning compares trials by labels: name the column of them in dataset.target, or remove tuning",
        ),
    )


def _named_rules(concerned: str, metrics: tuple[str, ...], kinds: tuple[str, ...], remedy: str) -> tuple[Rule, Rule]:
    """Return the rules that metrics, and gates of these kinds, name one of these metrics wherever it concerns them."""
    known = "[" + ", ".join(f"'{name}'" for name in metrics) + "]"
    unconcerned = f"!({concerned}) || !has(self.evaluation)"
    fits = " && ".join(f"(!has(g.{kind}) || g.{kind}.metric in {known})" for kind in kinds)
    return (
        Rule(
            f"{unconcerned} || !has(self.evaluation.metrics) || self.evaluation.metrics.all(m, m in {known})",
            f"evaluation.metrics: {remedy}",
        ),
        Rule(
            f"{unconcerned} || !has(self.evaluation.gates) || self.evaluation.gates.all(g, {fits})",
            f"evaluation.gates: {remedy}",
        ),
    )


def _objectives(task: Task, metrics: tuple[str, ...]) -> Rule:
    known = "[" + ", ".join(f"'{name}'" for name in metrics) + "]"
    return Rule(
        f"self.training.task != '{task}' || !has(self.training.tuning) ||"
        f" self.training.tuning.objectives.all(o, o.metric in {known})",
        f"training.tuning.objectives: {task.named} has the metrics {', '.join(metrics)}: choose one of them or correct"
        " training.task",
    )
