"""The values of metrics. Their names, directions and bounds are in `mlwright.scoring`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from mlwright.scoring import METRICS, Task, metrics_of
from mlwright.trainer.errors import UserError
from mlwright.trainer.wording import did_you_mean, rows

FIELD: Final = "spec.evaluation.metrics"
_SMALLEST: Final = 1e-15  # a probability of zero for what happened would cost infinitely much

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


class UndefinedError(Exception):
    """A metric has no value on these rows; the text says why."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A classifier's answers beside the truth.

    `truth` and `called` are places among the classes, `[n]`; `truth` beyond `classes` is a class that the model does
    not know. `probabilities` is `[n, classes]`, with a column of zeros for each class that it does not know.
    """

    truth: Places
    called: Places
    probabilities: Numbers

    @property
    def classes(self) -> int:
        """Number of classes, unknown ones included."""
        return int(self.probabilities.shape[1])


def check_metrics(names: Sequence[str], task: Task) -> None:
    """Check that metrics exist and judge this task.

    Raises:
        UserError: One does not.
    """
    for name in names:
        if name not in METRICS:
            raise UserError(FIELD, f"there is no metric {name!r}", did_you_mean(name, metrics_of(task)))
        if METRICS[name].task is not task:
            raise UserError(
                FIELD, f"{name} judges a {METRICS[name].task}, the task is {task}", f"use {', '.join(metrics_of(task))}"
            )


def score_classes(judged: Judged, names: Sequence[str]) -> dict[str, float]:
    """Values of metrics of a classification; without names all that are defined.

    Raises:
        UserError: A metric that is named is undefined on these rows.
    """
    return _score(names, Task.CLASSIFICATION, {name: partial(f, judged) for name, f in _CLASSIFICATION.items()})


def score_numbers(truth: Numbers, answers: Numbers, names: Sequence[str]) -> dict[str, float]:
    """Values of metrics of a regression, both `[n]`; without names all that are defined.

    Raises:
        UserError: A metric that is named is undefined on these rows.
    """
    return _score(names, Task.REGRESSION, {name: partial(f, truth, answers) for name, f in _REGRESSION.items()})


def _score(names: Sequence[str], task: Task, functions: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    values = {}
    for name in names or metrics_of(task):
        try:
            values[name] = float(functions[name]())
        except UndefinedError as problem:
            if names:
                raise UserError(
                    FIELD, f"{name} is undefined: {problem}", "hold out other or more rows, or remove the metric"
                ) from None
    return values


def _averaged(function: Callable[..., Any]) -> Callable[[Judged], float]:
    """With two classes of the positive one, else the mean over all classes that occur."""

    def value(judged: Judged) -> float:
        if judged.classes == 2:  # noqa: PLR2004 - a positive and a negative class
            return float(function(judged.truth, judged.called, average="binary", zero_division=0.0))
        return float(function(judged.truth, judged.called, average="macro", zero_division=0.0))

    return value


def _one_against_rest(function: Callable[..., Any]) -> Callable[[Judged], float]:
    """With two classes of the positive one, else the mean over all classes that occur, each against the rest."""

    def value(judged: Judged) -> float:
        occurring = np.unique(judged.truth)
        if len(occurring) == 1:
            raise UndefinedError(f"the {rows(len(judged.truth))} held out are all of one class")
        positive = [1] if judged.classes == 2 else occurring  # noqa: PLR2004
        scores = [function(judged.truth == place, judged.probabilities[:, place]) for place in positive]
        return float(np.mean(scores))

    return value


def _balanced_accuracy(judged: Judged) -> float:
    found = [np.mean(judged.called[judged.truth == place] == place) for place in np.unique(judged.truth)]
    return float(np.mean(found))


def _log_loss(judged: Judged) -> float:
    given = judged.probabilities[np.arange(len(judged.truth)), judged.truth]
    return float(-np.log(np.clip(given, _SMALLEST, 1.0)).mean())


def _brier(judged: Judged) -> float:
    truth = np.eye(judged.classes)[judged.truth]
    return float(np.square(judged.probabilities - truth).sum(axis=1).mean() / 2)


def _r2(truth: Numbers, answers: Numbers) -> float:
    if np.ptp(truth) == 0:
        raise UndefinedError(f"the target is the same in the {rows(len(truth))} held out")
    return float(metrics.r2_score(truth, answers))


def _mape(truth: Numbers, answers: Numbers) -> float:
    zeros = int(np.count_nonzero(truth == 0))
    if zeros:
        raise UndefinedError(f"the target is zero in {rows(zeros)}")
    return float(np.mean(np.abs((truth - answers) / truth)))


_CLASSIFICATION: Final[Mapping[str, Callable[[Judged], float]]] = MappingProxyType(
    {
        "accuracy": lambda judged: float(np.mean(judged.truth == judged.called)),
        "balanced_accuracy": _balanced_accuracy,
        "f1": _averaged(metrics.f1_score),
        "precision": _averaged(metrics.precision_score),
        "recall": _averaged(metrics.recall_score),
        "roc_auc": _one_against_rest(metrics.roc_auc_score),
        "average_precision": _one_against_rest(metrics.average_precision_score),
        "log_loss": _log_loss,
        "brier": _brier,
    }
)
_REGRESSION: Final[Mapping[str, Callable[[Numbers, Numbers], float]]] = MappingProxyType(
    {
        "r2": _r2,
        "mae": lambda truth, answers: float(np.mean(np.abs(truth - answers))),
        "mse": lambda truth, answers: float(np.mean(np.square(truth - answers))),
        "rmse": lambda truth, answers: float(np.sqrt(np.mean(np.square(truth - answers)))),
        "mape": _mape,
        "median_absolute_error": lambda truth, answers: float(np.median(np.abs(truth - answers))),
    }
)
