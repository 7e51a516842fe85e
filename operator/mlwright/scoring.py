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


class Goal(StrEnum):
    """Which direction of a metric is better."""

    MAX = "max"
    MIN = "min"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric on the held-out rows."""

    name: str
    task: Task
    goal: Goal
    low: float | None  # smallest possible value; None where there is no bound
    high: float | None  # largest possible value
    documentation: str


def _classification(name: str, goal: Goal, high: float | None, documentation: str) -> Metric:
    return Metric(name, Task.CLASSIFICATION, goal, 0.0, high, documentation)


def _error(name: str, documentation: str) -> Metric:
    return Metric(name, Task.REGRESSION, Goal.MIN, 0.0, None, documentation)


_ALL: Final = (
    _classification("accuracy", Goal.MAX, 1.0, "Share of rows whose label is right."),
    _classification("balanced_accuracy", Goal.MAX, 1.0, "Mean over the classes of the share of their rows found."),
    _classification(
        "f1", Goal.MAX, 1.0, "Harmonic mean of precision and recall; with more than two classes the mean over them."
    ),
    _classification(
        "precision",
        Goal.MAX,
        1.0,
        "Share of the rows called positive that are; with more than two classes the mean over them.",
    ),
    _classification(
        "recall", Goal.MAX, 1.0, "Share of the positive rows found; with more than two classes the mean over them."
    ),
    _classification(
        "roc_auc",
        Goal.MAX,
        1.0,
        "Chance that a positive row scores above a negative one; with more than two classes the mean of each against"
        " the rest.",
    ),
    _classification(
        "average_precision",
        Goal.MAX,
        1.0,
        "Area under the precision-recall steps; with more than two classes the mean of each against the rest.",
    ),
    _classification("log_loss", Goal.MIN, None, "Mean of minus the logarithm of the probability of the true class."),
    _classification(
        "brier",
        Goal.MIN,
        1.0,
        "Mean squared distance of the probabilities from the truth, halved, so that two classes give the usual score.",
    ),
    Metric("r2", Task.REGRESSION, Goal.MAX, None, 1.0, "Share of the target's variance that is explained."),
    _error("mae", "Mean of the absolute errors."),
    _error("mse", "Mean of the squared errors."),
    _error("rmse", "Square root of the mean of the squared errors."),
    _error("mape", "Mean of the absolute errors as shares of the true values; needs targets other than zero."),
    _error("median_absolute_error", "Median of the absolute errors."),
)

METRICS: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in _ALL})
"""Every metric by name. With two classes the positive one is the last in sorted order: true, 1, the later text."""


def metrics_of(task: Task) -> tuple[str, ...]:
    """Names of the metrics that judge this task, in the order of the documentation."""
    return tuple(metric.name for metric in _ALL if metric.task is task)
