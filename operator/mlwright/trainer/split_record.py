"""What the lineage says of a split: enough to prove later which rows a version cannot have learned from."""

import hashlib
from typing import Any

import pyarrow as pa

from mlwright.bundle.canonical import canonical_json
from mlwright.trainer import times
from mlwright.trainer.arrow_types import is_number, is_text
from mlwright.trainer.data import Data
from mlwright.trainer.splits import Mask
from mlwright.trainer.step import Dataset, SplitType

_DIGITS = 16


def describe(dataset: Dataset, data: Data, held_out: Mask) -> dict[str, Any]:
    """Type, share and seed; what rows are told apart by; of a temporal split the newest time that is learned from.

    Args:
        dataset: What the pipeline says.
        data: The rows.
        held_out: `[n]`, true where a row is held out.
    """
    split = dataset.split
    record: dict[str, Any] = {"type": str(split.type), "test": split.test, "by": _key(dataset, data)}
    if split.type is not SplitType.TEMPORAL:
        return record | {"seed": split.seed}
    column = _times(dataset, data)
    order = times.order_of(str(dataset.time_column), column, "spec.dataset.timeColumn")
    newest = order[~held_out].max()
    return record | {"until": repr(newest.item()) if is_number(column.type) else times.time_text(int(newest))}


def _times(dataset: Dataset, data: Data) -> Any:
    return data.times[data.roles.time_columns.index(str(dataset.time_column))]


def _key(dataset: Dataset, data: Data) -> str:
    if dataset.split.type is SplitType.TEMPORAL:
        return f"time {dataset.time_column} ({'number' if is_number(_times(dataset, data).type) else 'time'})"
    if dataset.split.type is SplitType.GROUP and data.group is not None:
        return f"group {data.roles.group_column} ({_kind(data.group)})"
    if data.id_column is not None:
        return f"id {data.roles.id_column} ({_kind(data.id_column)})"
    kinds = {name: _kind(column) for name, column in zip(data.roles.features, data.features, strict=True)}
    digest = hashlib.sha256(canonical_json({"order": list(data.roles.features), "kinds": kinds})).hexdigest()
    return f"content {digest[:_DIGITS]}"


def _kind(column: Any) -> str:
    """The kind of a column as far as hashes tell them apart: 1 and 1.0 are equal."""
    if is_text(column.type):
        return "text"
    return "boolean" if pa.types.is_boolean(column.type) else "number"
