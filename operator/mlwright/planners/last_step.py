"""How long a run waits for what runs at its end, where a queue lets that have no pod, or its node is lost. Pure.

The deadline of a Job does not count while it is suspended, and ends no Job before its pods have ended, so nothing else
would ever end such a run, and a pipeline whose runs do not overlap would start none any more.
"""

from __future__ import annotations

from datetime import timedelta

from mlwright.api.reasons import Reason
from mlwright.plan.pods import lost, placed
from mlwright.planners.endings import End
from mlwright.planners.moves import Situation
from mlwright.planners.steps import Step, StepState
from mlwright.planners.time_limit import time_left


def given_up(at: Situation, step: Step, end: End) -> str:
    """Return why a run ends without what should run at its end; empty while it is waited for.

    What made the run end is no reason: what runs at its end is to run then as well.

    Worked example: onExit.timeoutAfter is 10m, its Job is suspended since 12:00 -> at 12:10 the run is over.
    """
    if gone := _lost(at, step):
        return f"its Job did not end in the {step.template.timeout:g} s of onExit.timeoutAfter, for {gone} does not"
    waited = _waited(at, step)
    if waited is None:
        return ""
    left = time_left(at)
    if at.seen.abort not in {"", at.seen.status.get("handledAbort")}:
        return (
            f"its Job is suspended, and somebody ended that with the annotation mlwright.dev/abort: {at.seen.abort!r}"
        )
    if at.seen.replaced and end.reason is not Reason.SUPERSEDED:
        return f"its Job is suspended, and {at.seen.newer} was started in the place of this run"
    if left is not None and left <= timedelta(0) and end.reason is not Reason.TIMED_OUT:
        return f"its Job is suspended, and the run took longer than the {at.frozen.timeout:g} s of policy.timeoutAfter"
    if waited >= timedelta(seconds=step.template.timeout):
        return f"its Job was suspended for longer than the {step.template.timeout:g} s of onExit.timeoutAfter"
    return ""


def look_again(at: Situation, step: Step) -> timedelta | None:
    """Return when to look again at what waits for a queue, None for what does not."""
    waited, left = _waited(at, step), time_left(at)
    if waited is None:
        return None
    own = timedelta(seconds=step.template.timeout) - waited
    return min(own, left) if left is not None and left > timedelta(0) else own


def _lost(at: Situation, step: Step) -> str:
    """Return which pod of it does not end although its time is over; empty when none, or while it has time left."""
    if step.state is not StepState.RUNNING or step.job is None:
        return ""
    over = at.now - step.job.started >= timedelta(seconds=step.template.timeout)
    found = lost(step.job.pods, at.now) if over else None
    return placed(found) if found else ""


def _waited(at: Situation, step: Step) -> timedelta | None:
    """Return how long its Job has been suspended, or there; None for one that is not suspended."""
    if step.state is not StepState.QUEUED or step.job is None:
        return None
    return at.now - step.job.started
