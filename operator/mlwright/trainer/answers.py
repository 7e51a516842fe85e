"""A model's answers beside the truth, of any task, so that what measures them need not ask which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, SCORE, Label, Signature
from mlwright.bundle.tensors import Array, Arrays
from mlwright.scoring import Task
from mlwright.trainer.detections import Detected, detection_score, score_detections
from mlwright.trainer.scores import Judged, Mask, Numbers, class_score, number_score, score_classes, score_numbers
from mlwright.trainer.targets import class_places


@dataclass(frozen=True, slots=True)
class Estimated:
    """A regressor's answers beside the truth, both `[n]`."""

    truth: Numbers
    answers: Numbers


Answers = Judged | Estimated | Detected
Labelled = Judged | Estimated
"""Answers of which the truth is known."""


def answers_of(task: Task, signature: Signature, outputs: Arrays, target: Array | None) -> Answers:
    """Put what a model answered beside the target, `[n]`, which only a detector of anomalies can do without."""
    if task is Task.ANOMALY_DETECTION:
        return Detected(outputs[LABEL], outputs[SCORE], target)
    assert target is not None  # noqa: S101  # the step validate has refused such rows
    match task:
        case Task.CLASSIFICATION:
            return judge(outputs, target, signature.classes)
        case Task.REGRESSION:
            return Estimated(target, outputs[PREDICTION])
        case _:
            assert_never(task)


def judge(outputs: Arrays, target: Array, classes: tuple[Label, ...]) -> Judged:
    """Put a classifier's answers beside the truth; each class that it does not know gets the probability 0."""
    unknown = tuple(sorted(set(target.tolist()) - set(classes)))
    known = outputs[PROBABILITIES]
    probabilities = np.hstack([known, np.zeros((len(known), len(unknown)))])
    every = (*classes, *unknown)
    return Judged(class_places(target, every), class_places(outputs[LABEL], every), probabilities)


def select(answers: Answers, rows: Mask) -> Answers:
    """The rows where the mask is true."""
    if isinstance(answers, Estimated):
        return Estimated(answers.truth[rows], answers.answers[rows])
    if isinstance(answers, Detected):
        return answers.select(rows)
    return Judged(answers.truth[rows], answers.called[rows], answers.probabilities[rows])


def value(answers: Answers, metric: str) -> float:
    """Value of one metric.

    Raises:
        UndefinedError: It has none on these rows.
    """
    if isinstance(answers, Estimated):
        return number_score(answers.truth, answers.answers, metric)
    if isinstance(answers, Detected):
        return detection_score(answers, metric)
    return class_score(answers, metric)


def score(answers: Answers, names: Sequence[str]) -> dict[str, float]:
    """Values of metrics; without names all that are defined.

    Raises:
        UserError: A metric that is named is undefined on these rows.
    """
    if isinstance(answers, Estimated):
        return score_numbers(answers.truth, answers.answers, names)
    if isinstance(answers, Detected):
        return score_detections(answers, names)
    return score_classes(answers, names)


def labelled(answers: Answers) -> Labelled:
    """The answers beside their truth: those of a detector as answers about two classes.

    Raises:
        UndefinedError: The rows have no labels.
    """
    return answers.judged() if isinstance(answers, Detected) else answers
