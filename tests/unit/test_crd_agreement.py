"""Admission and the operator read the same models: what one takes, the other takes.

CEL rules are left out here; they are tested on a real API server.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from mlwright.api.crds.schema import object_schema
from mlwright.api.fields import Schema
from mlwright.api.kinds import KINDS

Json = Any
MODELS: dict[str, type[Schema]] = {
    f"{kind.name}.{part}": model
    for kind in KINDS.values()
    for part, model in (("spec", kind.spec), ("status", kind.status))
    if model is not None
}
EVERY_MODEL = pytest.mark.parametrize("name", MODELS)

WIDE_TEXT = st.text(st.characters(codec="utf-8"), max_size=60) | st.from_regex(r"[a-z0-9]{1,50}", fullmatch=True)
SCALARS: dict[str, st.SearchStrategy[Json]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-(2**62), 2**62),
    "number": st.floats(-1e9, 1e9, allow_nan=False),
}
ANYTHING = st.booleans() | st.integers(-9, 9) | st.text(max_size=5)


def documents(schema: Json) -> st.SearchStrategy[Json]:
    """Return a strategy of values that a generated schema takes."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(0, 99) | texts(schema)
    if "type" not in schema:
        return ANYTHING
    if schema["type"] in SCALARS:
        return numbers(schema) if schema["type"] != "boolean" else st.booleans()
    if schema["type"] == "string":
        return texts(schema)
    return arrays(schema) if schema["type"] == "array" else objects(schema)


def numbers(schema: Json) -> st.SearchStrategy[Json]:
    """Return numbers within the bounds of the schema."""
    low, high = schema.get("minimum", -(2**62)), schema.get("maximum", 2**62)
    if schema["type"] == "integer":
        return st.integers(low, high)
    open_below, open_above = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
    return st.floats(low, high, allow_nan=False, exclude_min=open_below, exclude_max=open_above)


def texts(schema: Json) -> st.SearchStrategy[str]:
    """Return texts within the bounds of the schema."""
    if "pattern" in schema:
        regex = re.compile(schema["pattern"].removesuffix("$") + r"\Z", re.ASCII)
        return st.from_regex(regex).filter(lambda text: schema.get("minLength", 0) <= len(text) <= schema["maxLength"])
    return st.text(
        st.characters(codec="utf-8"), min_size=schema.get("minLength", 0), max_size=min(schema["maxLength"], 20)
    )


def arrays(schema: Json) -> st.SearchStrategy[Json]:
    """Return short lists; the items of a list map differ in their key."""
    unique = None
    if "x-kubernetes-list-map-keys" in schema:
        [key] = schema["x-kubernetes-list-map-keys"]
        unique = lambda item: item[key]  # noqa: E731 - a name would say no more
    return st.lists(documents(schema["items"]), min_size=schema.get("minItems", 0), max_size=2, unique_by=unique)


def objects(schema: Json) -> st.SearchStrategy[Json]:
    """Return objects with all required and some other fields."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers(-9, 9), max_size=2)
    if "additionalProperties" in schema:
        return st.dictionaries(st.text(max_size=5), documents(schema["additionalProperties"]), max_size=2)
    fields = {name: documents(field) for name, field in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def taken(name: str, document: Json) -> bool:
    """Return whether the API server would take a document of that kind and part, rules left out."""
    return bool(VALIDATORS[name].is_valid(document))


def as_json_schema(schema: Json) -> Json:
    """Return an OpenAPI v3 schema in the words of JSON Schema: exclusive bounds are numbers, patterns are exact."""
    if isinstance(schema, list):
        return [as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {key: as_json_schema(value) for key, value in schema.items() if not key.startswith("exclusive")}
    for bound in ("minimum", "maximum"):
        if schema.get(f"exclusive{bound.capitalize()}") is True:
            converted[f"exclusive{bound.capitalize()}"] = converted.pop(bound)
    if isinstance(schema.get("pattern"), str):
        converted["pattern"] = schema["pattern"].removesuffix("$") + r"\Z"
    return converted


def parsed(model: type[Schema], document: Json) -> bool:
    """Return whether the operator reads a document without complaint."""
    try:
        model.model_validate(document)
    except ValidationError:
        return False
    return True


def leaves(document: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all values in a document that hold no further ones."""
    children: list[tuple[str | int, Json]] = []
    if isinstance(document, dict):
        children = list(document.items())
    elif isinstance(document, list):
        children = list(enumerate(document))
    return [path] if not children else [leaf for key, child in children for leaf in leaves(child, (*path, key))]


def replaced(document: Json, path: tuple[str | int, ...], value: Json) -> Json:
    """Return the document with another value at a path."""
    changed = copy.deepcopy(document)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


def another(value: Json) -> st.SearchStrategy[Json]:
    """Return values of the same type, most of them out of bounds."""
    if isinstance(value, bool) or value is None:
        return st.just(value)
    if isinstance(value, int):
        return SCALARS["integer"]
    if isinstance(value, float):
        return SCALARS["number"]
    return WIDE_TEXT if isinstance(value, str) else st.just(value)


SCHEMAS = {name: object_schema(model, name, defaults=True) for name, model in MODELS.items()}
VALIDATORS = {name: Draft202012Validator(as_json_schema(schema)) for name, schema in SCHEMAS.items()}
DOCUMENTS = {name: documents(schema) for name, schema in SCHEMAS.items()}


@pytest.mark.timeout(90)  # a pipeline is large, and the machine may be busy
@EVERY_MODEL
@given(data=st.data())
def test_what_admission_takes_the_operator_reads_and_writes_back(name: str, data: st.DataObject) -> None:
    """An object that was admitted and then crashes the operator, or changes when written back, would be a trap."""
    document = data.draw(DOCUMENTS[name])

    parsed_object = MODELS[name].model_validate(document)
    written = parsed_object.model_dump(mode="json", by_alias=True, exclude_none=True)

    assert taken(name, written)
    assert MODELS[name].model_validate(written) == parsed_object


@pytest.mark.timeout(90)  # a pipeline is large, and the machine may be busy
@EVERY_MODEL
@given(data=st.data())
def test_admission_and_the_operator_refuse_the_same_values(name: str, data: st.DataObject) -> None:
    """A bound that only one of the two knows is either a crash or a surprise."""
    document = data.draw(DOCUMENTS[name])
    path = data.draw(st.sampled_from([leaf for leaf in leaves(document) if leaf] or [()]))
    value = document
    for key in path:
        value = value[key]
    changed = replaced(document, path, data.draw(another(value))) if path else document

    assert parsed(MODELS[name], changed) == taken(name, changed)
