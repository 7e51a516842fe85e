"""The step `validate`: read the data, judge it, and split it into `train.parquet` and `test.parquet`."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from mlwright.bundle.canonical import DIGEST_PREFIX, canonical_json
from mlwright.trainer import columns, sources, splits, targets, times
from mlwright.trainer.arrow_types import plain
from mlwright.trainer.errors import UserError
from mlwright.trainer.estimators import build_estimator
from mlwright.trainer.row_hashes import hash_rows
from mlwright.trainer.scores import check_metrics
from mlwright.trainer.step import Dataset, Step, TemporalSplit
from mlwright.trainer.tables import TEST, TRAIN, write_table
from mlwright.trainer.wording import rows

logger = logging.getLogger(__name__)

_PERSON: Final = b"mlwright-data"


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of a dataset, columns in canonical form except those of times."""

    roles: columns.Roles
    features: tuple[Any, ...]  # Arrow arrays, in the order of the roles
    target: Any
    id_column: Any | None
    times: tuple[Any, ...]  # as read, in the order of the roles

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.target)


def validate(step: Step, root: Path, folder: Path) -> tuple[str, dict[str, Any]]:
    """Run the step.

    Args:
        step: What to do.
        root: The mount root.
        folder: Where to write.

    Returns:
        The sentence and the results.

    Raises:
        UserError: The estimator, the metrics or the data cannot be used; nothing is wrong that another try would mend.
    """
    build_estimator(step.training)
    check_metrics(step.metrics, step.training.task)
    source = sources.find(step.dataset.uri, step.dataset.format, root)
    roles = columns.choose(step.dataset, sources.column_names(source))
    table = sources.read(source, roles.used)
    logger.info("read the dataset", extra={"files": len(source.files), "rows": table.num_rows})
    table, span = _select_range(step, table)
    data = _gather(step, roles, table)
    test = _split(step.dataset, data)
    train_rows, test_rows = _write(data, test, step, folder)
    dataset: dict[str, Any] = {
        "uri": step.dataset.uri,
        "format": str(source.format),
        "digest": _digest(data),
        "bytes": source.bytes,
        "rows": data.rows,
        "trainRows": train_rows,
        "testRows": test_rows,
        "features": len(roles.features),
    }
    if span:
        dataset["range"] = span.to_document()
    return f"read {rows(data.rows)}, {test_rows:,} of them held out", {"dataset": dataset}


def _select_range(step: Step, table: Any) -> tuple[Any, times.Range | None]:
    wanted = step.dataset.time_range
    if table.num_rows == 0:
        raise UserError(sources.URI, "the data has no rows", "write the data again")
    if wanted is None:
        return table, None
    moments = times.parse_times(wanted.column, _plain(table, wanted.column), "spec.dataset.timeRange.column")
    span = times.resolve(wanted, moments, step.run.triggered_at)
    kept = table.filter(pa.array(times.within(moments, span)))
    if kept.num_rows == 0:
        document = span.to_document()
        raise UserError(
            "spec.dataset.timeRange",
            f"none of the {rows(table.num_rows)} lies after {document['from']} and up to {document['until']}",
            "make `last` longer or choose another end",
        )
    return kept, span


def _gather(step: Step, roles: columns.Roles, table: Any) -> Data:
    target = targets.prepare_target(roles.target, _plain(table, roles.target), step.training.task)
    field = columns.FEATURES if step.dataset.features else sources.URI
    return Data(
        roles,
        features=tuple(columns.canonical(name, _plain(table, name), field) for name in roles.features),
        target=target,
        id_column=_ids(roles.id_column, table) if roles.id_column else None,
        times=tuple(_plain(table, name) for name in roles.time_columns),
    )


def _ids(name: str, table: Any) -> Any:
    field = "spec.dataset.idColumn"
    column = columns.canonical(name, _plain(table, name), field)
    count = columns.count_missing(column)
    if count:
        raise UserError(field, f"column {name!r} has no value in {rows(count)}", "give every row an id")
    return column


def _split(dataset: Dataset, data: Data) -> splits.Mask:
    split = dataset.split
    if isinstance(split, TemporalSplit):
        return splits.temporal_split(_order(dataset.time_column, data), test=split.test)
    identity = (data.id_column,) if data.id_column is not None else _content(data)
    return splits.hash_split(identity, test=split.test, seed=split.seed)


def _order(name: str | None, data: Data) -> Any:
    field = "spec.dataset.timeColumn"
    if name is None:
        raise UserError(field, "is not set, and the Temporal split needs it", "name the column that holds the time")
    return times.order_of(name, data.times[data.roles.time_columns.index(name)], field)


def _content(data: Data) -> Sequence[Any]:
    """The features without those that are times: a row written again at a later time is the same row."""
    pairs = zip(data.roles.features, data.features, strict=True)
    return [column for name, column in pairs if name not in data.roles.time_columns] or data.features


def _write(data: Data, test: splits.Mask, step: Step, folder: Path) -> tuple[int, int]:
    names = [*data.roles.features, data.roles.target]
    table = pa.table(dict(zip(names, (*data.features, data.target), strict=True)))
    held_out = table.filter(pa.array(test))
    kept = table.filter(pa.array(~test))
    target = data.roles.target
    targets.check_sides(target, kept.column(target), held_out.column(target), step.training.task)
    write_table(kept, folder / TRAIN)
    write_table(held_out, folder / TEST)
    return kept.num_rows, held_out.num_rows


def _digest(data: Data) -> str:
    """Digest of what was read: the names of the columns, and the set of rows.

    Neither the order of the rows nor the files they came from matter.
    """
    ids = () if data.id_column is None else (data.id_column,)
    arrays = (*data.features, data.target, *ids, *map(times.comparable, data.times))
    header = {"columns": list(data.roles.used), "features": len(data.features)}
    hashes = hash_rows(arrays, person=_PERSON)
    ordered = hashes[np.lexsort((hashes[:, 1], hashes[:, 0]))]
    digest = hashlib.sha256(canonical_json(header))
    digest.update(ordered.astype(">u8").tobytes())
    return DIGEST_PREFIX + digest.hexdigest()


def _plain(table: Any, name: str) -> Any:
    return plain(table.column(name))
