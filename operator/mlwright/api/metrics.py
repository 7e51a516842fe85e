"""The metrics that a pipeline may name, and which of them belong to which task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from mlwright.api.fields import Rule
from mlwright.scoring import METRICS, Goal, Task, metrics_of

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
    "anomaly_rate",
    "score_median",
    "score_p95",
    "score_p99",
]
"""Those of `mlwright.scoring`, as the schema wants them."""

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
        *(rule for task in Task for rule in _rules_of(task)),
        *_rules_without_target(),
        Rule(
            "self.training.task != 'Regression' || !has(self.evaluation) || !has(self.evaluation.gates)"
            " || self.evaluation.gates.all(g, !has(g.fairness))",
            "evaluation.gates: Fairness compares the classes of a Classification; use a gate of type Slices for a"
            " Regression",
        ),
        *map(_objectives, Task),
    )


def _rules_of(task: Task) -> tuple[Rule, Rule]:
    """Return the rules for the metrics and gates of a task, where there is a target."""
    metrics = metrics_of(task)
    concerned = f"self.training.task == '{task}'"
    if task is Task.ANOMALY_DETECTION:
        concerned += " && has(self.dataset.target)"
    remedy = f"{task.named} has the metrics {', '.join(metrics)}: choose one of them or correct training.task"
    return _named_rules(concerned, metrics, ("threshold", "slices", "champion"), remedy)


def _rules_without_target() -> tuple[Rule, ...]:
    """Return the rules about what compares answers with labels, where there are none."""
    metrics = metrics_of(Task.ANOMALY_DETECTION, target=False)
    remedy = (
        f"without dataset.target the metrics are {', '.join(metrics)}: choose one of them, or name the column of labels"
    )
    return (
        *_named_rules(_UNLABELLED, metrics, ("threshold", "slices"), remedy),
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
    known = _list(metrics)
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


def _objectives(task: Task) -> Rule:
    """Return the rule that keeps objectives to the metrics of a task that are better in one direction."""
    metrics = [name for name in metrics_of(task) if METRICS[name].goal is not Goal.NEITHER]
    return Rule(
        f"self.training.task != '{task}' || !has(self.training.tuning) ||"
        f" self.training.tuning.objectives.all(o, o.metric in {_list(metrics)})",
        f"training.tuning.objectives: {task.named} has the metrics {', '.join(metrics)}: choose one of them or correct"
        " training.task",
    )


def _list(names: Iterable[str]) -> str:
    """Return a list of texts as CEL writes it."""
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"
