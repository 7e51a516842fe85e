"""The sentences of verdicts: what was counted, and what that proves."""

from __future__ import annotations

from mlwright.api.analysis import QueryCheck
from mlwright.plan.analysis import Outcome
from mlwright.planners.questions import Asked
from mlwright.stats.rates import Counts, Line
from mlwright.stats.spread import SpreadTrial
from mlwright.stats.trial import Trial


def proven_worse(ask: Asked, trial: Trial) -> str:
    """Say why a candidate is sent back."""
    return f"{_counted(ask, trial.total)}; proven to be {_above(ask.question.worse, 'more than')}"


def proven_fine(ask: Asked, trial: Trial) -> str:
    """Say why a step passes."""
    return f"{_counted(ask, trial.step)}; proven to be {_above(ask.question.fine, 'less than')}"


def held(ask: Asked, trial: Trial, needed: int) -> str:
    """Say what is missing for either proof."""
    counted = _counted(ask, trial.step)
    if trial.step.candidate < needed:
        return f"{counted}; a step needs {needed:,} {ask.thing} of the candidate"
    worse, fine = _above(ask.question.worse, "more than"), _above(ask.question.fine, "less than")
    return (
        f"{counted}; neither proven to be {worse} (evidence {_part(trial.against)} of what is needed) nor {fine}"
        f" ({_part(trial.for_it)})"
    )


def no_data(ask: Asked, trial: Trial) -> str:
    """Say which side was silent."""
    if not trial.step.candidate:
        return f"no {ask.thing} of the candidate were counted in this step yet"
    return f"no {ask.thing} of stable were counted in this step, beside {trial.step.candidate:,.0f} of the candidate"


def spread_words(trial: SpreadTrial, allowed: float, outcome: Outcome) -> str:
    """Say how far apart the answers are."""
    if trial.now is None:
        return (
            f"{trial.candidate:,.0f} answers of the candidate beside {trial.stable:,.0f} of stable are too few to"
            " compare (200 and 2,000 are needed)"
        )
    found = (
        f"the answers are {trial.now.estimate:.3f} apart ({trial.candidate:,.0f} of the candidate beside"
        f" {trial.stable:,.0f} of stable)"
    )
    if outcome is Outcome.FAIL:
        return f"{found}; proven to be more than {allowed:g}"
    return f"{found}, {'within' if outcome is Outcome.PASS else 'above'} {allowed:g} and not proven to be more"


def number_words(query: QueryCheck, value: float, outcome: Outcome) -> str:
    """Say what a query returned; it is a rule and no proof."""
    bounds = " and ".join(
        f"{word} {bound:g}" for word, bound in (("at least", query.min), ("at most", query.max)) if bound is not None
    )
    if outcome is Outcome.PASS:
        return f"the query returned {value:g}, {bounds} as asked (a rule, no guarantee)"
    often = f" {query.failures} times in a row" if outcome is Outcome.FAIL else ""
    return f"the query returned {value:g}, not {bounds}{often} (a rule, no guarantee)"


def _counted(ask: Asked, counts: Counts) -> str:
    own = f"{counts.candidate_rate:.2%} of {counts.candidate:,.0f} {ask.thing} were {ask.bad}"
    if ask.past is not None:
        return f"{own}, {ask.past[1] / max(1.0, ask.past[0]):.2%} of {ask.past[0]:,.0f} of the version before"
    if not ask.question.worse.ratio:
        return own
    return f"{own}, {counts.stable_rate:.2%} of {counts.stable:,.0f} of stable"


def _above(line: Line, word: str) -> str:
    if not line.ratio:
        return f"{word} {line.difference:.2%}"
    points = f"{100 * line.difference:g}"
    return f"worse by {word} {points} point{'' if points == '1' else 's'}"


def _part(evidence: float) -> str:
    return f"{min(1.0, evidence):.0%}"
