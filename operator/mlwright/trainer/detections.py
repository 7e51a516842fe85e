"""A detector's answers, beside the truth where the rows have labels, and the metrics of both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np

from mlwright.scoring import METRICS, Task, metrics_of
from mlwright.trainer.scores import Judged, Mask, Numbers, Places, UndefinedError, class_score, score_all


@dataclass(frozen=True, slots=True)
class Detected:
    """A detector's answers: 1 for what it calls anomalous, and the scores, `[n]` each.

    `truth` is 1 for rows that are anomalous, `[n]`; None where the rows have no labels.
    """

    called: Places
    scores: Numbers
    truth: Places | None

    def select(self, rows: Mask) -> "Detected":
        """The rows where the mask is true."""
        return Detected(self.called[rows], self.scores[rows], None if self.truth is None else self.truth[rows])

    def judged(self) -> Judged:
        """The same as answers about two classes, the second of them anomalous: a score ranks as a probability does.

        Raises:
            UndefinedError: The rows have no labels.
        """
        if self.truth is None:
            raise UndefinedError("the rows have no labels (dataset.target)")
        return Judged(self.truth, self.called, np.stack([-self.scores, self.scores], axis=1))


def detection_score(detected: Detected, metric: str) -> float:
    """Value of one metric.

    Raises:
        UndefinedError: It has none on these rows.
    """
    if METRICS[metric].needs_target:
        judged = detected.judged()
        _check_positive(judged, metric)
        return class_score(judged, metric)
    return _UNLABELLED[metric](detected)


def _check_positive(judged: Judged, metric: str) -> None:
    """Anomalies are rare: where none is there, 0 would call a detector bad that nothing could tell from a good one."""
    if metric in {"f1", "recall"} and not (judged.truth == 1).any():
        raise UndefinedError("no row held out is labelled anomalous")
    if metric == "precision" and not (judged.called == 1).any():
        raise UndefinedError("no row held out is called anomalous")


def score_detections(detected: Detected, names: Sequence[str]) -> dict[str, float]:
    """Values of metrics; without names all that are defined.

    Raises:
        UserError: A metric that is named is undefined on these rows.
    """
    every = metrics_of(Task.ANOMALY_DETECTION)
    return score_all(names, every, {name: partial(detection_score, detected, name) for name in every})


def _quantile(share: float) -> Callable[[Detected], float]:
    # A score that a row has: between two of them nothing was observed.
    return lambda detected: float(np.quantile(detected.scores, share, method="inverted_cdf"))


_UNLABELLED: Final[Mapping[str, Callable[[Detected], float]]] = MappingProxyType(
    {
        "anomaly_rate": lambda detected: float(np.mean(detected.called)),
        "score_median": _quantile(0.5),
        "score_p95": _quantile(0.95),
        "score_p99": _quantile(0.99),
    }
)
