"""Requests made from an OpenAPI description: right ones, and right ones that somebody spoiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

Json = Any
Made = st.SearchStrategy[Json]

LONGEST: Final = 6
"""Elements of a list where the description sets no end."""
INT64: Final = (-(2**63), 2**63 - 1)
TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS: Final = st.floats(allow_nan=False, allow_infinity=False)
SCALARS: Final = st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS
ANYTHING: Final = st.recursive(
    SCALARS | st.sampled_from([1e308, -(2**63) - 1, 2**64, "NaN", "\x00", "'; --", "../..", "𝄞" * 400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
"""What is JSON, with some values that are often wrong somewhere."""


class Description:
    """An OpenAPI document of a server."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the document."""
        self.document = document
        self._makers: dict[str, Callable[[Json], Made]] = {
            "object": self._objects,
            "array": self._arrays,
            "string": lambda _: TEXTS,
            "boolean": lambda _: st.booleans(),
            "null": lambda _: st.none(),
            "integer": _integers,
            "number": _numbers,
        }

    def operation(self, method: str, path: str) -> Mapping[str, Any]:
        """What is said of a path and a method."""
        found: Mapping[str, Any] = self.document["paths"][path][method]
        return found

    def question(self, path: str) -> Json:
        """The schema of the body that a path takes."""
        return _schema(self.operation("post", path)["requestBody"])

    def told_of(self, method: str, path: str, status: int) -> Json | None:
        """The schema of the answers of a status; None for a status that is not described."""
        response = self.operation(method, path)["responses"].get(str(status))
        return None if response is None else _schema(response)

    def fits(self, schema: Json, value: Json) -> bool:
        """Whether a value is as a schema says."""
        return bool(Draft202012Validator({**schema, "components": self.document["components"]}).is_valid(value))

    def right(self, schema: Json) -> Made:
        """Values that are as a schema says."""
        if "$ref" in schema:
            return st.deferred(lambda: self.right(self._named(schema["$ref"])))
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if several := schema.get("oneOf") or schema.get("anyOf"):
            return st.one_of([self.right(one) for one in several])
        kinds = schema.get("type", "anything")
        makers = [self._makers.get(kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
        return st.one_of([maker(schema) if maker else ANYTHING for maker in makers])

    def spoiled(self, schema: Json) -> Made:
        """Right values in which up to three places hold something else, or are not there any more."""
        spoils = st.lists(st.tuples(st.integers(0, 10_000), ANYTHING, st.booleans()), min_size=1, max_size=3)
        return st.builds(_spoil, self.right(schema), spoils)

    def _named(self, reference: str) -> Json:
        return self.document["components"]["schemas"][reference.rpartition("/")[2]]

    def _objects(self, schema: Json) -> Made:
        known = schema.get("properties", {})
        needed = {name: self.right(known[name]) for name in schema.get("required", ())}
        others = {name: self.right(known[name]) for name in known if name not in needed}
        return st.fixed_dictionaries(needed, optional=others)

    def _arrays(self, schema: Json) -> Made:
        least = schema.get("minItems", 0)
        element = self.right(schema["items"]) if "items" in schema else SCALARS
        return st.lists(element, min_size=least, max_size=min(schema.get("maxItems", LONGEST), max(LONGEST, least)))


def _schema(of: Mapping[str, Any]) -> Json:
    return of["content"]["application/json"]["schema"]


def _integers(schema: Json) -> Made:
    low, high = INT64 if schema.get("format") == "int64" else (None, None)
    return st.integers(schema.get("minimum", low), schema.get("maximum", high))


def _numbers(schema: Json) -> Made:
    return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)


def _places(value: Json) -> list[tuple[Any, Any]]:
    """Every place in a document: what holds it, and its name or number there."""
    own = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [place for key, inner in own for place in ((value, key), *_places(inner))]


def _spoil(value: Json, spoils: list[tuple[int, Json, bool]]) -> Json:
    whole = [deepcopy(value)]
    for number, other, gone in spoils:
        places = _places(whole)
        holder, key = places[number % len(places)]
        if gone and holder is not whole:
            del holder[key]
        else:
            holder[key] = other
    return whole[0]
