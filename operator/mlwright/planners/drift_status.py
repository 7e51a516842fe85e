"""What a monitor tells of what it found, in words that need no statistics. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, ready, timestamp
from mlwright.api.reasons import Reason
from mlwright.plan.drift import ServedSeen, Tallied
from mlwright.planners.drift_actions import Acted
from mlwright.planners.drift_verdicts import Finding
from mlwright.planners.drift_windows import Window
from mlwright.stats.drift import State

MOST_SHOWN: Final = 64
NAMED: Final = 3
"""Features that a sentence names."""


def told(
    served: ServedSeen,
    newest: Window | None,
    judged: tuple[Finding, ...],
    tallied: Tallied | None,
) -> StatusDraft:
    """Return the status of a monitor that watches.

    Args:
        served: What is watched.
        newest: The newest window; None before the first one is over.
        judged: What the windows say.
        tallied: What came of counting last; None while nothing did.
    """
    enough = _enough(served, newest, judged, tallied)
    drifted = _drifted(served, judged)
    sentence = drifted.message if drifted.status != "Unknown" else enough.message
    trouble = tallied.trouble if tallied else ""
    away = (Verdict("MetricsAvailable", "False", Reason.METRICS_UNAVAILABLE, trouble),) if trouble else ()
    fields = {
        "version": served.version,
        "revision": served.revision,
        "window": _window(newest),
        "features": [_shown(one) for one in judged[:MOST_SHOWN]] or None,
    }
    summary = f"{sentence}; nothing new is counted: {trouble}" if trouble else sentence
    return StatusDraft(summary, (ready(Reason.SETTLED, _watches(served)), drifted, enough, *away), fields)


def _watches(served: ServedSeen) -> str:
    return f"{served.version} is watched"


def _drifted(served: ServedSeen, judged: tuple[Finding, ...]) -> Verdict:
    """Return whether anything has drifted, in words that need no statistics."""
    if far := [one for one in judged if one.drifted]:
        more = f"; and {len(far) - NAMED} more" if len(far) > NAMED else ""
        sentence = f"{served.version} has drifted: {'; '.join(one.sentence for one in far[:NAMED])}{more}"
        return Verdict("Drifted", "True", Reason.DRIFTED, sentence)
    known = [one for one in judged if one.shift.state is not State.NOT_ENOUGH_DATA]
    if not known:
        return Verdict("Drifted", "Unknown", Reason.NOT_ENOUGH_DATA, "there are too few rows to tell")
    worst = known[0]
    if worst.votes.over:
        needed = worst.settings.persistence
        sentence = f"{worst.sentence}; it counts when {needed.required} of {needed.of} windows say so"
        return Verdict("Drifted", "False", Reason.STEADY, f"{served.version} has not drifted so far: {sentence}")
    sentence = (
        f"{served.version} has not drifted: of {_number(len(known), 'distribution')} {worst.name} is farthest from the"
        f" training, {worst.shift.estimate:.2g} [{worst.shift.low:.2g}, {worst.shift.high:.2g}], and"
        f" {worst.settings.max_distance:g} is allowed"
    )
    return Verdict("Drifted", "False", Reason.STEADY, sentence)


def _number(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _enough(
    served: ServedSeen,
    newest: Window | None,
    judged: tuple[Finding, ...],
    tallied: Tallied | None,
) -> Verdict:
    if tallied and not tallied.trouble and not tallied.reference and not tallied.wanted.known:
        sentence = (
            f"Prometheus has no mlwright_profile_info of {served.version} (revision {served.revision}): its pods are"
            " not scraped yet, or it came without distributions, as models that were trained elsewhere do"
        )
        return Verdict("EnoughData", "False", Reason.NO_REFERENCE, sentence)
    if newest is None:
        return Verdict("EnoughData", "Unknown", Reason.WAITING, f"the first window of {served.version} is counted")
    few = [one for one in judged if one.shift.state is State.NOT_ENOUGH_DATA]
    if not judged:
        return Verdict("EnoughData", "False", Reason.NO_REFERENCE, "spec.checks and spec.features leave nothing over")
    if few:
        names = ", ".join(one.name for one in few[:NAMED]) + (", ..." if len(few) > NAMED else "")
        sentence = f"too few rows to judge {len(few)} of {_number(len(judged), 'distribution')} ({names})"
        return Verdict("EnoughData", "False", Reason.NOT_ENOUGH_DATA, f"{sentence}: {few[0].shift.sentence}")
    smallest = max(one.shift.detectable for one in judged)
    sentence = f"a distance of {smallest:.2g} would be found in every distribution in four of five windows"
    return Verdict("EnoughData", "True", Reason.ENOUGH_DATA, sentence)


def with_action(found: StatusDraft, acted: Acted) -> StatusDraft:
    """Return the status with what was done, or why nothing could be."""
    said = [str(acted.shown["sentence"])] if acted.shown else []
    summary = "; ".join([found.summary, *said, *filter(None, [acted.trouble])])
    return StatusDraft(summary, found.conditions, {**found.fields, "lastAction": acted.shown})


def _window(newest: Window | None) -> dict[str, Any] | None:
    """Return since when and until when a window is, and how many rows it has."""
    return {"since": _at(newest.since), "until": _at(newest.until), "rows": newest.rows} if newest else None


def _at(seconds: int) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))


def _shown(one: Finding) -> dict[str, Any]:
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
