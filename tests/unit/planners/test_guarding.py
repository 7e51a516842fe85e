"""Guardrails: proof that a variant does harm ends an experiment, and nothing less does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from mlwright.api.experiments import Experiment
from mlwright.plan.analysis import Counted, Failed, Reading
from mlwright.plan.experiments import Arm, Survey, Surveyed, Trial
from mlwright.plan.measuring import Measured, Side
from mlwright.planners import evidence
from mlwright.planners.guarding import FALSE_STOP, Harm, guards, harmed
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look
from tests.unit.planners.given import LONG_AGO, NOW, a_deployment

ERRORS: Final = {"name": "errors", "type": "ErrorRate"}
SIDES: Final = (Side("aaaa", ()), Side("bbbb", ()))
TRIAL: Final = Trial(
    "pricing",
    (Arm("stable", "churn-v1", "aaaa"), Arm("b", "churn-v2", "bbbb")),
    since=LONG_AGO,
    counted=NOW,
    steady=LONG_AGO,
)


def asked(*guardrails: dict[str, Any], **settings: Any) -> Experiment:
    """Return an experiment with guardrails."""
    goal = {"type": "Reward", "reward": {"effect": 0.02}}
    variants = [{"name": "b", "model": {"version": 2}, "weight": 10}]
    return Experiment.model_validate(
        {"name": "pricing", "variants": variants, "goal": goal, "guardrails": guardrails or (ERRORS,), **settings}
    )


def looks(errors: float, minutes: int = 60) -> Counted:
    """Return what both sides counted, a tenth of a percent of errors at stable."""
    counts = Counts(300, 300 * errors, 2700, 2.7)
    return Counted(looks=tuple(Look(0, 15.0 * (place + 1), counts) for place in range(4 * minutes)))


def told(reading: Reading, trial: Trial = TRIAL) -> Surveyed:
    """Return what the guardrail counted."""
    [guard] = guards(a_deployment().done(), asked(), trial, SIDES, NOW)
    return Surveyed(
        Survey("pricing", "shop", "churn", SIDES, 0, (guard,)), 0, guarded=(Measured(guard, {"errors": reading}),)
    )


def test_proof_of_harm_is_told_with_its_counts() -> None:
    """Anybody can compute the verdict again."""
    harm = harmed(told(looks(0.05)), asked(), TRIAL, NOW)

    assert isinstance(harm, Harm)
    assert harm.sentence.startswith("variant b (churn-v2) does harm: errors: ")
    assert evidence.differences(harm.evidence) == ()


@pytest.mark.parametrize("reading", [looks(0.001), looks(0.05, minutes=3), Counted(), Failed("Prometheus is away")])
def test_without_proof_nothing_is_stopped(reading: Reading) -> None:
    """Not by a few minutes, by silence, or by what could not be read."""
    assert harmed(told(reading), asked(), TRIAL, NOW) is None


def test_what_was_counted_of_other_hours_or_shares_says_nothing() -> None:
    """Evidence is gathered anew every six hours, and when the shares were interrupted."""
    counted = told(looks(0.05))

    assert harmed(counted, asked(), TRIAL, NOW + timedelta(hours=6)) is None
    assert harmed(counted, asked(), replace(TRIAL, steady=NOW), NOW) is None
    assert harmed(counted, asked(), replace(TRIAL, name="another"), NOW) is None


def test_the_chance_of_a_false_stop_is_divided() -> None:
    """By variants and by the six hours of the longest experiment, so it holds for all of them together."""
    harm = harmed(told(looks(0.05)), asked(maxDuration="60h"), TRIAL, NOW)

    assert harm is not None
    assert harm.evidence["analysis"]["falseRollback"] == pytest.approx(FALSE_STOP / 10)


def test_each_guardrail_is_a_check_of_rollouts() -> None:
    """With the settings that were asked for."""
    several = asked(
        {"name": "errors", "type": "ErrorRate", "errorRate": {"maxIncrease": 0.01}},
        {"name": "slow", "type": "Latency", "latency": {"bound": "100ms"}},
        {"name": "truth", "type": "Accuracy"},
    )
    [guard] = guards(a_deployment().done(), several, TRIAL, SIDES, NOW)
    errors, slow, truth = guard.checks

    assert errors.error_rate is not None
    assert errors.error_rate.max_increase == 0.01
    assert slow.latency is not None
    assert slow.latency.bound == "100ms"
    assert (truth.type, guard.candidate.revision, guard.stable.revision) == ("Accuracy", "bbbb", "aaaa")


def test_nothing_is_watched_while_the_shares_are_not_steady() -> None:
    """Then other requests would be compared."""
    assert guards(a_deployment().done(), asked(), replace(TRIAL, steady=None), SIDES, NOW) == ()
