"""The factor of one look: fair under the hypothesis, by exact enumeration, and telling under the alternative."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from mlwright.stats.rates import RATIO_WEIGHTS, RATIOS, SMALLER, SMALLER_WEIGHTS, Counts, Line, factors


def mean(
    line: Line, grid: tuple[float, ...], sides: tuple[int, int], rates: tuple[float, float]
) -> NDArray[np.float64]:
    """The exact mean of the factors over everything that independent requests can do."""
    n, m = sides
    total = np.zeros(len(grid))
    for k in range(n + 1):
        for j in range(m + 1):
            chance = binom.pmf(k, n, rates[0]) * binom.pmf(j, m, rates[1])
            total += chance * np.array(factors(Counts(n, k, m, j), line, grid))
    return total


@pytest.mark.parametrize(
    "line, rate",
    [(Line(0.0), 0.05), (Line(0.02), 0.05), (Line(0.0, ratio=1.5), 0.1), (Line(0.1), 0.0), (Line(0.0), 0.5)],
)
@pytest.mark.parametrize("sides", [(1, 9), (6, 6), (9, 2)])
def test_nobody_can_expect_to_win_against_a_candidate_that_is_as_bad_as_allowed(
    line: Line, rate: float, sides: tuple[int, int]
) -> None:
    """On the line and below it, no alternative has a mean above 1, however many requests each side has."""
    for part in (1.0, 0.6):
        candidate = part * (line.ratio * rate + line.difference)
        assert mean(line, RATIOS[:6], sides, (candidate, rate)).max() <= 1 + 1e-9


@pytest.mark.parametrize("sides", [(1, 9), (6, 6), (9, 2)])
def test_nobody_can_expect_to_prove_that_a_candidate_on_the_margin_is_fine(sides: tuple[int, int]) -> None:
    """At the margin and above it, no alternative below 1 has a mean above 1."""
    line = Line(0.1)
    for candidate in (0.15, 0.4):
        assert mean(line, SMALLER, sides, (candidate, 0.05)).max() <= 1 + 1e-9


def test_a_fixed_rate_is_tested_exactly() -> None:
    """Held against a number, the factor is the likelihood ratio of two binomials: its mean is 1."""
    line = Line(0.2, ratio=0.0)
    means = [
        sum(binom.pmf(k, 12, 0.2) * factors(Counts(12, k), line, (psi,))[0] for k in range(13))
        for psi in (0.3, 2.0, 4.0)
    ]

    assert means == pytest.approx([1.0, 1.0, 1.0])


def test_without_an_allowed_difference_it_is_the_test_of_a_share_among_the_bad() -> None:
    """With difference 0 the factor is the likelihood ratio of "of the bad ones so many are the candidate's"."""
    n, m, k, j, psi = 100, 300, 9, 11, 2.0
    share, other = n / (n + m), n * psi / (n * psi + m)
    ratio = binom.pmf(k, k + j, other) / binom.pmf(k, k + j, share)

    assert factors(Counts(n, k, m, j), Line(0.0), (psi,))[0] == pytest.approx(ratio)


def test_the_worked_example() -> None:
    """20 of 1,000 against 90 of 9,000 speak for twice as bad, 29 times over."""
    assert factors(Counts(1000, 20, 9000, 90), Line(0.0), (2.0,))[0] == pytest.approx(29.336, abs=1e-3)


counts = st.builds(
    lambda n, k, m, j: Counts(n, min(n, k), m, min(m, j)),
    *(st.integers(1, 10**7) for _ in range(1)),
    st.integers(0, 10**7),
    st.integers(1, 10**7),
    st.integers(0, 10**7),
)


@given(counts, st.floats(0, 0.3), st.floats(0.5, 3))
def test_factors_are_finite_whatever_was_counted(seen: Counts, difference: float, ratio: float) -> None:
    """Neither millions of requests nor none that are bad give anything but a number from 0 on."""
    for grid in (RATIOS, SMALLER):
        assert all(math.isfinite(found) and found >= 0 for found in factors(seen, Line(difference, ratio), grid))


@given(counts, st.floats(0, 0.3))
def test_more_bad_requests_of_the_candidate_never_speak_for_it(seen: Counts, difference: float) -> None:
    """One more bad request raises every factor above 1 and lowers every one below."""
    if seen.candidate_bad >= seen.candidate:
        return
    worse = Counts(seen.candidate, seen.candidate_bad + 1, seen.stable, seen.stable_bad)
    for before, after in zip(
        factors(seen, Line(difference), RATIOS), factors(worse, Line(difference), RATIOS), strict=True
    ):
        assert after >= before
    for before, after in zip(
        factors(seen, Line(difference), SMALLER), factors(worse, Line(difference), SMALLER), strict=True
    ):
        assert after <= before


def test_weights_are_shares() -> None:
    """What is staked is divided, not multiplied."""
    assert math.fsum(RATIO_WEIGHTS) == pytest.approx(1)
    assert math.fsum(SMALLER_WEIGHTS) == pytest.approx(1)
    assert len(RATIO_WEIGHTS) == len(RATIOS)
