"""The answers as a Parquet table: which model, which row of which file, what is copied, and what the model said."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from mlwright.bundle.manifest import PROBABILITIES, Signature
from mlwright.bundle.tensors import Array, Arrays
from mlwright.trainer.arrow_types import plain
from mlwright.trainer.batch.rows import Piece
from mlwright.trainer.batch.task import Task
from mlwright.trainer.columns import ARROW_TYPES
from mlwright.trainer.errors import UserError

NAME: Final = "model_name"
VERSION: Final = "model_version"
FILE: Final = "source_file"
ROW: Final = "source_row"
_OURS: Final = (NAME, VERSION, FILE, ROW)
_WORDS: Final = pa.dictionary(pa.int32(), pa.string())
"""A text that is the same in many rows."""


def check_columns(columns: Sequence[str], signature: Signature) -> None:
    """Refuse to copy a column that has the name of one of ours.

    Raises:
        UserError: It names the column.
    """
    taken = {*_OURS, *(tensor.name for tensor in signature.outputs)}
    for name in columns:
        if name in taken:
            sentence = f"the answers have a column {name!r} of their own"
            raise UserError("spec.output.columns", sentence, "rename the column of the input, or do not copy it")


def table(task: Task, signature: Signature, piece: Piece, outputs: Arrays) -> Any:
    """The answers to some rows, in the order of the rows."""
    count = piece.table.num_rows
    columns = {
        NAME: _same(task.version.model, count),
        VERSION: pa.array(np.full(count, task.version.number, dtype=np.int32)),
        FILE: _same(piece.file, count),
        ROW: pa.array(np.arange(piece.first, piece.first + count, dtype=np.int64)),
        **{name: plain(piece.table.column(name)) for name in task.output.columns},
        **{tensor.name: _answer(tensor.name, tensor.datatype, outputs[tensor.name]) for tensor in signature.outputs},
    }
    return pa.table(columns)


def _same(text: str, count: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array([text])).cast(_WORDS)


def _answer(name: str, datatype: Any, values: Array) -> Any:
    if name == PROBABILITIES:
        flat = pa.array(np.ascontiguousarray(values, dtype=np.float64).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.array(values, ARROW_TYPES[datatype])
