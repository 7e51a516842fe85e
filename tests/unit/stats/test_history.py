"""What is known of a rate from its past, at its worst."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from mlwright.stats.history import upper_rate


@pytest.mark.parametrize("requests, bad", [(100, 0), (1000, 10), (100_000, 100), (50, 50)])
def test_it_is_a_little_more_than_the_exact_bound(requests: int, bad: int) -> None:
    """Never below Clopper and Pearson's, and not by much above."""
    exact = beta.isf(0.0025, bad + 1, requests - bad) if bad < requests else 1.0
    found = upper_rate(requests, bad, 0.0025)

    assert exact - 1e-9 <= found <= 1.25 * exact + 1e-9


def test_it_is_seldom_below_the_truth() -> None:
    """In 20,000 pasts of 2,000 requests at 1 %, hardly more often than one in a thousand."""
    pasts = np.random.default_rng(20_261_122).binomial(2000, 0.01, 20_000)
    bound = {bad: upper_rate(2000, int(bad), 0.001) for bad in set(pasts.tolist())}

    assert np.mean([bound[bad] < 0.01 for bad in pasts.tolist()]) <= 0.001


@given(st.integers(1, 10**7), st.floats(0, 1), st.floats(1e-6, 0.5))
def test_it_is_a_rate_above_what_was_seen(requests: int, share: float, alpha: float) -> None:
    """Whatever the past."""
    found = upper_rate(requests, share * requests, alpha)

    assert share - 1e-9 <= found <= 1


def test_no_past_says_nothing() -> None:
    """Any rate is possible."""
    assert upper_rate(0, 0, 0.01) == 1.0
