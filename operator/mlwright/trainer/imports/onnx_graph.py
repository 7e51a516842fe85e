"""Any ONNX model of a table as one that a bundle can hold: one input per column, label and probabilities out.

Nodes of ours stand before and behind the model's own: columns are cast to what it takes, side by side where it takes
one table; its probabilities, or its one number, get the names and types of the contract.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import TensorProto, compose, helper, numpy_helper

from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, Datatype, Label, Signature, Tensor
from mlwright.bundle.tensors import class_array
from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.imports.fetching import URI
from mlwright.trainer.imports.task import FIELD
from mlwright.trainer.signatures import signature_of

_FLOATS: Final = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16}
_WHOLE: Final = {TensorProto.INT64, TensorProto.INT32}
_TYPES: Final = {
    Datatype.FP64: TensorProto.DOUBLE,
    Datatype.INT64: TensorProto.INT64,
    Datatype.BOOL: TensorProto.BOOL,
    Datatype.BYTES: TensorProto.STRING,
}
_PREFIX: Final = "imported/"
_OWN: Final = "mlwright/"
_EXPORT: Final = "export it with one input for each column, or one of numbers, and with plain tensors as outputs"
_AS_SAVED: Final = "take in the estimator of scikit-learn itself, saved with skops"
_OLDEST: Final = 9
"""The first release of ONNX's operators in which all that stand around the model mean what they mean here."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A model of the contract."""

    content: bytes
    signature: Signature
    task: Task


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a model beside its file."""

    task: Task | None
    columns: tuple[Tensor, ...]
    features: tuple[str, ...]
    classes: tuple[str, ...]


def adapt(content: bytes, wanted: Wanted) -> Graph:
    """Make a model of the contract of any ONNX model of a table.

    Raises:
        UserError: It is no such model; the sentence says what is missing.
    """
    model = _read(content)
    answers = _Answers.of(model)
    task = wanted.task or answers.task
    if task is Task.ANOMALY_DETECTION:
        raise UserError(f"{FIELD}.task", "ONNX does not say which scores of a model are anomalous", _AS_SAVED)
    if task is Task.CLASSIFICATION and answers.probabilities is None:
        raise UserError(URI, "the model answers no probabilities for each class", _EXPORT)
    if task is Task.REGRESSION and answers.number is None:
        raise UserError(f"{FIELD}.task", "the model does not answer one number for each row", _EXPORT)
    inputs = _inputs(model, wanted)
    if taken := {LABEL, PROBABILITIES, PREDICTION} & {tensor.name for tensor in inputs}:
        raise UserError(URI, f"a column is called {min(taken)!r}, like an answer", "give the column another name")
    classes = _classes(answers, wanted.classes) if task is Task.CLASSIFICATION else ()
    signature = signature_of(task, inputs, classes)
    return Graph(_wrapped(model, signature, answers), signature, task)


def _read(content: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_from_string(content)
    except Exception as problem:  # the parser of protobuf raises its own
        raise UserError(URI, f"is no ONNX model: {type(problem).__name__}", _EXPORT) from problem
    if not model.graph.node:
        raise UserError(URI, "is no ONNX model, or an empty one", _EXPORT)
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in _tensors(model)):
        raise UserError(URI, "keeps its numbers in other files", "save the model as one file")
    releases = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    if "ai.onnx" not in releases:
        model.opset_import.append(helper.make_opsetid("", _OLDEST))
    if releases.get("ai.onnx", _OLDEST) < _OLDEST:
        raise UserError(URI, f"is made for ONNX operators older than {_OLDEST}", "convert it with a newer opset")
    constants = {tensor.name for tensor in model.graph.initializer}
    fed = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(fed)
    return model


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """All tensors of a model, wherever they are: in branches, in attributes of nodes, in functions of its own."""
    left = [message]
    while left:
        one = left.pop()
        if isinstance(one, onnx.TensorProto):
            yield one
            continue
        for field, value in one.ListFields():
            if field.message_type is not None:
                left.extend([value] if isinstance(value, Message) else value)


@dataclass(frozen=True, slots=True)
class _Answers:
    """Which of a model's outputs are what."""

    probabilities: str | None
    number: str | None
    known: tuple[Label, ...]
    """The classes, if a node of the model holds them."""
    whole_labels: bool

    @property
    def task(self) -> Task:
        return Task.CLASSIFICATION if self.probabilities is not None else Task.REGRESSION

    @classmethod
    def of(cls, model: onnx.ModelProto) -> "_Answers":
        maps = {node.output[0]: node for node in model.graph.node if node.op_type == "ZipMap"}
        zipped = [maps[out.name].input[0] for out in model.graph.output if out.name in maps]
        outs = [out for out in model.graph.output if out.type.HasField("tensor_type")]
        floats = [out for out in outs if out.type.tensor_type.elem_type in _FLOATS]
        labels = [out for out in outs if out not in floats]
        tables = [out.name for out in floats if _width(out) not in {None, 1}]
        unknown = [out.name for out in floats if labels and _rank(out) == 2 and _width(out) is None]  # noqa: PLR2004
        first = (*zipped, *tables, *unknown)
        numbers = [out.name for out in floats if out.name not in first]
        whole = bool(labels) and labels[0].type.tensor_type.elem_type in _WHOLE
        return cls(
            probabilities=first[0] if len(first) == 1 else None,
            number=numbers[0] if len(outs) == len(numbers) == 1 else None,
            known=_told_classes(model),
            whole_labels=whole,
        )


def _rank(value: onnx.ValueInfoProto) -> int:
    return len(value.type.tensor_type.shape.dim)


def _width(value: onnx.ValueInfoProto) -> int | None:
    """Columns of a value; 1 for a list, None when it does not say."""
    dims = value.type.tensor_type.shape.dim
    if len(dims) == 1:
        return 1
    return dims[1].dim_value or None if len(dims) == 2 else None  # noqa: PLR2004


def _told_classes(model: onnx.ModelProto) -> tuple[Label, ...]:
    """The classes as the nodes know them by which classifiers are converted; none if no node does."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "classlabels_int64s" and attribute.ints:
                return tuple(int(number) for number in attribute.ints)
            if attribute.name == "classlabels_strings" and attribute.strings:
                return tuple(text.decode(errors="replace") for text in attribute.strings)
            if attribute.name == "classlabels_ints" and attribute.ints:
                return tuple(int(number) for number in attribute.ints)
    return ()


def _classes(answers: _Answers, told: tuple[str, ...]) -> tuple[Label, ...]:
    if not told and not answers.known:
        raise UserError(f"{FIELD}.classes", "the model does not tell its classes", "name them in their order")
    if not told:
        return answers.known
    if not answers.whole_labels:
        return told
    try:
        return tuple(int(text) for text in told)
    except ValueError:
        raise UserError(f"{FIELD}.classes", "the labels of the model are whole numbers", "write numbers") from None


def _inputs(model: onnx.ModelProto, wanted: Wanted) -> tuple[Tensor, ...]:
    """One input for each column."""
    fed = list(model.graph.input)
    if any(not value.type.HasField("tensor_type") or _rank(value) > 2 for value in fed):  # noqa: PLR2004
        raise UserError(URI, "takes more than a table", _EXPORT)
    if len(fed) == 1 and _width(fed[0]) != 1:
        return _table(fed[0], wanted)
    return tuple(Tensor(value.name, _datatype(value)) for value in fed)


def _table(value: onnx.ValueInfoProto, wanted: Wanted) -> tuple[Tensor, ...]:
    width = _width(value)
    names = wanted.features or tuple(tensor.name for tensor in wanted.columns)
    if not names and width:
        names = tuple(f"f{place}" for place in range(width))
    if value.type.tensor_type.elem_type not in _FLOATS:
        raise UserError(URI, "takes a table that is not of numbers", _EXPORT)
    if not names or (width and len(names) != width):
        said = f"the model takes {width or 'an unknown number of'} columns, and {len(names)} are named"
        raise UserError(f"{FIELD}.features", said, "name all columns in their order")
    if len(set(names)) != len(names):
        raise UserError(f"{FIELD}.features", "a column is named twice", "name each column once")
    return tuple(Tensor(name, Datatype.FP64) for name in names)


def _datatype(value: onnx.ValueInfoProto) -> Datatype:
    kind = value.type.tensor_type.elem_type
    if kind in _FLOATS:
        return Datatype.FP64
    known: dict[int, Datatype] = {TensorProto.BOOL: Datatype.BOOL, TensorProto.STRING: Datatype.BYTES}
    known |= dict.fromkeys(_WHOLE, Datatype.INT64)
    if kind not in known:
        raise UserError(URI, f"its input {value.name[:64]!r} is of a type that no request can carry", _EXPORT)
    return known[kind]


def _wrapped(model: onnx.ModelProto, signature: Signature, answers: _Answers) -> bytes:
    zipped = {node.output[0] for node in model.graph.node if node.op_type == "ZipMap"}
    kept = [node for node in model.graph.node if node.output[0] not in zipped]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    del model.graph.output[:]
    core = compose.add_prefix(model, _PREFIX)
    fed = list(core.graph.input)
    after = (
        _numbers(f"{_PREFIX}{answers.number}")
        if not signature.classes
        else _decided(f"{_PREFIX}{answers.probabilities}", signature)
    )
    nodes = [*_feed(fed, signature), *core.graph.node, *after]
    del core.graph.node[:]
    core.graph.node.extend(nodes)
    del core.graph.input[:]
    core.graph.input.extend(_value(tensor, [None, 1]) for tensor in signature.inputs)
    shapes: dict[str, list[int | None]] = {PROBABILITIES: [None, len(signature.classes)]}
    core.graph.output.extend(_value(tensor, shapes.get(tensor.name, [None])) for tensor in signature.outputs)
    del core.graph.value_info[:]
    core.producer_name = "mlwright"
    core.doc_string = ""
    return bytes(core.SerializeToString(deterministic=True))


def _feed(fed: Sequence[onnx.ValueInfoProto], signature: Signature) -> list[onnx.NodeProto]:
    if len(fed) == len(signature.inputs) and (len(fed) > 1 or _width(fed[0]) == 1):
        return [node for value, tensor in zip(fed, signature.inputs, strict=True) for node in _feed_one(value, tensor)]
    kind = fed[0].type.tensor_type.elem_type
    columns = [f"{_OWN}column{place}" for place in range(len(signature.inputs))]
    casts = [_cast(tensor.name, name, kind) for tensor, name in zip(signature.inputs, columns, strict=True)]
    return [*casts, helper.make_node("Concat", columns, [fed[0].name], name=f"{_OWN}concat", axis=1)]


def _feed_one(value: onnx.ValueInfoProto, tensor: Tensor) -> list[onnx.NodeProto]:
    kind = value.type.tensor_type.elem_type
    if _rank(value) != 1:
        return [_cast(tensor.name, value.name, kind)]
    flat = f"{value.name}/column"
    return [_cast(tensor.name, flat, kind), *_flat(flat, value.name)]


def _numbers(source: str) -> list[onnx.NodeProto]:
    flat = f"{_OWN}flat"
    return [*_flat(source, flat), _cast(flat, PREDICTION, TensorProto.DOUBLE)]


def _decided(source: str, signature: Signature) -> list[onnx.NodeProto]:
    classes, place = f"{_OWN}classes", f"{_OWN}place"
    return [
        _constant(classes, class_array(signature.classes)),
        _cast(source, PROBABILITIES, TensorProto.DOUBLE),
        helper.make_node("ArgMax", [source], [place], name=f"{_OWN}argmax", axis=1, keepdims=0),
        helper.make_node("Gather", [classes, place], [LABEL], name=f"{_OWN}gather", axis=0),
    ]


def _flat(source: str, target: str) -> list[onnx.NodeProto]:
    shape = f"{target}/shape"
    return [
        _constant(shape, np.array([-1], dtype=np.int64)),
        helper.make_node("Reshape", [source, shape], [target], name=f"{target}/reshape"),
    ]


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    if kind == TensorProto.STRING:
        return helper.make_node("Identity", [source], [target], name=f"{target}/pass")
    return helper.make_node("Cast", [source], [target], name=f"{target}/cast", to=kind)


def _constant(name: str, values: Any) -> onnx.NodeProto:
    if values.dtype == object:
        tensor = helper.make_tensor(name, TensorProto.STRING, values.shape, [text.encode() for text in values])
    else:
        tensor = numpy_helper.from_array(values, name)
    return helper.make_node("Constant", [], [name], name=name, value=tensor)


def _value(tensor: Tensor, shape: list[int | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, _TYPES[tensor.datatype], shape)
