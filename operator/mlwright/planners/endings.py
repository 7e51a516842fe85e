"""How a run ends, and how it remembers that while something still runs at its end. Pure.

What runs at the end is told once how the run ended. From then on the run ends like that: what people take back, and
what is gone from the cluster meanwhile, changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mlwright.api.conditions import MESSAGE_LENGTH
from mlwright.api.reasons import Reason
from mlwright.plan.steps import ON_EXIT
from mlwright.planners.runs import GOING

COMMON: Final = frozenset({"conditions", "observedGeneration", "summary", "history"})
"""What every status has beside a kind's own fields."""
_ANEW: Final = COMMON | {"steps", "ending"}
"""What is told anew at each look of a run that is about to end."""


@dataclass(frozen=True, slots=True)
class End:
    """How a run ends; `fields` are what its status says beside, all of it for a run that ended earlier."""

    type: str
    reason: Reason
    sentence: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = "Failed"
    """What runs at the end is told."""


def record(end: End) -> dict[str, str]:
    """Return what the status keeps of an end to come."""
    return {
        "type": end.type,
        "reason": end.reason.value,
        "outcome": end.outcome,
        "sentence": end.sentence[:MESSAGE_LENGTH],
    }


def stopped(fields: Mapping[str, Any], but: frozenset[str] = frozenset({ON_EXIT})) -> dict[str, Any]:
    """Return the fields of a run that is over: no step of it is at work for ever, but what runs at its end is now."""
    entries = [
        entry | {"state": "Stopped"} if entry["state"] in GOING and entry["name"] not in but else entry
        for entry in fields["steps"]
    ]
    return {**fields, "steps": entries}


def remembered(status: Mapping[str, Any]) -> End | None:
    """Return the end that an earlier look found, None for a run that goes on or is over."""
    told = status.get("ending")
    if not told:
        return None
    reason = Reason.named(told["reason"], Reason.RUN_FAILED)
    fields = {key: value for key, value in status.items() if key not in _ANEW}
    return End(told["type"], reason, told["sentence"], fields, told["outcome"])
