"""From a model to a structural OpenAPI v3 schema, as the API server wants it.

Fields of a spec carry their defaults, so that a stored object says what it means. Empty defaults (no text, an empty
list or map) are left out: absent means the same and keeps objects short. A status carries none, because the API server
would add them to what the operator wrote, and then no two statuses would be equal.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from mlwright.api.crds.constraints import JsonSchema, translate
from mlwright.api.crds.refusal import RefusedModelError
from mlwright.api.crds.unions import union_rules
from mlwright.api.crds.words import refuse_misread, refuse_misread_enum
from mlwright.api.fields import Cel, Format, IntOrString, ListMap, ListSet, PreserveUnknown, Rule, Schema

_SCALARS: dict[object, JsonSchema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number", "format": "double"},
    str: {"type": "string"},
}
_MARKS = (Format, IntOrString, ListMap, ListSet, PreserveUnknown)


def object_schema(model: type[Schema], path: str, *, defaults: bool) -> JsonSchema:
    """Return the schema of one object: its fields, which of them are required, and its rules.

    Args:
        model: The model of the object.
        path: Where the object stands, for error messages.
        defaults: Whether fields carry their defaults.

    Raises:
        RefusedModelError: for anything that the generator does not know how to say.
    """
    model.model_rebuild()
    fields = {_outer_name(name, field, path): field for name, field in model.model_fields.items()}
    schema: JsonSchema = {
        "type": "object",
        "properties": {name: _field(field, f"{path}.{name}", defaults=defaults) for name, field in fields.items()},
    }
    if required := [name for name, field in fields.items() if field.is_required()]:
        schema["required"] = required
    return schema | validations((*union_rules(model, path), *model.rules), path)


def validations(rules: tuple[Rule, ...], path: str) -> JsonSchema:
    """Return CEL rules as the keyword that carries them, or nothing when there are none.

    Raises:
        RefusedModelError: for a rule without a message.
    """
    if any(not rule.message for rule in rules):
        raise RefusedModelError(path, "a rule needs a message that names the remedy")
    if not rules:
        return {}
    return {"x-kubernetes-validations": [{"rule": rule.rule, "message": rule.message} for rule in rules]}


def _outer_name(name: str, field: FieldInfo, path: str) -> str:
    outer = field.alias or name
    refuse_misread(outer, f"{path}.{outer}")
    return outer


def _field(field: FieldInfo, path: str, *, defaults: bool) -> JsonSchema:
    if not field.description:
        raise RefusedModelError(path, "a field needs a description: it is what kubectl explain shows")
    annotation = field.annotation
    if _optional(annotation) and field.is_required():
        raise RefusedModelError(path, "a field that may be None needs the default None: absent is how None is written")
    schema: JsonSchema = {"description": " ".join(field.description.split())}
    schema |= _value(_without_none(annotation), tuple(field.metadata), path, defaults=defaults)
    default = None if field.is_required() else plain(field.get_default(call_default_factory=True))
    if defaults and not _empty(default):
        schema["default"] = default
    return schema


def plain(value: object) -> Any:
    """Return a default as the JSON that stands for it, without what is absent or empty."""
    if isinstance(value, Schema):
        return plain(value.model_dump(mode="json", by_alias=True))
    if isinstance(value, dict):
        return {key: inner for key, item in value.items() if not _empty(inner := plain(item))}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def _empty(value: object) -> bool:
    return value is None or value in ("", [], {})


def _optional(annotation: object) -> bool:
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def _without_none(annotation: object) -> Any:
    if not _optional(annotation):
        return annotation
    members = [member for member in get_args(annotation) if member is not NoneType]
    return members[0] if len(members) == 1 else annotation


def _value(annotation: Any, metadata: tuple[Any, ...], path: str, *, defaults: bool) -> JsonSchema:
    """Return the schema of a value; constraints and marks may stand on the type, on the field, or on both."""
    if get_origin(annotation) is Annotated:
        inner = FieldInfo.from_annotation(annotation)
        return _value(inner.annotation, (*inner.metadata, *metadata), path, defaults=defaults)
    marks: dict[type, Any] = {type(item): item for item in metadata if isinstance(item, _MARKS)}
    constraints = [item for item in metadata if not isinstance(item, (*_MARKS, Cel, BeforeValidator))]
    if any(isinstance(item, BeforeValidator) for item in metadata) and IntOrString not in marks:
        raise RefusedModelError(path, "a validator in Python is unknown to the API server: write a CEL rule")
    rules = tuple(rule for item in metadata if isinstance(item, Cel) for rule in item.rules)
    schema = _typed(annotation, constraints, marks, path, defaults=defaults)
    if marks:
        raise RefusedModelError(path, f"no use for {', '.join(sorted(mark.__name__ for mark in marks))} on this type")
    own = schema.pop("x-kubernetes-validations", [])
    added = validations(rules, path).get("x-kubernetes-validations", [])
    return schema | ({"x-kubernetes-validations": [*own, *added]} if own or added else {})


def _typed(annotation: Any, constraints: list[Any], marks: dict[type, Any], path: str, *, defaults: bool) -> JsonSchema:
    """Dispatch on the type; a mark that is used is taken out of `marks`."""
    origin = get_origin(annotation)
    if marks.pop(PreserveUnknown, None):
        return _free(annotation, constraints, path)
    if origin is Literal:
        return _enum(get_args(annotation), constraints, path)
    if annotation in _SCALARS:
        return _scalar(annotation, constraints, marks, path)
    if isinstance(annotation, type) and issubclass(annotation, Schema) and not constraints:
        return object_schema(annotation, path, defaults=defaults)
    if origin is tuple:
        return _list(annotation, constraints, path, defaults=defaults) | _list_type(annotation, marks, path)
    if origin is dict:
        return _map(annotation, constraints, path, defaults=defaults)
    raise RefusedModelError(path, f"no counterpart in a CRD for the type {annotation!r}")


def _free(annotation: Any, constraints: list[Any], path: str) -> JsonSchema:
    if (annotation is not Any and get_origin(annotation) is not dict) or constraints:
        said = "only a plain map or any value can be free-typed, and nothing can be asked of its content"
        raise RefusedModelError(path, said)
    if annotation is Any:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _enum(values: tuple[Any, ...], constraints: list[Any], path: str) -> JsonSchema:
    if constraints or not all(isinstance(value, str) for value in values):
        raise RefusedModelError(path, "an enum holds texts and needs no further constraint")
    refuse_misread_enum(values, path)
    return {"type": "string", "enum": list(values)}


def _scalar(annotation: type, constraints: list[Any], marks: dict[type, Any], path: str) -> JsonSchema:
    schema = dict(_SCALARS[annotation])
    if annotation is str and (named := marks.pop(Format, None)):
        schema["format"] = named.name
    schema |= translate(schema["type"], constraints, path)
    if annotation is str and marks.pop(IntOrString, None):
        del schema["type"]
        schema |= {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
    return schema


def _list(annotation: Any, constraints: list[Any], path: str, *, defaults: bool) -> JsonSchema:
    item, *rest = get_args(annotation)
    if rest != [...]:
        raise RefusedModelError(path, "a list is written as tuple[T, ...]")
    items = _value(item, (), f"{path}[]", defaults=defaults)
    return {"type": "array", "items": items, **translate("array", constraints, path)}


def _list_type(annotation: Any, marks: dict[type, Any], path: str) -> JsonSchema:
    """Return how lists of several writers are merged: whole, by value, or by the key of their items."""
    item = get_args(annotation)[0]
    if keyed := marks.pop(ListMap, None):
        fields = {field.alias: field for field in getattr(item, "model_fields", {}).values()}
        if keyed.key not in fields or not fields[keyed.key].is_required():
            raise RefusedModelError(path, f"items of a list map need the required field {keyed.key}")
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [keyed.key]}
    if marks.pop(ListSet, None):
        if isinstance(item, type) and issubclass(item, Schema):
            raise RefusedModelError(path, "objects are told apart by a key: use ListMap")
        return {"x-kubernetes-list-type": "set"}
    return {"x-kubernetes-list-type": "atomic"}


def _map(annotation: Any, constraints: list[Any], path: str, *, defaults: bool) -> JsonSchema:
    key, value = get_args(annotation)
    if key is not str:
        raise RefusedModelError(path, "the keys of a map are texts")
    values = _value(value, (), f"{path}{{}}", defaults=defaults)
    return {"type": "object", "additionalProperties": values, **translate("object", constraints, path)}
