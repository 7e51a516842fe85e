"""How features vary from day to day, beside the same written with matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.stats.wobble import Inflation, Wobble, learned, still, trace
from mlwright.stats.wobble import inflation as inflated

SEED = 20_261_122


def inflation(wobble: Wobble, merged: list[list[int]], shares: list[tuple[float, float]]) -> Inflation:
    """Return what a wobble means for a comparison."""
    return inflated(wobble, merged, shares, trace(wobble, merged, shares))


def test_independent_rows_have_no_design_effect() -> None:
    """Rows of which each is alone vary as the plain law says."""
    chance = np.random.default_rng(SEED)
    shares = np.full(20, 0.05)
    wobble = still(20)
    for _ in range(200):
        wobble = learned(wobble, *(chance.multinomial(1000, shares).tolist() for _ in range(2)))

    found = inflation(wobble, [[place] for place in range(20)], [(0.05, 0.05 + 0.001 * (p - 9.5)) for p in range(20)])

    assert found.rows == pytest.approx(1, abs=0.1)
    assert found.drift == pytest.approx(1, abs=0.2)
    assert found.freedom == pytest.approx(19, abs=2)


def test_rows_that_come_nine_at_a_time_are_worth_a_ninth() -> None:
    """Nine equal rows are one."""
    chance = np.random.default_rng(SEED)
    shares = np.full(10, 0.1)
    wobble = still(10)
    for _ in range(300):
        wobble = learned(wobble, *((9 * chance.multinomial(200, shares)).tolist() for _ in range(2)))

    found = inflation(wobble, [[place] for place in range(10)], [(0.1, 0.1 + 0.01 * (p - 4.5)) for p in range(10)])

    assert found.rows == pytest.approx(9, rel=0.1)
    assert found.drift == pytest.approx(9, rel=0.3)


@given(st.integers(0, 2**31), st.integers(0, 3))
def test_it_is_what_matrices_say(seed: int, small: int) -> None:
    """The sums over triangles are the traces and the quadratic form, with bins that are judged together and without."""
    chance = np.random.default_rng(seed)
    shares = chance.dirichlet(np.full(8, 3.0))
    wobble = still(8)
    total = np.zeros((8, 8))
    for _ in range(30):
        earlier, later = (5 * chance.multinomial(400, shares) for _ in range(2))
        wobble = learned(wobble, earlier.tolist(), later.tolist())
        difference = later / later.sum() - earlier / earlier.sum()
        total += np.outer(difference, difference) / (1 / earlier.sum() + 1 / later.sum())
    groups = [[place] for place in range(8 - small)] + ([list(range(8 - small, 8))] if small else [])
    merge = np.array([[float(place in group) for place in range(8)] for group in groups])
    p, q = merge @ shares, merge @ chance.dirichlet(np.full(8, 3.0))

    found = inflation(wobble, groups, list(zip(p.tolist(), q.tolist(), strict=True)))

    covariances = merge @ (total / 30) @ merge.T
    scaled = covariances / np.sqrt(np.outer(p, p))
    slopes = np.log(q / ((p + q) / 2))
    slopes -= q @ slopes
    freedom = len(groups) - 1
    assert found.rows == pytest.approx(max(1, np.trace(scaled) / freedom))
    assert found.drift == pytest.approx(max(1, slopes @ covariances @ slopes / (q @ slopes**2)))
    unbiased = 900 / (29 * 32) * (np.trace(scaled @ scaled) - np.trace(scaled) ** 2 / 30)
    expected = (np.trace(scaled) ** 2 - unbiased / 15) / max(unbiased, np.trace(scaled) ** 2 / freedom)
    assert found.freedom == pytest.approx(min(freedom, max(1, expected)))


@pytest.mark.parametrize("windows", [([0, 0], [3, 4]), ([3, 4], [0, 0])])
def test_an_hour_without_traffic_teaches_nothing(windows: tuple[list[int], list[int]]) -> None:
    """An empty window has no shares that could differ."""
    assert learned(still(2), *windows) == Wobble(2, 0, (0.0, 0.0, 0.0))


def test_a_window_that_did_not_move_has_no_direction() -> None:
    """Where window and reference agree, the drift direction has no design effect of its own."""
    found = inflation(Wobble(2, 30, (30.0, -30.0, 30.0)), [[0], [1]], [(0.5, 0.5), (0.5, 0.5)])

    assert found.drift == 1
    assert found.rows == 4
