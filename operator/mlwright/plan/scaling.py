"""The values of scaling: what pods were seen to carry, and what is remembered of what was wanted and done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Millis = int
"""Thousandths, as Kubernetes counts quantities: sums and means of whole numbers have no rounding to differ in."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What the pods of one revision carry of one metric."""

    values: Mapping[str, Millis]
    """By pod; of pods that are not ready it does not count."""
    unready: frozenset[str] = frozenset()
    """Pods that start: what they will carry is not known."""
    missing: frozenset[str] = frozenset()
    """Pods that are ready and of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far from the target a ratio of usage may be without anything being done about it."""

    up: float = 0.1
    down: float = 0.1

    def allows(self, ratio: float) -> bool:
        """Tell whether a ratio is near enough to 1."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True, slots=True)
class Wish:
    """How many replicas a look at the metrics asked for."""

    at: float
    """Seconds since 1970."""
    replicas: int


@dataclass(frozen=True, slots=True)
class Change:
    """By how many replicas a look changed the number."""

    at: float
    """Seconds since 1970."""
    by: int
    """Less than 0 when pods went."""


@dataclass(frozen=True, slots=True)
class Calm:
    """Since when no pod has counted a request."""

    since: float
    """Seconds since 1970."""
    counts: Mapping[str, float]
    """What each pod had counted then."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What windows and policies look back at. Without it the next step up is larger, and one down comes later."""

    wishes: tuple[Wish, ...] = ()
    changes: tuple[Change, ...] = ()
    judged: float = 0.0
    """When the newest answer was asked for that was judged; seconds since 1970."""
    calm: Calm | None = None
    """None while requests come, or nobody knows whether they do."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How much may change within a period."""

    type: str
    """Pods or Percent."""
    value: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Direction:
    """How the number of replicas may move one way."""

    window: int
    """Seconds: of the wishes in them the most careful one counts."""
    policies: tuple[Policy, ...]
    select: str = "Max"
    """Max: the policy that allows most counts; Min: the one that allows least; Disabled: nothing is allowed."""


@dataclass(frozen=True, slots=True)
class Behavior:
    """How the number of replicas may move."""

    up: Direction = field(default_factory=lambda: Direction(0, (Policy("Pods", 4, 15), Policy("Percent", 100, 15))))
    down: Direction = field(default_factory=lambda: Direction(300, (Policy("Percent", 100, 15),)))


@dataclass(frozen=True, slots=True)
class Limits:
    """Between what the number of replicas must be."""

    least: int
    most: int
