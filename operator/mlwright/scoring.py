"""The metrics that a model can be judged by: what they are called, what they mean, which direction is better.

Standard library only: the operator reads the names and directions, the trainer computes the values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Task(StrEnum):
    """What is learned."""

    CLASSIFICATION = "Classification"
    REGRESSION = "Regression"
    ANOMALY_DETECTION = "AnomalyDetection"
    """What is usual, learned from rows without a target; every row gets a score, the higher the more anomalous."""

    @property
    def named(self) -> str:
        """The task with its article, for sentences.

        >>> Task.REGRESSION.named, Task.ANOMALY_DETECTION.named
        ('a Regression', 'an AnomalyDetection')
        """
        return f"an {self}" if self[0] in "AEIOU" else f"a {self}"


class Goal(StrEnum):
    """Which direction of a metric is better."""

    MAX = "max"
    MIN = "min"
    NEITHER = "neither"
    """The metric describes; nothing is better for a higher or a lower value alone."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric on the held-out rows."""

    name: str
    tasks: tuple[Task, ...]
    goal: Goal
    low: float | None  # smallest possible value; None where there is no bound
    high: float | None  # largest possible value
    documentation: str
    needs_target: bool = True  # else it can be told of rows of which nobody knows what they are


def _labels(name: str, documentation: str) -> Metric:
    """A metric of labels, or of how rows are ranked: it takes no probabilities."""
    return Metric(name, (Task.CLASSIFICATION, Task.ANOMALY_DETECTION), Goal.MAX, 0.0, 1.0, documentation)


def _probabilities(name: str, high: float | None, documentation: str) -> Metric:
    return Metric(name, (Task.CLASSIFICATION,), Goal.MIN, 0.0, high, documentation)


def _error(name: str, documentation: str) -> Metric:
    return Metric(name, (Task.REGRESSION,), Goal.MIN, 0.0, None, documentation)


def _unlabelled(name: str, low: float | None, high: float | None, documentation: str) -> Metric:
    tasks = (Task.ANOMALY_DETECTION,)
    return Metric(name, tasks, Goal.NEITHER, low, high, documentation, needs_target=False)


_ALL: Final = (
    _labels("accuracy", "Share of rows whose label is right."),
    _labels("balanced_accuracy", "Mean over the classes of the share of their rows found."),
    _labels("f1", "Harmonic mean of precision and recall; with more than two classes the mean over them."),
    _labels("precision", "Share of the rows called positive that are; with more than two classes the mean over them."),
    _labels("recall", "Share of the positive rows found; with more than two classes the mean over them."),
    _labels(
        "roc_auc",
        "Chance that a positive row scores above a negative one; with more than two classes the mean of each against"
        " the rest.",
    ),
    _labels(
        "average_precision",
        "Area under the precision-recall steps; with more than two classes the mean of each against the rest.",
    ),
    _probabilities("log_loss", None, "Mean of minus the logarithm of the probability of the true class."),
    _probabilities(
        "brier",
        1.0,
        "Mean squared distance of the probabilities from the truth, halved, so that two classes give the usual score.",
    ),
    Metric("r2", (Task.REGRESSION,), Goal.MAX, None, 1.0, "Share of the target's variance that is explained."),
    _error("mae", "Mean of the absolute errors."),
    _error("mse", "Mean of the squared errors."),
    _error("rmse", "Square root of the mean of the squared errors."),
    _error("mape", "Mean of the absolute errors as shares of the true values; needs targets other than zero."),
    _error("median_absolute_error", "Median of the absolute errors."),
    _unlabelled("anomaly_rate", 0.0, 1.0, "Share of the rows that are called anomalous."),
    _unlabelled("score_median", None, None, "Score that half of the rows do not exceed."),
    _unlabelled("score_p95", None, None, "Score that 95 % of the rows do not exceed."),
    _unlabelled("score_p99", None, None, "Score that 99 % of the rows do not exceed."),
)

METRICS: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in _ALL})
"""Every metric by name. With two classes the positive one is the last in sorted order: true, 1, the later text; of
anomalies it is 1."""


def metrics_of(task: Task, *, target: bool = True) -> tuple[str, ...]:
    """Names of the metrics that judge this task, in the order of the documentation.

    Args:
        task: What is learned.
        target: Whether the rows have a target; without one, only what needs none.
    """
    return tuple(metric.name for metric in _ALL if task in metric.tasks and (target or not metric.needs_target))
