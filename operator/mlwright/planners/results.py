"""What steps report, and as much of it as later steps, the status and the version take. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from mlwright.api.fields import Schema
from mlwright.plan.steps import StepTemplate
from mlwright.plan.training import StepResult

_OUTCOMES: Final = frozenset({"Succeeded", "UserError", "Failed"})
_REPORTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "Validate": {"dataset": ("digest", "rows", "trainRows", "testRows")},
    "Tune": {"tuning": ("trials", "best")},
    "Train": {"bundle": ("uri", "digest", "format")},
    "Evaluate": {"metrics": ()},
    "Import": {"bundle": ("uri", "digest", "format"), "source": ("uri", "digest")},
}
"""What later steps and the version need of a built-in step's results, and the fields that must be in it."""


def parse_result(text: str) -> StepResult | None:
    """Read a termination message; None when it is not a step's result: a crash writes anything, or nothing.

    >>> parse_result('{"step": "train", "outcome": "Succeeded", "sentence": "fitted", "results": {}}').sentence
    'fitted'
    >>> parse_result("Traceback ...") is None
    True
    """
    try:
        body = json.loads(text, parse_constant=_number, parse_float=_number)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("outcome") not in _OUTCOMES:
        return None
    words = {key: str(body.get(key) or "") for key in ("sentence", "field", "remedy", "reason")}
    results = body.get("results")
    return StepResult(outcome=body["outcome"], results=results if isinstance(results, dict) else {}, **words)


def _number(text: str) -> float | None:
    """No JSON that the API server takes holds what is not finite."""
    value = float(text)
    return value if math.isfinite(value) else None


def is_complete(template: StepTemplate, results: Mapping[str, Any]) -> bool:
    """Tell whether a step reported all that is needed of it; an image of somebody's own may not."""
    return all(
        isinstance(part := results.get(key), dict) and all(part.get(entry) is not None for entry in entries)
        for key, entries in _REPORTS.get(template.uses, {}).items()
    )


def part(results: Mapping[str, Any], name: str, form: type[Schema]) -> dict[str, Any] | None:
    """Return a part of what a step reported, None when it is not of the form that a status takes.

    An image of somebody's own may report anything.
    """
    try:
        found = form.model_validate(results.get(name))
    except ValidationError:
        return None
    return found.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
