"""What a pipeline expects of its data, as frozen values read from `dataset.checks`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from mlwright.bundle.documents import Document

CHECKS: Final = "spec.dataset.checks"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Duration = Callable[[str], timedelta | None]
"""Reads a duration such as `48h`; None for a text that is none."""


class ColumnType(StrEnum):
    """What a column holds, as people say it."""

    NUMBER = "Number"
    INTEGER = "Integer"
    TEXT = "Text"
    BOOLEAN = "Boolean"
    TIME = "Time"


class OnFailure(StrEnum):
    """What a failed check does."""

    FAIL = "Fail"
    WARN = "Warn"


@dataclass(frozen=True, slots=True)
class Freshness:
    """The newest value of a column of times is at most so old when the run is asked for."""

    column: str
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """What is expected of one column. Bounds of times are microseconds since 1970."""

    name: str
    type: ColumnType | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_missing: float | None = None
    allowed: tuple[str | float | bool, ...] | None = None
    unique: bool = False

    def field(self, member: str) -> str:
        """Path of one of its fields in the pipeline."""
        return f"{CHECKS}.columns[{self.name}].{member}"


@dataclass(frozen=True, slots=True)
class Checks:
    """All that is expected of the data."""

    min_rows: int | None = None
    max_missing: float | None = None
    max_duplicate_rows: float | None = None
    freshness: Freshness | None = None
    columns: tuple[ColumnCheck, ...] = ()
    champion_schema: bool = False
    champion_drift: float | None = None
    warns: bool = False

    def of(self, name: str) -> ColumnCheck:
        """What is expected of a column; a column that is not named has only its share of gaps judged."""
        own = next((column for column in self.columns if column.name == name), ColumnCheck(name))
        return own if own.max_missing is not None else replace(own, max_missing=self.max_missing)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that are named, whether or not the model learns from them."""
        fresh = (self.freshness.column,) if self.freshness else ()
        return tuple(dict.fromkeys((*(column.name for column in self.columns), *fresh)))

    @property
    def asks_champion(self) -> bool:
        """Whether the data is compared with what the champion was trained on."""
        return self.champion_schema or self.champion_drift is not None


def read_checks(document: Document, parse_duration: Duration) -> Checks:
    """Read `dataset.checks`.

    Args:
        document: The object.
        parse_duration: Reads a duration such as `48h`; None for a text that is none.

    Raises:
        UserError: Something cannot be expected, or is not what the contract says; it names the field.
    """
    champion = document.child("againstChampion") if document.has("againstChampion") else None
    return Checks(
        min_rows=document.integer("minRows") if document.has("minRows") else None,
        max_missing=_share(document, "maxMissing"),
        max_duplicate_rows=_share(document, "maxDuplicateRows"),
        freshness=_freshness(document.child("freshness"), parse_duration) if document.has("freshness") else None,
        columns=tuple(_column(entry) for entry in document.children("columns")) if document.has("columns") else (),
        champion_schema=champion is not None and _flag(champion, "schema", default=True),
        champion_drift=_share(champion, "maxDrift") if champion else None,
        warns=document.has("onFailure") and document.choice("onFailure", OnFailure) is OnFailure.WARN,
    )


def _share(document: Document, key: str) -> float | None:
    if not document.has(key):
        return None
    value = document.members[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise document.refuse(document.where(key), "should be a number from 0 to 1")
    return float(value)


def _flag(document: Document, key: str, *, default: bool) -> bool:
    return document.get(key, bool, "true or false") if document.has(key) else default


def _freshness(document: Document, parse_duration: Duration) -> Freshness:
    age = parse_duration(document.text("maxAge"))
    if age is None:
        raise document.refuse(document.where("maxAge"), "should be a duration above zero, such as 48h")
    return Freshness(document.text("column"), age)


def _column(document: Document) -> ColumnCheck:
    name = document.text("name")
    named = Document(document.members, f"{CHECKS}.columns[{name}]", document.refuse)
    kind = named.choice("type", ColumnType) if named.has("type") else None
    bounds = {key: _bound(named, key) for key in ("min", "max") if named.has(key)}
    if (bad := next((key for key, bound in bounds.items() if not _fits(kind, bound)), None)) is not None:
        raise named.refuse(named.where(bad), _wanted_bound(kind))
    lowest, highest = bounds.get("min"), bounds.get("max")
    if lowest and highest and (lowest.is_time != highest.is_time or lowest.value > highest.value):
        raise named.refuse(named.where("min"), "should not be above max, and both should be numbers or both times")
    return ColumnCheck(
        name,
        type=kind or _implied(bounds),
        minimum=lowest.value if lowest else None,
        maximum=highest.value if highest else None,
        max_missing=_share(named, "maxMissing"),
        allowed=_allowed(named) if named.has("allowed") else None,
        unique=_flag(named, "unique", default=False),
    )


@dataclass(frozen=True, slots=True)
class _Bound:
    value: float
    is_time: bool


def _bound(document: Document, key: str) -> _Bound:
    value = document.members[key]
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return _Bound(float(value), is_time=False)
    time = _time(value) if isinstance(value, str) else None
    if time is None:
        raise document.refuse(document.where(key), "should be a number, or a time such as 2026-01-31T10:00:00Z")
    return _Bound(float((time - _EPOCH) // timedelta(microseconds=1)), is_time=True)


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter where UTC has another year than the zone, 0 or 10000
        return None


def _fits(kind: ColumnType | None, bound: _Bound) -> bool:
    if kind is None:
        return True
    return kind is ColumnType.TIME if bound.is_time else kind in {ColumnType.NUMBER, ColumnType.INTEGER}


def _wanted_bound(kind: ColumnType | None) -> str:
    if kind in {ColumnType.TEXT, ColumnType.BOOLEAN}:
        return f"has no meaning for type {kind}: use allowed, or leave it out"
    return f"should be a {'time such as 2026-01-31T10:00:00Z' if kind is ColumnType.TIME else 'number'}, as type says"


def _implied(bounds: Mapping[str, _Bound]) -> ColumnType | None:
    """The type that bounds only make sense for."""
    if not bounds:
        return None
    return ColumnType.TIME if any(bound.is_time for bound in bounds.values()) else ColumnType.NUMBER


def _allowed(document: Document) -> tuple[str | float | bool, ...]:
    values = document.many("allowed", (str, int, float, bool), "a text, a number, true or false")
    if not values:
        raise document.refuse(document.where("allowed"), "is empty, so that no value could pass: name some")
    return tuple(value for value in values if isinstance(value, str | int | float | bool))
