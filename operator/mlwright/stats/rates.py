"""Counts of bad requests of two sides in one interval, and what they say about the two rates.

Two questions have the same form. Rollback asks to refute "the candidate's rate is at most ratio times stable's plus an
allowed difference"; pass asks to refute "it is at least that plus a margin". For an alternative psi (above 1 to refute
the first, below 1 the second), th = ratio n_c / (ratio n_c + n_s), D = 1 - th + th psi, u = psi / D, the factor is

    exp(k_c ln psi - (k_c + k_s) ln D - n_c difference (u - 1))

Its mean is at most exp(n_c (u - 1)(p_c - ratio p_s - difference)), by 1 + x <= exp x, and so at most 1 under either
hypothesis: exact for independent requests, any number of them, and rates that change from look to look. Only the two
sides of one look are ever compared, so neither the time of day nor a changed weight makes a difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

RATIOS: Final = (1.15, 1.3, 1.6, 2.0, 2.7, 4.0, 8.0, 20.0, 100.0, 1000.0)
"""How many times worse the candidate may be; the grid is dense where rollouts are decided, and wide for disasters."""
RATIO_WEIGHTS: Final = (0.03, 0.08, 0.22, 0.27, 0.17, 0.10, 0.06, 0.04, 0.02, 0.01)
"""Chosen for a doubled rate; the guarantee does not depend on them."""
SMALLER: Final = (0.01, 0.1, 0.2, 0.33, 0.45, 0.57, 0.7, 0.82)
SMALLER_WEIGHTS: Final = (1 / len(SMALLER),) * len(SMALLER)
_LARGEST_LOG: Final = 230.0
"""exp of it is about the largest wealth that is kept."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and bad ones among them, of the candidate and of stable, in one interval.

    Where the candidate is held against a number and not against stable, stable's are 0.
    """

    candidate: float
    candidate_bad: float
    stable: float = 0.0
    stable_bad: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        """Return both intervals as one."""
        return Counts(
            self.candidate + other.candidate,
            self.candidate_bad + other.candidate_bad,
            self.stable + other.stable,
            self.stable_bad + other.stable_bad,
        )

    @property
    def candidate_rate(self) -> float:
        """Share of bad requests; 0 without requests."""
        return self.candidate_bad / self.candidate if self.candidate else 0.0

    @property
    def stable_rate(self) -> float:
        """Share of bad requests; 0 without requests."""
        return self.stable_bad / self.stable if self.stable else 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """The rate that the candidate is held against: ratio times stable's, plus a difference; ratio 0: a fixed rate."""

    difference: float
    ratio: float = 1.0

    def excess(self, counts: Counts) -> float:
        """Return the bad requests of the candidate beyond the line; below 0 when there are fewer."""
        return counts.candidate_bad - counts.candidate * (self.ratio * counts.stable_rate + self.difference)

    def tells(self, counts: Counts) -> bool:
        """Return whether the counts say anything: no side may be silent."""
        return counts.candidate > 0 and (counts.stable > 0 or not self.ratio)


def factors(counts: Counts, line: Line, grid: Sequence[float]) -> tuple[float, ...]:
    """Return for each alternative of a grid how much the counts speak for it and against the hypothesis.

    Worked example: 20 bad of 1,000 against 90 of 9,000 of stable multiply a stake on "twice as bad" by 29.

    Args:
        counts: One look, on which the line tells something.
        line: The hypothesis: at most the line for alternatives above 1, at least the line below 1.
        grid: Alternatives, as multiples of the rate of the line.
    """
    logs = _against_stable(counts, line, grid) if line.ratio else _against_rate(counts, line.difference, grid)
    return tuple(math.exp(min(_LARGEST_LOG, log)) for log in logs)


def _against_stable(counts: Counts, line: Line, grid: Sequence[float]) -> Iterator[float]:
    mass = line.ratio * counts.candidate
    share = mass / (mass + counts.stable)
    bad = counts.candidate_bad + counts.stable_bad
    shift = counts.candidate * line.difference
    for psi in grid:
        denominator = 1 - share + share * psi
        yield counts.candidate_bad * math.log(psi) - bad * math.log(denominator) - shift * (psi / denominator - 1)


def _against_rate(counts: Counts, rate: float, grid: Sequence[float]) -> Iterator[float]:
    for psi in grid:
        yield counts.candidate_bad * math.log(psi) - counts.candidate * math.log(1 - rate + rate * psi)
