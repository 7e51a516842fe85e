"""Where each step of a run stands, seen from its Jobs and, for what is gone, from the status that was written
earlier.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mlwright.api.conditions import timestamp
from mlwright.constants import EXIT_USER_ERROR
from mlwright.plan.pods import Diagnosis, diagnose
from mlwright.plan.training import STEPS, JobSeen, JobState, RunSeen, StepResult

_OUTCOMES = {"Succeeded", "UserError", "Failed"}


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    UNREAD = "Unread"
    """Ended well, but its result was not heard of: it is read again from the store."""
    SUCCEEDED = "Succeeded"
    USER_ERROR = "UserError"
    CRASHED = "Crashed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it stands."""

    name: str
    state: StepState
    attempt: int = 0
    job: JobSeen | None = None
    result: StepResult | None = None
    trouble: Diagnosis | None = None
    """What is wrong with the pod of a running step."""
    stored: Mapping[str, Any] | None = None
    """The status of an earlier look, for a step whose Job is gone."""


def steps(seen: RunSeen) -> tuple[Step, ...]:
    """Return all steps in order.

    What the Jobs show wins; the stored status speaks only for a step that succeeded and whose Job or pod is
    gone.
    """
    stored = {s["name"]: s for s in seen.status.get("steps") or () if s.get("state") == "Succeeded"}
    return tuple(_step(name, [job for job in seen.jobs if job.step == name], stored.get(name)) for name in STEPS)


def _step(name: str, jobs: list[JobSeen], stored: Mapping[str, Any] | None) -> Step:
    if not jobs:
        return _from_stored(name, stored) if stored else Step(name, StepState.PENDING)
    attempt = max(job.attempt for job in jobs)
    job = next((j for j in jobs if j.attempt == attempt and not j.collects), None)
    reader = next((j for j in jobs if j.attempt == attempt and j.collects), None)
    found = _from_job(name, job, attempt) if job else Step(name, StepState.UNREAD, attempt)
    if found.state is not StepState.UNREAD:
        return found
    if stored and stored.get("attempt") == attempt:
        return _from_stored(name, stored)
    if reader is None:
        return found
    read = _from_job(name, reader, attempt)
    return read if read.state is not StepState.UNREAD else Step(name, StepState.CRASHED, attempt, reader)


def _from_stored(name: str, stored: Mapping[str, Any]) -> Step:
    result = StepResult("Succeeded", stored.get("sentence", ""), stored.get("results") or {})
    return Step(name, StepState.SUCCEEDED, stored.get("attempt", 0), result=result, stored=stored)


def _from_job(name: str, job: JobSeen, attempt: int) -> Step:
    result = next((r for pod in job.pods if (r := parse_result(pod.exit_message)) is not None), None)
    if job.state is JobState.ACTIVE:
        return Step(name, StepState.RUNNING, attempt, job, trouble=diagnose(job.pods))
    if job.state is JobState.COMPLETE:
        state = StepState.SUCCEEDED if result and result.outcome == "Succeeded" else StepState.UNREAD
        return Step(name, state, attempt, job, result)
    by_user = any(pod.exit_code == EXIT_USER_ERROR for pod in job.pods)
    return Step(name, StepState.USER_ERROR if by_user else StepState.CRASHED, attempt, job, result)


def parse_result(text: str) -> StepResult | None:
    """Read a termination message; None when it is not the result of a step (a crash writes anything, or
    nothing).

    >>> parse_result('{"step": "train", "outcome": "Succeeded", "sentence": "fitted", "results": {}}').sentence
    'fitted'
    >>> parse_result("Traceback ...") is None
    True
    """
    try:
        body = json.loads(text)
    except ValueError:
        return None
    if not isinstance(body, dict) or body.get("outcome") not in _OUTCOMES:
        return None
    words = {key: str(body.get(key) or "") for key in ("sentence", "field", "remedy", "reason")}
    results = body.get("results")
    return StepResult(outcome=body["outcome"], results=results if isinstance(results, dict) else {}, **words)


_SHOWN = {
    StepState.PENDING: "Pending",
    StepState.RUNNING: "Running",
    StepState.UNREAD: "Running",
    StepState.SUCCEEDED: "Succeeded",
    StepState.USER_ERROR: "Failed",
    StepState.CRASHED: "Failed",
}


def shown(run: Iterable[Step]) -> list[dict[str, Any]]:
    """Return the steps as the status shows them."""
    return [dict(step.stored) if step.stored else _shown(step) for step in run]


def _shown(step: Step) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": step.name, "state": _SHOWN[step.state], "attempt": step.attempt}
    if step.job is None:
        return entry
    entry["job"] = step.job.name
    entry["startedAt"] = timestamp(step.job.started)
    if step.job.ended is not None:
        entry["finishedAt"] = timestamp(step.job.ended)
    sentence = step.trouble.sentence if step.trouble else step.result.sentence if step.result else ""
    if sentence:
        entry["sentence"] = sentence
    if step.trouble and step.trouble.missing:
        entry["state"] = "Waiting"
    if step.state is StepState.SUCCEEDED and step.result:
        entry["results"] = dict(step.result.results)
    return entry


def ended(step: Step, otherwise: datetime) -> datetime:
    """Return when the last attempt of a step ended."""
    return step.job.ended if step.job and step.job.ended else otherwise
