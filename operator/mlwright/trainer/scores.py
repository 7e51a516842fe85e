"""The values of metrics. Their names, directions and bounds are in `mlwright.scoring`.

The formulas are written out, a few lines of numpy each, because importing scikit-learn for them would take most of the
time of the step that needs them. The tests compare every one with scikit-learn's.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mlwright.scoring import METRICS, Task, metrics_of
from mlwright.trainer.errors import UserError
from mlwright.trainer.wording import did_you_mean, rows

FIELD: Final = "spec.evaluation.metrics"
_SMALLEST: Final = 1e-15  # a probability of zero for what happened would cost infinitely much

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]


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


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one class: called so rightly, called so, truly so."""

    hits: int
    called: int
    true: int


def check_metrics(names: Sequence[str], task: Task, *, target: bool = True, field: str = FIELD) -> None:
    """Check that metrics exist and judge this task.

    Args:
        names: The metrics.
        task: What is learned.
        target: Whether the rows have a target.
        field: Where they are named.

    Raises:
        UserError: One does not exist, judges another task, or needs the target that there is not.
    """
    usable = metrics_of(task, target=target)
    for name in names:
        if name not in METRICS:
            raise UserError(field, f"there is no metric {name!r}", did_you_mean(name, usable))
        if task not in METRICS[name].tasks:
            judged = " or ".join(other.named for other in METRICS[name].tasks)
            raise UserError(field, f"{name} judges {judged}, the task is {task}", f"use {', '.join(usable)}")
        if name not in usable:
            raise UserError(
                field,
                f"{name} compares answers with labels, and dataset.target names no column of them",
                f"use {', '.join(usable)}, or name the column",
            )


def score_classes(judged: Judged, names: Sequence[str]) -> dict[str, float]:
    """Values of metrics of a classification; without names all that are defined.

    Raises:
        UserError: A metric that is named is undefined on these rows.
    """
    functions = {name: partial(f, judged) for name, f in _CLASSIFICATION.items()}
    return score_all(names, metrics_of(Task.CLASSIFICATION), functions)


def score_numbers(truth: Numbers, answers: Numbers, names: Sequence[str]) -> dict[str, float]:
    """Values of metrics of a regression, both `[n]`; without names all that are defined.

    Raises:
        UserError: A metric that is named is undefined on these rows.
    """
    functions = {name: partial(f, truth, answers) for name, f in _REGRESSION.items()}
    return score_all(names, metrics_of(Task.REGRESSION), functions)


def class_score(judged: Judged, metric: str) -> float:
    """Value of one metric of a classification.

    Raises:
        UndefinedError: It has none on these rows.
    """
    return _CLASSIFICATION[metric](judged)


def number_score(truth: Numbers, answers: Numbers, metric: str) -> float:
    """Value of one metric of a regression, both `[n]`.

    Raises:
        UndefinedError: It has none on these rows.
    """
    return _REGRESSION[metric](truth, answers)


def score_all(
    names: Sequence[str], every: Sequence[str], functions: Mapping[str, Callable[[], float]]
) -> dict[str, float]:
    """Values of the metrics that are named, or of every one that is defined.

    Raises:
        UserError: A metric that is named is undefined on these rows.
    """
    values = {}
    for name in names or every:
        try:
            values[name] = _finite(functions[name]())
        except UndefinedError as problem:
            if names:
                raise UserError(
                    FIELD, f"{name} is undefined: {problem}", "hold out other or more rows, or remove the metric"
                ) from None
    return values


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise UndefinedError("it is no finite number on the rows held out")
    return value


def _averaged(score: Callable[[Counts], float]) -> Callable[[Judged], float]:
    """With two classes of the positive one, else the mean over all classes that occur, in truth or in answers."""

    def value(judged: Judged) -> float:
        occurring = np.union1d(judged.truth, judged.called)
        places = [1] if judged.classes == 2 else occurring  # noqa: PLR2004 - a positive and a negative class
        return float(np.mean([score(_count(judged, int(place))) for place in places]))

    return value


def _count(judged: Judged, place: int) -> Counts:
    truth, called = judged.truth == place, judged.called == place
    return Counts(int(np.count_nonzero(truth & called)), int(called.sum()), int(truth.sum()))


def _precision(counts: Counts) -> float:
    return counts.hits / counts.called if counts.called else 0.0


def _recall(counts: Counts) -> float:
    return counts.hits / counts.true if counts.true else 0.0


def _f1(counts: Counts) -> float:
    both = counts.called + counts.true
    return 2 * counts.hits / both if both else 0.0


def _one_against_rest(score: Callable[[Mask, Numbers], float]) -> Callable[[Judged], float]:
    """With two classes of the positive one, else the mean over all classes that occur, each against the rest."""

    def value(judged: Judged) -> float:
        occurring = np.unique(judged.truth)
        if len(occurring) == 1:
            raise UndefinedError(f"the {rows(len(judged.truth))} held out are all of one class")
        places = [1] if judged.classes == 2 else occurring  # noqa: PLR2004 - a positive and a negative class
        return float(np.mean([score(judged.truth == place, judged.probabilities[:, place]) for place in places]))

    return value


def _roc_auc(truth: Mask, given: Numbers) -> float:
    """Chance that a true row is ranked above another one, ties counted half (the rank-sum form)."""
    _, place, count = np.unique(given, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    true, other = int(truth.sum()), int((~truth).sum())
    return float((rank[truth].sum() - true * (true + 1) / 2) / (true * other))


def _average_precision(truth: Mask, given: Numbers) -> float:
    """Sum over falling thresholds of the gain in recall times the precision there; equal scores share a threshold."""
    order = np.argsort(-given, kind="stable")
    last = np.flatnonzero(np.append(np.diff(given[order]) != 0, np.True_))  # last row of each threshold
    hits = np.cumsum(truth[order])[last]
    gain = np.diff(hits, prepend=0) / truth.sum()
    return float(np.sum(gain * hits / (last + 1)))


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
    return float(1 - np.square(truth - answers).sum() / np.square(truth - truth.mean()).sum())


def _mape(truth: Numbers, answers: Numbers) -> float:
    zeros = int(np.count_nonzero(truth == 0))
    if zeros:
        raise UndefinedError(f"the target is zero in {rows(zeros)}")
    return float(np.mean(np.abs((truth - answers) / truth)))


_CLASSIFICATION: Final[Mapping[str, Callable[[Judged], float]]] = MappingProxyType(
    {
        "accuracy": lambda judged: float(np.mean(judged.truth == judged.called)),
        "balanced_accuracy": _balanced_accuracy,
        "f1": _averaged(_f1),
        "precision": _averaged(_precision),
        "recall": _averaged(_recall),
        "roc_auc": _one_against_rest(_roc_auc),
        "average_precision": _one_against_rest(_average_precision),
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
