"""What a fitted estimator of scikit-learn answers, in the terms of the bundle: the one place that knows each task."""

from typing import Any, Final, assert_never

import numpy as np

from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, SCORE, Label, Signature
from mlwright.bundle.tensors import Array, Arrays, class_array
from mlwright.scoring import Task

ANOMALY_LABELS: Final[tuple[Label, ...]] = (0, 1)
"""What a detector calls a row: usual, anomalous."""


def outputs_of(estimator: Any, table: Any, task: Task, signature: Signature) -> dict[str, Array]:
    """Ask a fitted estimator for the outputs of the signature.

    Args:
        estimator: The estimator, or a pipeline that ends with one.
        table: What it takes, `[n, features]`.
        task: What it has learned.
        signature: Its inputs and outputs.
    """
    match task:
        case Task.CLASSIFICATION:
            return label_outputs(estimator.predict_proba(table), signature)
        case Task.REGRESSION:
            return {PREDICTION: np.asarray(estimator.predict(table), dtype=np.float64).reshape(-1)}
        case Task.ANOMALY_DETECTION:
            return anomaly_outputs(estimator.decision_function(table))
        case _:
            assert_never(task)


def label_outputs(probabilities: Array, signature: Signature) -> dict[str, Array]:
    """A classifier's answer: the most probable class (the first of equals) and all probabilities as float64."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return {LABEL: class_array(signature.classes)[probabilities.argmax(axis=1)], PROBABILITIES: probabilities}


def anomaly_outputs(usual: Array) -> dict[str, Array]:
    """A detector's answer, from scikit-learn's `decision_function`, `[n]`, which is below 0 for anomalies.

    Ours is the other way round, so that a higher score is more anomalous: 1 where the score is above 0.
    """
    score = 0.0 - np.asarray(usual, dtype=np.float64).reshape(-1)
    return {LABEL: (score > 0).astype(np.int64), SCORE: score}


def numbers_of(outputs: Arrays) -> Array:
    """The numbers of answers: predictions or scores `[n]`, or probabilities `[n, classes]`."""
    return next(outputs[name] for name in (PREDICTION, SCORE, PROBABILITIES) if name in outputs)
