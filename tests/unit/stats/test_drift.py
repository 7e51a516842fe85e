"""Judging the features of a window: known values, exact laws, and how often it is wrong on simulated traffic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import gamma, ncx2, norm

from mlwright.stats.distance import noncentral
from mlwright.stats.drift import Counted, Rule, State, judge, overs
from mlwright.stats.wobble import Inflation, Wobble, learned, spread, still

SEED = 20_261_122
WINDOW = (75, 70, 66, 62, 60, 57, 54, 52, 50, 49, 48, 46, 45, 44, 43, 41, 38, 36, 33, 31)
EDGES = norm.ppf(np.linspace(0, 1, 21)[1:-1])


def shares_of(shift: float = 0.0) -> NDArray[np.float64]:
    """Shares of normal values in the twenty bins of equal mass that they had before they moved."""
    return np.diff(norm.cdf(EDGES, loc=shift), prepend=0.0, append=1.0)


def counted(name: str, chance: np.random.Generator, rows: int, shift: float = 0.0, reference: int = 20_000) -> Counted:
    """A feature whose mean moved by so many standard deviations."""
    before, now = chance.multinomial(reference, shares_of()), chance.multinomial(rows, shares_of(shift))
    return Counted(name, before.tolist(), now.tolist())


ROWS = st.lists(st.integers(0, 3000), min_size=8, max_size=8)
TILTS = st.lists(st.integers(-30, 30), min_size=8, max_size=8)


@given(st.lists(st.tuples(ROWS, TILTS, st.integers(1, 12)), min_size=1, max_size=4))
def test_whether_features_are_over_is_what_their_verdicts_say(found: list[tuple[list[int], list[int], int]]) -> None:
    """By a fraction of the work: near and far windows, with bins that the reference, or the window, does not know."""
    features = [
        Counted(str(place), rows, [max(0, count // part + tilt) for count, tilt in zip(rows, tilts, strict=True)])
        for place, (rows, tilts, part) in enumerate(found)
    ]

    verdicts = [one.state for one in judge(features, Rule())]

    assert list(overs(features, Rule())) == [
        None if one is State.NOT_ENOUGH_DATA else one is State.OVER for one in verdicts
    ]


def test_a_worked_example_comes_out_as_computed_by_hand() -> None:
    """20 bins of 5,000 rows against a window of 1,000 that leans to the first bins."""
    (found,) = judge([Counted("age", [5000] * 20, WINDOW)], Rule())

    assert found.estimate == pytest.approx(0.08073, abs=1e-5)
    assert [found.low, found.high] == pytest.approx([0.05623, 0.10613], abs=1e-4)
    assert found.exceeds == pytest.approx(0.889944, abs=1e-6)
    assert found.sentence == (
        "age: 0.081 [0.056, 0.11] is not above 0.1; four of five such windows would show a distance of 0.14"
    )


def test_a_feature_that_moved_far_is_over_and_says_so_in_plain_words() -> None:
    """A mean that moved by half a standard deviation, in 10,000 rows."""
    (found,) = judge([counted("age", np.random.default_rng(SEED), 10_000, 0.5)], Rule())

    assert found.state is State.OVER
    assert found.sentence == "age: 0.2 [0.2, 0.21] > 0.1; 20 % of rows moved"


@pytest.mark.parametrize(
    "counts, sentence",
    [
        (Counted("age", [90] * 20, WINDOW), "age: the reference has 1800 rows, 2000 are needed"),
        (Counted("age", [5000] * 20, [5] * 20), "age: the window has 100 rows, 200 are needed"),
        (Counted("age", [5000] * 20, [0] * 20), "age: the window has 0 rows, 200 are needed"),
        (Counted("age", [0] * 20, WINDOW), "age: the reference has 0 rows, 2000 are needed"),
        (Counted("age", [], []), "age: the reference has 0 rows, 2000 are needed"),
        (
            Counted("age", [200] * 60, [4] * 60),
            "age: every bin of the reference lets fewer than 5 of the window's 240 rows expect",
        ),
    ],
    ids=["a small reference", "a small window", "no traffic", "no reference", "no bins", "small bins only"],
)
def test_too_few_rows_are_no_verdict(counts: Counted, sentence: str) -> None:
    """What is missing is told, with what is needed."""
    (found,) = judge([counts], Rule())

    assert found.state is State.NOT_ENOUGH_DATA
    assert found.sentence == sentence


def test_a_quiet_window_says_what_it_would_have_seen() -> None:
    """Ten times the rows show a smaller distance; what too few rows would show is told as well."""
    chance = np.random.default_rng(SEED)
    found = [judge([counted("age", chance, rows)], Rule())[0] for rows in (100, 300, 3000, 30_000)]

    detectable = [one.detectable for one in found]
    assert detectable == sorted(detectable, reverse=True)
    assert found[0].state is State.NOT_ENOUGH_DATA
    assert 0.1 < found[-1].detectable < 0.12 < found[0].detectable < 0.35


@pytest.mark.parametrize("effective, distance", [(374, 0.2), (1338, 0.15)])
def test_the_smallest_detectable_distance_is_that_of_the_exact_law(effective: int, distance: float) -> None:
    """Twenty features of 23 slots: the figures of the noncentral chi-squared, without its approximation."""
    window = [effective // 23 + (place < effective % 23) for place in range(23)]
    found = judge([Counted(str(place), [10**8] * 23, window) for place in range(20)], Rule())[0]
    rate = 8 * np.log(2) * effective
    needed = ncx2.isf(0.01 / 20, 22, rate * 0.1**2)

    assert float(ncx2.sf(needed, 22, rate * found.detectable**2)) == pytest.approx(0.8, abs=0.01)
    assert found.detectable == pytest.approx(distance, abs=0.002)


shares = st.lists(st.integers(1, 50), min_size=2, max_size=23)


@given(shares, st.integers(300, 100_000), st.integers(0, 2**31))
def test_every_answer_is_in_order(weights: list[int], rows: int, seed: int) -> None:
    """Whatever the counts, 0 <= low <= high <= 1, and what is over has its lower end above what is allowed."""
    chance = np.random.default_rng(seed)
    now = chance.dirichlet(np.array(weights, dtype=float))
    counts = chance.multinomial(20_000, np.array(weights) / sum(weights)), chance.multinomial(rows, now)
    (found,) = judge([Counted("x", counts[0].tolist(), counts[1].tolist())], Rule())

    assert 0 <= found.low <= found.high <= 1
    assert 0 <= found.estimate <= 1
    assert found.state is not State.OVER or found.low > 0.1


@given(st.integers(22, 60), st.floats(50, 2000), st.sampled_from([1e-3, 1e-5, 1e-7]))
def test_the_tail_agrees_with_the_exact_law(freedom: int, noncentrality: float, probability: float) -> None:
    """Within 6 % of itself down to 1e-5 and within 14 % down to 1e-7."""
    value = float(ncx2.isf(probability, freedom, noncentrality))

    bound = 0.06 if probability >= 1e-5 else 0.14
    assert noncentral(freedom, noncentrality).tail(value) == pytest.approx(probability, rel=bound)


@given(st.integers(5, 60), st.floats(0, 2000), st.floats(1, 30), st.sampled_from([0.05, 1e-3, 5e-4]))
def test_the_law_of_clustered_rows_agrees_with_the_gamma(
    freedom: int, noncentrality: float, effect: float, level: float
) -> None:
    """The cube root is normal enough: the level is right to a fifth of itself."""
    law = spread(Inflation(effect, effect, freedom), freedom, 1.0, 0.0).law(noncentrality)
    mean = freedom * effect + noncentrality
    variance = 2 * freedom * effect**2 + 4 * noncentrality * effect
    value = float(gamma.isf(level, mean**2 / variance, scale=variance / mean))

    assert law.tail(value) == pytest.approx(level, rel=0.2)


def test_a_small_shift_in_a_million_rows_is_no_alarm() -> None:
    """A mean that moved by a twentieth of a standard deviation matters to nobody, however certain it is."""
    chance = np.random.default_rng(SEED)
    found = judge([counted(str(place), chance, 1_000_000, 0.05) for place in range(20)], Rule())

    assert {one.state for one in found} == {State.STABLE}
    assert max(one.high for one in found) < 0.05


def test_one_feature_of_twenty_that_moved_is_found() -> None:
    """A mean that moved by 0.3 standard deviations, in windows of 10,000 rows, is over in most of them."""
    chance = np.random.default_rng(SEED)
    over = 0
    for _ in range(20):
        features = [counted(str(place), chance, 10_000, 0.3 * (place == 0)) for place in range(20)]
        states = [one.state for one in judge(features, Rule())]
        over += states[0] is State.OVER
        assert State.OVER not in states[1:]

    assert over >= 16


def test_a_learnt_reference_makes_the_verdict_more_careful() -> None:
    """A reference that varies as the window does cannot prove as much as one of independent rows."""
    chance = np.random.default_rng(SEED)
    wobble = still(20)
    for _ in range(40):
        wobble = learned(wobble, *(chance.multinomial(1000, shares_of()).tolist() for _ in range(2)))
    before, now = [50 * count for count in WINDOW], [1000] * 20

    fixed, learnt = (judge([Counted("age", before, now, wobble, known)], Rule())[0] for known in (False, True))

    assert learnt.high - learnt.low > fixed.high - fixed.low


def test_rows_of_few_users_are_no_proof() -> None:
    """2,000 rows of 40 users look like drift unless the days before have shown how such windows vary."""
    chance = np.random.default_rng(SEED)
    wobble = still(20)
    for _ in range(40):
        wobble = learned(wobble, *(_of_users(chance) for _ in range(2)))
    reference = chance.multinomial(20_000, shares_of()).tolist()
    windows = [_of_users(chance) for _ in range(30)]

    plain = [judge([Counted("age", reference, window)], Rule())[0] for window in windows]
    careful = [judge([Counted("age", reference, window, wobble)], Rule())[0] for window in windows]

    assert sum(one.state is State.OVER for one in plain) >= 5  # of 30, where one in a hundred would be honest
    assert not [one for one in careful if one.state is State.OVER]
    assert careful[0].effective == pytest.approx(240, abs=60)


def _of_users(chance: np.random.Generator, users: int = 40, each: int = 50) -> list[int]:
    """Rows of users of whom each always sends much the same."""
    means = np.repeat(chance.normal(0, np.sqrt(0.9), users), each)
    values = means + chance.normal(0, np.sqrt(0.1), users * each)
    return [int(count) for count in np.bincount(np.searchsorted(EDGES, values), minlength=20)]


def test_a_wobble_of_few_days_is_not_believed() -> None:
    """Fewer than two dozen pairs of windows say nothing of covariances."""
    found = judge([Counted("age", [5000] * 20, WINDOW, Wobble(20, 5, (9.0,) * 210))], Rule())

    assert found == judge([Counted("age", [5000] * 20, WINDOW)], Rule())
