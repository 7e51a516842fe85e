"""The rules of a union: the field `type` selects one member, and CEL checks both directions."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

from mlwright.api.crds.refusal import RefusedModelError
from mlwright.api.fields import Rule, Schema


def union_rules(model: type[Schema], path: str) -> tuple[Rule, ...]:
    """Return the rules that tie each value of `type` to the member of that name, none for a model without union.

    Hash with the member `hash` gives: with type Hash the member must be there (unless the type is optional), with any
    other type it must not.

    Raises:
        RefusedModelError: when `type` is no enum, or a value of it has no member, or an optional type does not exist.
    """
    if model.union is None:
        return ()
    types = _types(model, path)
    if strangers := set(model.union.optional) - set(types):
        raise RefusedModelError(path, f"optional names types that do not exist: {', '.join(sorted(strangers))}")
    return tuple(_rule(type_, optional=type_ in model.union.optional) for type_ in types)


def member(type_: str) -> str:
    """Return the name of the member that a type selects.

    >>> member("BuiltIn")
    'builtIn'
    """
    return type_[0].lower() + type_[1:]


def _types(model: type[Schema], path: str) -> tuple[str, ...]:
    field = model.model_fields.get("type")
    if field is None or get_origin(field.annotation) is not Literal:
        raise RefusedModelError(path, "a union needs the field type, an enum")
    types: tuple[str, ...] = get_args(field.annotation)
    members = {inner.alias or name for name, inner in model.model_fields.items()}
    for type_ in types:
        if member(type_) not in members:
            raise RefusedModelError(path, f"the union has no member {member(type_)} for type {type_}")
    return types


def _rule(type_: str, *, optional: bool) -> Rule:
    name = member(type_)
    if optional:
        return Rule(
            f"self.type == '{type_}' || !has(self.{name})",
            f"{name} belongs to type {type_}: remove {name} or set type to {type_}",
        )
    return Rule(
        f"self.type == '{type_}' ? has(self.{name}) : !has(self.{name})",
        f"{name} goes with type {type_} and only with it: set both or none",
    )
