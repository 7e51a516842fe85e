"""Fit a pipeline, and answer with it in the terms of the bundle."""

import logging
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from mlwright.bundle.manifest import Signature
from mlwright.bundle.outputs import numbers_of, outputs_of
from mlwright.bundle.tensors import Array
from mlwright.scoring import Task
from mlwright.trainer.answering import Answering
from mlwright.trainer.encoding import Encoding, Matrix, learn_encoding
from mlwright.trainer.errors import UserError
from mlwright.trainer.estimators import CLASS, build_estimator
from mlwright.trainer.preparation import ESTIMATE, build_pipeline, check_prepared
from mlwright.trainer.signatures import signature_learned
from mlwright.trainer.step import Preprocessing, Training
from mlwright.trainer.tables import Side, to_array
from mlwright.trainer.targets import class_places
from mlwright.trainer.wording import rows

logger = logging.getLogger(__name__)

# What a message could repeat from the data: numbers, quoted and bracketed pieces.
_DATA = re.compile(r"\[[^\]]*\]|'[^']*'|\"[^\"]*\"|-?\d[\d.,e+-]*")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted pipeline from encoded features to answers, and its signature."""

    pipeline: Pipeline
    encoding: Encoding
    task: Task
    signature: Signature

    def answer(self, matrix: Matrix) -> dict[str, Array]:
        """The outputs of the signature for encoded rows."""
        return outputs_of(self.pipeline, matrix, self.task, self.signature)


def fit(training: Training, side: Side) -> Fitted:
    """Fit what the pipeline asks for on the training rows.

    A classifier learns the place of a class among the classes, so that all of them are treated alike. A detector of
    anomalies never sees the target.

    Raises:
        UserError: The estimator cannot learn from these rows with these parameters.
    """
    encoding = learn_encoding(side)
    estimator, matrix = build_estimator(training), encoding.matrix(side)
    if training.preprocessing is Preprocessing.NONE:
        check_prepared(estimator, encoding, matrix)
    pipeline = build_pipeline(estimator, encoding, training.preprocessing)
    signature = signature_learned(training.task, side)
    _fit(pipeline, (matrix, _taught(training.task, side, signature), side.weights), training)
    return Fitted(pipeline, encoding, training.task, signature)


def _taught(task: Task, side: Side, signature: Signature) -> Array | None:
    """What an estimator is taught beside the features, `[n]`."""
    if task is Task.ANOMALY_DETECTION:
        return None
    target = to_array(side.target)
    return class_places(target, signature.classes) if task is Task.CLASSIFICATION else target


def answer_soundly(fitted: Answering, matrix: Matrix, estimator: str) -> dict[str, Array]:
    """Answers to encoded rows, every number of them finite.

    Raises:
        UserError: The model cannot answer such rows; served, it would fail on requests.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about answers that are checked here
            answers = fitted.answer(matrix)
    except (ValueError, ArithmeticError) as problem:
        raise _unanswerable(estimator, _without_data(problem)) from problem
    numbers = numbers_of(answers)
    broken = int(np.count_nonzero(~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)))
    if broken:
        raise _unanswerable(estimator, f"{rows(broken)} got no finite number")
    return answers


def _unanswerable(estimator: str, why: str) -> UserError:
    return UserError(
        CLASS, f"{estimator} cannot answer rows that it has not learned: {why}", "use other parameters or another class"
    )


def _fit(pipeline: Pipeline, learned: tuple[Matrix, Array | None, Any | None], training: Training) -> None:
    matrix, answers, weights = learned
    weighed = {} if weights is None else {f"{ESTIMATE}__sample_weight": to_array(weights)}
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pipeline.fit(matrix, answers, **weighed)
    except (ValueError, TypeError, ArithmeticError) as problem:
        raise UserError(
            CLASS,
            f"{training.estimator} cannot learn from these rows: {_without_data(problem)}",
            "correct the parameters, the features or spec.training.estimator.preprocessing",
        ) from problem
    for kind in sorted({type(warning.message).__name__ for warning in caught}):
        logger.warning("scikit-learn warned while fitting", extra={"kind": kind})


def _without_data(problem: Exception) -> str:
    """The first line of a message, with everything that might be a value of a row replaced."""
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return _DATA.sub("...", lines[0])[:300].rstrip(".: ")
