"""Which runs of a pipeline ended long ago and go, with their Jobs; what they made stays. Pure."""

from __future__ import annotations

from typing import Final

from mlwright.api.triggers import Policy
from mlwright.plan.pipelines import OwnRun, PipelineSeen

AT_ONCE: Final = 20
"""Runs that are removed in one look: after an upgrade there may be a thousand."""


def matters(policy: Policy, runs: int) -> bool:
    """Tell whether of so many runs any can be more than are kept; if not, nobody needs to know how they ended."""
    return runs > min(policy.keep_succeeded, policy.keep_failed)


def outdated(seen: PipelineSeen) -> tuple[OwnRun, ...]:
    """Return the runs that ended and are more than are kept, the newest first; of many the oldest.

    The guard counts runs: those that its memory does not hold yet stay. So does, beside the others, the one that
    answered what the pipeline's annotation still asks for: were all statuses lost, nothing else would tell so.

    Worked example: keepSucceeded is 2, and the runs 1 to 4 were complete -> 2 and 1.
    """
    counted = (seen.status.get("guard") or {}).get("run", 0)
    left = {"Complete": seen.spec.policy.keep_succeeded, "Failed": seen.spec.policy.keep_failed}
    found = []
    for run in sorted(seen.history, key=lambda run: run.number, reverse=True):
        left[run.end] = left.get(run.end, 1) - 1
        answers = bool(seen.request) and run.token == seen.request
        if run.end and left[run.end] < 0 and not answers and not (seen.spec.guard and run.number > counted):
            found.append(run)
    return tuple(found[-AT_ONCE:])
