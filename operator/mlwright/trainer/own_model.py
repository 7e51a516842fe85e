"""A model that a container of somebody's own has fitted: `model.onnx`, judged as strictly as a bundle's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlwright.bundle.manifest import LABEL, PROBABILITIES, SCORE, Datatype, Format, Signature, Tensor
from mlwright.bundle.models import OnnxModel, answer_all, open_session
from mlwright.bundle.tensors import DTYPES, Array, Arrays
from mlwright.scoring import Task
from mlwright.trainer.encoding import Feature
from mlwright.trainer.errors import UserError
from mlwright.trainer.signatures import signature_learned
from mlwright.trainer.step import Training
from mlwright.trainer.storing import Stored
from mlwright.trainer.tables import Side
from mlwright.trainer.wording import rows

FILE: Final = "model.onnx"
CONTAINER: Final = "spec.training.container"
ONNX_TYPES: Final = {
    Datatype.FP64: "tensor(double)",
    Datatype.INT64: "tensor(int64)",
    Datatype.BOOL: "tensor(bool)",
    Datatype.BYTES: "tensor(string)",
}


@dataclass(frozen=True, slots=True)
class RawEncoding:
    """Features as they are, side by side: such a model encodes them itself."""

    columns: tuple[Feature, ...]

    def matrix(self, side: Side) -> Array:
        """The features of rows as objects, `[n, features]`."""
        arrays = side.arrays()
        return np.hstack([arrays[feature.tensor.name].astype(object) for feature in self.columns])

    def arrays(self, matrix: Array) -> dict[str, Array]:
        """The columns of such a matrix as a model takes them: `[n, 1]` by name."""
        return {
            feature.tensor.name: matrix[:, place].astype(DTYPES[feature.tensor.datatype]).reshape(-1, 1)
            for place, feature in enumerate(self.columns)
        }


@dataclass(frozen=True, slots=True)
class OwnModel:
    """The model, with what a fitted one of ours has as well."""

    task: Task
    signature: Signature
    encoding: RawEncoding
    content: bytes
    session: OnnxModel

    @property
    def stored(self) -> Stored:
        """It is in its final form already."""
        return Stored(Format.ONNX, self.content)

    def answer(self, matrix: Array) -> dict[str, Array]:
        """The outputs of the signature for rows.

        Raises:
            UserError: it fails on them, its answers have another shape than they should, or a detector's label is not
                1 exactly where its score is above 0.
        """
        try:
            answers = answer_all(self.session, self.encoding.arrays(matrix))
        except Exception as problem:  # ONNX Runtime's errors share no base class of their own
            raise _refuse(f"its {FILE} cannot answer rows: {type(problem).__name__}") from problem
        for name, shape in self._shapes(len(matrix)).items():
            if answers[name].shape != shape:
                raise _refuse(f"the output {name} of its {FILE} has the shape {answers[name].shape}, not {shape}")
        if self.task is Task.ANOMALY_DETECTION:
            _check_labels(answers)
        return answers

    def _shapes(self, count: int) -> dict[str, tuple[int, ...]]:
        wide = {PROBABILITIES: (count, len(self.signature.classes))}
        return {tensor.name: wide.get(tensor.name, (count,)) for tensor in self.signature.outputs}


def load_own(path: Path, training: Training, learned: Side) -> OwnModel:
    """Load what a container left, and judge its inputs and outputs.

    Args:
        path: The file.
        training: What was asked for.
        learned: The rows that it could learn from.

    Raises:
        UserError: There is no such file, it is no ONNX model, or its inputs and outputs are not those of the contract.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _refuse(f"it left no {FILE}") from None
    try:
        session = open_session(content, threads=1)
    except Exception as problem:  # as above
        raise _refuse(f"its {FILE} is no model that ONNX Runtime can load: {type(problem).__name__}") from problem
    signature = signature_learned(training.task, learned)
    _compare("inputs", session.get_inputs(), signature.inputs)
    _compare("outputs", session.get_outputs(), signature.outputs)
    encoding = RawEncoding(tuple(Feature(tensor) for tensor in signature.inputs))
    return OwnModel(training.task, signature, encoding, content, OnnxModel(session, signature))


def _check_labels(answers: Arrays) -> None:
    """Refuse labels that are not 1 exactly where the score is above 0: who reads one may as well read the other."""
    called, scores = answers[LABEL], answers[SCORE]
    wrong = np.flatnonzero(called != (scores > 0))
    if len(wrong):
        shown = f"{called[wrong[0]]} for a score of {scores[wrong[0]]:.6g}"
        raise _refuse(
            f"the output {LABEL} of its {FILE} contradicts {SCORE} in {rows(len(wrong))}, such as {shown}",
            f"let it answer {LABEL} 1 where {SCORE} is above 0, else 0; subtract a threshold of your own from {SCORE}",
        )


def _compare(what: str, found: Any, wanted: tuple[Tensor, ...]) -> None:
    there = [(value.name, value.type) for value in found]
    asked = [(tensor.name, ONNX_TYPES[tensor.datatype]) for tensor in wanted]
    if there != asked:
        raise _refuse(f"the {what} of its {FILE} are {_named(there)}, not {_named(asked)}")


def _named(pairs: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in pairs[:20]) or "none"


_AS_DESCRIBED: Final = "write to the path in MLWRIGHT_OUTPUT_MODEL a model as the page on steps describes it"


def _refuse(problem: str, remedy: str = _AS_DESCRIBED) -> UserError:
    return UserError(CONTAINER, problem, remedy)
