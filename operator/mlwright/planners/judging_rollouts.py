"""What is to be counted for a rollout, and what follows from what was counted. Pure.

The judgement itself is that of `verdicts`; here it is given the phases, the pods and the noise of this very rollout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mlwright.api.analysis import Analysis
from mlwright.api.conditions import timestamp
from mlwright.api.fields import parse_duration
from mlwright.plan.analysis import Case, Conclusion, Evidence, Judgement, Move, Stage
from mlwright.plan.experiments import Surveyed
from mlwright.plan.measuring import Measure, Measured, Phase, Side, Watched
from mlwright.plan.pods import PodSeen
from mlwright.plan.rollout import Progress
from mlwright.plan.serving import ALL, DeploymentSeen, VariantSeen
from mlwright.planners.evidence import written
from mlwright.planners.expecting import Left, ahead, expected
from mlwright.planners.verdicts import conclude, evaluate
from mlwright.stats.guard import Noise, noise

BY_COUNTING: Final = Noise(0, "spec.rollout.analysis.noise is Binomial: judged by counting")


@dataclass(frozen=True, slots=True)
class Judged:
    """What was judged, how, and what follows."""

    analysis: Analysis
    case: Case
    judgement: Judgement
    conclusion: Conclusion

    @property
    def evidence(self) -> Evidence:
        """The same as JSON, from which anybody can compute it again."""
        return written(self.analysis, self.case, self.judgement)


def measure(
    seen: DeploymentSeen, progress: Progress, candidate: VariantSeen | None, stable: VariantSeen | None
) -> Measure | None:
    """Return what is to be counted; None where nothing is, or nobody had a share yet."""
    analysis = progress.analysis
    if analysis is None or candidate is None or stable is None or not progress.phases:
        return None
    return Measure(
        namespace=seen.namespace,
        deployment=seen.name,
        candidate=side(candidate),
        stable=side(stable),
        phases=tuple(_phase(phase.stage, phase.since, phase.until) for phase in progress.phases),
        checks=analysis.checks,
        warmup=parse_duration(analysis.warmup),
        noise_wanted=analysis.noise == "Auto" and progress.noise is None,
        bake=_bakes(progress),
    )


def look_ahead(
    seen: DeploymentSeen, progress: Progress, candidate: VariantSeen | None, stable: VariantSeen | None
) -> Measure | None:
    """Return what tells how long a rollout will take, before anybody has a share; None where nobody asks."""
    analysis = progress.analysis
    if analysis is None or candidate is None or stable is None or progress.phases or progress.observing:
        return None
    return Measure(
        namespace=seen.namespace,
        deployment=seen.name,
        candidate=side(candidate),
        stable=side(stable),
        phases=(_phase(-1, candidate.created, None),),
        checks=analysis.checks,
        warmup=parse_duration(analysis.warmup),
        ahead=True,
    )


def outlook(seen: DeploymentSeen, progress: Progress) -> str:
    """Return how long a rollout will take at the traffic of before; empty where nobody knows or it has begun."""
    measured, analysis = seen.measured, progress.analysis
    if not isinstance(measured, Measured) or analysis is None or progress.phases or measured.noise is None:
        return ""
    if not measured.measure.ahead or measured.measure.candidate.revision != progress.revision:
        return ""
    return ahead(analysis, measured.noise, measured.paces, _left(progress))


def learnt(seen: DeploymentSeen, progress: Progress) -> Progress:
    """Return the progress with the noise that is fixed for this rollout, as soon as it is known."""
    if progress.analysis is None or progress.noise is not None:
        return progress
    if progress.analysis.noise == "Binomial":
        return replace(progress, noise=BY_COUNTING)
    measured = _current(seen.measured, progress)
    return replace(progress, noise=measured.noise) if measured and measured.noise else progress


def judge(seen: DeploymentSeen, progress: Progress, now: datetime) -> Judged | None:
    """Judge what was counted in this stage; None where nothing is watched.

    A reading of another phase says nothing of this one. While it is not known how stable's errors are spread, nothing
    goes on.
    """
    if progress.analysis is None or not progress.phases:
        return None
    measured = _current(seen.measured, progress)
    case = Case(
        stage=Stage.BAKE if _bakes(progress) else Stage.STEPS,
        step=progress.phases[-1].stage,
        noise=progress.noise or noise(()),
        readings=measured.readings if measured else {},
        pasts=measured.pasts if measured else {},
    )
    judgement = evaluate(progress.analysis, case)
    held, hold = now - (progress.since or now) - progress.settling, timedelta(seconds=progress.now.hold)
    conclusion = conclude(progress.analysis, case, judgement, held_for=held, hold=hold)
    if progress.noise is None and conclusion.move in {Move.ADVANCE, Move.ADVANCE_UNPROVEN, Move.ROLL_BACK}:
        conclusion = Conclusion(Move.STAY, f"how stable's errors are spread is not known yet; {judgement.sentence}")
    if (
        conclusion.move is Move.STAY
        and not progress.observing
        and (words := expected(progress.analysis, case, _left(progress)))
    ):
        conclusion = Conclusion(Move.STAY, f"{conclusion.sentence}; {words}")
    return Judged(progress.analysis, case, judgement, conclusion)


def noted(progress: Progress, judged: Judged | None, now: datetime) -> Progress:
    """Return the progress with the first time at which it would have been sent back, where verdicts are observed."""
    if judged is None or not progress.observing or progress.observed or judged.conclusion.move is not Move.ROLL_BACK:
        return progress
    when, where = timestamp(now), progress.now.name
    told = f"it would have been sent back at {when} (step {where}, analysis.mode is Observe)"
    return replace(progress, observed=f"{told}: {judged.conclusion.sentence}")


def _left(progress: Progress) -> tuple[Left, ...]:
    """Return the steps that are left, this one included."""
    steps = (stage for stage in progress.stages[progress.stage :] if stage.hold)
    return tuple(Left(stage.percent / ALL, stage.hold) for stage in steps)


def _bakes(progress: Progress) -> bool:
    """Tell whether the candidate has everything in the newest phase: nothing is beside it, be it a step or the bake."""
    stage = progress.stages[progress.phases[-1].stage]
    return stage.percent == ALL and not stage.free


def _current(measured: Measured | Surveyed | None, progress: Progress) -> Measured | None:
    """Return what was counted if it is of this candidate and of its newest phase."""
    if (
        not isinstance(measured, Measured)
        or measured.measure.candidate.revision != progress.revision
        or not progress.phases
    ):
        return None
    newest, told = progress.phases[-1], measured.measure.phases[-1]
    same = (told.step, told.since) == (newest.stage, newest.since.timestamp())
    return measured if same else None


def side(variant: VariantSeen) -> Side:
    """Return a revision and its pods that are ready, of which alone anything counts."""
    return Side(variant.revision, tuple(_watched(pod) for pod in variant.pods if pod.ready))


def _watched(pod: PodSeen) -> Watched:
    return Watched(pod.name, (pod.ready_since or pod.created).timestamp())


def _phase(stage: int, since: datetime, until: datetime | None) -> Phase:
    return Phase(stage, since.timestamp(), until.timestamp() if until else None)
