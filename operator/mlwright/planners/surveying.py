"""Raw samples become what each side of an experiment brought from one instant to the next. Pure.

Every increase counts at the scrape that shows it, so that what lies between two instants is counted exactly once. What
a pod counted that is gone counts as well. While a pod that is there has not been scraped, nothing is counted: its
requests would be missed on one side alone, and would come later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from mlwright.plan.experiments import Sums, Survey, Surveyed
from mlwright.plan.measuring import Selection, Series
from mlwright.planners.counting import LATE, increases, untrue
from mlwright.planners.selections import LOOKBACK, REQUESTS
from mlwright.planners.tallying import Tallied

REWARDS: Final = "mlwright_feedback_reward_count"
TOTAL: Final = "mlwright_feedback_reward_sum"
SQUARES: Final = "mlwright_feedback_reward_squares_total"

LAG: Final = 10.0
"""Seconds until a scrape can be read: the time of a sample is that of its beginning."""
LONGEST: Final = 3600.0
"""Seconds that are counted at a time: what Prometheus could not tell for a night is caught up with hour by hour."""

_SPEAKS: Final = {REQUESTS: "revision", REWARDS: "predicted_revision", TOTAL: "predicted_revision"} | {
    SQUARES: "predicted_revision"
}
"""Label with the revision of which a series speaks: whoever takes feedback need not have predicted."""


def selections(survey: Survey) -> tuple[Selection, ...]:
    """Return the series of our own that are needed; rewards only where nobody else counts them."""
    speaks = {REQUESTS: _SPEAKS[REQUESTS]} if survey.tally else _SPEAKS
    revisions = tuple(side.revision for side in survey.sides)
    ours = {"namespace": (survey.namespace,), "deployment": (survey.deployment,)}
    return tuple(
        Selection(metric, {**ours, label: revisions}, survey.since - LOOKBACK) for metric, label in speaks.items()
    )


def end(survey: Survey, now: float) -> float:
    """Return up to when can be counted now, in whole seconds; not after the beginning: not yet."""
    return float(int(min(now - LAG, survey.since + LONGEST)))


def surveyed(
    survey: Survey, found: Mapping[str, Sequence[Series]], until: float, told: Tallied | None = None
) -> Surveyed:
    """Return what was counted from `survey.since` to `until`.

    Args:
        survey: What is wanted.
        found: The series of each metric, up to `until`.
        until: Seconds since 1970.
        told: What counters of somebody's own tell of rewards up to then; None where feedback does.
    """
    pods = {pod.name: pod for side in survey.sides for pod in side.pods}
    trouble = untrue(found, pods) or _unscraped(survey, found, until) or (told.trouble if told else "")
    if trouble:
        return Surveyed(survey, survey.since, trouble=trouble)
    counts: dict[tuple[str, str], float] = defaultdict(float)
    for metric, several in found.items():
        for series, at, amount in increases(several, pods):
            if survey.since < at <= until:
                counts[series.labels.get(_SPEAKS[metric], ""), metric] += amount
    for revision, amount in told.trials.items() if told else ():
        counts[revision, REWARDS] += amount
    for revision, amount in told.successes.items() if told else ():
        counts[revision, TOTAL] += amount  # a reward is 0 or 1, and so is its square
        counts[revision, SQUARES] += amount
    sums = {
        side.revision: Sums(*(counts[side.revision, metric] for metric in (REQUESTS, REWARDS, TOTAL, SQUARES)))
        for side in survey.sides
    }
    return Surveyed(survey, until, sums)


def _unscraped(survey: Survey, found: Mapping[str, Sequence[Series]], until: float) -> str:
    """Return which pod, ready for long enough, was not scraped of late."""
    newest: dict[str, float] = {}
    for series in found.get(REQUESTS, ()):
        name = series.labels.get("pod", "")
        newest[name] = max([newest.get(name, 0.0), *(at for at, _ in series.samples)])
    for pod in (one for side in survey.sides for one in side.pods if not one.gone):
        silent = until - max(pod.ready, newest.get(pod.name, 0.0))
        if silent > LATE:
            return f"Prometheus has not scraped pod {pod.name} for {silent:.0f} s: nothing is counted without it"
    return ""
