"""Convert a fitted pipeline to ONNX: features in, label and probabilities (or label and score, or prediction) out.

scikit-learn's part is converted by skl2onnx from one table of encoded numbers. Around it stand nodes of our own: each
feature is an input of its own and is encoded as in training, and the most probable class is the label. Names, order
and metadata are fixed, so that the same pipeline always gives the same bytes.
"""

import warnings
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, assert_never

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, SCORE, Datatype
from mlwright.bundle.tensors import class_array
from mlwright.scoring import Task
from mlwright.trainer.encoding import UNKNOWN, Encoding, Feature
from mlwright.trainer.fitting import Fitted
from mlwright.trainer.onnx_forest import convert_isolation_forest

OPSETS: Final = {"": 21, "ai.onnx.ml": 3}
IR_VERSION: Final = 10
MOST_TREE_NODES: Final = 5_000_000
"""Conversion takes about 15 microseconds for each node, and ONNX Runtime some 100 bytes of memory."""

# Converted, these search all training rows for each answer, in memory that grows with both.
_COMPARING: Final = ("sklearn.neighbors.", "sklearn.gaussian_process.")
_TYPES: Final = {
    Datatype.FP64: TensorProto.DOUBLE,
    Datatype.INT64: TensorProto.INT64,
    Datatype.BOOL: TensorProto.BOOL,
    Datatype.BYTES: TensorProto.STRING,
}
_REASON_KEPT: Final = 300


class NotConvertibleError(Exception):
    """Why a pipeline stays with scikit-learn, in a few words."""


def to_onnx(fitted: Fitted) -> bytes:
    """Convert a fitted pipeline.

    Raises:
        NotConvertibleError: There is no converter, the model is too large, or names collide.
    """
    _refuse_unfit(fitted.pipeline.steps[-1][1])
    _refuse_collisions(fitted)
    prefix = _free_prefix(fitted.encoding)
    core = compose.add_prefix(_convert(fitted), f"{prefix}sklearn/")
    table = core.graph.input[0].name
    answer = core.graph.output[-1].name  # probabilities and scores come after the label
    nodes = [
        *_encode(fitted.encoding, prefix, table),
        *core.graph.node,
        *_decide(fitted, prefix, answer),
    ]
    return _assemble(fitted, nodes, list(core.graph.initializer))


def _convert(fitted: Fitted) -> onnx.ModelProto:
    """scikit-learn's part alone, from `[n, features]` numbers."""
    from skl2onnx import convert_sklearn  # noqa: PLC0415 - slow to import, and only the step train needs it
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415

    kind = FloatTensorType([None, len(fitted.encoding.features)])
    options = {"zipmap": False} if fitted.task is Task.CLASSIFICATION else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions of other libraries; parity is what counts
            model: onnx.ModelProto = convert_sklearn(
                fitted.pipeline,
                initial_types=[("table", kind)],
                options=options,
                target_opset=OPSETS,
                custom_conversion_functions={IsolationForest: convert_isolation_forest},
            )
            return model
    except Exception as problem:  # converters raise whatever they like
        raise NotConvertibleError(f"there is no conversion to ONNX: {_brief(problem)}") from problem


def _encode(encoding: Encoding, prefix: str, table: str) -> list[onnx.NodeProto]:
    """The features side by side as numbers. Neighbours of one kind are joined first: a node for each costs time."""
    nodes: list[onnx.NodeProto] = []
    columns: list[str] = []
    for datatype, run in groupby(encoding.columns, lambda feature: feature.tensor.datatype):
        features, code = [*run], f"{prefix}code{len(columns)}"
        if datatype is Datatype.BYTES:
            made = [_encode_text(feature, f"{code}-{place}") for place, feature in enumerate(features)]
            nodes += made
            columns += [node.output[0] for node in made]
        else:
            joined = f"{code}/joined"
            names = [feature.tensor.name for feature in features]
            nodes.append(helper.make_node("Concat", names, [joined], name=f"{code}/join", axis=1))
            nodes.append(_cast(joined, code, TensorProto.FLOAT))
            columns.append(code)
    nodes.append(helper.make_node("Concat", columns, [table], name=f"{prefix}concat", axis=1))
    return nodes


def _encode_text(feature: Feature, code: str) -> onnx.NodeProto:
    # The operator needs at least one word; the second keeps an all-rare feature at UNKNOWN throughout.
    words = feature.vocabulary or ("",)
    codes = list(range(len(feature.vocabulary))) or [UNKNOWN]
    return helper.make_node(
        "LabelEncoder",
        [feature.tensor.name],
        [code],
        name=f"{code}/encode",
        domain="ai.onnx.ml",
        keys_strings=list(words),
        values_floats=[float(number) for number in codes],
        default_float=float(UNKNOWN),
    )


def _decide(fitted: Fitted, prefix: str, answer: str) -> list[onnx.NodeProto]:
    match fitted.task:
        case Task.CLASSIFICATION:
            return _decide_class(fitted, prefix, answer)
        case Task.REGRESSION:
            return _flat_numbers(prefix, answer, PREDICTION)
        case Task.ANOMALY_DETECTION:
            return _decide_anomaly(prefix, answer)
        case _:
            assert_never(fitted.task)


def _flat_numbers(prefix: str, answer: str, name: str) -> list[onnx.NodeProto]:
    flat = f"{prefix}flat"
    shape = _constant(f"{prefix}shape", np.array([-1], dtype=np.int64))
    return [
        shape,
        helper.make_node("Reshape", [answer, shape.output[0]], [flat], name=f"{prefix}flatten"),
        _cast(flat, name, TensorProto.DOUBLE),
    ]


def _decide_anomaly(prefix: str, answer: str) -> list[onnx.NodeProto]:
    """As `outputs.anomaly_outputs`: the decision of scikit-learn turned round, and what lies above 0 is anomalous."""
    usual, zero = f"{prefix}usual", _constant(f"{prefix}zero", np.array(0.0))
    above = f"{prefix}above"
    return [
        *_flat_numbers(prefix, answer, usual),
        zero,
        helper.make_node("Sub", [zero.output[0], usual], [SCORE], name=f"{prefix}turn"),
        helper.make_node("Greater", [SCORE, zero.output[0]], [above], name=f"{prefix}compare"),
        _cast(above, LABEL, TensorProto.INT64),
    ]


def _decide_class(fitted: Fitted, prefix: str, answer: str) -> list[onnx.NodeProto]:
    classes = _constant(f"{prefix}classes", class_array(fitted.signature.classes))
    place = f"{prefix}place"
    return [
        classes,
        _cast(answer, PROBABILITIES, TensorProto.DOUBLE),
        helper.make_node("ArgMax", [PROBABILITIES], [place], name=f"{prefix}argmax", axis=1, keepdims=0),
        helper.make_node("Gather", [classes.output[0], place], [LABEL], name=f"{prefix}gather", axis=0),
    ]


def _assemble(fitted: Fitted, nodes: Sequence[onnx.NodeProto], initializers: list[onnx.TensorProto]) -> bytes:
    signature = fitted.signature
    inputs = [_value(tensor.name, tensor.datatype, [None, 1]) for tensor in signature.inputs]
    shapes = {PROBABILITIES: [None, len(signature.classes)]}
    outputs = [_value(tensor.name, tensor.datatype, shapes.get(tensor.name, [None])) for tensor in signature.outputs]
    graph = helper.make_graph(nodes, "model", inputs, outputs, initializers)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSETS.items()],
        producer_name="mlwright",
        ir_version=IR_VERSION,
    )
    return bytes(model.SerializeToString(deterministic=True))


def _value(name: str, datatype: Datatype, shape: list[int | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _TYPES[datatype], shape)


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], name=f"{target}/cast", to=kind)


def _constant(name: str, values: Any) -> onnx.NodeProto:
    if values.dtype == object:
        tensor = helper.make_tensor(name, TensorProto.STRING, values.shape, [text.encode() for text in values])
    else:
        tensor = numpy_helper.from_array(values, name)
    return helper.make_node("Constant", [], [name], name=f"{name}/constant", value=tensor)


def _free_prefix(encoding: Encoding) -> str:
    """A prefix for inner names that no feature's name begins with."""
    prefix = "/"
    while any(feature.tensor.name.startswith(prefix) for feature in encoding.features):
        prefix += "/"
    return prefix


def _refuse_collisions(fitted: Fitted) -> None:
    names = {tensor.name for tensor in fitted.signature.inputs}
    taken = [tensor.name for tensor in fitted.signature.outputs if tensor.name in names]
    if taken:
        raise NotConvertibleError(f"a feature is called {taken[0]!r}, like an output")


def _refuse_unfit(estimator: Any) -> None:
    if type(estimator).__module__.startswith(_COMPARING):
        raise NotConvertibleError("it compares each row with the training rows, for which scikit-learn is faster")
    nodes = count_tree_nodes(estimator)
    if nodes > MOST_TREE_NODES:
        raise NotConvertibleError(f"its trees have {nodes:,} nodes, and at most {MOST_TREE_NODES:,} are converted")


def count_tree_nodes(estimator: Any) -> int:
    """Nodes of all trees of a fitted estimator; 0 if it has none."""
    if hasattr(estimator, "tree_"):
        return int(estimator.tree_.node_count)
    return sum(count_tree_nodes(tree) for tree in np.ravel(getattr(estimator, "estimators_", ())))


def _brief(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text}"[:_REASON_KEPT] if "object at 0x" not in text else type(problem).__name__
