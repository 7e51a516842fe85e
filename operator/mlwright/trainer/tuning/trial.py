"""One trial: what the estimator with these parameters reaches on the folds."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mlwright.trainer.answers import Answers, answers_of, value
from mlwright.trainer.errors import UserError
from mlwright.trainer.fitting import Fitted, answer_soundly, fit
from mlwright.trainer.scores import UndefinedError
from mlwright.trainer.step import Training
from mlwright.trainer.tables import Side
from mlwright.trainer.tuning.folds import Fold
from mlwright.trainer.tuning.settings import Scalar


class TrialFailedError(Exception):
    """A trial has no value; the text says why and holds no values of rows."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges parameters by the folds."""

    training: Training
    folds: tuple[Fold, ...]
    metrics: tuple[str, ...]

    def scores(self, parameters: Mapping[str, Scalar]) -> Iterator[tuple[float, ...]]:
        """Values of the metrics on each fold, one fold after the other.

        Raises:
            TrialFailedError: These parameters reach nothing that could be compared.
        """
        training = replace(self.training, parameters={**self.training.parameters, **parameters})
        for number, (learned, judging) in enumerate(self.folds, start=1):
            try:
                yield self._fold(training, learned, judging)
            except (UserError, UndefinedError) as problem:
                said = problem.sentence if isinstance(problem, UserError) else str(problem)
                raise TrialFailedError(f"on fold {number}: {said}") from problem
            except MemoryError:
                raise  # the pod is too small: another trial would not fit either
            except Exception as problem:
                # Whatever else a library raises ends this trial and not the others; its message may hold data.
                raise TrialFailedError(f"on fold {number}: it failed with {type(problem).__name__}") from problem

    def _fold(self, training: Training, learned: Side, judging: Side) -> tuple[float, ...]:
        answers = _answers(fit(training, learned), judging, training.estimator)
        return tuple(_value(answers, metric) for metric in self.metrics)


def _answers(fitted: Fitted, side: Side, estimator: str) -> Answers:
    outputs = answer_soundly(fitted, fitted.encoding.matrix(side), estimator)
    return answers_of(fitted.task, fitted.signature, outputs, side.truth())


def _value(answers: Answers, metric: str) -> float:
    try:
        found = value(answers, metric)
    except UndefinedError as problem:
        raise UndefinedError(f"{metric} is undefined: {problem}") from None
    if not math.isfinite(found):
        raise UndefinedError(f"{metric} is no finite number")
    return found
