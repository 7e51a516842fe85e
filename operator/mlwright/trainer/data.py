"""The rows of a dataset: those of the time range, with each column in its canonical form."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlwright.bundle.canonical import DIGEST_PREFIX, canonical_json
from mlwright.bundle.manifest import Datatype
from mlwright.trainer import columns, sources, targets, times
from mlwright.trainer.arrow_types import plain
from mlwright.trainer.errors import CHANGED, SurroundingsError, UserError
from mlwright.trainer.row_hashes import hash_rows
from mlwright.trainer.step import Step
from mlwright.trainer.wording import rows

_PERSON: Final = b"mlwright-data"


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of a dataset, columns in canonical form except those of times."""

    roles: columns.Roles
    features: tuple[Any, ...]  # Arrow arrays, in the order of the roles
    target: Any | None
    id_column: Any | None
    group: Any | None
    times: tuple[Any, ...]  # as read, in the order of the roles
    weight: Any | None = None  # numbers above 0

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.features[0])

    @property
    def identity(self) -> Sequence[Any]:
        """The columns that say which row is which.

        Without an id these are the features, but for those that are times: a row that is written again at a later
        time is the same row.
        """
        if self.id_column is not None:
            return (self.id_column,)
        pairs = zip(self.roles.features, self.features, strict=True)
        return [column for name, column in pairs if name not in self.roles.time_columns] or self.features


def select(step: Step, source: sources.Source) -> tuple[NDArray[np.bool_] | None, times.Range | None]:
    """Which rows lie in the time range, `[all rows]`, and the range as resolved; None where all are used.

    Raises:
        UserError: There are no rows, none lies in the range, or its column holds no times.
    """
    wanted = step.dataset.time_range
    if wanted is None:
        return None, None
    table = sources.read(source, (wanted.column,))
    if table.num_rows == 0:
        raise UserError(sources.URI, "the data has no rows", "write the data again")
    moments = times.parse_times(wanted.column, _plain(table, wanted.column), "spec.dataset.timeRange.column")
    span = times.resolve(wanted, moments, step.run.triggered_at)
    kept = times.within(moments, span)
    if not kept.any():
        document = span.to_document()
        raise UserError(
            "spec.dataset.timeRange",
            f"none of the {rows(table.num_rows)} lies after {document['from']} and up to {document['until']}",
            "make `last` longer or choose another end",
        )
    return kept, span


def load(source: sources.Source, used: Sequence[str], kept: NDArray[np.bool_] | None, count: int) -> Any:
    """Read the rows that were selected.

    Args:
        source: The files.
        used: The columns.
        kept: From `select`.
        count: Rows that were seen a moment ago.

    Raises:
        UserError: The data cannot be read.
        SurroundingsError: It is not what was seen a moment ago.
    """
    table = sources.read(source, used)
    if kept is not None and len(kept) == table.num_rows:
        table = table.filter(pa.array(kept))
    if table.num_rows != count:
        raise SurroundingsError(CHANGED)
    return table


def gather(step: Step, roles: columns.Roles, table: Any) -> Data:
    """Bring the columns into their canonical form.

    Raises:
        UserError: A column cannot be used for what it is named for.
    """
    field = columns.FEATURES if step.dataset.features else sources.URI
    return Data(
        roles,
        target=_target(roles.target, table, step),
        features=tuple(columns.canonical(name, _plain(table, name), field) for name in roles.features),
        id_column=_complete(roles.id_column, table, "spec.dataset.idColumn", "an id"),
        group=_complete(roles.group_column, table, "spec.dataset.groupColumn", "a group"),
        times=tuple(_plain(table, name) for name in roles.time_columns),
        weight=_weights(roles.weight_column, table),
    )


def row_digests(data: Data) -> NDArray[np.uint64]:
    """A hash of everything that a row holds, `[n, 2]`."""
    named = [column for column in (data.target, data.id_column, data.group, data.weight) if column is not None]
    arrays = (*data.features, *named, *map(times.comparable, data.times))
    return hash_rows(arrays, person=_PERSON)


def digest(data: Data, hashes: NDArray[np.uint64]) -> str:
    """Digest of what was read: the names of the columns, and the set of rows.

    Neither the order of the rows nor the files they came from matter.
    """
    header = {"columns": list(data.roles.used), "features": len(data.features)}
    ordered = hashes[np.lexsort((hashes[:, 1], hashes[:, 0]))]
    found = hashlib.sha256(canonical_json(header))
    found.update(ordered.astype(">u8").tobytes())
    return DIGEST_PREFIX + found.hexdigest()


def _target(name: str | None, table: Any, step: Step) -> Any | None:
    if name is None:
        return None
    return targets.prepare_target(name, _plain(table, name), step.training.task, step.dataset.anomalous_labels)


def _complete(name: str | None, table: Any, field: str, what: str) -> Any | None:
    """A column that must have a value in every row; None where none is named."""
    if name is None:
        return None
    column = columns.canonical(name, _plain(table, name), field)
    count = columns.count_missing(column)
    if count:
        raise UserError(field, f"column {name!r} has no value in {rows(count)}", f"give every row {what}")
    return column


def _weights(name: str | None, table: Any) -> Any | None:
    """How much each row counts, as float64; None where no column is named."""
    column = _complete(name, table, columns.WEIGHT, "a weight")
    if column is None:
        return None
    remedy = "a weight is a number above 0: leave out rows that are not to count"
    if columns.datatype_of(column) not in {Datatype.INT64, Datatype.FP64}:
        raise UserError(columns.WEIGHT, f"column {name!r} holds no numbers", remedy)
    wrong = int(np.count_nonzero(column.to_numpy() <= 0))
    if wrong:
        raise UserError(columns.WEIGHT, f"column {name!r} is 0 or less in {rows(wrong)}", remedy)
    return column.cast(pa.float64())


def _plain(table: Any, name: str) -> Any:
    return plain(table.column(name))
