"""The values of knowing the load: questions that are asked once for all deployments, and what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

Pod = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the store of metrics is asked, for whichever objects want to know it."""

    promql: str
    whole: bool = False
    """Whether one number answers it, for the one deployment that asks; else there is a number for each pod."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered last."""

    at: float
    """Seconds since 1970, when it was asked."""
    pods: Mapping[Pod, float] = field(default_factory=dict)
    number: float | None = None
    trouble: str = ""
    """Why there is no answer."""


@dataclass(frozen=True, slots=True)
class Passing:
    """What one pod of a router says of a deployment."""

    under_way: int
    """Requests that came and have no answer yet."""
    came: int
    """Requests that came since it counts."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What the routers of a namespace knew of a deployment at one moment; of one that was not heard, nothing."""

    at: float
    """Seconds since 1970."""
    under_way: float
    came: float = 0.0
    """Requests that came since the glance before."""
    seconds: float = 0.0
    """Since the glance before; 0 where there was none."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What routers may know of a deployment without anything being done about it."""

    under_way: float = inf
    rate: float = inf
    """Requests per second."""
