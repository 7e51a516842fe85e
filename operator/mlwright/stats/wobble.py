"""How much more than independent rows a feature's counts vary from day to day while all is well.

A user who sends fifty requests is not fifty users: counts then vary far more than multinomial ones, and a bound that
does not know it raises false alarms for ever. The variation is learnt from healthy windows that lie a day apart: what
returns every day (the hours of the day) cancels out, and users that stay for hours do not hide it, as they would in
windows that follow each other.

The correction is of first order by two moments (Rao and Scott, Annals of Statistics 12, 1984): the mean and the
variance of a sum of weighted chi-squared variables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise
from operator import mul
from typing import Final

from mlwright.stats.distance import Groups, Power

FEWEST_PAIRS: Final = 24
"""Pairs of windows a day apart before they are believed: with 24 slots fewer say nothing of the covariances."""


@dataclass(frozen=True, slots=True)
class Wobble:
    """The covariances of one feature's shares, for a window of one row.

    Attributes:
        slots: Number of bins.
        pairs: Pairs of healthy windows a day apart that were added.
        sums: Sum over the pairs of the products of the differences, for the places (0, 0), (0, 1) ... (1, 1) ...
    """

    slots: int
    pairs: int
    sums: tuple[float, ...]

    @property
    def tells(self) -> bool:
        """Whether there are enough pairs."""
        return self.pairs >= FEWEST_PAIRS


@dataclass(frozen=True, slots=True)
class Inflation:
    """How much wider than for independent rows the law of a distance is; all of it 1 and the freedom for those.

    Attributes:
        rows: How many rows are as good as one independent row: the design effect, at least 1.
        drift: The same in the direction in which the window differs from the reference, at least 1.
        freedom: Degrees of freedom of the variation, at most those of independent rows.
    """

    rows: float
    drift: float
    freedom: float


def still(slots: int) -> Wobble:
    """Return a wobble that has seen nothing yet."""
    return Wobble(slots, 0, (0.0,) * (slots * (slots + 1) // 2))


def learned(wobble: Wobble, earlier: Sequence[int], later: Sequence[int]) -> Wobble:
    """Add two healthy windows of the same feature that lie a day apart; an empty one adds nothing.

    Args:
        wobble: What was learnt before.
        earlier: Counts of the earlier window, one for each slot.
        later: Counts of the later one.
    """
    rows = sum(earlier), sum(later)
    if not all(rows):
        return wobble
    weight = 1 / (1 / rows[0] + 1 / rows[1])
    differences = [b / rows[1] - a / rows[0] for a, b in zip(earlier, later, strict=True)]
    products = (weight * a * b for a, b in combinations_with_replacement(differences, 2))
    sums = tuple(before + more for before, more in zip(wobble.sums, products, strict=True))
    return Wobble(wobble.slots, wobble.pairs + 1, sums)


def inflation(wobble: Wobble, merged: Groups, shares: Sequence[tuple[float, float]]) -> Inflation:
    """What the wobble means for a comparison.

    Args:
        wobble: Of the same feature.
        merged: The groups of slots that are compared; at most one of them holds several.
        shares: For each group its share in the reference and in the window.
    """
    freedom = max(1, len(merged) - 1)
    trace, square = _traces(wobble, merged, [p if p > 0 else (p + q) / 2 for p, q in shares])
    return Inflation(
        rows=max(1.0, trace / freedom),
        drift=max(1.0, _along(wobble, merged, shares)),
        freedom=_freedom(trace, square, wobble.pairs, freedom),
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """The law of the evidence for rows that are not independent: a gamma with the right mean and variance.

    Attributes:
        mean: Of the evidence where the true distance is 0.
        variance: The same.
        slope: What the variance grows by with the noncentrality.
    """

    mean: float
    variance: float
    slope: float

    def law(self, noncentrality: float) -> Power:
        """The gamma of a noncentrality, by its cube root."""
        mean = self.mean + noncentrality
        ninth = (self.variance + self.slope * noncentrality) / (9 * mean * mean)
        return Power(1 / 3, mean, 1 - ninth, math.sqrt(ninth))


def spread(found: Inflation, freedom: int, window: float, reference: float) -> Spread:
    """What an inflation makes of the law.

    Args:
        found: What the wobble means for this comparison.
        freedom: Degrees of freedom of independent rows.
        window: The window's part of the variance; 1 where the reference itself was learnt from traffic.
        reference: The reference's part; 0 where the reference itself was learnt from traffic.
    """
    mean = freedom * (found.rows * window + reference)
    return Spread(mean, 2 * mean * mean / found.freedom, 4 * (found.drift * window + reference))


def _traces(wobble: Wobble, merged: Groups, lengths: Sequence[float]) -> tuple[float, float]:
    """The traces of V and of V^2, for the covariances V in those of independent rows."""
    weights = [0.0] * wobble.slots
    for group, length in zip(merged, lengths, strict=True):
        if len(group) == 1:
            weights[group[0]] = 1 / length
    rows = _rows(wobble.sums, wobble.slots)
    trace = sum(row[0] * weight for row, weight in zip(rows, weights, strict=True))
    square = _form(_rows(tuple(map(mul, wobble.sums, wobble.sums)), wobble.slots), weights)
    for group, length in zip(merged, lengths, strict=True):
        if len(group) > 1:
            beside = [sum(_at(rows, place, member) for member in group) for place in range(wobble.slots)]
            within = sum(beside[member] for member in group) / length
            trace += within
            square += within**2 + 2 * sum(map(mul, map(mul, beside, beside), weights)) / length
    pairs = max(1, wobble.pairs)
    return trace / pairs, square / pairs**2


def _along(wobble: Wobble, merged: Groups, shares: Sequence[tuple[float, float]]) -> float:
    """Variance along the gradient of the divergence, in that of independent rows."""
    smallest = min((q for _, q in shares if q > 0), default=1.0) / 2  # the gradient of an empty bin is without end
    slopes = [math.log(max(q, smallest) / ((p + max(q, smallest)) / 2)) for p, q in shares]
    centre = sum(q * slope for (_, q), slope in zip(shares, slopes, strict=True))
    gradient = [0.0] * wobble.slots
    for group, slope in zip(merged, slopes, strict=True):
        for place in group:
            gradient[place] = slope - centre
    independent = sum(q * (slope - centre) ** 2 for (_, q), slope in zip(shares, slopes, strict=True))
    return (
        _form(_rows(wobble.sums, wobble.slots), gradient) / max(1, wobble.pairs) / independent
        if independent > 0
        else 1.0
    )


def _rows(sums: tuple[float, ...], slots: int) -> list[tuple[float, ...]]:
    """Each row of the symmetric matrix from its diagonal on."""
    starts = [row * slots - row * (row - 1) // 2 for row in range(slots + 1)]
    return [sums[start:end] for start, end in pairwise(starts)]


def _at(rows: Sequence[Sequence[float]], row: int, column: int) -> float:
    return rows[min(row, column)][abs(row - column)]


def _form(rows: Sequence[Sequence[float]], vector: Sequence[float]) -> float:
    """The quadratic form of a symmetric matrix; sums that run in C, as there may be fifty features."""
    return math.fsum(
        factor * (2 * sum(map(mul, row, vector[place:])) - row[0] * factor)
        for place, (row, factor) in enumerate(zip(rows, vector, strict=True))
        if factor
    )


def _freedom(trace: float, square: float, pairs: int, most: int) -> float:
    """(tr V)^2 / tr(V^2), without what so few pairs add to the second by chance (moments of Wishart's law)."""
    if trace <= 0 or pairs < FEWEST_PAIRS:
        return float(most)
    unbiased = pairs**2 / ((pairs - 1) * (pairs + 2)) * (square - trace**2 / pairs)
    squared = trace**2 - 2 * unbiased / pairs
    return min(float(most), max(1.0, squared / max(unbiased, trace**2 / most)))
