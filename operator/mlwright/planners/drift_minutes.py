"""What the status tells of the newest minutes, in words that need no statistics; and when it is worth a write. Pure.

Minutes end six times an hour, and as a rule nothing has changed: figures alone are told with those of the long windows.
What somebody has to know is told at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlwright.api.conditions import written
from mlwright.plan.drift import ServedSeen
from mlwright.plan.drift_counts import Surfaces
from mlwright.planners.drift_shown import MOST_SHOWN, shown_finding
from mlwright.planners.drift_usual import Fast
from mlwright.planners.drift_verdicts import Finding
from mlwright.planners.drift_windows import Window, rows
from mlwright.stats.drift import State


def minutes(fast: Fast | None, compared: Surfaces, found: Sequence[Finding] | None) -> dict[str, Any] | None:
    """Return what is to be told of the newest minutes; None where nobody asks for these.

    Args:
        fast: What was counted, and what is usual.
        compared: The distributions that checks compare.
        found: What they say.
    """
    if fast is None or found is None:
        return None
    newest = fast.blocks[-1] if fast.blocks else None
    span = {"since": written(newest.since), "until": written(newest.until)} if newest else {}
    return {
        **span,
        "rows": rows(newest.counts.values()) if newest else 0,
        "learned": fast.learned(compared),
        "needed": fast.needed,
        "features": [shown_finding(one) for one in found[:MOST_SHOWN]],
    }


def unless_only_figures(
    now: Mapping[str, Any] | None, status: Mapping[str, Any], served: ServedSeen, newest: Window | None
) -> Mapping[str, Any] | None:
    """Return what was told before where minutes say the same with other figures, else what they say now.

    Worked example: ten minutes later nothing is strange as before -> the status stays as it is; the long windows tell
    of another hour -> it tells of the newest minutes as well; a feature is over -> it does at once.

    Args:
        now: What `minutes` returns.
        status: What was told before.
        served: What is watched.
        newest: The newest long window; None before the first one is over.
    """
    before: Mapping[str, Any] | None = status.get("fast")
    if now is None or before is None or status.get("revision") != served.revision:
        return now
    told_until = (status.get("window") or {}).get("until")
    is_told = told_until == (written(newest.until) if newest else None)
    known = _calmly(before)
    return before if is_told and known is not None and known == _calmly(now) else now


def _calmly(fast: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return what minutes say besides figures; None where any of them are strange.

    Verdicts that are not strange are left out: of quiet minutes some are proven to be near and others are not, by
    chance.
    """
    features: Sequence[Mapping[str, Any]] = fast.get("features") or ()
    if any(one.get("verdict") == "Drifted" or one.get("over") for one in features):
        return None
    judged = {(one.get("check"), one.get("name")): bool(one.get("windows")) for one in features}
    return fast.get("learned"), fast.get("needed"), judged


def calm(sudden: Sequence[Finding]) -> str:
    """Return what the newest minutes say, which is not that anything has drifted."""
    judged = [one for one in sudden if any(vote is not None for vote in one.votes.last)]
    if not judged:
        why = f" ({sudden[0].shift.sentence})" if sudden else ""
        return f"the newest minutes cannot be held against what is usual at this hour{why}"
    strange = next((one for one in judged if one.votes.over and one.shift.state is not State.NOT_ENOUGH_DATA), None)
    if strange is not None:
        needed = strange.settings.persistence
        return f"{strange.sentence}; it counts when {needed.required} of {needed.of} windows say so"
    return f"in the newest {judged[0].minutes} nothing is proven to be far from what is usual at this hour"
