"""How long the steps that are left will take, from the traffic that was counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mlwright.api.analysis import Analysis, Check
from mlwright.plan.analysis import Case, Counted, Stage
from mlwright.plan.measuring import Pace
from mlwright.planners.questions import Asked, applicable, asked
from mlwright.stats.guard import Noise
from mlwright.stats.rates import Counts
from mlwright.stats.traffic import requests_to_pass

HOURS: Final = 180
"""Minutes from which on hours are told."""
BLOCKS: Final = 7
"""Blocks of the guard that a pass takes, where nothing speaks against it: six at least."""


@dataclass(frozen=True, slots=True)
class Left:
    """A step that is left: the candidate's share of the requests, 0 to 1, and the seconds that it is held at least.

    One of copies has no share.
    """

    share: float
    hold: float


def expected(analysis: Analysis, case: Case, left: Sequence[Left]) -> str:
    """Return the traffic and how long it takes, in words; nothing while too little was counted to tell.

    Worked example: 12 requests a second, 1 % of them errors, steps of 10 % and 50 % held for 5 minutes each, a margin
    of one point: "at 12 requests a second what is left takes about 21 minutes".
    """
    counts = {check.name: _counted(case, check) for check in applicable(analysis, case.stage)}
    return _in_words(analysis, case, counts, left, "what is left takes")


def ahead(analysis: Analysis, noise: Noise, paces: Mapping[str, Pace], left: Sequence[Left]) -> str:
    """Return the same before anybody has a share, from what stable did of late.

    Worked example as above: "at 12 requests a second this rollout needs about 21 minutes".
    """
    counts = {name: (Counts(0, 0, one.requests, one.bad), one.seconds) for name, one in paces.items() if one.requests}
    return _in_words(analysis, Case(Stage.STEPS, 0, noise, {}), counts, left, "this rollout needs")


def _in_words(
    analysis: Analysis, case: Case, counts: Mapping[str, tuple[Counts, float] | None], left: Sequence[Left], what: str
) -> str:
    known = [found for found in counts.values() if found is not None]
    if not known or not left:
        return ""
    rate = max(_requests(found[0]) / found[1] for found in known)
    asks = [(asked(analysis, check, case), found[0]) for check in analysis.checks if (found := counts.get(check.name))]
    seconds = sum(_seconds(step, asks, rate) for step in left)
    return f"at {_often(rate)} a second {what} about {minutes(seconds)}"


def _seconds(step: Left, asks: Sequence[tuple[Asked, Counts]], rate: float) -> float:
    """Return how long a step takes: its hold, or until every check counted enough where two sides have a share."""
    if not 0 < step.share < 1:
        return step.hold
    needed = [requests_to_pass(_rate(counts), ask.question.fine.difference, step.share) for ask, counts in asks]
    guarded = max((BLOCKS * ask.question.block for ask, _ in asks), default=0)
    return max([step.hold, guarded, *(requests / (rate * step.share) for requests in needed)])


def _counted(case: Case, check: Check) -> tuple[Counts, float] | None:
    """Return what was counted in this step and in how many seconds; None where that is nothing."""
    reading = case.readings.get(check.name)
    looks = [look for look in reading.looks if look.step == case.step] if isinstance(reading, Counted) else []
    total = sum((look.counts for look in looks), Counts(0, 0))
    return (total, looks[-1].end) if looks and total.stable > 0 else None


def _requests(counts: Counts) -> float:
    return counts.candidate + counts.stable


def _rate(counts: Counts) -> float:
    return counts.stable_rate


def _often(rate: float) -> str:
    told = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"  # noqa: PLR2004  # two digits are enough
    return f"{told} request{'' if told == '1' else 's'}"


def minutes(seconds: float) -> str:
    """Return a time in words."""
    whole = max(1, round(seconds / 60))
    if whole >= HOURS:
        return f"{round(whole / 60)} hours"
    return f"{whole} minute{'s' if whole > 1 else ''}"
