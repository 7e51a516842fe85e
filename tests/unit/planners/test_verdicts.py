"""Verdicts: what counts, silence, failures and nonsense become for each type of check, and what follows of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.api.analysis import Analysis
from mlwright.plan.analysis import Case, Counted, Failed, Judgement, Move, Outcome, Reading, Spread, Stage
from mlwright.planners.questions import budget
from mlwright.planners.verdicts import conclude, evaluate
from mlwright.stats.guard import Noise
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look

ERRORS = {"name": "errors", "type": "ErrorRate"}
SLOW = {"name": "slow", "type": "Latency", "latency": {"bound": "100ms"}}
ANSWERS = {"name": "answers", "type": "Disagreement", "disagreement": {"max": 0.05}}
TRUTH = {"name": "truth", "type": "Accuracy"}
OUTPUTS = {"name": "outputs", "type": "PredictionDrift"}
QUERY = {"name": "gpu", "type": "Query", "query": {"promql": "x", "max": 80, "failures": 2}}

COUNTING = Noise(0, "counted one by one")
GOOD = Counts(150, 1, 1350, 13)
WORSE = Counts(150, 6, 1350, 13)


def spec(*checks: Mapping[str, Any], **fields: object) -> Analysis:
    """An analysis of checks."""
    return Analysis.model_validate({"checks": list(checks), **fields})


def path(counts: Counts, number: int, step: int = 0) -> tuple[Look, ...]:
    """So many equal looks of 15 seconds."""
    return tuple(Look(step, 15.0 * (place + 1), counts) for place in range(number))


def case(step: int = 0, stage: Stage = Stage.STEPS, **readings: Reading) -> Case:
    """What is judged in a step."""
    return Case(stage, step, COUNTING, readings)


def judged(analysis: Analysis, **readings: Reading) -> Judgement:
    """The judgement in the first step."""
    return evaluate(analysis, Case(Stage.STEPS, 0, COUNTING, readings))


def test_a_candidate_as_good_as_stable_passes() -> None:
    """Twenty looks of one percent on either side are a proof, and the sentence says of what."""
    found = judged(spec(ERRORS), errors=Counted(path(GOOD, 40)))

    assert found.outcome is Outcome.PASS
    assert found.sentence == (
        "errors: 0.67% of 6,000 requests were answered with an error, 0.96% of 54,000 of stable; proven to be worse by"
        " less than 1 point"
    )


def test_a_worse_candidate_fails() -> None:
    """Four percent beside one is proven to be more than a tenth of a point too many."""
    found = judged(spec(ERRORS), errors=Counted(path(WORSE, 40)))

    assert found.outcome is Outcome.FAIL
    assert found.sentence == (
        "errors: 4.00% of 6,000 requests were answered with an error, 0.96% of 54,000 of stable; proven to be worse by"
        " more than 0.1 points"
    )


def test_too_little_is_held() -> None:
    """One look proves nothing; the sentence says how far both proofs are."""
    found = judged(spec(ERRORS), errors=Counted(path(GOOD, 1)))

    assert found.outcome is Outcome.HOLD
    assert "neither proven to be worse by more than 0.1 points (evidence 1% of what is needed)" in found.sentence


def test_a_step_needs_some_requests() -> None:
    """However clear it is, a step does not pass on fewer requests than it asks for."""
    found = judged(spec(ERRORS, minRequests=10_000), errors=Counted(path(GOOD, 40)))

    assert found.outcome is Outcome.HOLD
    assert "a step needs 10,000 requests of the candidate" in found.sentence


@pytest.mark.parametrize(
    "reading, outcome, words",
    [
        (Counted(), Outcome.NO_DATA, "no requests of the candidate were counted"),
        (Counted(path(Counts(0, 0, 900, 9), 9)), Outcome.NO_DATA, "no requests of the candidate were counted"),
        (Counted(path(Counts(900, 9, 0, 0), 9)), Outcome.NO_DATA, "no requests of the candidate"),
        (Counted(path(GOOD, 40), trouble="pod a is not scraped"), Outcome.NO_DATA, "pod a is not scraped"),
        (Failed("Prometheus did not answer within 5 s"), Outcome.ERROR, "Prometheus did not answer"),
    ],
)
def test_what_was_not_counted_neither_passes_nor_fails(reading: Reading, outcome: Outcome, words: str) -> None:
    """Nothing, half of it, a gap and a failure are told apart."""
    found = judged(spec(ERRORS), errors=reading)

    assert found.outcome is outcome
    assert words in found.sentence


def test_a_proof_against_it_outlives_a_gap() -> None:
    """What was proven before a pod fell silent still sends the candidate back."""
    found = judged(spec(ERRORS), errors=Counted(path(WORSE, 40), trouble="pod a is not scraped"))

    assert found.outcome is Outcome.FAIL


def test_an_earlier_step_says_nothing_of_this_one() -> None:
    """Before the first look of a step its verdict is NoData, whatever the last step proved."""
    found = evaluate(spec(ERRORS), case(step=1, errors=Counted(path(GOOD, 40))))

    assert found.outcome is Outcome.NO_DATA


def test_all_checks_must_pass_and_one_is_enough_to_fail() -> None:
    """The gravest verdict is that of all."""
    two = spec(ERRORS, SLOW)
    good, worse = Counted(path(GOOD, 80)), Counted(path(WORSE, 80))

    assert judged(two, errors=good, slow=good).outcome is Outcome.PASS
    assert judged(two, errors=good, slow=worse).outcome is Outcome.FAIL
    assert judged(two, errors=Failed("away"), slow=worse).outcome is Outcome.FAIL
    assert judged(two, errors=good).outcome is Outcome.NO_DATA
    assert judged(two, errors=good, slow=Failed("away")).outcome is Outcome.ERROR


@pytest.mark.parametrize("check", [SLOW, TRUTH])
def test_slow_and_wrong_answers_are_judged_beside_stable(check: Mapping[str, Any]) -> None:
    """The same proof, other words."""
    worse = Counted(path(Counts(150, 15, 1350, 27), 40))
    found = judged(spec(check), **{check["name"]: worse})

    assert found.outcome is Outcome.FAIL
    assert {"slow": "slower than 100ms", "truth": "wrong"}[check["name"]] in found.sentence


def test_disagreement_is_held_against_a_number() -> None:
    """Ten percent other answers to copies are more than five; one percent is less."""
    worse, fine = (Counted(path(Counts(100, bad), 30)) for bad in (10, 1))

    assert judged(spec(ANSWERS), answers=worse).outcome is Outcome.FAIL
    passed = judged(spec(ANSWERS), answers=fine)
    assert passed.outcome is Outcome.PASS
    assert passed.sentence == (
        "answers: 1.00% of 3,000 copied requests were answered otherwise than by stable; proven to be less than 5.00%"
    )


def test_answers_that_are_spread_otherwise_fail() -> None:
    """Half of the answers in another bin is farther than a tenth."""
    moved = Counted(spreads=(Spread(0, ((900, 20), (100, 180))),) * 10)
    same = Counted(spreads=(Spread(0, ((900, 180), (100, 20))),) * 10)

    assert judged(spec(OUTPUTS), outputs=moved).outcome is Outcome.FAIL
    assert judged(spec(OUTPUTS), outputs=same).outcome is Outcome.PASS
    assert judged(spec(OUTPUTS), outputs=Counted()).outcome is Outcome.NO_DATA


@pytest.mark.parametrize(
    "values, outcome",
    [((70.0,), Outcome.PASS), ((90.0,), Outcome.HOLD), ((90.0, 91.0), Outcome.FAIL), ((), Outcome.NO_DATA)],
)
def test_a_query_is_a_rule(values: tuple[float, ...], outcome: Outcome) -> None:
    """Out of bounds as often in a row as asked sends the candidate back; a rule says that it is one."""
    found = judged(spec(QUERY), gpu=Counted(values=values))

    assert found.outcome is outcome
    assert not values or "a rule, no guarantee" in found.sentence


def test_the_error_budget_is_shared() -> None:
    """Four fifths for the steps, a fifth for the bake, divided by the checks that have a guarantee."""
    one, three = spec(ERRORS), spec(ERRORS, SLOW, QUERY, falseRollback=0.02)

    assert budget(one, Stage.STEPS) == pytest.approx(0.008)
    assert budget(one, Stage.BAKE) == pytest.approx(0.002)
    assert budget(three, Stage.STEPS) == pytest.approx(0.008)


def test_noise_is_taken_as_told() -> None:
    """With noise Binomial a verdict falls in minutes also where the guard would take blocks."""
    reading = Counted(path(Counts(150, 5, 1350, 13), 16))
    bursts = Case(Stage.STEPS, 0, Noise(60, "bursts"), {"errors": reading})

    assert evaluate(spec(ERRORS), bursts).outcome is Outcome.HOLD
    assert evaluate(spec(ERRORS, noise="Binomial"), bursts).outcome is Outcome.FAIL


MINUTE = timedelta(minutes=1)
PASSING = Counted(path(GOOD, 40))
UNDECIDED = Counted(path(Counts(150, 1, 1350, 13), 3))
LOOKING_WORSE = Counted(path(Counts(150, 3, 1350, 13), 3))


PAST = {"errors": (54_000.0, 520.0)}


def move(analysis: Analysis, reading: Reading, minutes: float, stage: Stage = Stage.STEPS) -> Move:
    """What follows after so many minutes of a step of five; in a bake, with a past of one percent."""
    at = Case(stage, 0, COUNTING, {"errors": reading}, PAST if stage is Stage.BAKE else {})
    return conclude(analysis, at, evaluate(analysis, at), held_for=minutes * MINUTE, hold=5 * MINUTE).move


def test_a_step_lasts_as_long_as_it_is_held() -> None:
    """A pass before the hold is over waits; a failure does not."""
    assert move(spec(ERRORS), PASSING, 4.9) is Move.STAY
    assert move(spec(ERRORS), PASSING, 5) is Move.ADVANCE
    assert move(spec(ERRORS), Counted(path(WORSE, 40)), 0.1) is Move.ROLL_BACK


@pytest.mark.parametrize(
    "policy, reading, expected",
    [
        ("Hold", UNDECIDED, Move.STAY),
        ("Rollback", UNDECIDED, Move.ROLL_BACK),
        ("PromoteUnproven", UNDECIDED, Move.ADVANCE_UNPROVEN),
        ("PromoteUnproven", LOOKING_WORSE, Move.STAY),
        ("Rollback", Counted(), Move.STAY),
        ("PromoteUnproven", Failed("away"), Move.STAY),
    ],
)
def test_an_undecided_step_ends_as_the_spec_says(policy: str, reading: Reading, expected: Move) -> None:
    """After maxHold; missing data is not an undecided step."""
    assert move(spec(ERRORS, whenInconclusive=policy), reading, 59) is Move.STAY
    assert move(spec(ERRORS, whenInconclusive=policy), reading, 60) is expected


@pytest.mark.parametrize("reading", [Counted(), Failed("away")])
def test_missing_data_asks_a_person_where_that_is_wished(reading: Reading) -> None:
    """RequireApproval asks after maxHold, and never goes on by itself."""
    asking = spec(ERRORS, whenNoData="RequireApproval")

    assert move(asking, reading, 59) is Move.STAY
    assert move(asking, reading, 600) is Move.ASK


def test_a_bake_ends_when_it_is_over_and_nothing_speaks_against_it() -> None:
    """It needs counts, but no proof: the version serves already."""
    assert move(spec(ERRORS), UNDECIDED, 5, Stage.BAKE) is Move.ADVANCE
    assert move(spec(ERRORS), Counted(), 5, Stage.BAKE) is Move.STAY
    assert move(spec(ERRORS), Counted(path(WORSE, 40)), 1, Stage.BAKE) is Move.ROLL_BACK


def baked(past: tuple[float, float], counts: Counts, number: int = 40) -> Judgement:
    """The judgement of a bake, in which stable has no traffic."""
    return evaluate(
        spec(ERRORS), Case(Stage.BAKE, 0, COUNTING, {"errors": Counted(path(counts, number))}, {"errors": past})
    )


def test_a_bake_is_held_against_the_version_before() -> None:
    """Four percent beside a past of one is too much; less than one is not, and the sentence says why."""
    worse, same = baked((54_000, 520), Counts(150, 6)), baked((54_000, 520), Counts(150, 1))

    assert worse.outcome is Outcome.FAIL
    assert worse.sentence == (
        "errors: 4.00% of 6,000 requests were answered with an error, 0.96% of 54,000 of the version before; proven to"
        " be more than 1.24%"
    )
    assert same.outcome is Outcome.PASS


def test_a_short_past_proves_little() -> None:
    """Of twenty requests before nobody knows the rate, and no version is sent back for it."""
    assert baked((20, 0), Counts(150, 6)).outcome is not Outcome.FAIL
    found = baked((0, 0), Counts(150, 150))
    assert found.outcome is Outcome.NO_DATA
    assert found.sentence == "errors: nothing is known of the requests of the version before"


numbers = st.integers(0, 2000)
silent_side = st.one_of(
    st.builds(lambda n, k: Counts(0, 0, n, min(n, k)), numbers, numbers),
)
missing = st.one_of(
    st.builds(Failed, st.just("away")),
    st.builds(Counted, st.just(())),
    st.lists(silent_side, max_size=1).map(lambda sides: Counted(tuple(Look(0, 15.0, side) for side in sides))),
)


@given(
    missing,
    st.sampled_from(["Hold", "Rollback", "PromoteUnproven"]),
    st.sampled_from(["Hold", "RequireApproval"]),
    st.floats(0, 10_000),
    st.sampled_from(Stage),
)
@settings(max_examples=80)
def test_missing_data_never_moves_anything(
    reading: Reading, inconclusive: str, no_data: str, minutes: float, stage: Stage
) -> None:
    """Whatever the policies and however long: no step forward and none back."""
    analysis = spec(ERRORS, whenInconclusive=inconclusive, whenNoData=no_data)

    assert move(analysis, reading, minutes, stage) in (Move.STAY, Move.ASK)
