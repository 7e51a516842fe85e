"""How many requests a proof takes, and so how long a rollout: told before it starts."""

from __future__ import annotations

import math
from typing import Final

_ERRORS: Final = 3.6
"""Requests to pass at a small share, in units of what one request tells; fitted to simulations of equal sides."""
_NO_ERRORS: Final = 4.2
_EVEN: Final = 0.4
"""At half of the traffic stable tells less: two fifths more are needed."""


def requests_to_pass(rate: float, margin: float, share: float) -> float:
    """Requests to a candidate as good as stable until a step passes, in the median; one in ten steps needs twice that.

    >>> round(requests_to_pass(0.01, 0.01, 0.1))
    1173

    Args:
        rate: Share of bad requests of both, 0 to 1.
        margin: Difference that must be refuted, above 0.
        share: Part of the traffic that goes to the candidate, 0 to 1.
    """
    if rate <= 0:
        return _NO_ERRORS / margin
    told = margin - rate * math.log1p(margin / rate)
    return _ERRORS / told * (1 + _EVEN * min(1.0, max(0.0, share - 0.1) / 0.4))


def requests_to_rollback(rate: float, worse: float, allowed: float) -> float:
    """Requests to a candidate of a worse rate until it is rolled back, in the median, at a small share.

    >>> round(requests_to_rollback(0.01, 0.02, 0.001))
    2029

    Args:
        rate: Share of bad requests of stable.
        worse: That of the candidate.
        allowed: Difference that is allowed.

    Returns:
        Infinity where the candidate is not worse than allowed: it is never rolled back for certain.
    """
    line = rate + allowed
    if worse <= line:
        return math.inf
    if line <= 0:
        return 5 / worse
    return 6 / (worse * math.log(worse / line) - (worse - line))
