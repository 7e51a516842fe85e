"""How far it is with asking a candidate before anybody else does. Pure.

A Job asks the candidate's pods. It is one for each Deployment: a candidate that is tried again is asked again. What its
pod said is the verdict; a Job that could not ask has none, and is made anew, for as long as it takes: nothing that was
not asked gets a share, and nothing is rejected because it could not be asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from mlwright.plan.jobs import JobState
from mlwright.plan.pods import diagnose, plain
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


def preflown(seen: DeploymentSeen, running: VariantSeen, now: datetime) -> Preflown:
    """Return how far it is with asking the pods of a Deployment.

    Worked example: the Job failed, and its pod said that golden row 3 got another answer -> Otherwise, with that
    sentence.
    """
    job = next((job for job in seen.preflights if job.of == running.uid), None)
    if job is None:
        return Preflown(Answered.UNASKED, f"is about to be asked {WHAT}")
    result = _said(job)
    unheard = job.ended is not None and abs(now - job.ended) < HEARD
    if job.state is JobState.ACTIVE or (result is None and unheard):
        trouble = diagnose(pod for pod in job.pods if pod.exit_code is None)
        return Preflown(Answered.ASKING, f"is asked {WHAT}{f': {trouble.sentence}' if trouble else ''}", job)
    return _ended(job, result)


def _ended(job: PreflightSeen, result: StepResult | None) -> Preflown:
    if result is not None and result.outcome == "UserError":
        return Preflown(Answered.OTHERWISE, plain(result.sentence), job, result.results)
    if job.state is JobState.COMPLETE:
        told = result or StepResult("Succeeded", f"{WHAT} was answered as expected (Job {job.name})")
        return Preflown(Answered.AS_EXPECTED, plain(told.sentence), job, told.results)
    said = next((plain(pod.exit_message) for pod in reversed(job.pods) if pod.exit_message), plain(job.message))
    return Preflown(Answered.UNKNOWN, f"could not be asked {WHAT} and is asked again: {said}", job)


def _said(job: PreflightSeen) -> StepResult | None:
    """Return the verdict of its pods; of several tries one has found something, if any has."""
    told = [result for pod in job.pods if (result := parse_result(pod.exit_message)) is not None]
    bad = (result for result in told if result.outcome == "UserError")
    return next(bad, next((result for result in told if result.outcome == "Succeeded"), None))
