"""A check over all of its looks: what is proven, how fast, how seldom wrongly, and what proves nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.stats.guard import SHORT
from mlwright.stats.rates import Counts, Line
from mlwright.stats.trial import Look, Question, Trial, judge

SEED = 20_261_122
QUESTION = Question(worse=Line(0.001), fine=Line(0.01), alpha=0.008)
GUARDED = Question(worse=Line(0.001), fine=Line(0.01), alpha=0.008, block=SHORT)


def looks(rates: tuple[float, float], number: int, *, step: int = 0, seed: int = SEED, seconds: int = 15) -> list[Look]:
    """Looks at 10 requests a second to the candidate and 90 to stable."""
    chance = np.random.default_rng(seed)
    own, rest = 10 * seconds, 90 * seconds
    return [
        Look(
            step,
            seconds * (place + 1),
            Counts(own, float(chance.binomial(own, rates[0])), rest, float(chance.binomial(rest, rates[1]))),
        )
        for place in range(number)
    ]


def test_a_doubled_error_rate_is_proven_in_minutes() -> None:
    """2 % beside 1 %, at ten requests a second, is found within ten minutes."""
    found = judge(QUESTION, looks((0.02, 0.01), 40))

    assert found.worse
    assert found.proven_at is not None
    assert not found.fine


def test_a_candidate_as_good_as_stable_passes_and_is_not_sent_back() -> None:
    """1 % beside 1 % is proven to be within a point of it."""
    found = judge(QUESTION, looks((0.01, 0.01), 40))

    assert found.fine
    assert not found.worse


def test_few_requests_prove_neither() -> None:
    """After half a minute nothing is known of a rate of one percent."""
    found = judge(QUESTION, looks((0.01, 0.01), 2))

    assert not found.fine
    assert not found.worse


def test_false_alarms_are_as_rare_as_asked() -> None:
    """Of 150 candidates exactly as bad as allowed, looked at 60 times each, hardly one is ever called worse."""
    wrong = sum(judge(QUESTION, looks((0.011, 0.01), 60, seed=seed, seconds=60)).worse for seed in range(150))

    assert wrong <= 4  # the budget is 0.008: 1.2 of 150


def test_a_fault_that_begins_late_is_found() -> None:
    """Half an hour of good answers does not buy an hour of bad ones."""
    good = looks((0.01, 0.01), 120)
    bad = [Look(0, 1800 + look.end, look.counts) for look in looks((0.03, 0.01), 40, seed=7)]

    found = judge(QUESTION, good + bad)

    assert found.worse
    assert found.proven_at is not None
    assert found.proven_at < 150


def test_time_of_day_and_weight_do_not_confound() -> None:
    """Good hours at 5 % and bad ones at 50 % added up look like a worse candidate; looks are compared singly."""
    chance = np.random.default_rng(SEED)
    quiet = [
        Look(0, 30 * (i + 1), Counts(150, chance.binomial(150, 0.005), 2850, chance.binomial(2850, 0.005)))
        for i in range(60)
    ]
    bad = [
        Look(1, 30 * (i + 1), Counts(1500, chance.binomial(1500, 0.1), 1500, chance.binomial(1500, 0.1)))
        for i in range(60)
    ]

    found = judge(Question(Line(0.0), Line(0.05), 0.008), [*quiet, *bad])

    assert found.total.candidate_rate > 1.5 * found.total.stable_rate
    assert not found.worse


def test_a_step_must_prove_itself_anew() -> None:
    """What an earlier step proved does not let a later one pass."""
    first = looks((0.01, 0.01), 40)
    second = looks((0.01, 0.01), 2, step=1, seed=8)

    assert judge(QUESTION, first).fine
    assert not judge(QUESTION, first + second).fine


def test_what_an_earlier_step_proved_against_it_stays() -> None:
    """A candidate that was proven worse does not become good by getting more traffic."""
    first = looks((0.03, 0.01), 40)
    second = looks((0.01, 0.01), 40, step=1, seed=8)

    assert judge(QUESTION, first + second).worse


def test_bursts_on_both_sides_do_not_send_back_a_guarded_candidate() -> None:
    """Errors that come three at a time mislead counting in some of 20 rollouts, and the guard in none."""
    tripled = []
    for seed in range(20):
        singles = looks((0.01 / 3, 0.01 / 3), 120, seed=seed, seconds=30)
        tripled.append(
            [Look(0, x.end, Counts(300, 3 * x.counts.candidate_bad, 2700, 3 * x.counts.stable_bad)) for x in singles]
        )
    strict = Question(Line(0.0), Line(0.01), 0.008)
    guarded = Question(Line(0.0), Line(0.01), 0.008, block=SHORT)

    assert sum(judge(strict, path).worse for path in tripled) >= 2
    assert sum(judge(guarded, path).worse for path in tripled) == 0


def test_the_guard_takes_minutes_but_lets_disasters_through() -> None:
    """Nothing but errors is proven in two looks, guard or not."""
    found = judge(GUARDED, looks((1.0, 0.01), 4))

    assert found.worse
    assert found.proven_at == 1


def test_a_guarded_candidate_passes_after_some_blocks() -> None:
    """Six blocks of a minute at least are needed for 95 %."""
    path = looks((0.01, 0.01), 80)

    assert not judge(GUARDED, path[:16]).fine
    assert judge(GUARDED, path).fine


@pytest.mark.parametrize("counts", [Counts(0, 0, 900, 900), Counts(900, 900, 0, 0), Counts(0, 0, 0, 0)])
@pytest.mark.parametrize("question", [QUESTION, GUARDED])
def test_silence_proves_nothing(counts: Counts, question: Question) -> None:
    """Where a side is silent nothing is decided, however long."""
    found = judge(question, [Look(0, 15.0 * (i + 1), counts) for i in range(500)])

    assert not found.worse
    assert not found.fine
    assert found.against == found.for_it == 0


def test_counts_wait_for_the_silent_side() -> None:
    """What the candidate did while stable was silent counts as soon as stable speaks, once."""
    silent = Look(0, 15, Counts(150, 2, 0, 0))
    both = Look(0, 30, Counts(150, 1, 2700, 27))

    assert judge(QUESTION, [silent, both]).step == Counts(300, 3, 2700, 27)


def test_a_handful_of_errors_is_never_enough() -> None:
    """Four errors send nobody back, whatever they prove."""
    found = judge(QUESTION, [Look(0, 15, Counts(4, 4, 10**6, 0))])

    assert found.against > 1
    assert not found.worse


def test_more_bad_than_requests_counts_as_all_bad() -> None:
    """Two counters that are read at different times make no rate above one."""
    assert judge(QUESTION, [Look(0, 15, Counts(10, 12, 90, 1))]).total.candidate_bad == 10


amounts = st.integers(0, 3000)
raw = st.lists(st.tuples(st.integers(0, 2), amounts, amounts, amounts, amounts), max_size=25)


def _as_looks(rows: list[tuple[int, int, int, int, int]]) -> list[Look]:
    ordered = sorted(rows, key=lambda row: row[0])
    return [Look(step, 15.0 * (place + 1), Counts(n, k, m, j)) for place, (step, n, k, m, j) in enumerate(ordered)]


@given(raw, st.sampled_from([QUESTION, GUARDED]))
@settings(max_examples=60)
def test_a_proof_against_it_is_never_taken_back(rows: list[tuple[int, int, int, int, int]], question: Question) -> None:
    """More looks never undo a proof, so that looking again after a restart gives the same."""
    path = _as_looks(rows)
    trials: list[Trial] = [judge(question, path[:length]) for length in range(len(path) + 1)]

    for before, after in pairwise(trials):
        assert after.worse or not before.worse
        assert after.against >= before.against


def test_a_fixed_bound_needs_no_stable_side() -> None:
    """Disagreement is held against a number: 10 % of copies beside 5 % allowed is proven, 1 % passes."""
    question = Question(Line(0.05, ratio=0.0), Line(0.05, ratio=0.0), 0.008)
    worse = [Look(0, 15.0 * (i + 1), Counts(100, 10)) for i in range(20)]
    fine = [Look(0, 15.0 * (i + 1), Counts(100, 1)) for i in range(20)]

    assert judge(question, worse).worse
    assert judge(question, fine).fine
    assert not judge(question, fine).worse
