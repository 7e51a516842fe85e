"""What a version remembers of a tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlwright.api.tuning import TuningRecord
from mlwright.planners.results import part


def lineage(given: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a version remembers: the parameters that it was trained with, and the search for them.

    Args:
        given: the parameters of the pipeline.
        found: what the steps reported; without a tuning nothing is added.
    """
    told = part(found, "tuning", TuningRecord)
    if told is None:
        return {}
    best = (told.get("best") or {}).get("parameters") or {}
    return {"parameters": {**given, **best}, "tuning": told}
