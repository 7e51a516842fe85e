"""The split data between the steps: one Parquet file for each side, features in order, then the target, if any."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from mlwright.bundle.manifest import Datatype, Tensor
from mlwright.bundle.tensors import Array, Arrays
from mlwright.trainer.arrow_types import plain
from mlwright.trainer.columns import ARROW_TYPES, datatype_of
from mlwright.trainer.errors import SurroundingsError

PIECE: Final = 65_536
"""Rows that are written at a time."""
TRAIN: Final = "train.parquet"
TEST: Final = "test.parquet"
TRAIN_KEYS: Final = "train-keys.parquet"
TEST_KEYS: Final = "test-keys.parquet"
"""Row by row beside the sides: `group`, `time` and `weight`, as far as the dataset names such columns."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the split. Columns are Arrow arrays in canonical form, each in one piece."""

    inputs: tuple[Tensor, ...]
    features: tuple[Any, ...]
    target: Any  # None where the rows have none
    weights: Any | None = None  # float64, how much each row counts while it is learned from; None for all alike

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.features[0])

    def spread(self, most: int) -> "Side":
        """At most so many rows, evenly spread over all: files are often sorted, so the first rows are no sample."""
        if self.rows <= most:
            return self
        return self._picked("take", pa.array(np.linspace(0, self.rows - 1, most).astype(np.int64)))

    def kept(self, mask: NDArray[np.bool_]) -> "Side":
        """The rows for which the mask is true."""
        return self._picked("filter", pa.array(mask))

    def _picked(self, how: str, chosen: Any) -> "Side":
        features = tuple(getattr(column, how)(chosen) for column in self.features)
        beside = (self.target, self.weights)
        target, weights = (None if column is None else getattr(column, how)(chosen) for column in beside)
        return Side(self.inputs, features, target, weights)

    def truth(self) -> Array | None:
        """The target `[n]`, if there is one."""
        return None if self.target is None else to_array(self.target)

    def arrays(self) -> dict[str, Array]:
        """The features as a model takes them: `[n, 1]` by name."""
        return {
            tensor.name: to_array(column).reshape(-1, 1)
            for tensor, column in zip(self.inputs, self.features, strict=True)
        }


def write_table(table: Any, path: Path) -> None:
    """Write a table.

    Raises:
        OSError: The volume cannot be written.
    """
    pyarrow.parquet.write_table(table, path)


def write_rows(table: Any, mask: NDArray[np.bool_], path: Path) -> None:
    """Write the rows of a table for which the mask is true, a piece at a time: no second table is held.

    Raises:
        OSError: The volume cannot be written.
    """
    with pyarrow.parquet.ParquetWriter(path, table.schema) as writer:
        for start in range(0, table.num_rows, PIECE):
            piece = table.slice(start, PIECE).filter(pa.array(mask[start : start + PIECE]))
            if piece.num_rows:
                writer.write_table(piece)


def read_side(path: Path, target: str | None) -> Side:
    """Read one side; without the name of a target, every column is a feature.

    Raises:
        SurroundingsError: The file is not one that the step validate wrote.
        OSError: The volume cannot be read.
    """
    try:
        table = pa.parquet.read_table(path).combine_chunks()
    except (pa.ArrowException, FileNotFoundError):
        raise SurroundingsError(f"{path.name} of the step validate is missing or damaged") from None
    pieces = {name: plain(table.column(name)) for name in table.column_names}
    answer = pieces.pop(target) if target else None
    inputs = tuple(Tensor(name, datatype_of(column)) for name, column in pieces.items())
    return Side(inputs, tuple(pieces.values()), answer)


def read_learned(folder: Path, target: str | None, *, weighted: bool) -> Side:
    """Read the side that is learned from, with the weights of its rows where the dataset has some.

    Raises:
        SurroundingsError: The folder holds not what the step validate wrote.
        OSError: The volume cannot be read.
    """
    side = read_side(folder / TRAIN, target)
    if not weighted:
        return side
    try:
        column = pa.parquet.read_table(folder / TRAIN_KEYS, columns=["weight"]).column(0)
    except (pa.ArrowException, FileNotFoundError):
        raise SurroundingsError(f"{TRAIN_KEYS} of the step validate is missing or damaged") from None
    return replace(side, weights=plain(column))


def to_array(column: Any) -> NDArray[Any]:
    """A column as numpy `[n]`; texts as objects."""
    values = column.to_numpy(zero_copy_only=False)
    return values.astype(object) if datatype_of(column) is Datatype.BYTES else np.asarray(values)


def side_of(arrays: Arrays, inputs: tuple[Tensor, ...]) -> Side:
    """Rows without a target, from arrays `[n, 1]` by name."""
    features = tuple(pa.array(arrays[tensor.name].ravel(), ARROW_TYPES[tensor.datatype]) for tensor in inputs)
    return Side(inputs, features, None)
