"""What a model of each task is asked and answers."""

from typing import assert_never

from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, SCORE, Datatype, Signature, Tensor
from mlwright.bundle.outputs import ANOMALY_LABELS
from mlwright.scoring import Task
from mlwright.trainer.columns import datatype_of
from mlwright.trainer.tables import Side
from mlwright.trainer.targets import classes_of


def signature_of(task: Task, learned: Side) -> Signature:
    """The signature of a model of this task that learned from these rows."""
    match task:
        case Task.CLASSIFICATION:
            outputs = (Tensor(LABEL, datatype_of(learned.target)), Tensor(PROBABILITIES, Datatype.FP64))
            return Signature(learned.inputs, outputs, classes_of(learned.target))
        case Task.REGRESSION:
            return Signature(learned.inputs, (Tensor(PREDICTION, Datatype.FP64),))
        case Task.ANOMALY_DETECTION:
            outputs = (Tensor(LABEL, Datatype.INT64), Tensor(SCORE, Datatype.FP64))
            return Signature(learned.inputs, outputs, ANOMALY_LABELS)
        case _:
            assert_never(task)
