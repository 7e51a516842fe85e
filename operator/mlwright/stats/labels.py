"""Whether a model has become worse than it was when it was evaluated, told by labels that arrive late and few.

A bet against "the accuracy is still at least the floor": its money is the evidence, and whoever looks after every batch
of labels is deceived no more often than whoever looks once (Ville's inequality). Good labels make the money shrink, and
a model that goes bad after months would have to win it all back; so the bet begins anew whenever the money is down to
what it began with. Each such beginning reaches `ALARM` with a chance of at most 1 / ALARM: with a batch of labels every
ten minutes there is at most one false alarm in 30 days on average.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mlwright.stats.beta import at_least, log_below, log_beta

ALARM: Final = 4320.0
_PRIOR: Final = 20.0
"""Labels that the bet's opinion before the first one is worth: about the floor, and below it."""
_DOUBT: Final = 0.05
"""The accuracy of the evaluation is taken at the lower end of its interval: too high a floor would be false alarms."""
_HALVINGS: Final = 40


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels since the bet began, and what is held of the model.

    Attributes:
        correct: Labelled answers that were right.
        labelled: Labelled answers.
        degraded: Whether the model is held to be worse than the floor: from the alarm until the bet begins anew.
    """

    correct: int = 0
    labelled: int = 0
    degraded: bool = False


@lru_cache(maxsize=256)  # asked at every look of a monitor, and a quarter of its cost
def floor(correct: int, rows: int, margin: float) -> float:
    """The accuracy below which a model counts as degraded: the evaluation's lower end, less what it may lose.

    >>> round(floor(9000, 10_000, 0.02), 4)
    0.8749

    Args:
        correct: Rows of the evaluation that were answered rightly.
        rows: Rows of the evaluation.
        margin: Accuracy that may be lost.

    Returns:
        0 where the evaluation says too little for any floor.
    """
    if correct <= 0 or rows < correct:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if at_least(correct, rows, middle) < _DOUBT else (low, middle)
    return max(0.0, low - margin)


def evidence(correct: int, labelled: int, least: float) -> float:
    """How many times over the money of the bet has grown.

    Args:
        correct: Labelled answers that were right.
        labelled: Labelled answers.
        least: The floor, above 0 and below 1.
    """
    right, wrong = _PRIOR * least, _PRIOR * (1 - least)
    wrongs = labelled - correct
    before = log_beta(right, wrong) + log_below(least, right, wrong)
    after = log_beta(right + correct, wrong + wrongs) + log_below(least, right + correct, wrong + wrongs)
    fair = correct * math.log(least) + wrongs * math.log1p(-least)
    return math.exp(min(700.0, after - before - fair))


def watched(labels: Labels, correct: int, labelled: int, *, least: float) -> Labels:
    """Add a batch of labels.

    Args:
        labels: What is known up to now.
        correct: Answers of the batch that were right.
        labelled: Answers of the batch.
        least: The floor; 0 tells nothing and changes nothing.
    """
    if labelled <= 0 or not 0 < least < 1:
        return labels
    right, rows = labels.correct + correct, labels.labelled + labelled
    money = evidence(right, rows, least)
    if money <= 1:
        return Labels()
    return Labels(right, rows, degraded=labels.degraded or money >= ALARM)
