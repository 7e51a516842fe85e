"""The bet on late labels: exact values, and how often it is wrong beside looking at a p-value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlwright.stats.beta import at_least, log_below
from mlwright.stats.labels import ALARM, Labels, evidence, floor, watched

SEED = 20_261_122
LEAST = floor(9000, 10_000, 0.02)


@given(st.floats(0.01, 0.99), st.floats(0.5, 5000), st.floats(0.5, 5000))
def test_the_beta_distribution_is_exact(x: float, a: float, b: float) -> None:
    """As far down as the exact one can be computed; ours goes on, because it is a logarithm."""
    exact = float(stats.beta.cdf(x, a, b))

    if exact > 1e-200:
        assert log_below(x, a, b) == pytest.approx(math.log(exact), rel=1e-6, abs=1e-9)
    else:
        assert -1e5 < log_below(x, a, b) < math.log(1e-199)


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.01, 0.99))
def test_the_tail_of_counts_is_exact(right: int, wrong: int, share: float) -> None:
    """The chance of at least so many."""
    exact = float(stats.binom.sf(right - 1, right + wrong, share)) if right + wrong else 1.0

    assert at_least(right, right + wrong, share) == pytest.approx(exact, rel=1e-6, abs=1e-12)


def test_a_share_of_nothing_or_of_all_is_certain() -> None:
    """What cannot happen has no chance."""
    assert at_least(1, 10, 0.0) == 0
    assert at_least(10, 10, 1.0) == 1


def test_the_floor_is_the_lower_end_of_the_evaluation_less_the_margin() -> None:
    """Clopper and Pearson's lower end, one-sided at 5 %."""
    assert floor(9000, 10_000, 0.02) == pytest.approx(float(stats.beta.ppf(0.05, 9000, 1001)) - 0.02, abs=1e-9)


@pytest.mark.parametrize("evaluation", [(0, 0), (0, 50), (60, 50), (1, 50)])
def test_an_evaluation_that_says_nothing_sets_no_floor(evaluation: tuple[int, int]) -> None:
    """Then nothing is held against the model, whatever the labels say."""
    least = floor(*evaluation, 0.02)

    assert least == 0
    assert watched(Labels(), 0, 1000, least=least) == Labels()


def test_labels_that_do_not_come_change_nothing() -> None:
    """No labels are no evidence."""
    assert watched(Labels(3, 20, degraded=True), 0, 0, least=LEAST) == Labels(3, 20, degraded=True)


@given(st.integers(0, 60), st.floats(0.2, 0.95))
def test_the_bet_is_fair_at_the_floor(rows: int, least: float) -> None:
    """Its mean over all outcomes is exactly 1, so nobody can expect to win."""
    money = [evidence(right, rows, least) for right in range(rows + 1)]
    chances = stats.binom.pmf(np.arange(rows + 1), rows, least)

    assert math.fsum(a * b for a, b in zip(money, chances.tolist(), strict=True)) == pytest.approx(1, rel=1e-6)


def run(chance: np.random.Generator, shares: list[float]) -> list[bool]:
    """Batches of fifty labels with these accuracies: after each, whether the model is held to be degraded."""
    labels, found = Labels(), []
    for share in shares:
        labels = watched(labels, int(chance.binomial(50, share)), 50, least=LEAST)
        found.append(labels.degraded)
    return found


def test_a_model_as_good_as_it_was_is_never_called_degraded() -> None:
    """2,000 batches, looked at after each; a p-value below 5 % calls nearly every series degraded."""
    chance = np.random.default_rng(SEED)
    batches = chance.binomial(50, 0.90, size=(10, 200))
    naive = (stats.binom.cdf(batches, 50, 0.90) < 0.05).any(axis=1)

    assert not any(any(run(chance, [0.90] * 200)) for _ in range(10))
    assert naive.mean() > 0.9


def test_a_model_that_lost_ten_points_is_found_within_a_thousand_labels() -> None:
    """After a hundred good batches, which do not count in its favour."""
    chance = np.random.default_rng(SEED)

    for _ in range(10):
        found = run(chance, [0.90] * 100 + [0.80] * 20)
        assert not found[99]
        assert found[-1]


def test_a_model_that_is_good_again_is_taken_back() -> None:
    """When the money is down to what it began with, the bet begins anew."""
    labels = watched(Labels(), 600, 800, least=LEAST)
    assert labels.degraded
    assert evidence(labels.correct, labels.labelled, LEAST) > ALARM

    assert watched(labels, 9800, 10_000, least=LEAST) == Labels()
