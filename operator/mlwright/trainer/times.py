"""Columns of times, and the range of rows that a run reads."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlwright.trainer.arrow_types import is_number, is_text
from mlwright.trainer.errors import UserError
from mlwright.trainer.step import TimeRange, UntilType
from mlwright.trainer.wording import rows

Micros = NDArray[np.int64]

_EXAMPLE: Final = "times such as 2026-01-31T10:00:00Z"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_MIN: Final = (_FIRST - _EPOCH) // timedelta(microseconds=1)
_MAX: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
"""The years 1 to 9999 in UTC, in microseconds: no text can say any other time."""


@dataclass(frozen=True, slots=True)
class Range:
    """A resolved time range, `(begin, until]`."""

    begin: datetime
    until: datetime

    def to_document(self) -> dict[str, str]:
        """As the result reports it."""
        return {"from": _text(self.begin), "until": _text(self.until)}


def parse_times(name: str, column: Any, field: str) -> Micros:
    """A column as microseconds since 1970, `[n]`; a time without a zone is UTC.

    Args:
        name: The column's name.
        column: Timestamps, dates, or ISO 8601 texts: an Arrow array in one piece.
        field: The field of the spec that names the column, for errors.

    Raises:
        UserError: The column holds something else, or a time is missing or not readable.
    """
    times = micros_of(column)
    if times is None:
        raise UserError(field, f"column {name!r} holds {column.type}, not times", f"write {_EXAMPLE}")
    if times.null_count:
        raise UserError(
            field,
            f"column {name!r} holds no readable time in {rows(times.null_count)}",
            f"write {_EXAMPLE} in every row",
        )
    return np.asarray(times.to_numpy())


def order_of(name: str, column: Any, field: str) -> Micros | NDArray[np.float64]:
    """Numbers in the order of the times, `[n]`. Numbers, such as seconds or years, are taken as they are.

    Raises:
        UserError: As `parse_times`.
    """
    if not is_number(column.type):
        return parse_times(name, column, field)
    missing = int(pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0)
    if missing:
        raise UserError(field, f"column {name!r} holds no time in {rows(missing)}", "give every row a time")
    return np.asarray(column.to_numpy(zero_copy_only=False))


def comparable(column: Any) -> Any:
    """A column of times as an Arrow array of numbers, equal for equal times whatever the file format."""
    values = column.cast(pa.float64(), safe=False) if is_number(column.type) else micros_of(column)
    # A missing or unreadable time is a value of its own, below all that can be written.
    return pc.fill_null(values, np.nan if values.type == pa.float64() else np.iinfo(np.int64).min)


def resolve(wanted: TimeRange, times: Micros, triggered_at: datetime | None) -> Range:
    """Where the range begins and ends.

    Args:
        wanted: What the pipeline says.
        times: The column, from `parse_times`, at least one row.
        triggered_at: When the run was asked for.

    Raises:
        UserError: The range ends when the run was asked for, and that time is not known.
    """
    if wanted.until is UntilType.NEWEST:
        until = _EPOCH + timedelta(microseconds=int(times.max()))
    elif wanted.until is UntilType.TIME and wanted.time:
        until = wanted.time
    elif triggered_at:
        until = triggered_at
    else:
        raise UserError("run.triggeredAt", "is not given, and timeRange.until is Trigger", "give it, or use Newest")
    return Range(until - min(wanted.last, until - _FIRST), until)


def within(times: Micros, span: Range) -> NDArray[np.bool_]:
    """Which rows lie in the range, `[n]`."""
    return np.asarray((times > _micros(span.begin)) & (times <= _micros(span.until)))


def micros_of(column: Any) -> Any:
    """Microseconds since 1970 as Arrow int64, null where there is no readable time; None if these are no times.

    A time outside of the years 1 to 9999 in UTC is none: people write such for "never" and "always".
    """
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        # Finer than microseconds is cut off: file formats differ in what they keep.
        micros = column.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
        known = pc.and_(pc.greater_equal(micros, _MIN), pc.less_equal(micros, _MAX))
        return pc.if_else(known, micros, None)
    if is_text(kind):
        return pa.array([_parse(text) for text in column.to_pylist()], pa.timestamp("us")).cast(pa.int64())
    return None


def _parse(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
        return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):  # the latter where UTC has another year than the zone, 0 or 10000
        return None


def time_text(micros: int) -> str:
    """Microseconds since 1970 as people write a time; the nearest that can be written."""
    return _text(_EPOCH + timedelta(microseconds=min(max(micros, _MIN), _MAX)))


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
