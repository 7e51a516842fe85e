"""Shares of missing, unseen and far-off values beside those of the training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.stats.drift import Rule, State
from mlwright.stats.shares import Share, ask, exceeded, judge_shares

SEED = 20_261_122
LEARNED = (100, 20_000)
LEVEL = Rule().false_alarm


def missing(bad: int, rows: int, learned: tuple[int, int] = LEARNED, more: float = 0.05) -> Share:
    """Judge one feature of which so many values are missing."""
    (found,) = judge_shares([ask("age", "missing", learned, more, LEVEL)], [(bad, rows)], Rule())
    return found


def test_too_many_missing_values_are_over_and_told_in_plain_words() -> None:
    """8 % of 10,000, where half a per cent is usual and five more are allowed."""
    found = missing(800, 10_000)

    assert found.state is State.OVER
    assert found.sentence == "age: 8 % [7.6 %, 8.5 %] missing > 5.5 %"


def test_as_many_as_usual_are_no_matter() -> None:
    """Half a per cent, as in the training."""
    found = missing(50, 10_000)

    assert found.state is State.STABLE
    assert found.sentence == "age: 0.5 % [0.4 %, 0.63 %] missing is not proven to be more than 5.5 %"


def test_a_feature_that_is_often_missing_is_compared_with_itself() -> None:
    """A third was missing in the training as well: that is how this feature is."""
    assert missing(3300, 10_000, learned=(6600, 20_000)).state is State.STABLE


def test_a_small_training_is_believed_less() -> None:
    """None of 300 rows may be one in a hundred: six in a hundred are not proven to be five more than that."""
    assert missing(600, 10_000, learned=(0, 300)).state is not State.OVER
    assert missing(600, 10_000, learned=(0, 30_000)).state is State.OVER


@pytest.mark.parametrize("bad, rows", [(0, 0), (60, 120)], ids=["no traffic", "a small window"])
def test_too_few_rows_are_no_verdict(bad: int, rows: int) -> None:
    """Half of 120 rows may be chance of one hour."""
    found = missing(bad, rows)

    assert found.state is State.NOT_ENOUGH_DATA
    assert found.sentence == f"age: the window has {rows} rows, 200 are needed"


def test_a_feature_that_disappears_is_over() -> None:
    """Nothing of it comes any more."""
    assert missing(1000, 1000).sentence == "age: 100 % [100 %, 100 %] missing > 5.5 %"


def test_what_is_told_to_be_detectable_is_found_in_four_of_five_windows() -> None:
    """A quiet verdict says how blind it may have been."""
    chance = np.random.default_rng(SEED)
    share = missing(100, 4000).detectable
    found = [missing(int(bad), 4000).state is State.OVER for bad in chance.binomial(4000, share, size=1000)]

    assert 0.76 < np.mean(found) < 0.84


def test_shares_at_the_limit_are_seldom_called_over() -> None:
    """Twenty features of which each has just what is allowed: one window in a hundred errs at most, not one in two."""
    chance = np.random.default_rng(SEED)
    learned = chance.binomial(20_000, 0.01, size=(200, 20))
    windows = chance.binomial(2000, 0.06, size=(200, 20))
    found = [_over(usual, window) for usual, window in zip(learned.tolist(), windows.tolist(), strict=True)]
    naive = sum(any(n > 120 + 1.645 * np.sqrt(112.8) for n in window) for window in windows)

    assert sum(found) <= 6
    assert naive > 80


def _over(usual: list[int], window: list[int]) -> bool:
    asked = [ask(str(n), "missing", (count, 20_000), 0.05, LEVEL / 20) for n, count in enumerate(usual)]
    return any(exceeded(asked, [(count, 2000) for count in window], Rule()))


@given(st.integers(0, 2000), st.integers(0, 2000), st.floats(0, 0.5))
def test_more_broken_values_never_look_better(bad: int, more: int, allowed: float) -> None:
    """Whatever was usual and is allowed."""
    fewer, rest = missing(bad, 4000, more=allowed), missing(bad + more, 4000, more=allowed)

    assert (fewer.state is State.OVER) <= (rest.state is State.OVER)
    assert fewer.low <= rest.low
    assert fewer.low <= fewer.share <= fewer.high
