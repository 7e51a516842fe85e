"""How far it is with asking a candidate before anybody else does. Pure.

A Job asks the candidate's pods. It is one for each Deployment: a candidate that is tried again is asked again. What its
pod said is the verdict; a Job that could not ask has none, and is made anew, for as long as it takes: nothing that was
not asked gets a share, and nothing is rejected because it could not be asked.

Our own program says in a document what it found. Of a container of somebody's own the exit code counts, of its last try
that began; one whose image was not there never began. It was told addresses: when one of these pods is gone, it may
have failed because of that alone, and asks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from mlwright.plan.jobs import JobState
from mlwright.plan.pods import PodSeen, holdup, plain
from mlwright.plan.serving import DeploymentSeen, PreflightSeen, VariantSeen
from mlwright.plan.training import StepResult
from mlwright.planners.results import parse_result
from mlwright.planners.steps import HEARD


class Answered(StrEnum):
    """What came of asking."""

    UNASKED = "Unasked"
    ASKING = "Asking"
    AS_EXPECTED = "AsExpected"
    OTHERWISE = "Otherwise"
    UNKNOWN = "Unknown"
    """The Job ended without having asked."""


@dataclass(frozen=True, slots=True)
class Preflown:
    """How far it is, in words, with the Job if there is one."""

    answered: Answered
    sentence: str
    job: PreflightSeen | None = None
    results: Mapping[str, Any] = field(default_factory=dict)
    """What was counted."""


WHAT: Final = "what is known and recorded"
OWN: Final = "by the container of its preflight"
OWN_PASSED: Final = "the container of its preflight passed it"
NO_MORE: Final = "DeadlineExceeded"
"""The kubelet's word for a pod whose time was over."""


def preflown(seen: DeploymentSeen, running: VariantSeen, now: datetime, *, own: bool = False) -> Preflown:
    """Return how far it is with asking the pods of a Deployment, by our own program or by somebody's `own`.

    Worked example: the Job failed, and its pod said that golden row 3 got another answer -> Otherwise, with that
    sentence.
    """
    how = OWN if own else WHAT
    job = next((job for job in seen.preflights if job.of == running.uid and job.own == own), None)
    if job is None:
        return Preflown(Answered.UNASKED, f"is about to be asked {how}")
    found = _found(job, running) if own else _told(job)
    unheard = job.ended is not None and abs(now - job.ended) < HEARD
    if job.state is JobState.ACTIVE or (found is None and unheard):
        trouble = holdup(job.pods, now)
        return Preflown(Answered.ASKING, f"is asked {how}{f': {trouble.sentence}' if trouble else ''}", job)
    return found or _without_words(job, how)


def _without_words(job: PreflightSeen, how: str) -> Preflown:
    """Return what follows from the end of a Job whose pods say nothing; it completes only when its program is content.

    That of a program that is not content takes what it said: nobody can be rejected for nothing.
    """
    if job.state is JobState.COMPLETE:
        passed = f"{OWN_PASSED} (Job {job.name})" if job.own else f"{WHAT} was answered as expected (Job {job.name})"
        return Preflown(Answered.AS_EXPECTED, passed, job)
    said = next((plain(pod.exit_message) for pod in reversed(job.pods) if pod.exit_message), plain(job.message))
    return Preflown(Answered.UNKNOWN, f"could not be asked {how} and is asked again: {said}", job)


def _told(job: PreflightSeen) -> Preflown | None:
    """Return the verdict of our own program, None where it told none."""
    result = _said(job)
    if result is not None and result.outcome == "UserError":
        return Preflown(Answered.OTHERWISE, plain(result.sentence), job, result.results)
    if result is not None and job.state is JobState.COMPLETE:
        return Preflown(Answered.AS_EXPECTED, plain(result.sentence), job, result.results)
    return None


def _found(job: PreflightSeen, running: VariantSeen) -> Preflown | None:
    """Return the verdict of somebody's own program, None where none of its tries began, or where they are gone."""
    tries = sorted((pod for pod in job.pods if _began(pod)), key=lambda pod: (pod.created, pod.name))
    if not tries:
        return None
    last = tries[-1]
    words = _last_line(last.exit_message)
    said = f": {words}" if words else ""
    if job.state is JobState.COMPLETE and last.exit_code == 0:
        return Preflown(Answered.AS_EXPECTED, f"{OWN_PASSED}{said}", job)
    if job.state is not JobState.FAILED or last.exit_code == 0:
        return None
    if gone := sorted({*job.asked} - {pod.address for pod in running.pods if not pod.deleting}):
        why = f"the pod that it was to ask at {gone[0]} is gone"
        return Preflown(Answered.UNKNOWN, f"could not be asked {OWN} and is asked again: {why}", job)
    often = f" at try {len(tries)}" if len(tries) > 1 else ""
    results = {"exitCode": last.exit_code, "tries": len(tries)}
    why = f" ({last.exit_reason})" if last.exit_reason not in ("", "Error") else ""
    ended = "did not end in time" if last.ended_by == NO_MORE else f"ended with exit code {last.exit_code}{why}"
    return Preflown(Answered.OTHERWISE, f"the container of its preflight {ended}{often}{said}", job, results)


def _began(pod: PodSeen) -> bool:
    """Tell whether a try ran and ended by itself or because its time was over, rather than with its node.

    The kubelet gives an exit code also to what it never started.
    """
    return pod.exit_code is not None and pod.started is not None and pod.ended_by in {"", NO_MORE}


def _last_line(text: str) -> str:
    r"""Return the last line that says something: programs tell what came of it at the end.

    >>> _last_line("collected 3 items\n1 failed, 2 passed\n")
    '1 failed, 2 passed'
    """
    lines = [line for line in text.splitlines() if line.strip()]
    return plain(lines[-1]) if lines else ""


def _said(job: PreflightSeen) -> StepResult | None:
    """Return the verdict of its pods; of several tries one has found something, if any has.

    One that did not get its bundle has not asked.
    """
    asked = (pod for pod in job.pods if not pod.fetching)
    told = [result for pod in asked if (result := parse_result(pod.exit_message)) is not None]
    bad = (result for result in told if result.outcome == "UserError")
    return next(bad, next((result for result in told if result.outcome == "Succeeded"), None))
