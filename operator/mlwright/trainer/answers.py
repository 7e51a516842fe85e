"""A model's answers beside the truth, of either task, so that what measures them need not ask which."""

from dataclasses import dataclass

import numpy as np

from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, Core, Label
from mlwright.bundle.tensors import Array, Arrays
from mlwright.scoring import Task
from mlwright.trainer.scores import Judged, Mask, Numbers, class_score, number_score
from mlwright.trainer.targets import class_places


@dataclass(frozen=True, slots=True)
class Estimated:
    """A regressor's answers beside the truth, both `[n]`."""

    truth: Numbers
    answers: Numbers


Answers = Judged | Estimated


def answers_of(core: Core, outputs: Arrays, target: Array) -> Answers:
    """Put what a bundle answered beside the target, `[n]`."""
    if core.task is Task.REGRESSION:
        return Estimated(target, outputs[PREDICTION])
    return judge(outputs, target, core.signature.classes)


def judge(outputs: Arrays, target: Array, classes: tuple[Label, ...]) -> Judged:
    """Put a classifier's answers beside the truth; each class that it does not know gets the probability 0."""
    unknown = tuple(sorted(set(target.tolist()) - set(classes)))
    known = outputs[PROBABILITIES]
    probabilities = np.hstack([known, np.zeros((len(known), len(unknown)))])
    every = (*classes, *unknown)
    return Judged(class_places(target, every), class_places(outputs[LABEL], every), probabilities)


def count(answers: Answers) -> int:
    """Number of rows."""
    return len(answers.truth)


def select(answers: Answers, rows: Mask) -> Answers:
    """The rows where the mask is true."""
    if isinstance(answers, Estimated):
        return Estimated(answers.truth[rows], answers.answers[rows])
    return Judged(answers.truth[rows], answers.called[rows], answers.probabilities[rows])


def value(answers: Answers, metric: str) -> float:
    """Value of one metric.

    Raises:
        UndefinedError: It has none on these rows.
    """
    if isinstance(answers, Estimated):
        return number_score(answers.truth, answers.answers, metric)
    return class_score(answers, metric)
