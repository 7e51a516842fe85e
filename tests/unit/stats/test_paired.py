"""Paired tests: their size and power, beside the rule that they replace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from mlwright.stats.paired import mcnemar, tango, upper_tail

pytestmark = pytest.mark.timeout(30)  # simulations

ALPHA = 0.05
RUNS = 3000


def promoted(rows: int, discordant: float, worse_by: float, margin: float) -> tuple[float, float]:
    """Return how often Tango's test, and how often "at least as accurate", promotes a model worse by so much."""
    chance = np.random.default_rng(7)
    gained = (discordant - worse_by) / 2
    pairs = chance.multinomial(rows, [gained, gained + worse_by, 1 - discordant], size=RUNS)
    tested = np.mean([tango(int(won), int(lost), rows, margin) <= ALPHA for won, lost, _ in pairs])
    return float(tested), float(np.mean(pairs[:, 0] >= pairs[:, 1]))


@pytest.mark.parametrize("rows, discordant", [(300, 0.1), (1000, 0.03), (1000, 0.1), (5000, 0.1)])
def test_a_model_worse_by_the_margin_is_promoted_in_at_most_one_of_twenty(rows: int, discordant: float) -> None:
    """The size of the test; 3,000 runs, so the estimate itself is good to 0.8 points."""
    tested, _ = promoted(rows, discordant, worse_by=0.01, margin=0.01)

    assert tested <= ALPHA + 0.012


def test_the_naive_rule_promotes_a_worse_model_in_a_third_of_all_cases() -> None:
    """With 300 rows, one in ten of which the models answer differently, and a model worse by one point."""
    tested, naive = promoted(300, 0.1, worse_by=0.01, margin=0.01)

    assert tested <= ALPHA + 0.012
    assert naive > 0.25


@pytest.mark.parametrize("rows, discordant, power", [(1000, 0.03, 0.56), (5000, 0.03, 0.99), (5000, 0.1, 0.72)])
def test_an_equal_model_is_promoted_as_often_as_its_rows_allow(rows: int, discordant: float, power: float) -> None:
    """The power of the test against the margin of one point."""
    tested, _ = promoted(rows, discordant, worse_by=0.0, margin=0.01)

    assert tested == pytest.approx(power, abs=0.04)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_tail(gained: int, lost: int) -> None:
    """Exact, also where nothing differs."""
    expected = reference.binomtest(gained, gained + lost, alternative="greater").pvalue if gained + lost else 1.0

    assert mcnemar(gained, lost) == pytest.approx(expected)


@given(st.integers(0, 400), st.integers(0, 400), st.floats(0, 0.2))
def test_more_rows_gained_are_more_evidence(gained: int, lost: int, margin: float) -> None:
    """And a p-value is a probability, at every corner."""
    p, better = tango(gained, lost, 1000, margin), tango(gained + 1, lost, 1000, margin)

    assert 0 <= better <= p + 1e-9 <= 1 + 1e-9


@given(st.floats(-6, 6))
def test_the_tail_is_that_of_the_normal_distribution(z: float) -> None:
    """To the last digits."""
    assert upper_tail(z) == pytest.approx(float(reference.norm.sf(z)), rel=1e-9)
