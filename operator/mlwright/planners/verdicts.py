"""Verdicts on a candidate: spec and counts become Pass, Fail, Hold, NoData or Error for each check. Pure.

Invariant: what could not be counted never passes and never fails. Only a proof sends a candidate back, and only proofs
let a step pass; everything else waits.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from mlwright.api.analysis import Analysis, Check
from mlwright.api.fields import parse_duration
from mlwright.plan.analysis import (
    Case,
    Conclusion,
    Counted,
    Failed,
    Judgement,
    Move,
    Outcome,
    Stage,
    Verdict,
)
from mlwright.planners.questions import Asked, applicable, asked, budget
from mlwright.planners.verdict_words import held, no_data, number_words, proven_fine, proven_worse, spread_words
from mlwright.stats.rates import Counts
from mlwright.stats.spread import watch
from mlwright.stats.trial import Trial, judge

_GRAVEST: Final = (Outcome.FAIL, Outcome.ERROR, Outcome.NO_DATA, Outcome.HOLD)


def evaluate(analysis: Analysis, case: Case) -> Judgement:
    """Judge every check, and all together.

    Worked example: 12,000 requests to the candidate with 240 errors beside 108,000 with 1,080 of stable are a Fail of
    a check ErrorRate; a reading that timed out is an Error, and the candidate stays where it is.
    """
    verdicts = tuple(_verdict(analysis, case, check) for check in applicable(analysis, case.stage))
    return Judgement(*_together(verdicts), verdicts)


def conclude(
    analysis: Analysis, case: Case, judgement: Judgement, *, held_for: timedelta, hold: timedelta
) -> Conclusion:
    """Return what follows for the rollout.

    Args:
        analysis: The spec.
        case: What was judged.
        judgement: How.
        held_for: How long the step has been in effect; negative while pods are still told of its copies.
        hold: How long the step lasts at least; of a bake, how long it lasts.
    """
    if judgement.outcome is Outcome.FAIL:
        return Conclusion(Move.ROLL_BACK, judgement.sentence)
    if held_for < hold:
        return Conclusion(Move.STAY, judgement.sentence)
    if judgement.outcome is Outcome.PASS or (case.stage is Stage.BAKE and judgement.outcome is Outcome.HOLD):
        return Conclusion(Move.ADVANCE, judgement.sentence)
    if held_for < parse_duration(analysis.max_hold):
        return Conclusion(Move.STAY, judgement.sentence)
    return _overdue(analysis, judgement)


def _overdue(analysis: Analysis, judgement: Judgement) -> Conclusion:
    """A step that found no proof in the time that it had."""
    late = f"no proof after {analysis.max_hold}: {judgement.sentence}"
    if judgement.outcome is not Outcome.HOLD:
        return Conclusion(Move.ASK if analysis.when_no_data == "RequireApproval" else Move.STAY, late)
    if analysis.when_inconclusive == "Rollback":
        return Conclusion(Move.ROLL_BACK, late)
    if analysis.when_inconclusive == "PromoteUnproven" and all(_looks_fine(v) for v in judgement.verdicts):
        return Conclusion(Move.ADVANCE_UNPROVEN, f"goes on unproven, as whenInconclusive says; {late}")
    return Conclusion(Move.STAY, late)


def _looks_fine(verdict: Verdict) -> bool:
    """Whether what was counted is no worse than allowed, proven or not."""
    if verdict.outcome is Outcome.PASS:
        return True
    return verdict.numbers.get("excess", 1.0) <= 0 and verdict.numbers.get("enough", 0.0) > 0


def _together(verdicts: tuple[Verdict, ...]) -> tuple[Outcome, str]:
    for outcome in _GRAVEST:
        if found := [verdict.sentence for verdict in verdicts if verdict.outcome is outcome]:
            return outcome, "; ".join(found)
    return Outcome.PASS, "; ".join(verdict.sentence for verdict in verdicts)


def _verdict(analysis: Analysis, case: Case, check: Check) -> Verdict:
    reading = case.readings.get(check.name, Counted())
    if isinstance(reading, Failed):
        return Verdict(check.name, check.type, Outcome.ERROR, f"{check.name}: {reading.sentence}")
    if check.query is not None:
        return _of_query(check, reading)
    if check.type == "PredictionDrift":
        return _of_spread(analysis, case, check, reading)
    return _of_counts(analysis, case, check, reading)


def _of_counts(analysis: Analysis, case: Case, check: Check, reading: Counted) -> Verdict:
    ask = asked(analysis, check, case)
    trial = judge(ask.question, reading.looks)
    if reading.looks and reading.looks[-1].step != case.step:
        trial = _nothing_in_step(trial)
    outcome, sentence = _judged(analysis, ask, trial, reading.trouble)
    return Verdict(check.name, check.type, outcome, f"{check.name}: {sentence}", _numbers(analysis, ask, trial))


def _nothing_in_step(trial: Trial) -> Trial:
    """The newest look is of an earlier step: what it proved for that step says nothing of this one."""
    return replace(trial, fine=False, for_it=0.0, step=Counts(0, 0))


def _judged(analysis: Analysis, ask: Asked, trial: Trial, trouble: str) -> tuple[Outcome, str]:
    if trial.worse and (ask.past is None or ask.past[0]):
        return Outcome.FAIL, proven_worse(ask, trial)
    if trouble:
        return Outcome.NO_DATA, trouble
    if ask.past is not None and not ask.past[0]:
        return Outcome.NO_DATA, f"nothing is known of the {ask.thing} of the version before"
    if not ask.question.worse.tells(trial.step):
        return Outcome.NO_DATA, no_data(ask, trial)
    if trial.fine and trial.step.candidate >= analysis.min_requests:
        return Outcome.PASS, proven_fine(ask, trial)
    return Outcome.HOLD, held(ask, trial, analysis.min_requests)


def _numbers(analysis: Analysis, ask: Asked, trial: Trial) -> dict[str, float]:
    return {
        "candidate": trial.step.candidate,
        "candidateBad": trial.step.candidate_bad,
        "stable": trial.step.stable,
        "stableBad": trial.step.stable_bad,
        "against": trial.against,
        "for": trial.for_it,
        "excess": ask.question.worse.excess(trial.step),
        "enough": float(trial.step.candidate >= analysis.min_requests),
    }


def _of_spread(analysis: Analysis, case: Case, check: Check, reading: Counted) -> Verdict:
    settings = check.prediction_drift
    allowed = settings.max_distance if settings else 0.1
    found = watch((spread.pairs for spread in reading.spreads), allowed=allowed, alpha=budget(analysis, case.stage))
    outcome = Outcome.HOLD
    if found.worse:
        outcome = Outcome.FAIL
    elif reading.trouble or found.now is None:
        outcome = Outcome.NO_DATA
    elif found.now.estimate <= allowed:
        outcome = Outcome.PASS
    words = reading.trouble if outcome is Outcome.NO_DATA and reading.trouble else spread_words(found, allowed, outcome)
    numbers = {"candidate": found.candidate, "stable": found.stable, "tests": float(found.tests)}
    if found.now is not None:
        numbers |= {"distance": found.now.estimate, "excess": found.now.estimate - allowed, "enough": 1.0}
    return Verdict(check.name, check.type, outcome, f"{check.name}: {words}", numbers)


def _of_query(check: Check, reading: Counted) -> Verdict:
    query = check.query
    assert query is not None  # noqa: S101  # the union of admission; asked by the caller
    if reading.trouble or not reading.values:
        words = reading.trouble or "the query has returned no number yet"
        return Verdict(check.name, check.type, Outcome.NO_DATA, f"{check.name}: {words}")
    low = query.min if query.min is not None else float("-inf")
    high = query.max if query.max is not None else float("inf")
    within = [low <= value <= high for value in reading.values]
    outcome = Outcome.PASS if within[-1] else Outcome.HOLD
    if len(within) >= query.failures and not any(within[-query.failures :]):
        outcome = Outcome.FAIL
    numbers = {"value": reading.values[-1], "excess": 0.0 if within[-1] else 1.0, "enough": 1.0}
    return Verdict(
        check.name, check.type, outcome, f"{check.name}: {number_words(query, reading.values[-1], outcome)}", numbers
    )
