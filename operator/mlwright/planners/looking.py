"""How far a tuning is: small Jobs read it from the store now and then, while its trials go on. Pure.

Invariants: none before the tuning had the time to get somewhere, one at a time, two of them at least `EVERY` apart, and
none is left when no trial goes on. What they say is in the status alone; nothing is decided by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.api.tuning import TuningRecord
from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import ProbeSeen
from mlwright.plan.training import RemoveJob, RunSeen, StartLook, TrainingIntent
from mlwright.planners.moves import Situation
from mlwright.planners.probing import slot_of
from mlwright.planners.results import parse_result, part
from mlwright.planners.steps import Step, StepState

EVERY: Final = timedelta(seconds=30)
LONGEST: Final = timedelta(minutes=2)
"""A look that takes longer is given up: its pod does not start, or the volume does not answer."""


@dataclass(frozen=True, slots=True)
class Looking:
    """What is to be done to know how far a tuning is."""

    intents: tuple[TrainingIntent, ...] = ()
    again: timedelta | None = None


def looking(at: Situation) -> Looking:
    """Return the looks to begin and to remove.

    Worked example: the pods of tune have run for 30 s and nobody has looked -> a look starts; 30 s later the next one.
    """
    step = next((step for step in at.steps if step.template.uses == "Tune" and _at_work(step)), None)
    if step is None or step.job is None:
        return Looking(away(at.seen))
    slot = slot_of(at.now, EVERY)
    looks = [look for look in at.seen.looks if look.slot <= slot]  # one of a later slot was made by a wrong clock
    left = max([step.job.started, *(look.started for look in looks)]) + EVERY - at.now
    removals = _removals(at.seen, slot)
    if any(look.state is JobState.ACTIVE for look in looks):
        return Looking(removals, EVERY)
    if timedelta(0) < left <= 2 * EVERY:  # a longer time is left only after a clock was set back
        return Looking(removals, left)
    return Looking((StartLook(at.frozen, slot, int(LONGEST.total_seconds())), *removals), EVERY)


def _at_work(step: Step) -> bool:
    """Tell whether a pod of it does trials."""
    pods = step.job.pods if step.job and step.state is StepState.RUNNING else ()
    return any(pod.phase == "Running" and pod.exit_code is None for pod in pods)


def _removals(seen: RunSeen, slot: int) -> tuple[RemoveJob, ...]:
    """Return the removal of all looks that ended but the newest, and of those that a wrong clock made."""
    ended = [look for look in seen.looks if look.state is not JobState.ACTIVE and look.slot <= slot]
    ahead = [look for look in seen.looks if look.slot > slot]
    return tuple(RemoveJob(look.name, look.uid) for look in (*ended[:-1], *ahead))


def away(seen: RunSeen) -> tuple[RemoveJob, ...]:
    """Return the removal of all looks: no trial goes on."""
    return tuple(RemoveJob(look.name, look.uid) for look in seen.looks)


def told(seen: RunSeen, step: Step) -> dict[str, Any] | None:
    """Return what the status says of a tuning: its result, else what the newest look found, else what it said before.

    A tuning that failed keeps what it found as well: that shows what is wrong with the space.
    """
    if step.result and (found := part(step.result.results, "tuning", TuningRecord)):
        return found | {"sentence": step.result.sentence}
    told_by_looks = (_found(look) for look in reversed(seen.looks))
    return next(filter(None, told_by_looks), None) or seen.status.get("tuning")


def _found(look: ProbeSeen) -> dict[str, Any] | None:
    result = parse_result(look.said)
    found = part(result.results, "tuning", TuningRecord) if result else None
    if result is None or found is None or look.ended is None:
        return None
    return found | {"sentence": result.sentence, "checkedAt": timestamp(look.ended)}
