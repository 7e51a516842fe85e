"""Money: nothing is made or lost but by the factors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.stats.wealth import LARGEST, opened, staked

fractions = st.floats(0, 1)


@given(st.lists(fractions, min_size=1, max_size=30))
def test_fair_games_keep_the_money(stakes: list[float]) -> None:
    """With factors of 1, whatever is staked, there is as much as at the start."""
    wealth = opened(3)
    for stake in stakes:
        wealth = staked(wealth, stake, (0.2, 0.3, 0.5), (1.0, 1.0, 1.0))

    assert wealth.total == pytest.approx(1.0)


def test_what_is_kept_back_can_be_staked_on_a_late_fault() -> None:
    """After the stakes are lost, what was kept back still wins."""
    wealth = opened(1)
    for _ in range(50):
        wealth = staked(wealth, 0.01, (1.0,), (0.0,))
    for _ in range(20):
        wealth = staked(wealth, 0.01, (1.0,), (3.0,))

    assert wealth.total > 1e6


def test_no_product_overflows() -> None:
    """A disaster of an hour is a large number and not an infinite one."""
    wealth = opened(1)
    for _ in range(100):
        wealth = staked(wealth, 0.5, (1.0,), (1e100,))

    assert wealth.total == pytest.approx(LARGEST)
