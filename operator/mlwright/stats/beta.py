"""The incomplete beta function with the standard library: tails of counts, as logarithms where they are tiny."""

from __future__ import annotations

import math
from typing import Final

_STEPS: Final = 10_000
_TINY: Final = 1e-300
_PRECISION: Final = 1e-14


def log_beta(a: float, b: float) -> float:
    """Logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def log_below(x: float, a: float, b: float) -> float:
    """Logarithm of the chance that a beta variable lies below `x`: log I_x(a, b).

    >>> round(math.exp(log_below(0.3, 2, 5)), 6)
    0.579825

    Args:
        x: Above 0 and below 1.
        a: Above 0.
        b: Above 0.
    """
    if x > (a + 1) / (a + b + 2):
        return math.log(max(_TINY, -math.expm1(_log_front(1 - x, b, a))))
    return _log_front(x, a, b)


def at_least(successes: float, trials: float, share: float) -> float:
    """Chance of so many successes or more, if each trial succeeds with a share; both may be fractions.

    >>> round(at_least(3, 10, 0.1), 6)
    0.070191
    """
    if successes <= 0:
        return 1.0
    if not 0 < share < 1:
        return float(share >= 1)
    return math.exp(log_below(share, successes, trials - successes + 1))


def _log_front(x: float, a: float, b: float) -> float:
    """The series of I_x(a, b) that converges fast below the mean."""
    front = a * math.log(x) + b * math.log1p(-x) - math.log(a) - log_beta(a, b)
    return min(0.0, front - math.log(_fraction(x, a, b)))


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function by Lentz's method (DLMF 8.17.22)."""
    value, upper, lower = 1.0, 1.0, 0.0
    for step in range(1, _STEPS):
        half, odd = divmod(step, 2)
        if odd:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        lower = 1 / (1 + term * lower or _TINY)
        upper = 1 + term / upper or _TINY
        value *= upper * lower
        if abs(upper * lower - 1) < _PRECISION:
            break
    return value
