"""What a check of a spec asks, as lines, budget and guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mlwright.api.analysis import AccuracyCheck, Analysis, Check, ErrorRate, LatencyCheck
from mlwright.plan.analysis import Case, Stage
from mlwright.stats.history import PAST, upper_rate
from mlwright.stats.rates import Line
from mlwright.stats.trial import Question

SHARES: Final = {Stage.STEPS: 0.8, Stage.BAKE: 0.2}
"""How the error budget is divided."""
BESIDE: Final = frozenset({"Disagreement", "PredictionDrift"})
"""Types of checks that need another version beside the candidate."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its words.

    Attributes:
        question: What is asked of the counts.
        bad: What is counted, such as "answered with an error".
        thing: What is counted among, such as "requests".
        past: In a bake, requests of the version before and bad ones among them; None where stable is beside.
    """

    question: Question
    bad: str
    thing: str = "requests"
    past: tuple[float, float] | None = None


def asked(analysis: Analysis, check: Check, case: Case) -> Asked:
    """Return what a check that counts bad requests asks."""
    if check.latency is not None:
        lines, bad, thing = _lines(check.latency), f"slower than {check.latency.bound}", "answers"
    elif check.disagreement is not None:
        line = Line(check.disagreement.max, ratio=0.0)
        lines, bad, thing = (line, line), "answered otherwise than by stable", "copied requests"
    elif check.type == "Accuracy":
        lines, bad, thing = _accuracy(check.accuracy or AccuracyCheck()), "wrong", "labelled answers"
    else:
        lines, bad, thing = _lines(check.error_rate or ErrorRate()), "answered with an error", "requests"
    alpha, past = budget(analysis, case.stage), None
    if case.stage is Stage.BAKE and lines[0].ratio:
        past = case.pasts.get(check.name, (0.0, 0.0))
        lines, alpha = _beside_past(lines, past, alpha)
    question = Question(
        worse=lines[0],
        fine=lines[1],
        alpha=alpha,
        beta=1 - analysis.confidence,
        block=case.noise.block if analysis.noise == "Auto" else 0,
    )
    return Asked(question, bad, thing, past)


def applicable(analysis: Analysis, stage: Stage) -> tuple[Check, ...]:
    """Return the checks that can be judged: in a bake no other version is beside the candidate."""
    return tuple(check for check in analysis.checks if stage is Stage.STEPS or check.type not in BESIDE)


def budget(analysis: Analysis, stage: Stage) -> float:
    """Return the chance of a false rollback that one check may use in a stage: the budget is shared, queries have none.

    >>> round(budget(Analysis(checks=(Check(name="errors", type="ErrorRate"),)), Stage.STEPS), 6)
    0.008
    """
    sharing = sum(check.type != "Query" for check in applicable(analysis, stage))
    return SHARES[stage] * analysis.false_rollback / max(1, sharing)


def _lines(settings: ErrorRate | LatencyCheck) -> tuple[Line, Line]:
    return Line(settings.max_increase), Line(settings.pass_margin)


def _beside_past(lines: tuple[Line, Line], past: tuple[float, float], alpha: float) -> tuple[tuple[Line, Line], float]:
    """Hold a version that has all traffic against what is known of the one before it, at its worst."""
    known = upper_rate(*past, PAST * alpha)
    worse, fine = (Line(min(1.0, known + line.difference), ratio=0.0) for line in lines)
    return (worse, fine), (1 - PAST) * alpha


def _accuracy(settings: AccuracyCheck) -> tuple[Line, Line]:
    return Line(settings.max_decrease), Line(settings.pass_margin)
