"""How an object of another controller ended: by a condition of its status, or by the value of a field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.plan.pods import plain


@dataclass(frozen=True, slots=True)
class Ended:
    """That it is over: what its controller says of it, and since when, empty if it does not say so."""

    sentence: str
    since: str = ""


def found(status: Mapping[str, Any], asked: Mapping[str, Any]) -> Ended | None:
    """Return the end that a step asks for (`condition`, or `field` and `equals`), None when it is not there.

    >>> found({"jobStatus": "FAILED", "message": "no  GPU"}, {"field": "jobStatus", "equals": "FAILED"}).sentence
    'jobStatus is FAILED: no GPU'
    """
    if asked.get("condition"):
        return _condition(status, asked["condition"])
    return _value(status, asked["field"], asked["equals"])


def _condition(status: Mapping[str, Any], type_: str) -> Ended | None:
    for condition in status.get("conditions") or ():
        if (condition.get("type"), condition.get("status")) == (type_, "True"):
            said = condition.get("message") or condition.get("reason") or ""
            return Ended(plain(said), condition.get("lastTransitionTime") or "")
    return None


def _value(status: Mapping[str, Any], path: str, equals: str) -> Ended | None:
    """Return the end by a field; what else the controller says stands beside the field."""
    *before, name = path.split(".")
    place: Any = status
    for part in before:
        place = place.get(part) if isinstance(place, Mapping) else None
    if not isinstance(place, Mapping) or place.get(name) != equals:
        return None
    said = plain(str(place.get("message") or place.get("errorMessage") or ""))
    return Ended(f"{path} is {equals}" + (f": {said}" if said else ""))
