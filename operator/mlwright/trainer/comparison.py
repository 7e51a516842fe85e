"""Is the new model no worse than the champion, on the same rows? A paired test for each metric.

Accuracy is tested by counts (Tango), the area under the ROC curve by DeLong's covariance, everything else by a paired
bootstrap: rows are drawn again with both answers to them, because both models find the same rows hard.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlwright.scoring import METRICS, Goal
from mlwright.stats.paired import mcnemar, tango, upper_tail
from mlwright.trainer.answers import Estimated, Labelled, value
from mlwright.trainer.scores import Judged, Mask, Numbers, Places, UndefinedError
from mlwright.trainer.wording import rows

FEWEST_OF_A_CLASS: Final = 100
"""DeLong's test is too generous with fewer rows of the rarer class: 7.5 % instead of 5 at 30."""
DRAWS: Final = 2000
MOST_BLOCKS: Final = 20_000
FEWEST_BLOCKS: Final = 1000
"""So many rows, or random blocks of rows if there are more, are drawn again."""
FEWEST_GROUPS: Final = 50
"""Groups of rows, where rows come in groups: fewer cannot stand for all that there might be."""
_CHUNK: Final = 50  # draws at a time; keeps memory flat
_WORK: Final = 200_000  # blocks times sums of a draw

_SMALLEST: Final = 1e-15  # as in scores


@dataclass(frozen=True, slots=True)
class Pair:
    """The answers of the new model and of the champion to the same rows.

    `groups` are the places of the rows' groups, `[n]`, where the dataset names a column of them: rows of one person or
    one day are no independent witnesses, so whole groups are drawn again.
    """

    new: Labelled
    old: Labelled
    groups: Places | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """A metric as a function of sums over rows: what each row adds, `[n, k]`, and the value of sums `[..., k]`."""

    added: Numbers
    value: Callable[[Numbers], Numbers]


def compare(pair: Pair, metric: str, margin: float, seed: int) -> dict[str, Any]:
    """Test the hypothesis that the new model is worse by `margin` or more.

    Args:
        pair: The answers, each to the same rows in the same order.
        metric: Which metric.
        margin: How much worse is still as good, in units of the metric, at least 0.
        seed: Of the bootstrap.

    Returns:
        `new` and `old` (values), `p` (one-sided: small means no worse by more than the margin), `rows` and `test`; of
        Tango also `better`, the exact p-value against being no better.

    Raises:
        UndefinedError: The metric is undefined for one of them, or there are too few rows for its test.
    """
    new, old = value(pair.new, metric), value(pair.old, metric)
    if not math.isfinite(new) or not math.isfinite(old):
        raise UndefinedError(f"{metric} is no finite number")
    found: dict[str, Any] = {"new": new, "old": old, "rows": len(pair.new.truth)}
    if pair.groups is not None:
        _check_groups(pair.groups, metric)
    elif isinstance(pair.new, Judged) and isinstance(pair.old, Judged) and metric in _EXACT:
        return found | _EXACT[metric](pair.new, pair.old, margin)
    gain = 1 if METRICS[metric].goal is Goal.MAX else -1
    return found | {"p": _bootstrap(pair, metric, (gain, margin), seed), "test": "bootstrap"}


def _check_groups(groups: Places, metric: str) -> None:
    count = len(np.unique(groups))
    if metric == "roc_auc":
        raise UndefinedError("roc_auc has no paired test here for rows in groups (groupColumn): use accuracy or f1")
    if count < FEWEST_GROUPS:
        raise UndefinedError(f"{FEWEST_GROUPS} groups held out are needed to compare, there are {count:,}")


def _accuracy(new: Judged, old: Judged, margin: float) -> dict[str, Any]:
    right, before = new.truth == new.called, old.truth == old.called
    gained, lost = int((right & ~before).sum()), int((before & ~right).sum())
    p = tango(gained, lost, len(right), margin)
    return {"p": p, "better": mcnemar(gained, lost), "gained": gained, "lost": lost, "test": "Tango"}


def _roc_auc(new: Judged, old: Judged, margin: float) -> dict[str, Any]:
    if new.classes != 2 or old.classes != 2:  # noqa: PLR2004 - a positive and a negative class
        raise UndefinedError("roc_auc of more than two classes has no paired test here: use accuracy, f1 or log_loss")
    positive = new.truth == 1
    rarer = int(min(positive.sum(), (~positive).sum()))
    if rarer < FEWEST_OF_A_CLASS:
        raise UndefinedError(
            f"DeLong's test of roc_auc needs {FEWEST_OF_A_CLASS} rows of the rarer class, there are {rows(rarer)}"
        )
    scores = np.stack([new.probabilities[:, 1], old.probabilities[:, 1]])
    difference, error = delong(positive, scores)
    if error == 0:
        return {"p": 0.0 if difference + margin > 0 else 1.0, "test": "DeLong"}
    return {"p": upper_tail((difference + margin) / error), "test": "DeLong"}


_EXACT: Final[dict[str, Callable[[Judged, Judged, float], dict[str, Any]]]] = {
    "accuracy": _accuracy,
    "roc_auc": _roc_auc,
}


def delong(positive: Mask, scores: Numbers) -> tuple[float, float]:
    """Difference of two areas under the ROC curve and its standard error (DeLong, DeLong and Clarke-Pearson 1988).

    Args:
        positive: `[n]`, true for positive rows; there are at least two of each kind.
        scores: `[2, n]`, of the first and of the second classifier.
    """
    above = [_placements(row[positive], row[~positive]) for row in scores]
    below = [_placements(-row[~positive], -row[positive]) for row in scores]
    areas = [float(found.mean()) for found in above]
    first, second = np.cov(np.stack(above)), np.cov(np.stack(below))
    covariance = first / positive.sum() + second / (~positive).sum()
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return areas[0] - areas[1], math.sqrt(max(0.0, float(variance)))


def _placements(these: Numbers, others: Numbers) -> Numbers:
    """Of each value the share of the others that lie below it, ties counted half."""
    ordered = np.sort(others)
    lower, upper = np.searchsorted(ordered, these, "left"), np.searchsorted(ordered, these, "right")
    return (lower + upper) / (2 * len(others))


def _bootstrap(pair: Pair, metric: str, bound: tuple[int, float], seed: int) -> float:
    """Share of draws in which the new model is worse by the margin or more; one is added, so it is never 0."""
    gain, margin = bound
    new, old = _SUMS[metric](pair.new), _SUMS[metric](pair.old)
    both = np.hstack([new.added, old.added])
    chance = np.random.default_rng(seed)
    blocks = _blocks(both if pair.groups is None else _summed(both, pair.groups), chance)
    worse, width = 0, new.added.shape[1]
    for start in range(0, DRAWS, _CHUNK):
        count = min(_CHUNK, DRAWS - start)
        drawn = chance.integers(0, len(blocks), (count, len(blocks)))
        weights = np.stack([np.bincount(row, minlength=len(blocks)) for row in drawn])
        sums = weights @ blocks
        difference = gain * (new.value(sums[:, :width]) - old.value(sums[:, width:]))
        worse += int(np.count_nonzero(~(difference > -margin)))
    return (worse + 1) / (DRAWS + 1)


def _blocks(added: Numbers, chance: np.random.Generator) -> Numbers:
    """The rows, or the sums of random blocks of them where there are more than can be drawn again."""
    most = int(np.clip(_WORK // added.shape[1], FEWEST_BLOCKS, MOST_BLOCKS))
    if len(added) <= most:
        return added
    places = chance.permutation(len(added)) % most
    return _summed(added, places)


def _summed(added: Numbers, places: Places) -> Numbers:
    """Sums of what the rows of each place add."""
    found = np.zeros((int(places.max()) + 1, added.shape[1]))
    np.add.at(found, places, added)
    return found


def _right(answers: Labelled) -> Numbers:
    assert isinstance(answers, Judged)  # noqa: S101  # a metric of a classification
    return np.asarray(answers.truth == answers.called, dtype=np.float64)


def _mean(each: Callable[[Labelled], Numbers], last: Callable[[Numbers], Numbers] = lambda mean: mean) -> Any:
    """A metric that is a mean over rows, or a function of one."""

    def sums(answers: Labelled) -> Sums:
        added = np.stack([each(answers), np.ones(len(answers.truth))], axis=1)
        return Sums(added, lambda total: last(total[..., 0] / total[..., 1]))

    return sums


def _errors(power: int) -> Callable[[Labelled], Numbers]:
    def each(answers: Labelled) -> Numbers:
        assert isinstance(answers, Estimated)  # noqa: S101  # the metrics of a regression
        return np.asarray(np.abs(answers.truth - answers.answers) ** power)

    return each


def _r2(answers: Labelled) -> Sums:
    assert isinstance(answers, Estimated)  # noqa: S101  # a metric of a regression
    centred = answers.truth - answers.truth.mean()  # the same for both: r2 does not depend on it, its digits do
    added = np.stack([(answers.truth - answers.answers) ** 2, centred**2, centred, np.ones(len(centred))], axis=1)
    return Sums(added, lambda t: 1 - t[..., 0] / (t[..., 1] - t[..., 2] ** 2 / t[..., 3]))


def _log_loss(answers: Labelled) -> Numbers:
    assert isinstance(answers, Judged)  # noqa: S101  # a metric of a classification
    given = answers.probabilities[np.arange(len(answers.truth)), answers.truth]
    return np.asarray(-np.log(np.clip(given, _SMALLEST, 1.0)))


def _brier(answers: Labelled) -> Numbers:
    assert isinstance(answers, Judged)  # noqa: S101  # a metric of a classification
    return np.asarray(np.square(answers.probabilities - np.eye(answers.classes)[answers.truth]).sum(axis=1) / 2)


def _counted(score: Callable[[Numbers, Numbers, Numbers], Numbers], *, of_truth: bool = False) -> Any:
    """A metric made of hits, rows called so and rows truly so, of the positive class or as a mean over the classes."""

    def sums(answers: Labelled) -> Sums:
        assert isinstance(answers, Judged)  # noqa: S101  # a metric of a classification
        places = _places(answers, of_truth=of_truth)
        truth = (answers.truth[:, None] == places).astype(float)
        called = (answers.called[:, None] == places).astype(float)
        width = len(places)
        added = np.hstack([truth * called, called, truth])
        return Sums(
            added,
            lambda t: score(t[..., :width], t[..., width : 2 * width], t[..., 2 * width :]).mean(axis=-1),
        )

    return sums


def _places(judged: Judged, *, of_truth: bool) -> NDArray[np.int64]:
    if of_truth:
        return np.unique(judged.truth)
    return np.array([1]) if judged.classes == 2 else np.union1d(judged.truth, judged.called)  # noqa: PLR2004 - as above


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


_SUMS: Final[dict[str, Callable[[Labelled], Sums]]] = {
    "accuracy": _mean(_right),
    "balanced_accuracy": _counted(lambda hits, _, true: _ratio(hits, true), of_truth=True),
    "f1": _counted(lambda hits, called, true: _ratio(2 * hits, called + true)),
    "precision": _counted(lambda hits, called, _: _ratio(hits, called)),
    "recall": _counted(lambda hits, _, true: _ratio(hits, true)),
    "log_loss": _mean(_log_loss),
    "brier": _mean(_brier),
    "mae": _mean(_errors(1)),
    "mse": _mean(_errors(2)),
    "rmse": _mean(_errors(2), np.sqrt),
    "r2": _r2,
}
TESTED: Final = ("roc_auc", *_SUMS)
"""Metrics that have a test."""
