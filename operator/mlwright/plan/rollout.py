"""Values of a rollout that goes on: its stages, how far it is, and what its rules decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from mlwright.api.analysis import Analysis
from mlwright.api.conditions import MESSAGE_LENGTH, timestamp
from mlwright.api.preflight import Preflight
from mlwright.api.reasons import Reason
from mlwright.plan.pods import moment
from mlwright.stats.guard import Noise


class StageType(StrEnum):
    """What a stage waits for, beside the pods that it needs."""

    PREFLIGHT = "Preflight"
    """For what its pods answer to a Job that asks before anybody else does; it is the first one."""
    OWN_PREFLIGHT = "OwnPreflight"
    """For what a container of somebody's own finds when it asks them, before anybody else does too."""
    WEIGHT = "Weight"
    """For its time, with a share of the traffic."""
    SHADOW = "Shadow"
    """For its time, answering copies that nobody but the comparison sees."""
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
    copies: int = 0
    """Share of stable's requests that are asked again of the candidate, in percent."""

    @property
    def asks(self) -> bool:
        """Whether a Job asks the candidate's pods in it, before they have a share."""
        return self.type in {StageType.PREFLIGHT, StageType.OWN_PREFLIGHT}

    @property
    def free(self) -> bool:
        """Whether it asks for no share of its own: a bake of no length."""
        return self.type is StageType.BAKE and not self.hold


@dataclass(frozen=True, slots=True)
class Phase:
    """A time in which the candidate is known to have had the share of a stage: evidence is counted in these."""

    stage: int
    since: datetime
    until: datetime | None = None
    """None while it goes on."""


KUBELETS: Final = timedelta(seconds=90)
"""Within this time a kubelet has brought its pods a ConfigMap that changed."""
PHASES: Final = 32
"""Phases that are remembered; of a share that comes and goes more often the first are forgotten."""


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
    phases: tuple[Phase, ...] = ()
    """In the order of time."""
    copied: int = 0
    """Share of the requests that serving pods were told to ask again of the candidate, in percent."""
    analysis: Analysis | None = None
    """What is watched, as the spec said when the candidate was ready first."""
    noise: Noise | None = None
    """How stable's errors are spread; chosen once, so that the rules do not change while they are applied."""
    observed: str = ""
    """When and why it would first have been sent back, where verdicts are only observed."""
    preflight: Preflight | None = None
    """What is asked before anything else, as the spec said when the candidate was ready first."""
    replayed: str = ""
    """What came of that, in words; empty before it was passed."""

    @property
    def now(self) -> Stage:
        """The stage that it is in."""
        return self.stages[self.stage]

    @property
    def settling(self) -> timedelta:
        """How long after `since` the time of the stage begins.

        That of the first copies begins when all pods that make them know: a short step would else pass without one.
        """
        goes_on = self.stage > 0 and self.stages[self.stage - 1].copies > 0
        return KUBELETS if self.now.type is StageType.SHADOW and not goes_on else timedelta(0)

    @property
    def observing(self) -> bool:
        """Whether verdicts are told and nothing more."""
        return self.analysis is not None and self.analysis.mode == "Observe"

    @property
    def last(self) -> bool:
        """Whether that is the last one."""
        return self.stage == len(self.stages) - 1

    def moved(self, now: datetime, stage: int, since: datetime | None, lacking: datetime | None) -> Progress:
        """Return how far it is then: a phase ends with the share or the stage, and begins with `since`."""
        goes_on = since is not None and stage == self.stage and since == self.since
        phases = self.phases if goes_on else tuple(replace(p, until=p.until or now) for p in self.phases)
        if since is not None and not goes_on:
            phases = (*phases, Phase(stage, since))[-PHASES:]
        return replace(self, stage=stage, since=since, lacking=lacking, phases=phases)

    def told(self) -> dict[str, Any]:
        """Return it as it stands in the status."""
        times = {"since": self.since, "lacking": self.lacking}
        return {
            "revision": self.revision,
            **({"copied": self.copied} if self.copied else {}),
            "version": self.version,
            "stage": self.stage,
            **{name: timestamp(at) for name, at in times.items() if at is not None},
            "stages": [
                {
                    "name": s.name,
                    "type": s.type.value,
                    "percent": s.percent,
                    "size": s.size,
                    "hold": s.hold,
                    **({"copies": s.copies} if s.copies else {}),
                }
                for s in self.stages
            ],
            **({"analysis": _as_asked(self.analysis)} if self.analysis else {}),
            **({"preflight": _as_asked(self.preflight)} if self.preflight else {}),
            **({"replayed": self.replayed[:MESSAGE_LENGTH]} if self.replayed else {}),
            **({"observed": self.observed} if self.observed else {}),
            **({"noise": {"block": self.noise.block, "sentence": self.noise.sentence}} if self.noise else {}),
            "phases": [
                {"stage": p.stage, "since": timestamp(p.since), **({"until": timestamp(p.until)} if p.until else {})}
                for p in self.phases
            ],
        }


def progress_told(status: Mapping[str, Any]) -> Progress | None:
    """Return the progress that stands in a status, None where there is none or none that can be read."""
    told = status.get("rollout") or {}
    try:
        stages = tuple(Stage(**(stage | {"type": StageType(stage["type"])})) for stage in told["stages"])
        since, lacking = (moment(told[name]) if told.get(name) else None for name in ("since", "lacking"))
        phases = tuple(_phase(phase) for phase in told.get("phases") or ())
        analysis = Analysis.model_validate(told["analysis"]) if told.get("analysis") else None
        noise = Noise(told["noise"]["block"], told["noise"]["sentence"]) if told.get("noise") else None
        known = (told["revision"], told["version"], stages, told["stage"])
        observed = str(told.get("observed") or "")
        preflight = Preflight.model_validate(told["preflight"]) if told.get("preflight") else None
        copied, replayed = int(told.get("copied") or 0), str(told.get("replayed") or "")
        found = Progress(*known, since, lacking, phases, copied, analysis, noise, observed, preflight, replayed)
    except (KeyError, TypeError, ValueError):
        return None
    return found if 0 <= found.stage < len(stages) else None


def _as_asked(part: Analysis | Preflight) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _phase(told: Mapping[str, Any]) -> Phase:
    until = moment(told["until"]) if told.get("until") else None
    return Phase(told["stage"], moment(told["since"]), until)


# what is decided


@dataclass(frozen=True, slots=True)
class Failed:
    """The candidate is given up."""

    why: str
    by: str = ""
    """The annotation by which a person asked for it."""
    judged: bool = False
    """Whether what was counted is the reason: then the counts are kept."""
    shown: Mapping[str, Any] = field(default_factory=dict)
    """What else the record of it keeps."""


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
    copies: int = 0
    """Share of stable's requests that are to be asked again of the candidate now."""
    again: float | None = None
    """Seconds after which something may have changed without an event."""


Step = Failed | Proven | Onward
