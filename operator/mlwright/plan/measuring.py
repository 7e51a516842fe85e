"""The values of measuring: what a rollout wants counted, what the store of metrics holds, as raw samples.

Counters are read as they were scraped and subtracted here. What a query language makes of them (rate, increase) drops
one gap between scrapes, scales up the rest and hides restarts: enough to send good candidates back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from mlwright.api.analysis import Check
from mlwright.plan.analysis import Reading
from mlwright.stats.guard import Noise


@dataclass(frozen=True, slots=True)
class Phase:
    """A time in which the weights did not change."""

    step: int
    since: float
    """Seconds since 1970: when the weight was first known to be in effect."""
    until: float | None = None
    """When it was changed; None while it holds."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A pod whose counters count."""

    name: str
    ready: float
    """Seconds since 1970: since when it is ready."""
    gone: bool = False
    """It exists no more: what it counted still counts, and nothing newer is waited for."""


@dataclass(frozen=True, slots=True)
class Side:
    """One revision and its pods; only pods that the operator knows as its own, whatever series claim to be."""

    revision: str
    pods: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a rollout wants counted."""

    namespace: str
    deployment: str
    candidate: Side
    stable: Side
    phases: tuple[Phase, ...]
    """In their order; the last is the one that is judged now."""
    checks: tuple[Check, ...]
    warmup: timedelta
    noise_wanted: bool = False
    """Whether to look, too, at how stable's bad requests were spread before the first phase."""
    bake: bool = False
    """Whether the last phase is a bake: stable has no traffic any more, and what it did before is looked at."""
    ahead: bool = False
    """Whether nobody had a share yet: only what stable did before is looked at, to tell how long it will take."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What stable did of late: requests, bad ones among them, and in how many seconds."""

    requests: float
    bad: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Selection:
    """Series of one metric, by the values that their labels must have; a label may have one of several."""

    metric: str
    labels: Mapping[str, tuple[str, ...]]
    since: float
    """Samples from this instant on, seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Series:
    """One counter: its labels and its samples, (seconds since 1970, value)."""

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was counted when it was last asked for.

    Attributes:
        measure: What was wanted then; a reading of another step or revision says nothing of this one.
        readings: By name of the check.
        pasts: By name of the check, of a bake: requests of stable before it, and bad ones among them.
        noise: How stable's bad requests were spread before the first phase; None while that is not asked for.
        paces: By name of the check, before anybody had a share: what stable did of late.
    """

    measure: Measure
    readings: Mapping[str, Reading]
    noise: Noise | None = None
    pasts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    paces: Mapping[str, Pace] = field(default_factory=dict)
