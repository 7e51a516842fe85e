"""What of `dataset.checks` the API server cannot judge, because its schema takes any value there."""

from __future__ import annotations

import math
from typing import Any, Final

from mlwright.api.checks import Checks, ColumnCheck
from mlwright.errors import InvalidSpecError

_BOUND: Final = "must be a number, or a time as text such as 2026-01-31T10:00:00Z"


def refuse_impossible(checks: Checks | None) -> None:
    """Refuse expectations that no data could be held against.

    Raises:
        InvalidSpecError: a bound is no number and no text, the bounds leave nothing between them, or an allowed value
            is a list or an object; it names the column's field.
    """
    for column in checks.columns if checks else ():
        _refuse_bounds(column)
        strange = next((value for value in column.allowed or () if not isinstance(value, str | int | float)), None)
        if strange is not None:
            raise InvalidSpecError(
                _field(column, "allowed"), "holds a list or an object: write texts, numbers, booleans"
            )


def _refuse_bounds(column: ColumnCheck) -> None:
    for member, value in (("min", column.min), ("max", column.max)):
        if value is not None and not isinstance(value, str) and not _is_number(value):
            raise InvalidSpecError(_field(column, member), _BOUND)
    if _is_number(column.min) and _is_number(column.max) and column.min > column.max:
        raise InvalidSpecError(
            _field(column, "min"), f"is above max: no value is both {column.min} and more and at most {column.max}"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _field(column: ColumnCheck, member: str) -> str:
    return f"spec.dataset.checks.columns[{column.name}].{member}"
