"""Betting against a hypothesis: the money that one has won is the evidence, however often one looks at it.

Start with 1. At every look stakes are put on factors whose mean is at most 1 if the hypothesis holds, so nobody can
expect to win: the chance that the money EVER reaches 1/alpha is at most alpha (Ville's inequality). Part of the money
is kept back and staked little by little, so that a fault that begins late is found as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LARGEST: Final = 1e100
"""More money than any threshold; a cap takes away and so keeps the guarantee, and no product overflows."""


@dataclass(frozen=True, slots=True)
class Wealth:
    """Money at stake, one part for each alternative, and money kept back; all together 1 at the start."""

    parts: tuple[float, ...]
    cash: float = 1.0

    @property
    def total(self) -> float:
        """The evidence: how many times over the money has grown."""
        return math.fsum(self.parts) + self.cash


def opened(parts: int) -> Wealth:
    """Return wealth that is all kept back."""
    return Wealth((0.0,) * parts)


def staked(wealth: Wealth, fraction: float, weights: Sequence[float], factors: Sequence[float]) -> Wealth:
    """Stake a fraction of what was kept back, divided by weights, and let every part grow by its factor.

    >>> staked(opened(2), 0.5, (0.5, 0.5), (3.0, 0.0)).total
    1.25

    Args:
        wealth: The money before the look.
        fraction: Of what was kept back, 0 to 1.
        weights: How the newly staked money is divided; they sum to 1.
        factors: What each part is multiplied by: at least 0, of mean at most 1 under the hypothesis.
    """
    fresh = fraction * wealth.cash
    grown = (
        min(LARGEST, (part + weight * fresh) * factor)
        for part, weight, factor in zip(wealth.parts, weights, factors, strict=True)
    )
    return Wealth(tuple(grown), wealth.cash - fresh)
