"""The distance of distributions: known values, and how often it is wrong on simulated data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, ncx2

from mlwright.stats.distance import distance, holm, noncentral_tail

WINDOW = (75, 70, 66, 62, 60, 57, 54, 52, 50, 49, 48, 46, 45, 44, 43, 41, 38, 36, 33, 31)
SEED = 20_260_131


def test_a_worked_example_comes_out_as_computed_by_hand() -> None:
    """20 bins of 5,000 rows against a window of 1,000 that leans to the first bins."""
    found = distance([(5000, count) for count in WINDOW], allowed=0.1)

    assert found is not None
    assert found.observed**2 == pytest.approx(0.00997832, abs=1e-8)
    assert found.estimate == pytest.approx(0.08073, abs=1e-5)
    assert found.exceeds == pytest.approx(0.889944, abs=1e-6)
    assert found.moved == pytest.approx(0.096)


counts = st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 9000)), min_size=1, max_size=24)


@given(counts, st.floats(0, 1))
def test_every_figure_is_a_share(pairs: list[tuple[int, int]], allowed: float) -> None:
    """Whatever the counts, distance, probability and share moved lie between 0 and 1."""
    found = distance(pairs, allowed=allowed)

    if found is not None:
        for value in (found.observed, found.estimate, found.exceeds, found.moved):
            assert -1e-9 <= value <= 1 + 1e-9
            assert math.isfinite(value)


def test_equal_shares_are_no_distance() -> None:
    """A window of another size but the same shares has not moved."""
    found = distance([(4000, 400), (6000, 600)], allowed=0.1)

    assert found is not None
    assert found.observed == pytest.approx(0, abs=1e-9)
    assert found.estimate == 0


@pytest.mark.parametrize("pairs", [[(5000, 100)], [(1000, 5000)], [(0, 0)], []])
def test_too_few_rows_are_no_answer(pairs: list[tuple[int, int]]) -> None:
    """Nothing is claimed of 100 rows, or of a reference of 1,000."""
    assert distance(pairs, allowed=0.1) is None


def test_a_value_that_nobody_saw_before_counts() -> None:
    """5 % of the rows in a bin that the reference knows nothing of are a distance of their own."""
    found = distance([(20_000, 1900), (0, 100)], allowed=0.1)

    assert found is not None
    assert found.estimate > 0.15
    assert found.exceeds < 0.01


def test_of_several_hypotheses_only_the_proven_ones_are_refuted() -> None:
    """Each needs more proof the more there are; the first that lacks it ends the list."""
    assert holm([0.001, 0.2, 0.004], 0.01) == (True, False, True)
    assert holm([0.006, 0.006], 0.01) == (False, False)
    assert holm([], 0.01) == ()


@given(st.integers(1, 60), st.floats(0, 300), st.floats(-2, 5))
def test_the_tail_is_that_of_the_noncentral_distribution(freedom: int, noncentrality: float, away: float) -> None:
    """Within a tenth of the exact probability, wherever that is not below 1e-5."""
    value = freedom + noncentrality + away * math.sqrt(2 * freedom + 4 * noncentrality)
    exact = float(ncx2.sf(value, freedom, noncentrality)) if noncentrality else float(chi2.sf(value, freedom))

    if exact >= 1e-5:
        assert noncentral_tail(value, freedom, noncentrality) == pytest.approx(exact, rel=0.1, abs=2e-3)


@pytest.mark.timeout(30)
def test_data_that_moved_as_far_as_is_allowed_is_seldom_refused() -> None:
    """At the very threshold a level of 1 % refuses about 1 %; the plain question "are they equal" refuses all."""
    chance = np.random.default_rng(SEED)
    allowed = 0.0995  # a mean that moved by 0.235 standard deviations, in 20 bins of equal shares
    edges = np.quantile(chance.normal(size=200_000), np.linspace(0, 1, 21)[1:-1])
    refused = equal = 0
    for _ in range(400):
        before = np.bincount(np.searchsorted(edges, chance.normal(size=20_000)), minlength=20)
        now = np.bincount(np.searchsorted(edges, chance.normal(0.235, size=5_000)), minlength=20)
        pairs = list(zip(before.tolist(), now.tolist(), strict=True))
        at_threshold, plain = distance(pairs, allowed=allowed), distance(pairs, allowed=0.0)
        assert at_threshold is not None
        assert plain is not None
        refused += at_threshold.exceeds < 0.01
        equal += plain.exceeds < 0.01

    assert refused <= 14  # 4 expected; more than 14 of 400 would happen once in 50,000 times
    assert equal == 400


@pytest.mark.timeout(30)
def test_data_that_moved_twice_as_far_is_refused() -> None:
    """A mean that moved by half a standard deviation, in 2,000 rows of one feature."""
    chance = np.random.default_rng(SEED)
    edges = np.quantile(chance.normal(size=200_000), np.linspace(0, 1, 21)[1:-1])
    found = 0
    for _ in range(100):
        before = np.bincount(np.searchsorted(edges, chance.normal(size=20_000)), minlength=20)
        now = np.bincount(np.searchsorted(edges, chance.normal(0.5, size=2_000)), minlength=20)
        answer = distance(list(zip(before.tolist(), now.tolist(), strict=True)), allowed=0.1)
        found += answer is not None and answer.exceeds < 0.01

    assert found >= 95
