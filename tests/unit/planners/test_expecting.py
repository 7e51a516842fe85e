"""How long a rollout will take: from its own traffic, and not a word before there is some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.analysis import Analysis
from mlwright.plan.analysis import Case, Counted, Failed, Reading, Stage
from mlwright.plan.measuring import Pace
from mlwright.planners.expecting import Left, ahead, expected
from mlwright.stats.guard import SHORT, Noise
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look

ERRORS = Analysis.model_validate({"noise": "Binomial", "checks": [{"name": "errors", "type": "ErrorRate"}]})
GUARDED = Analysis.model_validate({"checks": [{"name": "errors", "type": "ErrorRate"}]})
STEPS = (Left(0.1, 300), Left(0.5, 300))


def case(reading: Reading, block: int = 0) -> Case:
    """A step in which that was counted."""
    return Case(Stage.STEPS, 0, Noise(block, ""), {"errors": reading})


def traffic(rate: float, minutes: int = 5) -> Counted:
    """One percent errors on both sides, a tenth of the requests to the candidate."""
    own, rest = 6 * rate, 54 * rate
    return Counted(tuple(Look(0, 60.0 * (n + 1), Counts(own, own / 100, rest, rest / 100)) for n in range(minutes)))


@pytest.mark.parametrize(
    "rate, left, words",
    [
        (1000, STEPS, "at 1,000 requests a second what is left takes about 10 minutes"),
        (12, STEPS, "at 12 requests a second what is left takes about 21 minutes"),
        (1, STEPS, "at 1 request a second what is left takes about 4 hours"),
        (0.25, STEPS, "at 0.25 requests a second what is left takes about 17 hours"),
        (12, STEPS[1:], "at 12 requests a second what is left takes about 5 minutes"),
        (12, (Left(1.0, 600),), "at 12 requests a second what is left takes about 10 minutes"),
    ],
)
def test_it_takes_the_hold_or_as_long_as_the_proof(rate: float, left: tuple[Left, ...], words: str) -> None:
    """Whatever is longer, step by step; a bake takes its time."""
    assert expected(ERRORS, case(traffic(rate)), left) == words


def test_a_guard_takes_its_blocks() -> None:
    """With much traffic the guard is what takes time."""
    found = expected(GUARDED, case(traffic(1000), SHORT), (Left(0.1, 60), Left(0.5, 60)))

    assert found == "at 1,000 requests a second what is left takes about 14 minutes"


@pytest.mark.parametrize("reading", [Counted(), Failed("away"), Counted((Look(0, 60.0, Counts(10, 0, 0, 0)),))])
def test_nothing_is_said_of_traffic_that_nobody_counted(reading: Reading) -> None:
    """A guess without counts would be none."""
    assert expected(ERRORS, case(reading), STEPS) == ""


def test_before_the_start_it_is_told_from_what_stable_did() -> None:
    """The same arithmetic, and not a word where nobody asked anything."""
    steady, quiet = Pace(7200, 72, 600), Pace(0, 0, 600)

    assert ahead(ERRORS, Noise(0, ""), {"errors": steady}, STEPS) == (
        "at 12 requests a second this rollout needs about 21 minutes"
    )
    assert ahead(ERRORS, Noise(0, ""), {"errors": quiet}, STEPS) == ""
    assert ahead(ERRORS, Noise(0, ""), {}, STEPS) == ""


def test_a_step_without_a_share_takes_its_hold() -> None:
    """Copies answer nobody: what is counted beside stable needs a share."""
    steps = (Left(0.0, 600), *STEPS)
    steady = Pace(7200, 72, 600)

    assert expected(ERRORS, case(traffic(12)), steps) == "at 12 requests a second what is left takes about 31 minutes"
    assert ahead(GUARDED, Noise(SHORT, ""), {"errors": steady}, steps[:1]) == (
        "at 12 requests a second this rollout needs about 10 minutes"
    )


@given(
    percents=st.lists(st.integers(0, 100), max_size=4),
    requests=st.integers(0, 10**9),
    bad=st.floats(0, 1),
    block=st.sampled_from([0, SHORT]),
)
def test_no_traffic_and_no_steps_are_without_words(percents: list[int], requests: int, bad: float, block: int) -> None:
    """What is only told must never keep a rollout from going on."""
    left = [Left(percent / 100, 60) for percent in percents]
    words = ahead(GUARDED, Noise(block, ""), {"errors": Pace(requests, bad * requests, 600)}, left)

    assert words.startswith("at ") == bool(left and requests)


def test_nothing_is_left_to_say_at_the_end() -> None:
    """Without steps there is no time to tell."""
    assert expected(ERRORS, case(traffic(12)), ()) == ""
