"""Guardrails of an experiment: a variant that is proven to do harm ends it. Pure.

The proofs are those of rollouts. Evidence is gathered anew every six hours, so that no look grows without end; the
chance of a false stop is divided by how many times that happens in the longest experiment, so it holds for all of them
together. How errors are spread is not asked: the guard against bursts is always used, which takes minutes and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from mlwright.api.analysis import AccuracyCheck, Analysis, Check, ErrorRate, LatencyCheck
from mlwright.api.experiments import Experiment, Guardrail
from mlwright.api.fields import parse_duration
from mlwright.plan.analysis import Case, Evidence, Outcome, Stage
from mlwright.plan.experiments import Arm, Surveyed, Trial
from mlwright.plan.measuring import Measure, Measured, Phase, Side
from mlwright.plan.serving import DeploymentSeen
from mlwright.planners.evidence import written
from mlwright.planners.verdicts import evaluate
from mlwright.stats.guard import noise

ANEW: Final = timedelta(hours=6)
"""After which evidence is gathered anew; counts of rollouts are not kept longer either."""
FALSE_STOP: Final = 0.01
"""Chance that a variant which does no harm is ever stopped, over the whole experiment and all guardrails."""


@dataclass(frozen=True, slots=True)
class Harm:
    """What a variant is proven to do."""

    sentence: str
    evidence: Evidence


def guards(
    seen: DeploymentSeen, asked: Experiment, trial: Trial, sides: Iterable[Side], now: datetime
) -> tuple[Measure, ...]:
    """Return what is to be counted for the guardrails, one for each variant; nothing while shares are not steady."""
    found = {side.revision: side for side in sides}
    stable = found.get(trial.arms[0].revision)
    if not asked.guardrails or trial.steady is None or stable is None:
        return ()
    analysis, phase = _analysis(asked), _phase(trial.steady, now)
    return tuple(
        Measure(
            namespace=seen.namespace,
            deployment=seen.name,
            candidate=found[arm.revision],
            stable=stable,
            phases=(phase,),
            checks=analysis.checks,
            warmup=parse_duration(analysis.warmup),
        )
        for arm in trial.arms[1:]
        if arm.revision in found
    )


def harmed(told: Measured | Surveyed | None, asked: Experiment, trial: Trial, now: datetime) -> Harm | None:
    """Return the harm that a variant is proven to do, as far as that was counted; None where none is."""
    if not isinstance(told, Surveyed) or told.survey.experiment != trial.name or trial.steady is None:
        return None
    phase, arms = _phase(trial.steady, now), {arm.revision: arm for arm in trial.arms[1:]}
    current = (one for one in told.guarded if one.measure.phases == (phase,))
    found = ((arms.get(one.measure.candidate.revision), one) for one in current)
    judged = (_judged(asked, arm, one, phase.step) for arm, one in found if arm is not None)
    return next((harm for harm in judged if harm is not None), None)


def _judged(asked: Experiment, arm: Arm, measured: Measured, step: int) -> Harm | None:
    analysis, case = _analysis(asked), Case(Stage.STEPS, step, noise(()), measured.readings)
    judgement = evaluate(analysis, case)
    if judgement.outcome is not Outcome.FAIL:
        return None
    sentence = f"variant {arm.name} ({arm.version}) does harm: {judgement.sentence}"
    return Harm(sentence, written(analysis, case, judgement))


def _phase(steady: datetime, now: datetime) -> Phase:
    """Return the six hours that are looked at now, counted from when the shares became as they are."""
    number = max(0, (now - steady) // ANEW)
    return Phase(number, (steady + number * ANEW).timestamp())


def _analysis(asked: Experiment) -> Analysis:
    """Return the guardrails as checks, with the part of the budget that one variant has in six hours."""
    times = ceil(parse_duration(asked.max_duration) / ANEW) * len(asked.variants)
    checks = tuple(_check(guardrail) for guardrail in asked.guardrails)
    return Analysis(false_rollback=FALSE_STOP / times, checks=checks)


def _check(guardrail: Guardrail) -> Check:
    """Return a guardrail as a check; margins of a pass play no part."""
    name, errors, latency, accuracy = guardrail.name, guardrail.error_rate, guardrail.latency, guardrail.accuracy
    if latency is not None:
        slow = LatencyCheck(bound=latency.bound, max_increase=latency.max_increase)
        return Check(name=name, type="Latency", latency=slow)
    if guardrail.type == "Accuracy":
        wrong = AccuracyCheck(max_decrease=accuracy.max_decrease) if accuracy else AccuracyCheck()
        return Check(name=name, type="Accuracy", accuracy=wrong)
    failing = ErrorRate(max_increase=errors.max_increase) if errors else ErrorRate()
    return Check(name=name, type="ErrorRate", error_rate=failing)
