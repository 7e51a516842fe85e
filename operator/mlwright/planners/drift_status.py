"""What a monitor tells of what it found, in words that need no statistics. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, ready, written
from mlwright.api.reasons import Reason
from mlwright.plan.drift import ServedSeen
from mlwright.plan.drift_counts import Tallied
from mlwright.plan.drift_intents import Acted
from mlwright.planners.drift_judging import Judged
from mlwright.planners.drift_minutes import calm
from mlwright.planners.drift_quality import Flaw
from mlwright.planners.drift_shown import MOST_SHOWN, shown_finding
from mlwright.planners.drift_truth import Truth
from mlwright.planners.drift_verdicts import Finding
from mlwright.planners.drift_windows import Window
from mlwright.stats.drift import State
from mlwright.stats.shares import percent

CALM_SHOWN: Final = 20
"""Shares of broken values that are shown although they are as they should be."""
NAMED: Final = 3
"""Features that a sentence names."""


def told(
    served: ServedSeen,
    newest: Window | None,
    judged: Judged,
    tallied: Tallied | None,
    fast: Mapping[str, Any] | None = None,
) -> StatusDraft:
    """Return the status of a monitor that watches.

    Args:
        served: What is watched.
        newest: The newest window; None before the first one is over.
        judged: What the windows say.
        tallied: What came of counting last; None while nothing did.
        fast: What `minutes` tells; None where nobody asks for these.
    """
    enough = _enough(served, newest, judged, tallied)
    drifted = () if judged.drift is None else (_drifted(served, judged.drift, judged.sudden),)
    quality = () if judged.quality is None else (_quality(served, judged.quality),)
    truth = () if judged.truth is None else (judged.truth.verdict,)
    trouble = tallied.trouble if tallied else ""
    away = (Verdict("MetricsAvailable", "False", Reason.METRICS_UNAVAILABLE, trouble),) if trouble else ()
    fields = {
        "version": served.version,
        "revision": served.revision,
        "window": _window(newest),
        "features": [shown_finding(one) for one in (judged.drift or ())[:MOST_SHOWN]] or None,
        "fast": fast,
        "quality": [_shown_share(one) for one in _worst(judged.quality or ())] or None,
        "performance": judged.truth.shown if judged.truth else None,
        "estimate": judged.estimate.shown if judged.estimate else None,
    }
    sentence = _summary((*truth, *quality, *drifted), enough)
    summary = f"{sentence}; nothing new is counted: {trouble}" if trouble else sentence
    conditions = (ready(Reason.SETTLED, watches(served)), *drifted, *quality, *truth, enough, *away)
    return StatusDraft(summary, conditions, fields)


def _summary(verdicts: tuple[Verdict, ...], enough: Verdict) -> str:
    """Return what is wrong; if nothing is, what was found last; if nothing is known, why."""
    if wrong := [one.message for one in verdicts if one.status == "True"]:
        return "; ".join(wrong)
    known = [one.message for one in verdicts if one.status == "False"]
    return known[-1] if known else enough.message


def watches(served: ServedSeen) -> str:
    """Return what is watched, in words."""
    return f"{served.version} is watched"


def _drifted(served: ServedSeen, slow: tuple[Finding, ...], sudden: tuple[Finding, ...] | None) -> Verdict:
    """Return whether anything has drifted, in words that need no statistics."""
    if far := [one for one in (*slow, *(sudden or ())) if one.lasting]:
        more = f"; and {len(far) - NAMED} more" if len(far) > NAMED else ""
        sentence = f"{served.version} has drifted: {'; '.join(one.sentence for one in far[:NAMED])}{more}"
        return Verdict("Drifted", "True", Reason.DRIFTED, sentence)
    found = _undrifted(served, slow)
    return found if sudden is None else replace(found, message=f"{found.message}; {calm(sudden)}")


def _undrifted(served: ServedSeen, judged: tuple[Finding, ...]) -> Verdict:
    """Return what is known, where nothing has drifted by the long windows."""
    known = [one for one in judged if one.shift.state is not State.NOT_ENOUGH_DATA]
    if not known:
        return Verdict("Drifted", "Unknown", Reason.NOT_ENOUGH_DATA, "there are too few rows to tell")
    worst = known[0]
    if worst.votes.over:
        needed = worst.settings.persistence
        sentence = f"{worst.sentence}; it counts when {needed.required} of {needed.of} windows say so"
        if worst.awaited:
            sentence = f"{sentence}, and {_awaited(worst.awaited)}"
        return Verdict("Drifted", "False", Reason.STEADY, f"{served.version} has not drifted so far: {sentence}")
    sentence = (
        f"{served.version} has not drifted: of {_number(len(known), 'distribution')} {worst.name} is farthest from the"
        f" training, {worst.shift.estimate:.2g} [{worst.shift.low:.2g}, {worst.shift.high:.2g}], and"
        f" {worst.settings.max_distance:g} is allowed"
    )
    return Verdict("Drifted", "False", Reason.STEADY, sentence)


def _awaited(pairs: int) -> str:
    """Return what is waited for before anything counts."""
    return (
        f"it is known how much rows of the same users vary: {pairs} pairs of spans that lie a day apart are missing"
        " (spec.independentRows, if each row is one of its own)"
    )


def _quality(served: ServedSeen, judged: tuple[Flaw, ...]) -> Verdict:
    """Return whether too many values are broken, in words that need no statistics."""
    if many := [one for one in judged if one.lasting]:
        more = f"; and {len(many) - NAMED} more" if len(many) > NAMED else ""
        sentence = f"{served.version} is asked with broken values: {'; '.join(one.sentence for one in many[:NAMED])}"
        return Verdict("QualityDegraded", "True", Reason.TOO_MANY_BROKEN, f"{sentence}{more}")
    known = [one for one in judged if one.share.state is not State.NOT_ENOUGH_DATA]
    if not known:
        return Verdict("QualityDegraded", "Unknown", Reason.NOT_ENOUGH_DATA, "there are too few rows to tell")
    whole = f"{served.version} is asked with whole values"
    if known[0].votes.over:
        return Verdict("QualityDegraded", "False", Reason.STEADY, f"{whole} so far: {known[0].sentence}")
    features = _number(len({one.name for one in known}), "feature")
    share = known[0].share
    sentence = f"{whole}: of {features} the worst is {share.sentence}"
    return Verdict("QualityDegraded", "False", Reason.STEADY, sentence)


def _number(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _enough(
    served: ServedSeen,
    newest: Window | None,
    judged: Judged,
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
    if newest.rows == 0:
        sentence = (
            f"no row of {served.version} was counted in the newest window: nobody asks it, or the window is shorter"
            " than the time between two scrapes of its pods (spec.windows.slow.length)"
        )
        return Verdict("EnoughData", "False", Reason.NOT_ENOUGH_DATA, sentence)
    told = {one.name: one.share for one in judged.quality or ()} | {one.name: one.shift for one in judged.drift or ()}
    few = {name: one.sentence for name, one in told.items() if one.state is State.NOT_ENOUGH_DATA}
    if not told:
        return _enough_labels(judged.truth)
    if few:
        names = ", ".join([*few][:NAMED]) + (", ..." if len(few) > NAMED else "")
        sentence = f"too few rows to judge {len(few)} of {_number(len(told), 'distribution')} ({names})"
        return Verdict("EnoughData", "False", Reason.NOT_ENOUGH_DATA, f"{sentence}: {next(iter(few.values()))}")
    return Verdict("EnoughData", "True", Reason.ENOUGH_DATA, _detectable(judged))


def _enough_labels(truth: Truth | None) -> Verdict:
    """Return whether there is enough to tell, where no distribution is judged."""
    if truth is None:
        return Verdict("EnoughData", "False", Reason.NO_REFERENCE, "spec.checks and spec.features leave nothing over")
    told = truth.verdict
    if told.status == "Unknown":
        return Verdict("EnoughData", "False", told.reason, told.message)
    return Verdict("EnoughData", "True", Reason.ENOUGH_DATA, f"{truth.labelled:,} labels came in the newest window")


def _detectable(judged: Judged) -> str:
    """Return what would have been found, so that a quiet verdict can be told from a blind one."""
    found = []
    if judged.drift:
        smallest = max(one.shift.detectable for one in judged.drift)
        found.append(f"a distance of {smallest:.2g} in every distribution")
    if judged.quality:
        smallest = max(one.share.detectable for one in judged.quality)
        found.append(f"{percent(smallest)} of broken values in every feature")
    return f"{' and '.join(found)} would be found in four of five windows"


def with_action(found: StatusDraft, acted: Acted) -> StatusDraft:
    """Return the status with what was done, or why nothing could be."""
    said = [str(acted.shown["sentence"])] if acted.shown else []
    summary = "; ".join([found.summary, *said, *filter(None, [acted.trouble])])
    return StatusDraft(
        summary,
        found.conditions,
        {**found.fields, "lastAction": acted.shown, "notifications": list(acted.notified) or None},
    )


def _window(newest: Window | None) -> dict[str, Any] | None:
    """Return since when and until when a window is, and how many rows it has."""
    return {"since": written(newest.since), "until": written(newest.until), "rows": newest.rows} if newest else None


def _worst(judged: tuple[Flaw, ...]) -> tuple[Flaw, ...]:
    """Return what is shown: all that is or was too much, and some that is not."""
    wrong = sum(one.lasting or one.votes.over > 0 for one in judged)
    return judged[: min(MOST_SHOWN, max(CALM_SHOWN, wrong))]


def _shown_share(one: Flaw) -> dict[str, Any]:
    share = one.share
    figures = (
        {"share": round(share.share, 4), "lower": round(share.low, 4), "upper": round(share.high, 4)}
        if share.state is not State.NOT_ENOUGH_DATA
        else {}
    )
    return {
        "check": one.check,
        "name": one.name,
        "values": one.values,
        "verdict": one.verdict,
        "rows": share.rows,
        "usual": round(share.asked.usual, 4),
        "detectable": round(share.detectable, 4),
        "over": one.votes.over,
        "windows": sum(vote is not None for vote in one.votes.last),
        **figures,
    }
