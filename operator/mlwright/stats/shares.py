"""Whether more values are missing, unseen or out of range than is allowed, for all features of a window together.

A share is over when "it is at most what is allowed" is refuted; Holm's rule holds the chance that any share of a window
is called over wrongly. Rows that are not independent count for less (`mlwright.stats.wobble`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mlwright.stats.beta import at_least
from mlwright.stats.distance import holm
from mlwright.stats.drift import SMALLEST_EFFECTIVE, Counted, Rule, State, design_effect
from mlwright.stats.wobble import covariance

_END: Final = 1.6449
"""Each end of an interval is wrong in one of twenty windows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about one feature.

    Attributes:
        feature: The feature's counts.
        what: What is counted, as a word: missing, unseen.
        slots: Places of the slots that are counted.
        most: Share that is allowed, above 0 and below 1.
    """

    feature: Counted
    what: str
    slots: tuple[int, ...]
    most: float


@dataclass(frozen=True, slots=True)
class Share:
    """How large a share is in one window.

    Attributes:
        name: Of the feature.
        what: What is counted.
        state: What the window says.
        rows: Rows of the window.
        share: 0 to 1.
        low: Lower end of its interval; 95 % of such ends are below the true share.
        high: Upper end.
        exceeds: Probability of so many if the true share were the one allowed.
        sentence: The figures in words, or why there is no verdict.
    """

    name: str
    what: str
    state: State
    rows: int
    share: float
    low: float
    high: float
    exceeds: float
    sentence: str


def judge_shares(asked: Sequence[Asked], rule: Rule) -> tuple[Share, ...]:
    """Judge all shares of a window together; one that has too few rows takes no part.

    Args:
        asked: In any order; the answer has the same one.
        rule: Its chance of a false alarm and its rows; the distance is not used.
    """
    effects = {one.feature.name: design_effect(one.feature) for one in asked}
    effective = [_effective(one, effects[one.feature.name]) for one in asked]
    enough = [
        sum(one.feature.window) >= rule.rows and worth >= SMALLEST_EFFECTIVE
        for one, worth in zip(asked, effective, strict=True)
    ]
    tails = [
        at_least(_share(one) * worth, worth, one.most) if told else 1.0
        for one, worth, told in zip(asked, effective, enough, strict=True)
    ]
    refuted = iter(holm([tail for tail, told in zip(tails, enough, strict=True) if told], rule.false_alarm))
    return tuple(
        _judged(one, worth, tail, over=next(refuted)) if told else _unjudged(one, worth, rule)
        for one, worth, tail, told in zip(asked, effective, tails, enough, strict=True)
    )


def _share(one: Asked) -> float:
    return sum(one.feature.window[slot] for slot in one.slots) / max(1, sum(one.feature.window))


def _effective(one: Asked, effect: float) -> float:
    """Independent rows that the window is worth for this share.

    The wobble knows how the share itself varies only where the healthy days had some of it; the whole feature's
    variation stands in where they had none.
    """
    rows = float(sum(one.feature.window))
    wobble, reference = one.feature.wobble, sum(one.feature.reference)
    if not (rows and reference and wobble and wobble.tells):
        return rows
    usual = sum(one.feature.reference[slot] for slot in one.slots) / reference
    own = covariance(wobble, one.slots) / (usual * (1 - usual)) if 0 < usual < 1 else 1.0
    return rows / max(1.0, own, effect)


def _judged(one: Asked, worth: float, tail: float, *, over: bool) -> Share:
    share, (low, high) = _share(one), _interval(_share(one), worth)
    calm = State.STABLE if high < 2 * one.most else State.INCONCLUSIVE
    state = State.OVER if over else calm
    beside = f"> {_percent(one.most)}" if over else f"is not proven to be more than the {_percent(one.most)} allowed"
    told = f"{_percent(share)} [{_percent(low)}, {_percent(high)}] {one.what}"
    sentence = f"{one.feature.name}: {told} {beside}"
    return Share(one.feature.name, one.what, state, sum(one.feature.window), share, low, high, tail, sentence)


def _unjudged(one: Asked, worth: float, rule: Rule) -> Share:
    rows = sum(one.feature.window)
    told = f"the window has {rows} rows, {rule.rows} are needed"
    if rows >= rule.rows:
        told = f"the window's {rows} rows vary as {worth:.0f} independent ones would, {SMALLEST_EFFECTIVE} are needed"
    sentence = f"{one.feature.name}: {told}"
    return Share(one.feature.name, one.what, State.NOT_ENOUGH_DATA, rows, _share(one), 0.0, 1.0, 1.0, sentence)


def _interval(share: float, rows: float) -> tuple[float, float]:
    """Wilson's score interval (1927), which is sound for few and for none."""
    square = _END**2
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    width = _END * math.sqrt(share * (1 - share) / rows + square / (4 * rows * rows)) / (1 + square / rows)
    return max(0.0, centre - width), min(1.0, centre + width)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
