"""The vocabulary in which the kinds are written: base model, field types and the marks that the CRD generator reads.

Invariant: a mark changes the generated schema, never how an object is parsed. Parsing is lenient towards fields that
it does not know (an older operator meets a newer object); admission is strict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL validation of an object or of a field, with the message that names the remedy."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Union:
    """A union: the field `type` selects the one member field of that name (in camelCase).

    The selected member must be set, unless its type is `optional` (its defaults are used); any other member must not
    be set.
    """

    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListMap:
    """Marks a list whose items are merged by the value of `key` (`x-kubernetes-list-type: map`)."""

    key: str = "name"


@dataclass(frozen=True, slots=True)
class ListSet:
    """Marks a list of values that may not repeat (`x-kubernetes-list-type: set`)."""


@dataclass(frozen=True, slots=True)
class PreserveUnknown:
    """Marks a free-typed place: any JSON is kept; the reconcile and the pod check it."""


@dataclass(frozen=True, slots=True)
class IntOrString:
    """Marks a text that people may also write as a number, such as `cpu: 2`; it is parsed as text."""


@dataclass(frozen=True, slots=True)
class Format:
    """Marks a text whose form the API server checks by name, such as `date-time`."""

    name: str


@dataclass(frozen=True, slots=True)
class Cel:
    """Attaches CEL rules to one field (where `self` is the field's value)."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of `kubectl get`; `priority` 1 shows only with `-o wide`."""

    name: str
    type: str
    path: str
    description: str
    priority: int = 0


class Schema(BaseModel):
    """Base of every object and part of one: camelCase outside, snake_case inside, frozen, unknown fields ignored.

    What validates a class is built when it is first needed: of statuses, which the operator writes and does not parse,
    never.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, defer_build=True
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    union: ClassVar[Union | None] = None


# Few enough digits that no duration overflows in any program that reads it.
DURATION_PATTERN = r"^([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?$"
# Years and offsets that every program can turn into another time zone; which days a month has is for the format to say.
TIMESTAMP_PATTERN = (
    r"^[1-8][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?([eE][0-9]+|m|k|[MGTPE]i?|Ki)?$"


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")

Duration = Annotated[str, Field(pattern=DURATION_PATTERN, min_length=2, max_length=20)]
PositiveDuration = Annotated[
    Duration,
    Cel((Rule("duration(self) > duration('0s')", "must be longer than 0s: write a time such as 30s or 1h30m"),)),
]
Latency = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?(ms|s)$", max_length=14),
    Cel((Rule("duration(self) > duration('0s')", "must be longer than 0: write a time such as 5ms or 0.5s"),)),
]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)]
ShortName = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=40)]
ArtifactUri = Annotated[
    str,
    Field(min_length=7, max_length=512, pattern=r"^(pvc|s3)://[a-z0-9][-a-z0-9.]*(/[A-Za-z0-9._=-]+)*/?$"),
    Cel((Rule("!self.matches('(^|/)[.][.]?(/|$)')", "must be one plain address: remove the segments . and .."),)),
]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
ColumnName = Annotated[str, Field(min_length=1, max_length=128)]
Timestamp = Annotated[str, Format("date-time"), Field(pattern=TIMESTAMP_PATTERN, max_length=40)]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]
Release = Annotated[str, Field(max_length=128)]
Quantity = Annotated[str, BeforeValidator(_as_text), IntOrString(), Field(pattern=QUANTITY_PATTERN, max_length=32)]
Sentence = Annotated[str, Field(max_length=2048)]
FreeValue = Annotated[Any, PreserveUnknown()]
FreeObject = Annotated[dict[str, Any], PreserveUnknown()]


def parse_latency(text: str) -> float:
    """Return the seconds of a short time such as `5ms` or `0.5s`, as admission takes it.

    >>> parse_latency("5ms"), parse_latency("0.5s")
    (0.005, 0.5)
    """
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])


def parse_duration(text: str) -> timedelta:
    """Return the length of a duration such as `90s`, `1h30m` or `168h`.

    Raises:
        ValueError: when the text is empty or not of that form.
    """
    match = _DURATION.match(text)
    if not text or match is None:
        message = f"{text!r} is not a duration: write hours, minutes and seconds, such as 1h30m or 90s"
        raise ValueError(message)
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
