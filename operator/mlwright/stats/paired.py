"""Two classifiers on the same rows: tests of pairs, from counts alone. Standard library, pure.

`gained` are the rows that only the new one answers rightly, `lost` those that only the old one does.
"""

import math


def tango(gained: int, lost: int, rows: int, margin: float) -> float:
    """One-sided p-value against "the new accuracy is lower than the old by `margin` or more" (Tango 1998, score test).

    Its variance is estimated under that hypothesis, which keeps its size near the nominal one where Wald's is far
    above it. With a margin of 0 it is McNemar's test without a correction.

    >>> round(tango(30, 30, 1000, 0.01), 3), round(tango(20, 40, 1000, 0.01), 3)
    (0.101, 0.905)

    Args:
        gained: Rows that only the new one answers rightly.
        lost: Rows that only the old one answers rightly.
        rows: All rows, at least one.
        margin: From 0 up to below 1.
    """
    share = _lost_share(gained, lost, rows, margin)
    variance = rows * (2 * share - margin * (1 + margin))
    if variance <= 0:
        return 0.5 if gained == lost else upper_tail(math.inf if gained > lost else -math.inf)
    return upper_tail((gained - lost + rows * margin) / math.sqrt(variance))


def mcnemar(gained: int, lost: int) -> float:
    """One-sided exact p-value against "the new one is no better": P(Bin(gained + lost, 1/2) >= gained).

    >>> mcnemar(5, 0), mcnemar(0, 0)
    (0.03125, 1.0)
    """
    pairs = gained + lost
    logs = (math.lgamma(pairs + 1) - math.lgamma(k + 1) - math.lgamma(pairs - k + 1) for k in range(gained, pairs + 1))
    return min(1.0, math.fsum(math.exp(log - pairs * math.log(2)) for log in logs))


def upper_tail(z: float) -> float:
    """Chance that a standard normal lies above `z`.

    >>> round(upper_tail(1.645), 3)
    0.05
    """
    return math.erfc(z / math.sqrt(2)) / 2


def _lost_share(gained: int, lost: int, rows: int, margin: float) -> float:
    """The most likely share of lost rows if the difference is exactly -margin (root of Tango's quadratic)."""
    a = 2 * rows
    b = -gained - lost - (2 * rows - gained + lost) * margin
    c = lost * margin * (1 + margin)
    return (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
