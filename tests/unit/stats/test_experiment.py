"""Winners of experiments: seldom wrong however often one looks, and none on shares that are off."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from mlwright.stats.experiment import Arm, difference, shares_alarm, shares_differ, users_needed, winner

SEED = 20_261_122


def arm(users: float, events: float) -> Arm:
    """Users of whom so many did what is wanted once."""
    return Arm(users, events, events, events)


def test_a_clear_winner_is_named() -> None:
    """6 % against 5 % of fifty thousand users each is a winner."""
    assert winner({"a": arm(50_000, 2500), "b": arm(50_000, 3000)}, effect=0.01, alpha=0.05) == "b"


def test_nobody_wins_among_equals() -> None:
    """Equal variants have no winner."""
    assert winner({"a": arm(50_000, 2500), "b": arm(50_000, 2510)}, effect=0.01, alpha=0.05) is None


def test_a_winner_must_beat_every_other() -> None:
    """Two good ones beside a bad one: neither is named."""
    arms = {"a": arm(50_000, 2500), "b": arm(50_000, 3000), "c": arm(50_000, 2990)}

    assert winner(arms, effect=0.01, alpha=0.05) is None


@pytest.mark.parametrize("arms", [{}, {"a": arm(1000, 500)}, {"a": arm(99, 90), "b": arm(99, 10)}])
def test_too_little_names_nobody(arms: dict[str, Arm]) -> None:
    """One variant, or fewer than a hundred users each, are no experiment yet."""
    assert winner(arms, effect=0.01, alpha=0.05) is None


def test_false_winners_are_rare_where_the_usual_test_often_errs() -> None:
    """150 experiments between equals, looked at 40 times: at most 5 % have a winner, a quarter by the z-test."""
    chance = np.random.default_rng(SEED)
    events = chance.binomial(500, 0.05, (2, 150, 40)).cumsum(axis=2)
    users = 500 * np.arange(1, 41)
    false = sum(
        any(
            winner({"a": arm(n, a), "b": arm(n, b)}, effect=0.005, alpha=0.05)
            for n, a, b in zip(users.tolist(), *events[:, run].tolist(), strict=True)
        )
        for run in range(150)
    )
    pooled = events.sum(axis=0) / (2 * users)
    z = np.abs(events[0] - events[1]) / users / np.sqrt(pooled * (1 - pooled) * 2 / users)

    assert false <= 0.05 * 150
    assert (z > norm.isf(0.025)).any(axis=1).mean() > 0.15


def test_intervals_shrink_with_users() -> None:
    """Four times the users, half the width, more or less."""
    wide, narrow = (
        difference(arm(n, n / 20), arm(n, n / 20), effect=0.005, alpha=0.05).width for n in (10_000, 40_000)
    )

    assert 0.4 < narrow / wide < 0.6
    assert difference(Arm(0, 0, 0, 0), arm(100, 5), effect=0.01, alpha=0.05).width == math.inf


def test_interval_ends() -> None:
    """The ends lie around the estimate."""
    found = difference(arm(10_000, 600), arm(10_000, 500), effect=0.01, alpha=0.05)

    assert found.estimate == pytest.approx(0.01)
    assert found.low < found.estimate < found.high


def test_users_needed_are_about_a_half_more_than_for_a_single_look() -> None:
    """5 % against 5.5 % at 80 % power: the usual formula says 31,231 for one look at the end."""
    needed = users_needed((0.05 * 0.95 + 0.055 * 0.945) / 2, 0.005, alpha=0.05, power=0.8)

    assert 1.5 * 31_231 < needed < 2.1 * 31_231


def test_a_false_assignment_raises_an_alarm_and_a_right_one_does_not() -> None:
    """52 to 48 of thirty thousand users is no accident; 50.2 to 49.8 is."""
    assert shares_alarm((15_600, 14_400), (0.5, 0.5))
    assert not shares_alarm((15_060, 14_940), (0.5, 0.5))
    assert shares_differ((0, 0), (0.3, 0.7)) == pytest.approx(1.0)


def test_the_evidence_on_shares_is_a_probability_ratio() -> None:
    """Its mean over all splits of ten users is exactly 1, so that alarms by chance are as rare as said."""
    mean = sum(math.comb(10, k) * 0.3**k * 0.7 ** (10 - k) * shares_differ((k, 10 - k), (0.3, 0.7)) for k in range(11))

    assert mean == pytest.approx(1.0)
