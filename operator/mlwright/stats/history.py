"""A rate that is known from the past only: how large it may be, so that a new one can be held against it.

To take bad / all for the true rate would call every second good version worse when its own requests outnumber those of
the past. The bound is Chernoff's, exact for independent requests.
"""

from __future__ import annotations

import math
from typing import Final

PAST: Final = 0.25
"""Part of the error budget for a past that was luckier than the truth; the rest is for the present."""


def upper_rate(requests: float, bad: float, alpha: float) -> float:
    """Return the largest rate that such a past does not refute: the truth is above it with a chance of at most alpha.

    >>> round(upper_rate(10_000, 100, 0.0025), 4)
    0.0137

    Args:
        requests: Of the past.
        bad: Bad ones among them.
        alpha: Chance of error.
    """
    if requests <= 0:
        return 1.0
    observed, limit = min(1.0, bad / requests), math.log(1 / alpha) / requests
    low, high = observed, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _divergence(observed, middle) <= limit else (low, middle)
    return high


def _divergence(observed: float, rate: float) -> float:
    """Kullback and Leibler's, of two coins."""
    if rate >= 1:
        return math.inf if observed < 1 else 0.0
    heads = observed * math.log(observed / rate) if observed else 0.0
    tails = (1 - observed) * math.log((1 - observed) / (1 - rate)) if observed < 1 else 0.0
    return heads + tails
