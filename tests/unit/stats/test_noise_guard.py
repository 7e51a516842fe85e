"""The guard against bursts and swings, and how it is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from mlwright.stats.guard import BINOMIAL, LONG, SHORT, Blocks, block_factors, noise

SEED = 20_261_122
MINUTES = 360


def test_independent_errors_need_no_guard() -> None:
    """Six hours of one percent errors, each by itself, are judged by counting."""
    minutes = np.random.default_rng(SEED).binomial(1000, 0.01, MINUTES)

    found = noise([(1000.0, float(bad)) for bad in minutes])

    assert found.block == BINOMIAL
    assert "one by one" in found.sentence


def test_bursts_are_judged_by_minutes() -> None:
    """Errors that come three at a time are spread wider than counting allows."""
    minutes = 3 * np.random.default_rng(SEED).poisson(4, MINUTES)

    assert noise([(1000.0, float(bad)) for bad in minutes]).block == SHORT


def test_long_swings_are_judged_by_five_minutes() -> None:
    """Where a bad minute follows a bad minute, blocks of a minute are not independent."""
    chance = np.random.default_rng(SEED)
    level, minutes = 0.0, []
    for _ in range(MINUTES):
        level = 0.8 * level + 0.6 * chance.standard_normal()
        minutes.append((1000.0, float(chance.poisson(10 * np.exp(0.5 * level)))))

    assert noise(minutes).block == LONG


@pytest.mark.parametrize("minutes", [[], [(1000.0, 10.0)] * 60, [(1000.0, 0.0)] * MINUTES, [(0.0, 0.0)] * MINUTES])
def test_what_is_not_known_is_guarded(minutes: list[tuple[float, float]]) -> None:
    """Without six hours and twenty errors nobody knows how errors come, and the guard says so."""
    found = noise(minutes)

    assert found.block == SHORT
    assert "too few to tell" in found.sentence


def test_a_block_bet_is_fair_when_signs_are() -> None:
    """Whatever its size, an excess and its opposite are worth 1 in the mean."""
    seen = Blocks(squares=30.0, number=4)
    for size in (0.01, 3.0, 1e9):
        (_, up), (_, down) = (block_factors(seen, sign * size) for sign in (1, -1))
        assert [a + b for a, b in zip(up, down, strict=True)] == pytest.approx([2.0] * len(up))


def test_a_block_at_most_doubles() -> None:
    """One outrageous minute proves nothing by itself."""
    _, won = block_factors(Blocks(), 1e12)

    assert max(won) <= 2


def test_blocks_without_any_excess_move_nothing() -> None:
    """Two silent sides leave the money as it is."""
    _, won = block_factors(Blocks(), 0.0)

    assert won == (1.0, 1.0, 1.0, 1.0)
