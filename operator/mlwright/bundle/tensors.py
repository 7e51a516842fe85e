"""Rows as the arrays that models take and give: one `[n, 1]` array per input."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.golden import GoldenRow, Scalar
from mlwright.bundle.manifest import PROBABILITIES, Datatype, Label, Signature, Tensor

Array = NDArray[Any]
Arrays = Mapping[str, Array]

LARGEST: Final = float(np.finfo(np.float32).max)
"""Models compute in single precision, so a number beyond it is as good as infinite."""

# BYTES travels as Python text: ONNX Runtime and scikit-learn both take it so.
DTYPES: Final[Mapping[Datatype, type[np.generic]]] = {
    Datatype.FP64: np.float64,
    Datatype.INT64: np.int64,
    Datatype.BOOL: np.bool_,
    Datatype.BYTES: np.object_,
}


def to_inputs(rows: Sequence[Mapping[str, Scalar]], signature: Signature) -> dict[str, Array]:
    """Rows of plain values as `[n, 1]` arrays; None becomes NaN."""
    return {tensor.name: _column([row[tensor.name] for row in rows], tensor) for tensor in signature.inputs}


def expected_outputs(rows: Sequence[GoldenRow], signature: Signature) -> dict[str, Array]:
    """Expected answers of golden rows: `[n]` arrays, `probabilities` `[n, classes]`."""
    return {
        tensor.name: np.asarray([row.outputs[tensor.name] for row in rows], dtype=DTYPES[tensor.datatype])
        for tensor in signature.outputs
    }


def plain_outputs(outputs: Arrays, row: int) -> dict[str, object]:
    """The answer of one row as plain values, `probabilities` as a list."""
    return {
        name: array[row].tolist() if name == PROBABILITIES else _plain(array[row]) for name, array in outputs.items()
    }


def class_array(classes: Sequence[Label]) -> Array:
    """The classes as an array from which labels are picked; texts as objects."""
    dtype = {bool: np.bool_, int: np.int64}.get(type(classes[0]), np.object_)
    return np.asarray(classes, dtype=dtype)


def _column(values: Sequence[Scalar], tensor: Tensor) -> Array:
    missing: Scalar = np.nan if tensor.datatype is Datatype.FP64 else None
    filled = [missing if value is None else value for value in values]
    return np.asarray(filled, dtype=DTYPES[tensor.datatype]).reshape(-1, 1)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
