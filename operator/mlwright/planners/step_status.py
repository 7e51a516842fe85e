"""The steps of a run as its status shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from mlwright.api.conditions import MESSAGE_LENGTH, timestamp
from mlwright.plan.frozen import Frozen
from mlwright.planners.runs import GOING
from mlwright.planners.steps import Step, StepState, origin

_SHOWN: Final[Mapping[StepState, str]] = {
    StepState.PENDING: "Pending",
    StepState.QUEUED: "Queued",
    StepState.RUNNING: "Running",
    StepState.UNREAD: "Running",
    StepState.SUCCEEDED: "Succeeded",
    StepState.CACHED: "Cached",
    StepState.SKIPPED: "Skipped",
    StepState.USER_ERROR: "Failed",
    StepState.CRASHED: "Failed",
}
_ENDED: Final = frozenset({"Succeeded", "Failed", "Skipped", "Stopped"})


def shown(run: Iterable[Step], frozen: Frozen | None, *, over: bool = False) -> list[dict[str, Any]]:
    """Return the steps as the status shows them.

    What was shown of a step that ended stays when its Job is gone, also of one that failed once the run is over: a
    Job may go any time, and what it said is in nobody else's memory.
    """
    stays = _stays_in_the_end if over else _stays
    return [dict(step.stored) if stays(step) else _entry(step, frozen) for step in run]


def _stays(step: Step) -> bool:
    """Tell whether a step is shown as it was before, while the run goes on."""
    before = step.stored.get("state")
    given_up = step.state is StepState.PENDING and before in {"Failed", "Stopped"}
    used = step.state is StepState.CACHED and before == "Cached"
    return given_up or used or (step.state is StepState.SUCCEEDED and step.job is None)


def _stays_in_the_end(step: Step) -> bool:
    """Tell whether a step is shown as it was before, when the run is over."""
    before = step.stored.get("state")
    removed = step.job is None and before in GOING  # with the run, before its status was written
    return removed or (before in _ENDED and step.stored.get("attempt", 0) >= step.attempt)


def _entry(step: Step, frozen: Frozen | None) -> dict[str, Any]:
    """Return a step as it is shown; what a later run may use is told with what it rests on."""
    entry = _seen(step)
    if frozen is None or not step.key or step.state not in {StepState.SUCCEEDED, StepState.CACHED}:
        return entry
    kept = {"results": dict(step.kept.results), "finishedAt": timestamp(step.kept.finished)} if step.kept else {}
    return entry | kept | {"cacheKey": step.key, "origin": origin(frozen, step)}


def _seen(step: Step) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": step.name, "state": _SHOWN[step.state], "attempt": step.attempt}
    if step.job is None:
        return entry | ({"sentence": step.result.sentence[:MESSAGE_LENGTH]} if step.result else {})
    entry["job"] = step.job.name
    if step.state is not StepState.QUEUED:
        entry["startedAt"] = timestamp(step.job.started)
    if step.evictions:
        entry["evictions"] = step.evictions
    if step.job.ended is not None:
        entry["finishedAt"] = timestamp(step.job.ended)
    if sentence := _sentence(step):
        entry["sentence"] = sentence[:MESSAGE_LENGTH]
    if step.trouble and step.trouble.missing:
        entry["state"] = "Waiting"
    if step.state is StepState.SUCCEEDED and step.result:
        entry["results"] = dict(step.result.results)
    return entry


def _sentence(step: Step) -> str:
    if step.trouble is not None:
        return step.trouble.sentence
    return step.result.sentence if step.result else ""
