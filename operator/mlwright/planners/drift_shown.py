"""What the status tells of a finding, and of the last action of a monitor. Pure."""

from __future__ import annotations

from typing import Any, Final

from mlwright.api.drift import Action
from mlwright.plan.drift import MonitorSeen
from mlwright.planners.drift_verdicts import Finding
from mlwright.stats.drift import State

MOST_SHOWN: Final = 64
"""Features and outputs, or shares of broken values, that a status holds."""


def shown(action: Action, decision: str, sentence: str) -> dict[str, Any]:
    """Return what is told of what was done, and of which Decision that is; empty for none."""
    named = {"decision": decision} if decision else {}
    return {"name": action.name, "type": action.type, **named, "sentence": sentence}


def observed(seen: MonitorSeen, action: Action, sentence: str) -> dict[str, Any]:
    """Return what is told of what would be done with mode Act: what it was told first because of stays."""
    before = seen.status.get("lastAction") or {}
    if before.get("decision") is None and before.get("name") == action.name:
        return dict(before)
    return shown(action, "", sentence)


def shown_finding(one: Finding) -> dict[str, Any]:
    """Return what is told of a feature or output."""
    shift = one.shift
    figures = (
        {
            "distance": round(shift.estimate, 4),
            "lower": round(shift.low, 4),
            "upper": round(shift.high, 4),
            "moved": round(shift.moved, 4),
        }
        if shift.state is not State.NOT_ENOUGH_DATA
        else {}
    )
    return {
        "check": one.check,
        "name": one.name,
        "verdict": one.verdict,
        "rows": shift.rows,
        "detectable": round(shift.detectable, 4),
        "over": one.votes.over,
        "windows": sum(vote is not None for vote in one.votes.last),
        **figures,
    }
