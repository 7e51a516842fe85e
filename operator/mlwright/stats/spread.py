"""Whether two sides answer differently, watched over time: the distance of distributions, tested ever more seldom.

A distance is tested when the candidate's answers have doubled since the last test, and each test gets a smaller part of
the budget (6 / (pi j)^2 for the j-th), so that all tests together err no more often than the budget says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlwright.stats.distance import SMALLEST_WINDOW, Distance, Pairs, distance


@dataclass(frozen=True, slots=True)
class SpreadTrial:
    """How far apart the answers of two sides are.

    Attributes:
        worse: Proven farther apart than allowed, at some test up to now.
        now: The distance of all that was counted; None while that is too little.
        candidate: Answers of the candidate.
        stable: Answers of stable.
        tests: Number of tests so far.
    """

    worse: bool
    now: Distance | None
    candidate: float
    stable: float
    tests: int


def watch(looks: Iterable[Sequence[tuple[float, float]]], *, allowed: float, alpha: float) -> SpreadTrial:
    """Judge the looks in their order.

    Args:
        looks: For each look and bin the counts of stable and of the candidate.
        allowed: Distance that is no matter, 0 to 1.
        alpha: Chance that answers no farther apart than that are ever called so.
    """
    total: list[tuple[float, float]] = []
    tests, due, worse = 0, float(SMALLEST_WINDOW), False
    for look in looks:
        total = _added(total, look)
        if sum(candidate for _, candidate in total) < due:
            continue
        found = distance(_whole(total), allowed=allowed)
        if found is None:
            continue
        tests += 1
        worse = worse or found.exceeds <= alpha * 6 / (math.pi * tests) ** 2
        due = 2 * sum(candidate for _, candidate in total)
    return SpreadTrial(
        worse,
        distance(_whole(total), allowed=allowed),
        candidate=sum(candidate for _, candidate in total),
        stable=sum(stable for stable, _ in total),
        tests=tests,
    )


def _added(total: list[tuple[float, float]], look: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    longer = max(len(total), len(look))
    rows = [[*side, *[(0.0, 0.0)] * (longer - len(side))] for side in (total, look)]
    return [(a[0] + b[0], a[1] + b[1]) for a, b in zip(*rows, strict=True)]


def _whole(pairs: Iterable[tuple[float, float]]) -> Pairs:
    return [(round(stable), round(candidate)) for stable, candidate in pairs]
