"""From a model as it was found to everything that a bundle needs of it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mlwright.bundle.golden import ROWS, GoldenRow, Scalar
from mlwright.bundle.manifest import LABEL, PROBABILITIES, Datatype, Format, Signature, Tensor
from mlwright.bundle.models import OnnxModel, open_session
from mlwright.bundle.parity import compare
from mlwright.bundle.profile import Profile
from mlwright.bundle.tensors import Array, Arrays, plain_outputs, to_inputs
from mlwright.scoring import Task
from mlwright.trainer.bundling import Parts
from mlwright.trainer.encoding import Feature
from mlwright.trainer.environment import environment
from mlwright.trainer.errors import UserError
from mlwright.trainer.imports.estimators import FittedElsewhere, load
from mlwright.trainer.imports.fetching import URI
from mlwright.trainer.imports.finding import Found, Kind
from mlwright.trainer.imports.onnx_graph import Wanted, adapt
from mlwright.trainer.imports.task import FIELD, ImportTask
from mlwright.trainer.onnx_export import OPSETS
from mlwright.trainer.own_model import RawEncoding
from mlwright.trainer.storing import Stored

NO_EXAMPLE: Final = "no input example: the golden rows are drawn without knowing what values are usual"
NO_PROFILE: Final = "no profile of the rows that it learned from: whether data has moved away from them cannot be told"
NO_METRICS: Final = "no metrics on held-out rows, so no gate has judged it"
_DECIMALS: Final = 9
"""As in golden rows of our own training."""
_CONVERT: Final = "the model answers differently when converted to ONNX"


@dataclass(frozen=True, slots=True)
class Taken:
    """A model that was taken in, with what a fitted one of ours has as well."""

    task: Task
    signature: Signature
    stored: Stored
    predict: Any

    @property
    def encoding(self) -> RawEncoding:
        """Columns as they are."""
        return RawEncoding(tuple(Feature(tensor) for tensor in self.signature.inputs))

    def answer(self, matrix: Any) -> dict[str, Array]:
        """The outputs of the signature for rows."""
        return self.asked(self.encoding.arrays(matrix))

    def asked(self, inputs: Arrays) -> dict[str, Array]:
        """The outputs of the signature for rows, of the shapes that the contract says.

        Raises:
            UserError: The model fails on them, or answers in another shape.
        """
        try:
            answers: dict[str, Array] = self.predict(inputs)
        except Exception as problem:  # ONNX Runtime's errors share no base class, and an estimator raises anything
            said = f"the model cannot answer rows of its own columns: {type(problem).__name__}"
            remedy = "export it as ONNX from plain columns; one that picks columns by name needs a data frame"
            raise UserError(URI, said, remedy) from problem
        rows = len(next(iter(inputs.values())))
        classes = len(self.signature.classes)
        shapes = {PROBABILITIES: (rows, classes)}
        for name, values in answers.items():
            if values.shape != shapes.get(name, (rows,)):
                said = f"the answers to {rows} rows and {classes} classes have the shape {values.shape}"
                raise UserError(f"{FIELD}.classes", said, "name all classes in their order")
        return answers


def understand(found: Found, task: ImportTask) -> tuple[Parts, tuple[str, ...]]:
    """Everything that goes into the bundle of a model, and what it did not bring.

    Raises:
        UserError: It cannot be understood, loaded or asked.
    """
    golden: list[dict[str, Scalar]]
    if found.kind is Kind.ONNX:
        taken = _of_onnx(found.path.read_bytes(), found, task)
        golden = draw(taken.signature.inputs, found.rows)
    else:
        fitted = load(found, task)
        golden = draw(fitted.signature.inputs, found.rows)
        taken = _of_estimator(fitted, golden)
    if task.task and taken.task is not task.task:
        raise UserError(f"{FIELD}.task", f"is {task.task}, and the model does {taken.task}", "correct or remove it")
    answers = _rounded(taken.asked(to_inputs(golden, taken.signature)))
    if not all(np.isfinite(values).all() for name, values in answers.items() if name != LABEL):
        raise UserError(URI, "the model answers some rows with what is no number", "take in another model")
    rows = tuple(GoldenRow(row, plain_outputs(answers, place)) for place, row in enumerate(golden))
    record = {"import": dict(task.document), "environment": environment()}
    missing = (*(() if found.rows else (NO_EXAMPLE,)), NO_PROFILE, NO_METRICS)
    return Parts(taken, taken.stored, Profile(0, (), ()), rows, record), missing


def _of_onnx(content: bytes, found: Found, task: ImportTask) -> Taken:
    graph = adapt(content, Wanted(task.task, found.columns, task.features, task.classes))
    try:
        session = OnnxModel(open_session(graph.content, threads=1), graph.signature)
    except Exception as problem:  # as above
        said = f"ONNX Runtime cannot load the model: {type(problem).__name__}"
        raise UserError(URI, said, "export it with operators of ONNX itself, as one file") from problem
    return Taken(graph.task, graph.signature, Stored(Format.ONNX, graph.content), session.predict)


def _of_estimator(fitted: FittedElsewhere, golden: Sequence[Mapping[str, Scalar]]) -> Taken:
    """The model as ONNX where it answers alike, else as skops keeps it."""
    inputs = to_inputs(golden, fitted.signature)
    plain = Taken(fitted.task, fitted.signature, Stored(Format.SKOPS, b""), fitted.answer)
    expected = plain.asked(inputs)
    converted, reason = _converted(fitted)
    if converted is not None:
        parity = compare(expected, converted.asked(inputs))
        if parity.holds:
            return converted
        reason = f"{_CONVERT}: {parity.sentence}"
    return Taken(fitted.task, fitted.signature, fitted.stored(reason), fitted.answer)


def _converted(fitted: FittedElsewhere) -> tuple[Taken | None, str]:
    from skl2onnx import convert_sklearn  # noqa: PLC0415 - slow to import, and only some imports need it
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415

    signature = fitted.signature
    if fitted.task is Task.ANOMALY_DETECTION:
        return None, "a detector of anomalies is converted to ONNX only where it is trained"
    if any(tensor.datatype is Datatype.BYTES for tensor in signature.inputs):
        return None, "it learned from texts, which are converted only where we encode them"
    kind = [("table", FloatTensorType([None, len(signature.inputs)]))]
    options = {id(fitted.estimator): {"zipmap": False}} if signature.classes else None
    try:
        model = convert_sklearn(fitted.estimator, initial_types=kind, options=options, target_opset=OPSETS)
        columns = tuple(Tensor(tensor.name, Datatype.FP64) for tensor in signature.inputs)
        classes = tuple(str(label) for label in signature.classes)
        graph = adapt(model.SerializeToString(), Wanted(fitted.task, columns, (), classes))
        session = OnnxModel(open_session(graph.content, threads=1), graph.signature)
    except Exception as problem:  # noqa: BLE001 - converters raise whatever they like
        return None, f"there is no conversion to ONNX: {type(problem).__name__}"
    if graph.signature != signature:
        return None, "converted to ONNX it would lose the types of its columns or labels"
    return Taken(graph.task, graph.signature, Stored(Format.ONNX, graph.content), session.predict), ""


def draw(columns: Sequence[Tensor], example: Sequence[Mapping[str, Any]]) -> list[dict[str, Scalar]]:
    """Golden rows: each column by itself, within what an input example shows of it, else around 0.

    >>> rows = draw([Tensor("x", Datatype.FP64)], [{"x": 2.0}, {"x": 4.0}])
    >>> len(rows), all(2 <= row["x"] <= 4 for row in rows)
    (64, True)
    """
    # Not for secrets: the same model must give the same bundle.
    chance = random.Random(0)  # noqa: S311
    shown = {
        tensor.name: [row[tensor.name] for row in example if row.get(tensor.name) is not None] for tensor in columns
    }
    return [{tensor.name: _draw(tensor, shown[tensor.name], chance) for tensor in columns} for _ in range(ROWS)]


def _draw(tensor: Tensor, shown: Sequence[Any], chance: random.Random) -> Scalar:
    if tensor.datatype is Datatype.BYTES:
        return str(chance.choice(shown)) if shown else ""
    if tensor.datatype is Datatype.BOOL:
        return bool(chance.getrandbits(1))
    numbers = [float(value) for value in shown if isinstance(value, int | float)]
    low, high = (min(numbers), max(numbers)) if numbers else (-3.0, 3.0)
    if tensor.datatype is Datatype.INT64:
        return chance.randint(round(low), round(high))
    return min(max(float(f"{chance.uniform(low, high):.6g}"), low), high)


def _rounded(answers: Mapping[str, Array]) -> dict[str, Array]:
    return {name: values if name == LABEL else _round(values) for name, values in answers.items()}


def _round(values: Array) -> Array:
    shown = np.vectorize(lambda number: float(f"{number:.{_DECIMALS}g}"), otypes=[np.float64])
    return np.asarray(shown(values))
