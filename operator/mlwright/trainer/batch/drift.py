"""How far the rows of a run have moved from those that the version learned from.

The counts of all shards are added before anything is judged, so the number of shards changes nothing. Rows are taken as
independent: nobody knows of a single run how its rows vary from day to day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from mlwright.bundle.profile import Counts, Distribution, Profile
from mlwright.stats.drift import Counted, Rule, Shift, State, judge

SCHEMA_VERSION: Final = 1
_RULE: Final = Rule()


def drift(learned: Profile, answered: Profile, version: str) -> dict[str, Any]:
    """Judge features, and outputs on their own, by the rule that live traffic is judged by.

    Args:
        learned: The profile of the bundle.
        answered: The same bins with the counts of the run's rows.
        version: Name of the version, for the sentence.
    """
    features, outputs = (
        judge(_counted(before, now), _RULE)
        for before, now in ((learned.features, answered.features), (learned.outputs, answered.outputs))
    )
    return {
        "schemaVersion": SCHEMA_VERSION,
        "rows": answered.rows,
        "maxDistance": _RULE.allowed,
        "falseAlarm": _RULE.false_alarm,
        "sentence": _sentence((*features, *outputs), version),
        "features": [_told(shift) for shift in features],
        "outputs": [_told(shift) for shift in outputs],
    }


def _counted(learned: Iterable[Distribution], answered: Iterable[Distribution]) -> list[Counted]:
    return [
        Counted(before.name, _slots(before.counts), _slots(now.counts))
        for before, now in zip(learned, answered, strict=True)
    ]


def _slots(counts: Counts) -> tuple[int, ...]:
    return (*counts.bins, counts.below, counts.above, counts.missing, counts.unseen)


def _told(shift: Shift) -> dict[str, Any]:
    return {
        "name": shift.name,
        "state": str(shift.state),
        "distance": _short(shift.estimate),
        "low": _short(shift.low),
        "high": _short(shift.high),
        "detectable": _short(shift.detectable),
        "moved": _short(shift.moved),
        "sentence": shift.sentence,
    }


def _short(share: float) -> float:
    return round(share, 4)


def _sentence(shifts: Sequence[Shift], version: str) -> str:
    judged = [shift for shift in shifts if shift.state is not State.NOT_ENOUGH_DATA]
    over = sorted((shift for shift in judged if shift.state is State.OVER), key=lambda shift: -shift.estimate)
    if not judged:
        return f"too few rows to tell whether they have moved from what {version} learned from"
    if not over:
        return f"none of {len(judged)} distributions is proven to have moved from what {version} learned from"
    what = "distribution has" if len(judged) == 1 else "distributions have"
    return f"{len(over)} of {len(judged)} {what} moved from what {version} learned from, farthest {over[0].sentence}"
