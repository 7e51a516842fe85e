"""Constraints of pydantic fields in the words of OpenAPI v3, per type of value; whatever is left over is an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from mlwright.api.crds.refusal import RefusedModelError

JsonSchema = dict[str, Any]

# Classes that hold all of Unicode for pydantic and ASCII for the API server.
_FOREIGN_PATTERN = re.compile(r"\\[dDwWsSbB]")

_LENGTHS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "string": ("minLength", "maxLength"),
        "array": ("minItems", "maxItems"),
        "object": ("minProperties", "maxProperties"),
    }
)


def translate(kind: str, constraints: Iterable[object], path: str) -> JsonSchema:
    """Return the keywords for the constraints on a value of that OpenAPI type (string, number, array, ...).

    Raises:
        RefusedModelError: for a constraint that has no counterpart, or a text, list or map without an upper bound.
    """
    schema: JsonSchema = {}
    for constraint in constraints:
        schema.update(_keyword(kind, constraint, path))
    if kind in _LENGTHS and _LENGTHS[kind][1] not in schema:
        raise RefusedModelError(path, f"a value of type {kind} needs max_length, so that CEL rules stay affordable")
    return schema


def _keyword(kind: str, constraint: object, path: str) -> JsonSchema:
    if kind in {"integer", "number"}:
        found = _number(constraint)
    elif kind in _LENGTHS:
        found = _length(constraint, *_LENGTHS[kind]) or (_pattern(constraint, path) if kind == "string" else {})
    else:
        found = {}
    if not found:
        raise RefusedModelError(path, f"no counterpart in a CRD for {constraint!r} on a value of type {kind}")
    return found


def _number(constraint: object) -> JsonSchema:
    readers: tuple[Callable[[object], JsonSchema | None], ...] = (
        lambda c: {"minimum": c.ge} if isinstance(c, Ge) else None,
        lambda c: {"minimum": c.gt, "exclusiveMinimum": True} if isinstance(c, Gt) else None,
        lambda c: {"maximum": c.le} if isinstance(c, Le) else None,
        lambda c: {"maximum": c.lt, "exclusiveMaximum": True} if isinstance(c, Lt) else None,
    )
    return next((found for read in readers if (found := read(constraint))), {})


def _length(constraint: object, shortest: str, longest: str) -> JsonSchema:
    if isinstance(constraint, MinLen):
        return {shortest: constraint.min_length}
    if isinstance(constraint, MaxLen):
        return {longest: constraint.max_length}
    return {}


def _pattern(constraint: object, path: str) -> JsonSchema:
    pattern = getattr(constraint, "pattern", None)
    if not isinstance(pattern, str) or vars(constraint) != {"pattern": pattern}:
        return {}
    if not (pattern.startswith("^") and pattern.endswith("$")) or _FOREIGN_PATTERN.search(pattern):
        raise RefusedModelError(path, f"write {pattern!r} with ^ and $, and [0-9] instead of \\d and the like")
    return {"pattern": pattern}
