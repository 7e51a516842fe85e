"""The values of knowing the load: questions that are asked once for all deployments, and what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
