"""What a tuning found, as the run tells it and as the version remembers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mlwright.api.tuning import TuningRecord


def record(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a step reported about a tuning, as far as it is of the form that a status takes.

    An image of somebody's own may report anything.
    """
    try:
        found = TuningRecord.model_validate(results.get("tuning"))
    except ValidationError:
        return None
    return found.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


def lineage(given: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a version remembers: the parameters that it was trained with, and the search for them.

    Args:
        given: the parameters of the pipeline.
        found: what the steps reported; without a tuning nothing is added.
    """
    told = record(found)
    if told is None:
        return {}
    best = (told.get("best") or {}).get("parameters") or {}
    return {"parameters": {**given, **best}, "tuning": told}
