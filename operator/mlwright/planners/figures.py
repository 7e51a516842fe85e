"""Figures that a step reported: whatever is no finite number is as if it had not been measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def number(found: object) -> float | None:
    """Return what was reported if it is a finite number.

    >>> number(0.5), number("high"), number(True)
    (0.5, None, None)
    """
    plain = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return float(found) if plain else None  # type: ignore[arg-type]  # a plain number by now


def count(found: Mapping[str, Any], key: str) -> int:
    """Return a count, 0 where there is none."""
    return int(number(found.get(key)) or 0)


def rows(found: object) -> str:
    """Return `1 row`, `2 rows`."""
    counted = int(number(found) or 0)
    return "1 row" if counted == 1 else f"{counted:,} rows"
