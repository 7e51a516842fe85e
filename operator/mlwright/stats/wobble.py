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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, combinations_with_replacement, pairwise, repeat, starmap
from operator import add, itemgetter, mul
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
    root = math.sqrt(1 / (1 / rows[0] + 1 / rows[1]))
    differences = [root * (b / rows[1] - a / rows[0]) for a, b in zip(earlier, later, strict=True)]
    return Wobble(wobble.slots, wobble.pairs + 1, tuple(map(add, wobble.sums, _products(differences))))


def trace(wobble: Wobble, merged: Groups, shares: Sequence[tuple[float, float]]) -> float:
    """The trace of V, for the covariances V in those of independent rows; of these it is their degrees of freedom.

    Args:
        wobble: Of the same feature.
        merged: The groups of slots that are compared; at most one of them holds several.
        shares: For each group its share in the reference and in the window.
    """
    sums, starts, diagonal = wobble.sums, _starts(wobble.slots), _diagonal(wobble.slots)(wobble.sums)
    lengths = _lengths(shares)
    found = sum([diagonal[group[0]] / length for group, length in zip(merged, lengths, strict=True)])
    for group, length in zip(merged, lengths, strict=True):
        if len(group) > 1:
            found += sum([diagonal[one] for one in group[1:]]) / length
            found += 2 * sum([sums[starts[a] + b - a] for a, b in combinations(sorted(group), 2)]) / length
    return found / max(1, wobble.pairs)


def rough_effect(wobble: Wobble, reference: Sequence[float]) -> float:
    """Return about how many rows are as good as one independent row: as if no bins were merged, and next to free.

    Args:
        wobble: Of the same feature.
        reference: For each slot its share in the reference.
    """
    variances = zip(_diagonal(wobble.slots)(wobble.sums), reference, strict=True)
    whole = sum([variance / share for variance, share in variances if share])
    return max(1.0, whole / max(1, wobble.pairs) / max(1, wobble.slots - 1))


def inflation(wobble: Wobble, merged: Groups, shares: Sequence[tuple[float, float]], whole: float) -> Inflation:
    """What the wobble means for a comparison.

    Args:
        wobble: Of the same feature.
        merged: The groups of slots that are compared; at most one of them holds several.
        shares: For each group its share in the reference and in the window.
        whole: What `trace` says of them.
    """
    freedom = max(1, len(merged) - 1)
    return Inflation(
        rows=max(1.0, whole / freedom),
        drift=max(1.0, _along(wobble, merged, shares)),
        freedom=_freedom(whole, _square(wobble, merged, _lengths(shares)), wobble.pairs, freedom),
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
        mean, ninth = self._moments(noncentrality)
        return Power(1 / 3, mean, 1 - ninth, math.sqrt(ninth))

    def score(self, noncentrality: float, value: float) -> float:
        """What that gamma says of a value; a thousand are asked in a look at fifty features, and no law is kept."""
        mean, ninth = self._moments(noncentrality)
        return (math.pow(max(0.0, value) / mean, 1 / 3) - (1 - ninth)) / math.sqrt(ninth)

    def _moments(self, noncentrality: float) -> tuple[float, float]:
        """The mean, and the variance of the cube root."""
        mean = self.mean + noncentrality
        return mean, (self.variance + self.slope * noncentrality) / (9 * mean * mean)


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


def _lengths(shares: Sequence[tuple[float, float]]) -> list[float]:
    """The variance of each group in independent rows, all but for the covariances."""
    return [p if p > 0 else (p + q) / 2 for p, q in shares]


def _square(wobble: Wobble, merged: Groups, lengths: Sequence[float]) -> float:
    """The trace of V^2."""
    weights = [0.0] * wobble.slots
    for group, length in zip(merged, lengths, strict=True):
        if len(group) == 1:
            weights[group[0]] = 1 / length
    square = _form(tuple(map(mul, wobble.sums, wobble.sums)), weights)
    for group, length in zip(merged, lengths, strict=True):
        if len(group) > 1:
            rows = _rows(wobble.sums, wobble.slots)
            beside = [sum(_at(rows, place, member) for member in group) for place in range(wobble.slots)]
            within = sum(beside[member] for member in group) / length
            square += within**2 + 2 * sum(map(mul, map(mul, beside, beside), weights)) / length
    return square / max(1, wobble.pairs) ** 2


def _along(wobble: Wobble, merged: Groups, shares: Sequence[tuple[float, float]]) -> float:
    """Variance along the gradient of the divergence, in that of independent rows."""
    window = [q for _, q in shares]
    smallest = min([q for q in window if q > 0], default=1.0) / 2  # the gradient of an empty bin is without end
    filled = [*map(max, window, repeat(smallest))]
    slopes = [math.log(q / ((p + q) / 2)) for (p, _), q in zip(shares, filled, strict=True)]
    centre = sum(map(mul, window, slopes))
    slopes = [slope - centre for slope in slopes]
    gradient = [0.0] * wobble.slots
    for group, slope in zip(merged, slopes, strict=True):
        for place in group:
            gradient[place] = slope
    independent = sum([q * slope**2 for q, slope in zip(window, slopes, strict=True)])
    return _form(wobble.sums, gradient) / max(1, wobble.pairs) / independent if independent > 0 else 1.0


@cache
def _starts(slots: int) -> tuple[int, ...]:
    """Where each row of the upper triangle begins, and where the last one ends."""
    return tuple(row * slots - row * (row - 1) // 2 for row in range(slots + 1))


@cache
def _diagonal(slots: int) -> Callable[[Sequence[float]], tuple[float, ...]]:
    """What takes the variances out of a triangle; of one slot there is no tuple to take."""
    return itemgetter(*_starts(slots)[:-1]) if slots > 1 else tuple


def _rows(sums: tuple[float, ...], slots: int) -> list[tuple[float, ...]]:
    """Each row of the symmetric matrix from its diagonal on."""
    return [sums[start:end] for start, end in pairwise(_starts(slots))]


def _at(rows: Sequence[Sequence[float]], row: int, column: int) -> float:
    return rows[min(row, column)][abs(row - column)]


def _form(sums: Sequence[float], vector: Sequence[float]) -> float:
    """The quadratic form of a symmetric matrix; sums that run in C, as there may be fifty features."""
    squares = map(mul, vector, vector)
    doubled = 2 * sum(map(mul, sums, _products(vector)), start=0.0)
    return doubled - sum(map(mul, _diagonal(len(vector))(sums), squares), start=0.0)


def _products(vector: Sequence[float]) -> Iterator[float]:
    """The upper triangle of what a vector makes with itself."""
    return starmap(mul, combinations_with_replacement(vector, 2))


def _freedom(trace: float, square: float, pairs: int, most: int) -> float:
    """(tr V)^2 / tr(V^2), without what so few pairs add to the second by chance (moments of Wishart's law)."""
    if trace <= 0 or pairs < FEWEST_PAIRS:
        return float(most)
    unbiased = pairs**2 / ((pairs - 1) * (pairs + 2)) * (square - trace**2 / pairs)
    squared = trace**2 - 2 * unbiased / pairs
    return min(float(most), max(1.0, squared / max(unbiased, trace**2 / most)))
