"""What the status tells of the last action of a monitor. Pure."""

from __future__ import annotations

from typing import Any

from mlwright.api.drift import Action
from mlwright.plan.drift import MonitorSeen


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
