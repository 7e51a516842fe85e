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
from typing import Final

SMALLEST_WINDOW: Final = 200
SMALLEST_REFERENCE: Final = 2_000
"""Below these the approximation's level is off by a factor of two and more."""
_EXPECTED: Final = 5
"""Bins of the reference that expect fewer rows than this are judged together."""
_LN2: Final = math.log(2)

Pairs = Sequence[tuple[int, int]]
"""For each bin the count in the reference and in the window."""


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
    merged = _merged(pairs)
    reference, window = (sum(counts) for counts in zip(*merged, strict=True)) if merged else (0, 0)
    if reference < SMALLEST_REFERENCE or window < SMALLEST_WINDOW:
        return None
    shares = [(r / reference, w / window) for r, w in merged]
    divergence = sum(_part(p, (p + q) / 2) + _part(q, (p + q) / 2) for p, q in shares) / 2
    rate = 8 * _LN2 / (1 / reference + 1 / window)
    freedom = max(1, len(merged) - 1)
    return Distance(
        observed=math.sqrt(max(0.0, divergence)),
        estimate=math.sqrt(max(0.0, divergence - freedom / rate)),
        exceeds=noncentral_tail(rate * divergence, freedom, rate * allowed**2),
        moved=sum(abs(p - q) for p, q in shares) / 2,
    )


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


def noncentral_tail(value: float, freedom: int, noncentrality: float) -> float:
    """Probability that a noncentral chi-squared exceeds a value; within a tenth of itself down to 1e-5."""
    if value <= 0:
        return 1.0
    first, second, third = (freedom + times * noncentrality for times in (1, 2, 3))
    power = 1 - 2 * first * third / (3 * second**2)
    spread = second / first**2
    bend = (power - 1) * (1 - 3 * power)
    centre = 1 + power * spread * (power - 1 - (2 - power) * bend * spread / 2)
    width = power * math.sqrt(2 * spread) * (1 + bend * spread / 2)
    return math.erfc(((value / first) ** power - centre) / width / math.sqrt(2)) / 2


def _part(share: float, middle: float) -> float:
    return share * math.log2(share / middle) if share > 0 else 0.0


def _merged(pairs: Pairs) -> list[tuple[int, int]]:
    """Put the bins together of which the reference lets too few rows expect; a bin unknown to it stays alone."""
    occupied = [pair for pair in pairs if any(pair)]
    reference, window = (sum(counts) for counts in zip(*occupied, strict=True)) if occupied else (0, 0)
    small = [pair for pair in occupied if 0 < pair[0] * window < _EXPECTED * reference]
    kept = [pair for pair in occupied if pair not in small]
    return [*kept, (sum(r for r, _ in small), sum(w for _, w in small))] if small else kept
