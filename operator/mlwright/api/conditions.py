"""Merging what was decided into a status: transition times are kept, history is bounded, nothing is written
twice.

Conditions follow kstatus: `Ready` always, `Reconciling` and `Stalled` only while they are True.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from mlwright.api.reasons import Reason

HISTORY_LENGTH: Final = 20
MESSAGE_LENGTH: Final = 2048

State = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition as a planner decides it, without times."""

    type: str
    status: State
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class StatusDraft:
    """A status as a planner decides it:

    conditions, one sentence and the kind's own fields (camelCase, JSON values).
    """

    summary: str
    conditions: tuple[Verdict, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)


def ready(reason: Reason, message: str, state: State = "True") -> Verdict:
    """Return the condition Ready."""
    return Verdict("Ready", state, reason, message)


def reconciling(reason: Reason, message: str) -> Verdict:
    """Return the condition that says: work is going on."""
    return Verdict("Reconciling", "True", reason, message)


def stalled(reason: Reason, message: str) -> Verdict:
    """Return the condition that says: a person must act."""
    return Verdict("Stalled", "True", reason, message)


def find(status: Mapping[str, Any], type_: str) -> Mapping[str, Any] | None:
    """Return the condition of that type in a stored status, or None."""
    return next((c for c in status.get("conditions") or () if c.get("type") == type_), None)


def timestamp(moment: datetime) -> str:
    """Write a moment as the API server does: RFC 3339, UTC, whole seconds.

    >>> timestamp(datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(seconds: float) -> str:
    """Write a moment in seconds since 1970 as the API server does.

    >>> written(0)
    '1970-01-01T00:00:00Z'
    """
    return timestamp(datetime.fromtimestamp(seconds, UTC))


def merge(previous: Mapping[str, Any], draft: StatusDraft, generation: int, now: datetime) -> dict[str, Any]:
    """Return the new status.

    A condition keeps its transition time unless its status changed. A change of Ready, Stalled or of a
    condition's
    reason adds one entry to the history. Fields that the draft does not hold are dropped: status is derived
    anew each
    time.
    """
    conditions = [_merged(previous, verdict, generation, now) for verdict in draft.conditions]
    history = list(previous.get("history") or ())
    history.extend(_transitions(previous, conditions, now))
    status = {key: value for key, value in draft.fields.items() if value is not None}
    return status | {
        "observedGeneration": generation,
        "conditions": conditions,
        "summary": draft.summary[:MESSAGE_LENGTH],
        "history": history[-HISTORY_LENGTH:],
    }


def _merged(previous: Mapping[str, Any], verdict: Verdict, generation: int, now: datetime) -> dict[str, Any]:
    before = find(previous, verdict.type)
    kept = before is not None and before.get("status") == verdict.status
    return {
        "type": verdict.type,
        "status": verdict.status,
        "reason": verdict.reason.value,
        "message": verdict.message[:MESSAGE_LENGTH],
        "lastTransitionTime": before["lastTransitionTime"] if before and kept else timestamp(now),
        "observedGeneration": generation,
    }


def _transitions(
    previous: Mapping[str, Any], conditions: Iterable[Mapping[str, Any]], now: datetime
) -> Iterable[dict[str, Any]]:
    told: set[str] = set()
    for condition in changed(previous, conditions):
        if condition["message"] in told:  # Ready and Reconciling often say the same
            continue
        told.add(condition["message"])
        yield {"time": timestamp(now), "reason": condition["reason"], "sentence": condition["message"]}


def changed(previous: Mapping[str, Any], conditions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the conditions whose status or reason is not as before: what Events and history tell."""
    return [c for c in conditions if _state(find(previous, c["type"])) != _state(c)]


def _state(condition: Mapping[str, Any] | None) -> tuple[str, str] | None:
    return None if condition is None else (condition["status"], condition["reason"])
