"""What a model of each task is asked and answers."""

from typing import Final, assert_never

from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, SCORE, Datatype, Label, Signature, Tensor
from mlwright.bundle.outputs import ANOMALY_LABELS
from mlwright.scoring import Task
from mlwright.trainer.tables import Side
from mlwright.trainer.targets import classes_of

_LABELS: Final = {bool: Datatype.BOOL, int: Datatype.INT64}  # all others are texts


def signature_of(task: Task, inputs: tuple[Tensor, ...], classes: tuple[Label, ...]) -> Signature:
    """The signature of a model of this task; `classes` are those of a classification."""
    match task:
        case Task.CLASSIFICATION:
            label = _LABELS.get(type(classes[0]), Datatype.BYTES)
            return Signature(inputs, (Tensor(LABEL, label), Tensor(PROBABILITIES, Datatype.FP64)), classes)
        case Task.REGRESSION:
            return Signature(inputs, (Tensor(PREDICTION, Datatype.FP64),))
        case Task.ANOMALY_DETECTION:
            outputs = (Tensor(LABEL, Datatype.INT64), Tensor(SCORE, Datatype.FP64))
            return Signature(inputs, outputs, ANOMALY_LABELS)
        case _:
            assert_never(task)


def signature_learned(task: Task, learned: Side) -> Signature:
    """The signature of a model of this task that learned from these rows."""
    return signature_of(task, learned.inputs, classes_of(learned.target) if task is Task.CLASSIFICATION else ())
