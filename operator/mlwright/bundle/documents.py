"""Read JSON objects field by field, so that every complaint names its place.

What a field should be is said once, in the reading; a value of another type is refused, never converted.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, cast

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Refuse = Callable[[str, str], Exception]
"""Makes the error to raise from the path of a field and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object, the path at which it stands, and the error to raise about it."""

    members: Mapping[str, object]
    path: str
    refuse: Refuse

    @classmethod
    def of(cls, value: object, path: str, refuse: Refuse) -> "Document":
        """The object at a path.

        Raises:
            Exception: What `refuse` makes, if the value is no object. All other methods raise in the same way.
        """
        if not isinstance(value, Mapping):
            raise refuse(path, "should be an object")
        return cls(value, path, refuse)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.members.get(key) is not None

    def where(self, key: str) -> str:
        """Path of a field."""
        return f"{self.path}.{key}" if self.path else key

    def get(self, key: str, kind: type[T], expected: str) -> T:
        """A field of exactly this type."""
        value = self.members.get(key)
        # A boolean is an int to isinstance; the type itself decides.
        if type(value) is not kind:
            raise self.refuse(self.where(key), f"should be {expected}")
        return value

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.get(key, str, "a text")
        if not value:
            raise self.refuse(self.where(key), "should not be empty")
        return value

    def optional_text(self, key: str) -> str | None:
        """A text, or None where the field is absent or null."""
        return self.text(key) if self.has(key) else None

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number of at least 0."""
        if default is not None and not self.has(key):
            return default
        value = self.get(key, int, "a whole number")
        if value < 0:
            raise self.refuse(self.where(key), "should not be negative")
        return value

    def number(self, key: str) -> float:
        """A number, whole or not."""
        value = self.members.get(key)
        if type(value) not in {int, float} or not math.isfinite(cast("float", value)):
            raise self.refuse(self.where(key), "should be a number")
        return float(cast("float", value))

    def child(self, key: str) -> "Document":
        """An object."""
        return Document.of(self.members.get(key), self.where(key), self.refuse)

    def children(self, key: str) -> tuple["Document", ...]:
        """A list of objects."""
        values = self.get(key, list, "a list")
        return tuple(
            Document.of(value, f"{self.where(key)}[{index}]", self.refuse) for index, value in enumerate(values)
        )

    def many(self, key: str, kinds: tuple[type, ...], expected: str) -> tuple[object, ...]:
        """A list whose entries have one of these types."""
        values = self.get(key, list, "a list")
        for index, value in enumerate(values):
            if type(value) not in kinds:
                raise self.refuse(f"{self.where(key)}[{index}]", f"should be {expected}")
        return tuple(values)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(str(value) for value in self.many(key, (str,), "a text"))

    def choice(self, key: str, choices: type[E]) -> E:
        """One of the values of an enum."""
        text = self.text(key)
        if text not in list(choices):
            known = ", ".join(choices)
            raise self.refuse(self.where(key), f"is {text[:32]!r}; known are {known}")
        return choices(text)
