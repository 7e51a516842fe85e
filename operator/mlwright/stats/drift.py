"""Whether the distributions of features have moved farther than is allowed, for all features of one window together.

The hypothesis of each feature is that its distance is at most what is allowed, never that nothing changed: with many
rows everything changed. A feature is over when that is refuted, and Holm's rule holds the chance that any feature of a
window is called over wrongly. Rows that are not independent make the law wider (`mlwright.stats.wobble`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import compress
from operator import mul
from statistics import NormalDist
from typing import Final

from mlwright.stats.distance import (
    SMALLEST_REFERENCE,
    SMALLEST_WINDOW,
    Groups,
    Power,
    beyond,
    evidence,
    groups,
    holm,
    jensen_shannon,
    noncentral,
    together,
)
from mlwright.stats.wobble import Spread, Wobble, inflation, rough_effect, spread, trace

SMALLEST_EFFECTIVE: Final = 150
"""Independent rows that a window must be worth; with fewer the test calls three times as many over as it says."""
_SURE: Final = 5
"""Rows for each bin of a window of which no reference makes all bins too small."""
_END: Final = NormalDist().inv_cdf(0.95)
"""Each end of an interval is wrong in one of twenty windows."""
_POWER: Final = NormalDist().inv_cdf(0.2)
"""The smallest detectable distance is found in four of five windows."""
_STEPS: Final = 40
_CLOSE: Final = 5e-3
"""Standard deviations to which the ends of an interval are right; reached in about four steps."""


class State(StrEnum):
    """What one window says of one feature."""

    OVER = "Over"
    STABLE = "Stable"
    INCONCLUSIVE = "Inconclusive"
    NOT_ENOUGH_DATA = "NotEnoughData"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed.

    Attributes:
        allowed: The distance that is no matter, above 0 and below 1.
        false_alarm: Chance that a window calls any feature over that is not.
        rows: Rows that a window needs at least.
    """

    allowed: float = 0.1
    false_alarm: float = 0.01
    rows: int = SMALLEST_WINDOW


@dataclass(frozen=True, slots=True)
class Counted:
    """A feature's counts, one for each slot of the profile, in the same order.

    Attributes:
        name: Of the feature or output.
        reference: Rows of the reference.
        window: Rows of the window.
        wobble: How the feature varies from day to day; None where that is not known yet.
        learnt: Whether the reference was learnt from live traffic, and so varies as the window does.
    """

    name: str
    reference: Sequence[int]
    window: Sequence[int]
    wobble: Wobble | None = None
    learnt: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a feature has moved in one window.

    Attributes:
        name: Of the feature or output.
        state: What the window says.
        rows: Rows of the window.
        effective: How many independent rows they are worth.
        estimate: Distance without what chance alone would show, 0 to 1.
        low: Lower end of the interval of the distance; 95 % of such ends are below the true distance.
        high: Upper end.
        moved: Share of rows that lie elsewhere than in the reference, 0 to 1.
        exceeds: Probability of so large a distance if the true one were the one allowed.
        detectable: Smallest true distance that such a window finds with a chance of 80 %; 1 where none.
        sentence: Why there is no verdict, else the figures in words.
    """

    name: str
    state: State
    rows: int
    effective: float
    estimate: float
    low: float
    high: float
    moved: float
    exceeds: float
    detectable: float
    sentence: str


@dataclass(frozen=True, slots=True)
class _Compared:
    """A window beside its reference, before it is judged.

    `sharpness` is what a squared distance is multiplied by, `trace` what rows vary in all, and `blurred` says
    that all bins were too small and became one. `part` is the window's part of what varies, and `spread` the law of
    rows that are not independent, once it was asked for.
    """

    name: str
    reference: int
    rows: int
    shares: Sequence[tuple[float, float]] = ()
    divergence: float = 0.0
    freedom: int = 1
    blurred: bool = False
    sharpness: float = 0.0
    trace: float = 1.0
    wobble: Wobble | None = None
    merged: Groups = field(default_factory=list)
    part: float = 1.0
    spread: Spread | None = None

    @property
    def effect(self) -> float:
        return max(1.0, self.trace / self.freedom)

    @property
    def effective(self) -> float:
        return self.rows / self.effect

    @property
    def moved(self) -> float:
        return sum(abs(p - q) for p, q in self.shares) / 2

    @property
    def seen(self) -> float:
        return self.sharpness * self.divergence

    @property
    def excess(self) -> float:
        """The divergence that chance alone shows in the mean."""
        return (self.spread.mean if self.spread else self.freedom) / self.sharpness

    def law(self, distance: float) -> Power:
        """The law of what is seen if the true distance were this one."""
        noncentrality = self.sharpness * distance * distance
        return self.spread.law(noncentrality) if self.spread else noncentral(self.freedom, noncentrality)

    def score(self, distance: float, value: float) -> float:
        """How many standard deviations a value lies above the middle of the law of a distance."""
        noncentrality = self.sharpness * distance * distance
        if self.spread:
            return self.spread.score(noncentrality, value)
        return noncentral(self.freedom, noncentrality).score(value)


def judge(features: Sequence[Counted], rule: Rule) -> tuple[Shift, ...]:
    """Judge all features of a window together; one that has too few rows takes no part.

    Args:
        features: In any order; the answer has the same one.
        rule: What is allowed.
    """
    level = rule.false_alarm / max(1, len(features))
    return tuple(
        _unjudged(one, rule, level, problem) if over is None else _judged(one, rule, tail, level, over=over)
        for one, problem, tail, over in _weighed(features, rule)
    )


def overs(features: Sequence[Counted], rule: Rule) -> tuple[bool | None, ...]:
    """Tell of each feature whether it is over, None where it has too few rows; a fraction of the work of `judge`.

    Args:
        features: In any order; the answer has the same one.
        rule: What is allowed.
    """
    (found,) = overs_of([features], rule)
    return found


def overs_of(windows: Sequence[Sequence[Counted]], rule: Rule) -> list[tuple[bool | None, ...]]:
    """Tell of each window what `overs` says; what is asked of the reference is asked once.

    Args:
        windows: The same features in the same order, with the same reference and the same wobble in each.
        rule: What is allowed.
    """
    quiet = [_near(same, rule) for same in zip(*windows, strict=True)]
    near = [[one[place] for one in quiet] for place in range(len(windows))]
    return [_overs(features, calm, rule) for features, calm in zip(windows, near, strict=True)]


def _overs(features: Sequence[Counted], near: Sequence[bool], rule: Rule) -> tuple[bool | None, ...]:
    weighed = _weighed([one for one, quiet in zip(features, near, strict=True) if not quiet], rule, near.count(True))
    others = (over for *_, over in weighed)
    return tuple(False if quiet else next(others) for quiet in near)


def _near(windows: Sequence[Counted], rule: Rule) -> list[bool]:
    """Tell of each window of one feature whether there are enough rows and it is too near to be over, whatever the law.

    The divergence is at most half of the sum of (p - q)^2 / (p + q), and merging bins makes it no larger. One that is
    less than the square of the distance allowed is below the mean of its law, for chance only adds to a distance; and
    what is above its mean less than three times in ten is no law of ours.
    """
    feature = windows[0]
    reference = sum(feature.reference)
    if reference < SMALLEST_REFERENCE:
        return [False] * len(windows)
    p = [count / reference for count in feature.reference]
    tells = feature.wobble is not None and feature.wobble.tells
    effect = rough_effect(feature.wobble, p) if feature.wobble and tells else 0.0
    least = max(rule.rows, _SURE * len(p), 2 * SMALLEST_EFFECTIVE * effect)
    most = 2 * rule.allowed * rule.allowed
    inverse = [1 / share if share else 0.0 for share in p]
    return [
        (rows := sum(one.window)) >= least
        and (_apart_at_most(p, inverse, one.window, rows) < most or _apart(p, one.window, rows) < most)
        for one in windows
    ]


def _apart_at_most(p: Sequence[float], inverse: Sequence[float], window: Sequence[int], rows: int) -> float:
    """A bound of `_apart`, as a rule twice of it: (p - q)^2 / p, and q where p is 0; the sum runs in C."""
    unknown = rows - sum(compress(window, p))
    ratio: float = sum(map(mul, map(mul, window, window), inverse)) / (rows * rows)
    return ratio - 1 + 3 * unknown / rows


def _apart(p: Sequence[float], window: Sequence[int], rows: int) -> float:
    """The sum of (p - q)^2 / (p + q)."""
    q = [count / rows for count in window]
    return sum([(a - b) * (a - b) / (a + b) for a, b in zip(p, q, strict=True) if a or b])


def _weighed(features: Sequence[Counted], rule: Rule, near: int = 0) -> list[tuple[_Compared, str, float, bool | None]]:
    """Return for each feature why nothing can be said, how probable so large a distance is, and whether it is over.

    Args:
        features: What is judged.
        rule: What is allowed.
        near: How many more are judged together with them of which nobody doubts that they are not over.
    """
    compared = [_compare(feature) for feature in features]
    problems = [_problem(one, rule) for one in compared]
    compared = [one if problem else _widened(one) for one, problem in zip(compared, problems, strict=True)]
    tails = [
        1.0 if problem else one.law(rule.allowed).tail(one.seen)
        for one, problem in zip(compared, problems, strict=True)
    ]
    judged = [tail for tail, why in zip(tails, problems, strict=True) if not why]
    refuted = iter(holm([*judged, *[1.0] * near], rule.false_alarm))
    over = [None if problem else next(refuted) for problem in problems]
    return list(zip(compared, problems, tails, over, strict=True))


def design_effect(feature: Counted) -> float:
    """How many rows of the window are worth one independent row; 1 where nothing is known."""
    return _compare(feature).effect


def _compare(feature: Counted) -> _Compared:
    pairs = list(zip(feature.reference, feature.window, strict=True))
    reference, rows = sum(feature.reference), sum(feature.window)
    if not (reference and rows):
        return _Compared(feature.name, reference, rows)
    merged = groups(pairs)
    shares = [(r / reference, w / rows) for r, w in together(pairs, merged)]
    freedom = max(1, len(merged) - 1)
    wobble = feature.wobble if feature.wobble and feature.wobble.tells else None
    return _Compared(
        name=feature.name,
        reference=reference,
        rows=rows,
        shares=shares,
        divergence=jensen_shannon(shares),
        freedom=freedom,
        blurred=len(merged) == 1 and len(merged[0]) > 1,
        sharpness=evidence(reference, rows),
        trace=trace(wobble, merged, shares) if wobble else float(freedom),
        wobble=wobble,
        merged=merged,
        part=1.0 if feature.learnt else reference / (reference + rows),
    )


def _widened(one: _Compared) -> _Compared:
    """Return what is compared with its law, which is wider where rows are not independent."""
    if one.wobble is None:
        return one
    found = inflation(one.wobble, one.merged, one.shares, one.trace)
    return replace(one, spread=spread(found, one.freedom, one.part, 1 - one.part))


def _problem(one: _Compared, rule: Rule) -> str:
    """Why nothing can be said, else empty."""
    if one.reference < SMALLEST_REFERENCE:
        return f"{one.name}: the reference has {one.reference} rows, {SMALLEST_REFERENCE} are needed"
    if one.rows < max(rule.rows, SMALLEST_WINDOW):
        return f"{one.name}: the window has {one.rows} rows, {max(rule.rows, SMALLEST_WINDOW)} are needed"
    if one.effective < SMALLEST_EFFECTIVE:
        return (
            f"{one.name}: the window's {one.rows} rows vary as {one.effective:.0f} independent ones would,"
            f" {SMALLEST_EFFECTIVE} are needed"
        )
    if one.blurred:
        return f"{one.name}: every bin of the reference lets fewer than 5 of the window's {one.rows} rows expect"
    return ""


def _judged(one: _Compared, rule: Rule, tail: float, level: float, *, over: bool) -> Shift:
    seen = one.seen
    low, high = _where(lambda distance: one.score(distance, seen), (_END, -_END))
    state = State.OVER if over else State.STABLE if high < 2 * rule.allowed else State.INCONCLUSIVE
    estimate, detectable = math.sqrt(max(0.0, one.divergence - one.excess)), _detectable(one, rule, level)
    return Shift(
        name=one.name,
        state=state,
        rows=one.rows,
        effective=one.effective,
        estimate=estimate,
        low=low,
        high=high,
        moved=one.moved,
        exceeds=tail,
        detectable=detectable,
        sentence=f"{one.name}: {estimate:.2g} [{low:.2g}, {high:.2g}] {_words(one, rule, state, detectable)}",
    )


def _words(one: _Compared, rule: Rule, state: State, detectable: float) -> str:
    if state is State.OVER:
        return f"> {rule.allowed:.2g}; {100 * one.moved:.0f} % of rows moved"
    found = "not proven to be above" if state is State.INCONCLUSIVE else "not above"
    least = f"a distance of {detectable:.2g}" if detectable < 1 else "no distance at all"
    return f"is {found} {rule.allowed:.2g}; four of five such windows would show {least}"


def _unjudged(one: _Compared, rule: Rule, level: float, problem: str) -> Shift:
    return Shift(
        name=one.name,
        state=State.NOT_ENOUGH_DATA,
        rows=one.rows,
        effective=one.effective,
        estimate=0.0,
        low=0.0,
        high=1.0,
        moved=0.0,
        exceeds=1.0,
        detectable=_detectable(one, rule, level) if one.reference and one.rows else 1.0,
        sentence=problem,
    )


def _detectable(one: _Compared, rule: Rule, level: float) -> float:
    """The smallest true distance that is found with the power, at the level of the first step of Holm's rule."""
    needed = one.law(rule.allowed).value(beyond(level))
    (found,) = _where(lambda distance: one.score(distance, needed), (_POWER,))
    return found


def _where(score: Callable[[float], float], wanted: Sequence[float]) -> list[float]:
    """The distances at which a score, which falls with the distance, has fallen to each of some numbers.

    Such a distance is 0 or 1 if it does not lie between them.
    """
    ends = score(0.0), score(1.0)
    return [_between(score, one, ends) for one in wanted]


def _between(score: Callable[[float], float], wanted: float, ends: tuple[float, float]) -> float:
    """The distance at which a score has fallen to a number.

    Along the straight line between two points, as a score is nearly one; where the same point stays twice, half of its
    value is taken (the Illinois rule). It needs a third of the looks of halving.

    Args:
        score: What falls with the distance.
        wanted: To what it has fallen.
        ends: What it is where the distance is 0, and where it is 1.
    """
    low, high = 0.0, 1.0
    above, below = ends[0] - wanted, ends[1] - wanted
    if above <= 0 or below >= 0:
        return low if above <= 0 else high
    before = 0.0
    for _ in range(_STEPS):
        middle = (low * below - high * above) / (below - above)
        found = score(middle) - wanted
        if abs(found) < _CLOSE:
            return middle
        stays = 0.5 if found * before > 0 else 1.0
        if found > 0:
            low, above, below = middle, found, below * stays
        else:
            high, below, above = middle, found, above * stays
        before = found
    return (low + high) / 2
