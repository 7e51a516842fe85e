"""How long a run may still take (`spec.policy.timeoutAfter`). Pure.

Its time counts from its creation, and anew when somebody tries it again or when its pipeline is suspended no longer:
what it did not get done in between is not its fault.
"""

from __future__ import annotations

from datetime import timedelta

from mlwright.api.conditions import find, timestamp
from mlwright.plan.pods import moment
from mlwright.planners.moves import Situation


def timed_from(at: Situation) -> str | None:
    """Return since when a run is timed, as the status keeps it; None for one that is since its creation."""
    told: str | None = at.seen.status.get("timedFrom")
    limited = at.seen.frozen is not None and at.seen.frozen.timeout
    return timestamp(at.now) if limited and (at.retried or _resumed(at)) else told


def _resumed(at: Situation) -> bool:
    suspended = (find(at.seen.status, "Suspended") or {}).get("status") == "True"
    return suspended and not at.seen.suspended


def standing(at: Situation) -> str:
    """Return which steps a run did not get done."""
    names = ", ".join(step.name for step in at.steps if not step.done)
    return f"not done: {names}" if names else "all steps were done"


def time_left(at: Situation) -> timedelta | None:
    """Return how long a run may still take, None for as long as it wants.

    Worked example: timeoutAfter is 2h, it was created at 8:00 and tried again at 12:00 -> at 12:30 1.5 hours.
    """
    if at.seen.frozen is None or not at.seen.frozen.timeout:
        return None
    told = timed_from(at)
    return (moment(told) if told else at.seen.created) + timedelta(seconds=at.seen.frozen.timeout) - at.now
