"""How far a distribution has moved from an earlier one: the Jensen-Shannon distance, and whether it is proven.

Two samples of the same source always differ a little, and with many rows every difference is "significant". So the
question asked is not whether they are equal but whether the distance exceeds what is allowed: under the hypothesis
that the true distance is `d`, T = 8 ln2 n_h JS is close to a noncentral chi-squared with nu degrees of freedom and
noncentrality 8 ln2 n_h d^2, where n_h = 1 / (1/n + 1/N). Its tail is Sankaran's approximation (Biometrika 50, 1963),
which needs nothing but the standard library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final, NamedTuple

SMALLEST_WINDOW: Final = 200
SMALLEST_REFERENCE: Final = 2_000
"""Below these the approximation's level is off by a factor of two and more."""
_EXPECTED: Final = 5
"""Bins of the reference that expect fewer rows than this are judged together."""
_LN2: Final = math.log(2)

Pairs = Sequence[tuple[int, int]]
"""For each bin the count in the reference and in the window."""
Groups = list[list[int]]
"""Places of bins that are judged as one."""


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a window is from its reference.

    Attributes:
        observed: The distance of the counts as they are, 0 to 1.
        estimate: The same without what chance alone would show.
        exceeds: Probability of so large a distance if the true one were the one allowed; small means proven.
        moved: Share of rows that would have to move to another bin, 0 to 1.
    """

    observed: float
    estimate: float
    exceeds: float
    moved: float


class Power(NamedTuple):
    """A law of which a power is nearly normal: ((value / scale)^power - centre) / width.

    Thousands are made in a look at fifty features, and a tuple is made in a third of the time.
    """

    power: float
    scale: float
    centre: float
    width: float

    def score(self, value: float) -> float:
        """How many standard deviations a value lies above the middle."""
        return (math.pow(max(0.0, value) / self.scale, self.power) - self.centre) / self.width

    def value(self, score: float) -> float:
        """The value that lies so many standard deviations above the middle, at least 0."""
        return self.scale * math.pow(max(0.0, self.centre + score * self.width), 1 / self.power)

    def tail(self, value: float) -> float:
        """Probability of more than a value."""
        return math.erfc(self.score(value) / math.sqrt(2)) / 2 if value > 0 else 1.0


def distance(pairs: Pairs, *, allowed: float) -> Distance | None:
    """Compare two sets of counts over the same bins.

    Worked example: a reference of 20 bins of 5,000 rows each and a window of 1,000 rows that leans slightly to the
    first bins gives an estimate of 0.0807 and, for an allowed distance of 0.1, exceeds = 0.89: not proven.

    Args:
        pairs: The counts, from the same bins.
        allowed: The distance that is no matter.

    Returns:
        None where there are too few rows to tell.
    """
    merged = together(pairs, groups(pairs))
    reference, window = (sum(counts) for counts in zip(*merged, strict=True)) if merged else (0, 0)
    if reference < SMALLEST_REFERENCE or window < SMALLEST_WINDOW:
        return None
    shares = [(r / reference, w / window) for r, w in merged]
    divergence = jensen_shannon(shares)
    rate = evidence(reference, window)
    freedom = max(1, len(merged) - 1)
    return Distance(
        observed=math.sqrt(divergence),
        estimate=math.sqrt(max(0.0, divergence - freedom / rate)),
        exceeds=noncentral_tail(rate * divergence, freedom, rate * allowed**2),
        moved=sum(abs(p - q) for p, q in shares) / 2,
    )


@lru_cache(maxsize=256)
def beyond(level: float) -> float:
    """Standard deviations above the mean that a normal value exceeds with this chance; asked for every feature anew.

    >>> round(beyond(0.025), 2)
    1.96
    """
    return NormalDist().inv_cdf(1 - level)


def holm(probabilities: Sequence[float], level: float) -> tuple[bool, ...]:
    """Which of several hypotheses are refuted, such that one wrongly refuted among all is rarer than `level`.

    >>> holm([0.001, 0.2, 0.004], 0.01)
    (True, False, True)
    """
    order = sorted(range(len(probabilities)), key=lambda place: probabilities[place])
    refuted = [False] * len(probabilities)
    for rank, place in enumerate(order):
        if probabilities[place] > level / (len(probabilities) - rank):
            break
        refuted[place] = True
    return tuple(refuted)


def noncentral(freedom: int, noncentrality: float) -> Power:
    """The noncentral chi-squared; its tail is within a tenth of itself down to 1e-5."""
    first, second, third = (freedom + times * noncentrality for times in (1, 2, 3))
    power = 1 - 2 * first * third / (3 * second**2)
    spread = second / first**2
    bend = (power - 1) * (1 - 3 * power)
    centre = 1 + power * spread * (power - 1 - (2 - power) * bend * spread / 2)
    return Power(power, first, centre, power * math.sqrt(2 * spread) * (1 + bend * spread / 2))


def noncentral_tail(value: float, freedom: int, noncentrality: float) -> float:
    """Probability that a noncentral chi-squared exceeds a value."""
    return noncentral(freedom, noncentrality).tail(value)


def evidence(reference: int, window: int) -> float:
    """What a squared distance is multiplied by to be chi-squared: 8 ln2 n_h."""
    return 8 * _LN2 / (1 / reference + 1 / window)


def jensen_shannon(shares: Sequence[tuple[float, float]]) -> float:
    """Divergence of two distributions to the base 2, 0 to 1; the distance is its root."""
    total = 0.0
    for p, q in shares:  # a loop, for a monitor of fifty features asks for thousands of these logarithms
        if p > 0:
            total += p * math.log2(2 * p / (p + q))
        if q > 0:
            total += q * math.log2(2 * q / (p + q))
    return max(0.0, total / 2)


def groups(pairs: Pairs) -> Groups:
    """Put the bins together of which the reference lets too few rows expect; a bin unknown to it stays alone.

    Bins that nobody has seen are in no group.
    """
    reference, window = (sum(counts) for counts in zip(*pairs, strict=True)) if pairs else (0, 0)
    least = _EXPECTED * reference
    small = [place for place, (rows, _) in enumerate(pairs) if 0 < rows * window < least]
    alone = [[place] for place, (rows, now) in enumerate(pairs) if (rows or now) and not 0 < rows * window < least]
    return [*alone, small] if small else alone


def together(pairs: Pairs, merged: Groups) -> list[tuple[int, int]]:
    """The counts of each group."""
    return [pairs[group[0]] if len(group) == 1 else _summed([pairs[place] for place in group]) for group in merged]


def _summed(several: Pairs) -> tuple[int, int]:
    return sum(reference for reference, _ in several), sum(window for _, window in several)
