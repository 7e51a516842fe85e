"""Whether more values are missing, unseen or out of range than the training had and is allowed beyond that.

A share is over when "it is at most what the training had, and so much more" is refuted, with the exact binomial tail.
The training is a sample as well: half of the chance of a false alarm is spent on it having shown less than the truth,
and all shares of a window are judged together by Holm's rule with the other half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from mlwright.stats.beta import at_least
from mlwright.stats.distance import SMALLEST_WINDOW, beyond, holm
from mlwright.stats.drift import Rule, State

_END: Final = NormalDist().inv_cdf(0.95)
"""Each end of an interval is wrong in one of twenty windows."""
_POWER: Final = NormalDist().inv_cdf(0.8)
"""The smallest detectable share is found in four of five windows."""

Count = tuple[int, int]
"""Values that are counted, and all rows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about one feature.

    Attributes:
        name: Of the feature.
        what: What is counted, as a word: missing, unseen.
        usual: Share in the training, 0 to 1.
        more: Share beyond it that is no matter, 0 to 1.
        most: Share above which is proof: what the training may have had in truth, and `more`.
    """

    name: str
    what: str
    usual: float
    more: float
    most: float


@dataclass(frozen=True, slots=True)
class Share:
    """How large a share is in one window.

    Attributes:
        asked: What was asked.
        state: What the window says.
        rows: Rows of the window.
        share: 0 to 1.
        low: Lower end of its interval; 95 % of such ends are below the true share.
        high: Upper end.
        detectable: Smallest true share that such a window finds with a chance of 80 %.
        needed: Rows without which there is no verdict.
    """

    asked: Asked
    state: State
    rows: int
    share: float
    low: float
    high: float
    detectable: float
    needed: int

    @property
    def sentence(self) -> str:
        """The figures in words, or why there is no verdict."""
        asked = self.asked
        if self.state is State.NOT_ENOUGH_DATA:
            return f"{asked.name}: the window has {self.rows} rows, {self.needed} are needed"
        told = f"{asked.name}: {percent(self.share)} [{percent(self.low)}, {percent(self.high)}] {asked.what}"
        beside = ">" if self.state is State.OVER else "is not proven to be more than"
        return f"{told} {beside} {percent(asked.usual + asked.more)}"


def ask(name: str, what: str, learned: Count, more: float, level: float) -> Asked:
    """Return a question.

    >>> round(ask("age", "missing", (100, 20_000), 0.05, 0.0001).most, 4)
    0.0576

    Args:
        name: Of the feature.
        what: What is counted.
        learned: What the training had.
        more: Share beyond it that is no matter.
        level: Chance that this question may err, among all that are asked of a window.
    """
    counted, rows = learned
    usual = counted / max(1, rows)
    _, upper = _interval(usual, max(1, rows), beyond(level / 2))
    return Asked(name, what, usual, more, min(1.0, upper + more))


def exceeded(asked: Sequence[Asked], counted: Sequence[Count], rule: Rule) -> tuple[bool | None, ...]:
    """Tell of each share of a window whether it is over, None where there are too few rows.

    Args:
        asked: All that is asked of the window.
        counted: The answers, in the same order.
        rule: Its chance of a false alarm and its rows; the distance is not used.
    """
    least = _needed(rule)
    tails = [_tail(one, bad, rows) if rows >= least else None for one, (bad, rows) in zip(asked, counted, strict=True)]
    refuted = iter(holm([tail for tail in tails if tail is not None], rule.false_alarm / 2))
    return tuple(None if tail is None else next(refuted) for tail in tails)


def judge_shares(asked: Sequence[Asked], counted: Sequence[Count], rule: Rule) -> tuple[Share, ...]:
    """Judge all shares of a window together; one that has too few rows takes no part.

    Args:
        asked: All that is asked of the window.
        counted: The answers, in the same order.
        rule: Its chance of a false alarm and its rows; the distance is not used.
    """
    level = rule.false_alarm / 2 / max(1, len(asked))
    return tuple(
        Share(one, State.NOT_ENOUGH_DATA, rows, bad / max(1, rows), 0.0, 1.0, 1.0, _needed(rule))
        if over is None
        else _judged(one, (bad, rows), level, _needed(rule), over=over)
        for one, (bad, rows), over in zip(asked, counted, exceeded(asked, counted, rule), strict=True)
    )


def _tail(one: Asked, bad: int, rows: int) -> float:
    """How probable so many are if the true share were the one allowed; 1 where they are no more, without a look."""
    return at_least(bad, rows, one.most) if bad > one.most * rows else 1.0


def _needed(rule: Rule) -> int:
    return max(rule.rows, SMALLEST_WINDOW)


def _judged(one: Asked, counted: Count, level: float, needed: int, *, over: bool) -> Share:
    share, rows = counted[0] / counted[1], counted[1]
    low, high = _interval(share, rows, _END)
    state = State.OVER if over else State.STABLE if high < one.usual + 2 * one.more else State.INCONCLUSIVE
    return Share(one, state, rows, share, low, high, _detectable(one, rows, level), needed)


def _detectable(one: Asked, rows: int, level: float) -> float:
    """The smallest true share that is found with the power, at the level of the first step of Holm's rule."""
    needed = one.most + beyond(level) * _deviation(one.most, rows)
    return min(1.0, needed + _POWER * _deviation(min(1.0, needed), rows))


def _deviation(share: float, rows: int) -> float:
    return math.sqrt(share * (1 - share) / rows)


def _interval(share: float, rows: float, deviations: float) -> tuple[float, float]:
    """Wilson's score interval (1927), which is sound for few and for none."""
    square = deviations**2
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    width = deviations * math.sqrt(share * (1 - share) / rows + square / (4 * rows * rows)) / (1 + square / rows)
    return max(0.0, centre - width), min(1.0, centre + width)


def percent(share: float) -> str:
    """Return a share in words.

    >>> percent(0.0763)
    '7.6 %'
    """
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"  # noqa: PLR2004  # what two digits would call 1e+02
