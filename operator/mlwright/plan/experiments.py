"""Values of an experiment that goes on: what is to be counted, what was, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.plan.measuring import Measure, Measured, Selection, Side
from mlwright.plan.pods import moment

STABLE: Final = "stable"
"""Name of the side with which variants are compared."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What was counted for one revision."""

    requests: float = 0.0
    rewards: float = 0.0
    """Number of rewards that its predictions got; or trials, each of which is a reward of 0 or 1."""
    total: float = 0.0
    """Sum of these rewards."""
    squares: float = 0.0
    """Sum of their squares."""

    def __add__(self, other: Sums) -> Sums:
        """Return what was counted in both."""
        return Sums(
            self.requests + other.requests,
            self.rewards + other.rewards,
            self.total + other.total,
            self.squares + other.squares,
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Two counters of somebody's own program, from which trials and successes are counted."""

    trials: Selection
    successes: Selection
    label: str
    """The label that names the version."""
    revisions: Mapping[str, str]
    """By value of that label: the revision for which it counts."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What an experiment wants counted: everything after an instant, up to which it has counted before."""

    experiment: str
    namespace: str
    deployment: str
    sides: tuple[Side, ...]
    since: float
    """Seconds since 1970."""
    guards: tuple[Measure, ...] = ()
    """What is watched so that no variant does harm: one for each."""
    tally: Tally | None = None
    """What counts rewards instead of feedback."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What was counted. It is added to what was counted before exactly once: `until` is where the next one begins."""

    survey: Survey
    until: float
    """Seconds since 1970; equal to the beginning where nothing could be counted."""
    sums: Mapping[str, Sums] = field(default_factory=dict)
    """By revision."""
    trouble: str = ""
    """Why nothing newer was counted."""
    guarded: tuple[Measured, ...] = ()
    """What the guards counted."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of an experiment that goes on, and what was counted for it."""

    name: str
    version: str
    revision: str
    sums: Sums = Sums()


@dataclass(frozen=True, slots=True)
class Trial:
    """How far an experiment is. It stands in the status; were it lost, counting would begin anew."""

    name: str
    arms: tuple[Arm, ...]
    """The stable one first; fixed when the experiment begins, whatever is edited then."""
    since: datetime | None = None
    """When the variants first were known to have their shares; None before."""
    counted: datetime | None = None
    """Up to when was counted, or from when on counting begins; None while the shares are not as they should be."""
    lacking: datetime | None = None
    """When pods of a variant were first missed."""
    steady: datetime | None = None
    """Since when the shares are as they should be; None while they are not."""

    @property
    def begun(self) -> bool:
        """Whether its variants ever had their shares."""
        return self.since is not None

    def told(self) -> dict[str, Any]:
        """Return it as it stands in the status, without state and sentence."""
        times = {"since": self.since, "counted": self.counted, "lacking": self.lacking, "steady": self.steady}
        return {
            "name": self.name,
            **{name: timestamp(at) for name, at in times.items() if at is not None},
            "arms": [_arm_told(arm) for arm in self.arms],
        }


def trial_told(status: Mapping[str, Any], name: str) -> Trial | None:
    """Return how far the experiment of that name is; None where the status tells of none that goes on."""
    told = status.get("experiment") or {}
    if told.get("name") != name or told.get("state") == "Ended" or not told.get("arms"):
        return None
    try:
        times = (moment(told[key]) if told.get(key) else None for key in ("since", "counted", "lacking", "steady"))
        return Trial(name, tuple(_arm(arm) for arm in told["arms"]), *times)
    except (KeyError, TypeError, ValueError):
        return None


def _arm_told(arm: Arm) -> dict[str, Any]:
    sums = arm.sums
    counts = {"requests": sums.requests, "rewards": sums.rewards, "total": sums.total, "squares": sums.squares}
    return {"name": arm.name, "version": arm.version, "revision": arm.revision, **counts}


def _arm(told: Mapping[str, Any]) -> Arm:
    counts = (float(told.get(key) or 0.0) for key in ("requests", "rewards", "total", "squares"))
    return Arm(told["name"], str(told.get("version") or ""), told["revision"], Sums(*counts))
