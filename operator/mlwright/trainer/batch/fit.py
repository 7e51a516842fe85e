"""Columns of stored rows as the arrays that a model takes: what the same rows would be in a request."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlwright.bundle.errors import GapsError
from mlwright.bundle.manifest import Datatype, Signature
from mlwright.bundle.models import Model, answer_all
from mlwright.bundle.tensors import LARGEST, Array, Arrays
from mlwright.trainer.arrow_types import is_number, is_text, kind_of, plain
from mlwright.trainer.batch.rows import INPUT, Piece, Wanted
from mlwright.trainer.columns import count_beyond
from mlwright.trainer.errors import UserError
from mlwright.trainer.wording import rows


def arrays(piece: Piece, signature: Signature, wanted: Wanted) -> dict[str, Array]:
    """The features of some rows, `[n, 1]` by name.

    Raises:
        UserError: A column holds something else than the model learned, or lacks values where it learned none missing.
    """
    return {
        tensor.name: _fitted(piece, tensor.name, tensor.datatype, wanted).reshape(-1, 1) for tensor in signature.inputs
    }


def check_size(piece: Piece, inputs: Arrays, wanted: Wanted) -> None:
    """Check that models can compute with all numbers, as training and servers do.

    Raises:
        UserError: One is infinite, or beyond single precision.
    """
    for name, values in inputs.items():
        if values.dtype.kind == "f" and (beyond := count_beyond(values)):
            place = f"in {rows(beyond)} from row {piece.first} on"
            sentence = f"column {name!r} of {piece.file} holds infinite or huge numbers {place}"
            remedy = f"make them missing, or scale them below {LARGEST:.1g} as they were when {wanted.who} was trained"
            raise UserError(INPUT, sentence, remedy)


def answered(model: Model, inputs: Arrays, piece: Piece, wanted: Wanted) -> dict[str, Array]:
    """What the model says to some rows.

    Raises:
        UserError: Numbers are missing, and the model answers no such rows.
    """
    try:
        return answer_all(model, inputs)
    except GapsError as gaps:
        names = " and ".join(repr(name) for name in gaps.inputs)
        sentence = f"numbers are missing or infinite in {names} of {piece.file} in rows from row {piece.first} on"
        remedy = "fill them in, or leave these rows out"
        raise UserError(INPUT, f"{sentence}, and {wanted.who} answers no such rows", remedy) from None


def _fitted(piece: Piece, name: str, datatype: Datatype, wanted: Wanted) -> Array:
    column = plain(piece.table.column(name))
    if pa.types.is_null(column.type):  # nothing but missing values in these rows
        column = column.cast(pa.string() if datatype is Datatype.BYTES else pa.float64())
    _check_kind(piece, name, column.type, datatype, wanted)
    if datatype is Datatype.BYTES:
        return np.asarray(pc.fill_null(column, "").to_numpy(zero_copy_only=False), dtype=object)
    if datatype is Datatype.FP64:
        return _numbers(column)
    if missing := _missing(column):
        sentence = f"column {name!r} of {piece.file} has no value in {rows(missing)} from row {piece.first} on"
        raise UserError(INPUT, f"{sentence}, and {wanted.who} learned none missing", "fill them in, or leave them out")
    return _whole(piece, name, column, wanted) if datatype is Datatype.INT64 else _booleans(column)


def _check_kind(piece: Piece, name: str, kind: Any, datatype: Datatype, wanted: Wanted) -> None:
    fits = {
        Datatype.BYTES: is_text(kind),
        Datatype.BOOL: pa.types.is_boolean(kind),
        Datatype.INT64: is_number(kind) or pa.types.is_boolean(kind),
        Datatype.FP64: is_number(kind) or pa.types.is_boolean(kind),
    }
    if not fits[datatype]:
        sentence = f"column {name!r} of {piece.file} holds {kind_of(kind)}, and {wanted.who} learned {datatype}"
        raise UserError(INPUT, sentence, "write the column as it was when the version was trained")


def _numbers(column: Any) -> Array:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    found = column.cast(pa.float64(), safe=False)
    return np.asarray((pc.fill_null(found, float("nan")) if found.null_count else found).to_numpy())


def _missing(column: Any) -> int:
    return int(pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0)


def _whole(piece: Piece, name: str, column: Any, wanted: Wanted) -> Array:
    try:
        return np.asarray(column.cast(pa.int64()).to_numpy())
    except pa.ArrowInvalid:
        sentence = f"column {name!r} of {piece.file} holds numbers that are not whole, and {wanted.who} learned INT64"
        raise UserError(INPUT, sentence, "round them as they were when the version was trained") from None


def _booleans(column: Any) -> Array:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)
