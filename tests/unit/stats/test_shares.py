"""Shares of missing, unseen and far-off values beside what is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from mlwright.stats.drift import Counted, Rule, State
from mlwright.stats.shares import Asked, judge_shares
from mlwright.stats.wobble import learned, still

SEED = 20_261_122


def missing(window: tuple[int, int], most: float = 0.05) -> Asked:
    """A feature of which so many values are there and so many are not."""
    return Asked(Counted("age", (19_900, 100), window), "missing", (1,), most)


def test_too_many_missing_values_are_over_and_told_in_plain_words() -> None:
    """8 % of 10,000 where 5 % are allowed."""
    (found,) = judge_shares([missing((9200, 800))], Rule())

    assert found.state is State.OVER
    assert found.sentence == "age: 8 % [7.6 %, 8.5 %] missing > 5 %"


def test_as_many_as_usual_are_no_matter() -> None:
    """Half a per cent, as in the reference."""
    (found,) = judge_shares([missing((9950, 50))], Rule())

    assert found.state is State.STABLE
    assert found.sentence == "age: 0.5 % [0.4 %, 0.63 %] missing is not proven to be more than the 5 % allowed"


@pytest.mark.parametrize("window", [(0, 0), (60, 60)], ids=["no traffic", "a small window"])
def test_too_few_rows_are_no_verdict(window: tuple[int, int]) -> None:
    """Half of 120 rows may be chance of one hour."""
    (found,) = judge_shares([missing(window)], Rule())

    assert found.state is State.NOT_ENOUGH_DATA
    assert found.sentence == f"age: the window has {sum(window)} rows, 200 are needed"


def test_several_slots_are_one_share() -> None:
    """Below and above the range of the training data are both out of range."""
    asked = Asked(Counted("age", (0, 20_000, 0), (300, 9400, 300)), "out of range", (0, 2), 0.05)
    (found,) = judge_shares([asked], Rule())

    assert found.share == pytest.approx(0.06)
    assert found.state is State.OVER


def test_shares_at_the_limit_are_seldom_called_over() -> None:
    """Twenty features of which each has just what is allowed: one window in a hundred errs, not one in two."""
    chance = np.random.default_rng(SEED)
    windows = [chance.binomial(2000, 0.05, size=20) for _ in range(200)]
    found = [judge_shares([missing((2000 - int(n), int(n))) for n in window], Rule()) for window in windows]
    naive = sum(any(n > 100 + 1.645 * np.sqrt(95) for n in window) for window in windows)

    assert sum(any(one.state is State.OVER for one in window) for window in found) <= 7
    assert naive > 80


def test_rows_of_few_users_count_for_less() -> None:
    """Missing values that come fifty at a time prove little once the healthy days have shown it."""
    chance = np.random.default_rng(SEED)
    wobble, windows = still(2), [int(n) * 50 for n in chance.binomial(200, 0.05, size=81)]
    for earlier, later in zip(windows[:40], windows[40:], strict=False):
        wobble = learned(wobble, (10_000 - earlier, earlier), (10_000 - later, later))
    counts = Counted("age", (19_000, 1000), (9200, 800), wobble)

    plain = judge_shares([missing((9200, 800))], Rule())[0]
    careful = judge_shares([Asked(counts, "missing", (1,), 0.05)], Rule())[0]

    assert plain.state is State.OVER
    assert careful.state is not State.OVER
    assert careful.high - careful.low > 4 * (plain.high - plain.low)
