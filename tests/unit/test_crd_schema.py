"""The generator says everything that a model says, or refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BeforeValidator, Field

from mlwright.api.crds.refusal import RefusedModelError
from mlwright.api.crds.schema import object_schema
from mlwright.api.fields import (
    Cel,
    Format,
    FreeObject,
    ListMap,
    ListSet,
    PreserveUnknown,
    Quantity,
    Rule,
    Schema,
    Union,
)

Name = Annotated[str, Field(max_length=40)]


class Leaf(Schema):
    """An item of a list."""

    name: Name = Field(description="Name.")
    size: int = Field(default=3, ge=1, lt=9, description="Size.")


class Shape(Schema):
    """A union."""

    type: Literal["Round", "SquareCut"] = Field(default="Round", description="Type.")
    round: Leaf | None = Field(default=None, description="Round.")
    square_cut: Leaf | None = Field(default=None, description="Square.")
    union: ClassVar[Union | None] = Union(optional=("Round",))


def schema_of(annotation: Any, field: Any = None, *, defaults: bool = True) -> dict[str, Any]:
    """Return the schema of a one-field model's field."""
    model = type(
        "Sample",
        (Schema,),
        {"__annotations__": {"some_field": annotation}, "some_field": field or Field(description="D.")},
    )
    found: dict[str, Any] = object_schema(model, "Sample", defaults=defaults)["properties"]["someField"]
    return found


def some(**constraints: Any) -> Any:
    """Return a described field."""
    return Field(description="D.", **constraints)


TRANSLATIONS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "a bounded text": (
        str,
        some(min_length=1, max_length=5, pattern="^[a-z]*$"),
        {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]*$"},
    ),
    "constraints of the type and of the field add up": (
        Name,
        some(min_length=2),
        {"minLength": 2, "maxLength": 40, "type": "string"},
    ),
    "a whole number": (int, some(ge=0, le=9), {"type": "integer", "format": "int64", "minimum": 0, "maximum": 9}),
    "an open interval": (
        float,
        some(gt=0, lt=1),
        {
            "type": "number",
            "format": "double",
            "minimum": 0,
            "exclusiveMinimum": True,
            "maximum": 1,
            "exclusiveMaximum": True,
        },
    ),
    "a switch": (bool, some(default=False), {"type": "boolean", "default": False}),
    "an enum": (Literal["A", "B"], some(default="B"), {"type": "string", "enum": ["A", "B"], "default": "B"}),
    "a plain list is replaced as a whole": (
        tuple[Name, ...],
        some(max_length=2),
        {
            "type": "array",
            "maxItems": 2,
            "items": {"type": "string", "maxLength": 40},
            "x-kubernetes-list-type": "atomic",
        },
    ),
    "a map of numbers": (
        dict[str, float],
        some(max_length=2),
        {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "number", "format": "double"}},
    ),
    "a free place": (FreeObject, some(default={}), {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    "an optional free place": (
        FreeObject | None,
        some(default=None),
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    ),
    "a named format": (
        Annotated[Name, Format("date-time")],
        some(),
        {"type": "string", "maxLength": 40, "format": "date-time"},
    ),
    "None is absent": (Name | None, some(default=None), {"type": "string", "maxLength": 40}),
    "an empty default is absent": (Name, some(default=""), {"type": "string", "maxLength": 40}),
    "a rule on a field": (
        Annotated[Name, Cel((Rule("self == oldSelf", "leave it"),))],
        some(),
        {
            "type": "string",
            "maxLength": 40,
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "leave it"}],
        },
    ),
}


@pytest.mark.parametrize("annotation, field, expected", TRANSLATIONS.values(), ids=TRANSLATIONS.keys())
def test_types_and_constraints_are_translated(annotation: Any, field: Any, expected: dict[str, Any]) -> None:
    """Every construct that the generator knows has exactly one form."""
    assert schema_of(annotation, field) == {"description": "D.", **expected}


def test_items_that_people_extend_are_merged_by_name() -> None:
    """A list map names its key, and the items keep their own defaults."""
    found = schema_of(Annotated[tuple[Leaf, ...], ListMap()], some(max_length=4))

    assert found["x-kubernetes-list-map-keys"] == ["name"]
    assert found["items"]["required"] == ["name"]
    assert found["items"]["properties"]["size"]["default"] == 3


def test_values_that_may_not_repeat_are_a_set() -> None:
    """The API server refuses a column that is named twice."""
    found = schema_of(Annotated[tuple[Name, ...], ListSet()], some(max_length=4))

    assert found["x-kubernetes-list-type"] == "set"


def test_rules_of_the_type_and_of_the_field_add_up() -> None:
    """A rule is not lost because another one stands nearer."""
    typed = Annotated[Name, Cel((Rule("self != 'a'", "not a"),))]

    rules = schema_of(Annotated[typed, Cel((Rule("self != 'b'", "not b"),))])["x-kubernetes-validations"]

    assert [rule["message"] for rule in rules] == ["not a", "not b"]


def test_a_quantity_may_be_a_number_or_a_text() -> None:
    """`cpu: 2` is as good as `cpu: "2"` and is parsed as text."""
    found = schema_of(dict[str, Quantity], some(max_length=2))["additionalProperties"]

    assert found["x-kubernetes-int-or-string"] is True
    assert "type" not in found


def test_a_status_has_no_defaults() -> None:
    """What the API server would add, the operator would see as a difference for ever."""
    assert "default" not in schema_of(int, some(default=4), defaults=False)


def test_the_default_of_an_object_leaves_out_what_is_empty() -> None:
    """A default object is written as a person would write it."""
    found = schema_of(Shape, some(default=Shape()))

    assert found["default"] == {"type": "Round"}


def test_a_union_is_checked_both_ways() -> None:
    """The member of the type must be there, unless it is optional, and no other may be."""
    rules = object_schema(Shape, "Shape", defaults=True)["x-kubernetes-validations"]

    assert [rule["rule"] for rule in rules] == [
        "self.type == 'Round' || !has(self.round)",
        "self.type == 'SquareCut' ? has(self.squareCut) : !has(self.squareCut)",
    ]


class TypeWithoutMember(Schema):
    """A union that forgot a member."""

    type: Literal["Gone"] = Field(description="Type.")
    union: ClassVar[Union | None] = Union()


class OptionalWithoutType(Schema):
    """A union with a stranger among its optional types."""

    type: Literal["Round"] = Field(description="Type.")
    round: Leaf | None = Field(default=None, description="Round.")
    union: ClassVar[Union | None] = Union(optional=("Flat",))


class RuleWithoutMessage(Schema):
    """A rule that says nothing to the person that it refuses."""

    size: int = Field(description="Size.")
    rules: ClassVar[tuple[Rule, ...]] = (Rule("self.size > 1", ""),)


class ReadAsTrue(Schema):
    """A field name that YAML 1.1 reads as a boolean."""

    on: bool = Field(description="Whether.")


REFUSALS: dict[str, tuple[Callable[[], object], str]] = {
    "a field without description": (lambda: schema_of(int, Field()), "needs a description"),
    "a text without bound": (lambda: schema_of(str), "needs max_length"),
    "a list without bound": (lambda: schema_of(tuple[int, ...]), "needs max_length"),
    "a map without bound": (lambda: schema_of(dict[str, int]), "needs max_length"),
    "map values without bound": (lambda: schema_of(dict[str, str], some(max_length=2)), "needs max_length"),
    "a type that is unknown": (lambda: schema_of(bytes), "no counterpart"),
    "a mutable list": (lambda: schema_of(list[int], some(max_length=2)), "no counterpart"),
    "a union of types": (lambda: schema_of(int | str), "no counterpart"),
    "a pair": (lambda: schema_of(tuple[int, int], some(max_length=2)), "tuple[T, ...]"),
    "a map with numbers as keys": (lambda: schema_of(dict[int, int], some(max_length=2)), "keys of a map"),
    "None without being optional": (lambda: schema_of(int | None), "needs the default None"),
    "a constraint that is unknown": (lambda: schema_of(int, some(multiple_of=5)), "no counterpart"),
    "a constraint of another type": (lambda: schema_of(bool, some(ge=1)), "no counterpart"),
    "a pattern that means something else to the API server": (
        lambda: schema_of(str, some(max_length=9, pattern=r"^\d$")),
        "[0-9] instead of",
    ),
    "a pattern that fits anywhere": (lambda: schema_of(str, some(max_length=9, pattern="a")), "with ^ and $"),
    "a mark without use": (lambda: schema_of(Annotated[int, ListMap()]), "no use for ListMap"),
    "a validator in Python": (
        lambda: schema_of(Annotated[Name, BeforeValidator(str)]),
        "write a CEL rule",
    ),
    "an enum value that is null in YAML": (lambda: schema_of(Literal["null", "a"]), "YAML 1.1"),
    "an enum value that is a boolean in YAML": (lambda: schema_of(Literal["Off", "Auto"]), "YAML 1.1"),
    "an enum of numbers": (lambda: schema_of(Literal[1, 2]), "an enum holds texts"),
    "a field name that is a boolean in YAML": (lambda: object_schema(ReadAsTrue, "S", defaults=True), "S.on: YAML 1.1"),
    "a list map whose items may lack the key": (
        lambda: schema_of(Annotated[tuple[Leaf, ...], ListMap("size")], some(max_length=2)),
        "need the required field size",
    ),
    "a set of objects": (
        lambda: schema_of(Annotated[tuple[Leaf, ...], ListSet()], some(max_length=2)),
        "use ListMap",
    ),
    "a free list": (lambda: schema_of(Annotated[tuple[int, ...], PreserveUnknown()]), "only a plain map"),
    "a union without a member": (lambda: object_schema(TypeWithoutMember, "S", defaults=True), "no member gone"),
    "a union with a stranger": (lambda: object_schema(OptionalWithoutType, "S", defaults=True), "do not exist: Flat"),
    "a rule without message": (lambda: object_schema(RuleWithoutMessage, "S", defaults=True), "needs a message"),
}


@pytest.mark.parametrize("generate, words", REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_be_said_in_a_crd_is_refused(generate: Callable[[], object], words: str) -> None:
    """Silence would mean that a rule of the model is checked nowhere."""
    with pytest.raises(RefusedModelError) as refused:
        generate()

    assert words in str(refused.value)
