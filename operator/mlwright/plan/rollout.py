"""Values of a rollout that goes on: its stages, how far it is, and what its rules decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mlwright.api.conditions import timestamp
from mlwright.api.reasons import Reason
from mlwright.plan.pods import moment


class StageType(StrEnum):
    """What a stage waits for, beside the pods that it needs."""

    WEIGHT = "Weight"
    """For its time, with a share of the traffic."""
    APPROVAL = "Approval"
    """For a person."""
    BAKE = "Bake"
    """For its time, with all pods; it is the last one."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a rollout. Its last is a bake, of no length where none is asked for."""

    name: str
    type: StageType
    percent: int
    """Share of the traffic that the candidate has."""
    size: int
    """Pods that the candidate needs, in percent of spec.replicas."""
    hold: int = 0
    """Seconds."""

    @property
    def free(self) -> bool:
        """Whether it asks for no share of its own: a bake of no length."""
        return self.type is StageType.BAKE and not self.hold


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rollout is. It stands in the status; losing it costs time and no more."""

    revision: str
    version: int
    """Number of the version, so that it is looked up while a newer one waits."""
    stages: tuple[Stage, ...]
    """As the spec said when the candidate was ready first: an edit acts on the next rollout."""
    stage: int = 0
    since: datetime | None = None
    """When the candidate was first seen to have the share of this stage; None before."""
    lacking: datetime | None = None
    """When pods of the candidate were first missed in this stage; None while none is."""

    @property
    def now(self) -> Stage:
        """The stage that it is in."""
        return self.stages[self.stage]

    @property
    def last(self) -> bool:
        """Whether that is the last one."""
        return self.stage == len(self.stages) - 1

    def told(self) -> dict[str, Any]:
        """Return it as it stands in the status."""
        times = {"since": self.since, "lacking": self.lacking}
        return {
            "revision": self.revision,
            "version": self.version,
            "stage": self.stage,
            **{name: timestamp(at) for name, at in times.items() if at is not None},
            "stages": [
                {"name": s.name, "type": s.type.value, "percent": s.percent, "size": s.size, "hold": s.hold}
                for s in self.stages
            ],
        }


def progress_told(status: Mapping[str, Any]) -> Progress | None:
    """Return the progress that stands in a status, None where there is none or none that can be read."""
    told = status.get("rollout") or {}
    try:
        stages = tuple(Stage(**(stage | {"type": StageType(stage["type"])})) for stage in told["stages"])
        at = {name: moment(told[name]) for name in ("since", "lacking") if told.get(name)}
        found = Progress(told["revision"], told["version"], stages, told["stage"], **at)
    except (KeyError, TypeError, ValueError):
        return None
    return found if 0 <= found.stage < len(stages) else None


# what is decided


@dataclass(frozen=True, slots=True)
class Failed:
    """The candidate is given up."""

    why: str
    by: str = ""
    """The annotation by which a person asked for it."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The candidate takes over."""

    why: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Onward:
    """It goes on."""

    progress: Progress
    percent: int
    """Share of the traffic that the candidate is to have now."""
    reason: Reason
    sentence: str
    again: float | None = None
    """Seconds after which something may have changed without an event."""


Step = Failed | Proven | Onward
