"""Whether two variants say the same to one request."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from mlwright.bundle.golden import GoldenRow
from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, SCORE, Datatype, Signature
from mlwright.bundle.tensors import Array, Arrays

_DATATYPES: Mapping[str, Datatype] = {
    "f": Datatype.FP64,
    "i": Datatype.INT64,
    "b": Datatype.BOOL,
    "O": Datatype.BYTES,
}


def question(columns: Arrays) -> bytes:
    """The request of the protocol that asks for these rows."""
    return orjson.dumps({"inputs": tensors(columns)}, option=orjson.OPT_SERIALIZE_NUMPY)


def golden_question(row: GoldenRow, signature: Signature) -> bytes:
    """The request of the protocol that asks for a golden row."""
    inputs: list[dict[str, Any]] = [
        {"name": tensor.name, "datatype": tensor.datatype, "shape": [1, 1], "data": [row.inputs[tensor.name]]}
        for tensor in signature.inputs
    ]
    return orjson.dumps({"inputs": inputs})


def tensors(arrays: Arrays) -> list[dict[str, object]]:
    """Arrays as tensors of the protocol; orjson writes their data with its option for numpy, a NaN as null."""
    return [
        {
            "name": name,
            "shape": array.shape,
            "datatype": _DATATYPES[array.dtype.kind],
            "data": array.ravel().tolist() if array.dtype.kind == "O" else np.ascontiguousarray(array.ravel()),
        }
        for name, array in arrays.items()
    ]


def agree(ours: Arrays, answer: bytes, tolerance: float) -> bool:
    """Whether an answer of the protocol says what we said: equal labels, numbers within the tolerance.

    Raises:
        ValueError: It is no answer of the protocol, or not one of the same task.
    """
    try:
        theirs = {output["name"]: output["data"] for output in orjson.loads(answer)["outputs"]}
        if PREDICTION in ours:
            return _predictions_agree(ours[PREDICTION], _numbers(theirs[PREDICTION]), tolerance)
        same = theirs[LABEL] == ours[LABEL].tolist()
        if SCORE in ours:
            return same and _predictions_agree(ours[SCORE], _numbers(theirs[SCORE]), tolerance)
        return same and _close(ours[PROBABILITIES].ravel(), _numbers(theirs[PROBABILITIES]), tolerance)
    except (KeyError, TypeError) as problem:
        raise ValueError("the answer lacks an output that the other variant has") from problem


def _numbers(data: Sequence[Any]) -> Array:
    return np.array(data, dtype=np.float64)


def _predictions_agree(ours: Array, theirs: Array, tolerance: float) -> bool:
    size = np.maximum(np.abs(ours), 1.0)
    return ours.shape == theirs.shape and _close(ours / size, theirs / size, tolerance)


def _close(ours: Array, theirs: Array, tolerance: float) -> bool:
    if ours.shape != theirs.shape:
        return False
    gaps = np.isnan(ours)
    if not np.array_equal(gaps, np.isnan(theirs)):
        return False
    return bool(np.all(np.abs(ours[~gaps] - theirs[~gaps]) <= tolerance))
