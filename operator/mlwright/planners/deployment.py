"""ModelDeployment: one stable revision serves; a new one takes over when its pods are ready and it passed its stages.

Invariants: traffic goes to a revision without ready pods only while no other that served has any; the pods that serve
go only after traffic has moved; a promotion and a rejection are recorded before anything is done about them; a
rejected revision is not tried again (until somebody sets mlwright.dev/retry) and never blocks a later one. Rules are
asked in order; the first that has something to say decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mlwright.api.conditions import Verdict, ready, reconciling, stalled
from mlwright.api.reasons import Reason
from mlwright.plan.plan import LOOK_AGAIN, Decided
from mlwright.plan.serving import (
    ALL,
    DecisionSeen,
    DeploymentSeen,
    RecordRevision,
    RemoveVariant,
    ScaleVariant,
    ServingIntent,
    SetAlias,
    Target,
)
from mlwright.planners import experimenting, traffic, upkeep
from mlwright.planners.autoscaling import Scaling, check, scale, sized
from mlwright.planners.contest import Contest, contest
from mlwright.planners.decisions import rejection
from mlwright.planners.experiment_status import beside
from mlwright.planners.experimenting import experiment, waits
from mlwright.planners.rolling import as_it_is, keep, progress, roll, sooner, stray
from mlwright.planners.serving_status import awaiting, draft, moving, serving, stable_conditions
from mlwright.planners.situation import Situation, look, resized
from mlwright.planners.stages import divides
from mlwright.planners.standing import stood
from mlwright.planners.target import Obstacle, variant
from mlwright.settings import Settings

Decision = Decided[ServingIntent]


def decide(seen: DeploymentSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a deployment.

    Worked example: v1 is stable, v2 passed its gates and both of its pods are ready -> Decide("Promote", v2), after
    which the next look points the Service to v2, and one five seconds later removes v1.
    """
    seen = traffic.resolved(seen, settings)
    check(seen, now)
    at = look(seen, settings, now)
    rolls = _rolls(at) or seen.spec.experiment is not None
    size = scale(seen, now, rolls=rolls)
    at = resized(at, sized(seen, size))
    found = next(decision for rule in RULES if (decision := rule(at)) is not None)
    decision = beside(found, at, waits(at)) if seen.spec.experiment else found
    if not seen.spec.paused:
        decision = replace(decision, intents=(*decision.intents, *stray(seen, decision)))
    told = decision if size is None else replace(with_size(decision, size), standing=stood(seen, size, rolls=rolls))
    return with_contest(told, contest(seen, variant(seen, at.stable.name) if at.stable else None, now))


def _rolls(at: Situation) -> bool:
    """Tell whether another revision than the stable one is about to take over."""
    if not isinstance(at.goal, Target) or (at.stable is not None and at.stable.name == at.goal.revision):
        return False
    return rejection(at.seen, at.goal.revision) is None


def with_size(decision: Decision, size: Scaling) -> Decision:
    """Tell of the size beside what was decided, and ask for the load again."""
    told = decision.status
    fields = {**told.fields, "scaling": dict(size.fields) or None}
    said = {verdict.type for verdict in told.conditions}  # a rollout may miss metrics, too, and says for which check
    beside = (verdict for verdict in size.verdicts if verdict.type not in said)
    status = replace(told, conditions=(*told.conditions, *beside), fields=fields)
    return replace(decision, status=status, questions=size.questions, bounds=size.bounds, memory=size.memory)


def with_contest(decision: Decision, found: Contest) -> Decision:
    """Tell who else sets the number of pods, and leave it alone where it would be fought over."""
    status = replace(decision.status, conditions=(*decision.status.conditions, *found.verdicts))
    intents = found.without(decision.intents)
    return replace(decision, status=status, intents=intents, again=sooner(decision.again, found.again))


def _suspended(at: Situation) -> Decision | None:
    if not at.seen.spec.suspend:
        return None
    sentence = "suspended: no pods run until spec.suspend is false"
    kept = at.stable.name if at.stable else ""
    scale = tuple(ScaleVariant(v, 0) for v in at.seen.variants if v.revision == kept and v.wanted and not v.deleting)
    # a candidate starts anew afterwards: its deadline must not run out while it may not have pods
    remove = tuple(RemoveVariant(v) for v in at.seen.variants if v.revision != kept and not v.deleting)
    told = Verdict("Suspended", "True", Reason.SUSPENDED, sentence)
    address = traffic.lead_to(at.seen, {kept: ALL}) if kept else ()
    intents = (*address, *upkeep.copies(at.seen, {}), *scale, *remove, *upkeep.no_budget(at.seen))
    return Decided(draft(at, sentence, ready(Reason.SUSPENDED, sentence), told), intents=intents)


def _paused(at: Situation) -> Decision | None:
    if not at.seen.spec.paused:
        return None
    sentence = f"paused: nothing is decided until spec.paused is false; {serving(at)}"
    told = Verdict("Paused", "True", Reason.PAUSED, sentence)
    status = draft(at, sentence, *stable_conditions(at), told, candidate=at.candidate, progress=at.progress)
    return Decided(status, intents=experimenting.as_it_is(at) or as_it_is(at), again=_mend(at))


def _obstructed(at: Situation) -> Decision | None:
    """There is nothing to aim at: what serves goes on serving."""
    if not isinstance(at.goal, Obstacle):
        return None
    sentence = f"{at.goal.sentence}; {serving(at)}" if at.stable else at.goal.sentence
    tell = reconciling if at.goal.waiting else stalled
    conditions = (ready(at.goal.reason, sentence, "False"), tell(at.goal.reason, sentence))
    intents, again = _keep_only(at, at.stable.name if at.stable else at.seen.shares.whole)
    return Decided(draft(at, sentence, *conditions), intents=intents, again=sooner(again, _mend(at)))


def _rejected(at: Situation) -> Decision | None:
    """The revision that the spec asks for was rejected: the stable one goes on serving."""
    refused = rejection(at.seen, at.goal.revision) if isinstance(at.goal, Target) else None
    if refused is None or at.stable is None or at.stable.name == refused.revision:
        return None
    stay = {at.stable.name} | ({refused.revision} if _examined(at, refused) else set())
    sentence = f"{refused.sentence}{_EXAMINED if len(stay) > 1 else ''}; {serving(at)}"
    kept, again = _keep_only(at, *stay)
    aliased = _alias(at, at.stable.version) if refused.type == "Rollback" else ()
    intents = (*kept, *aliased, *upkeep.forget(at.seen, {at.stable.name, refused.revision}))
    if at.seen.spec.model.type == "Version":
        sentence = f"{sentence}; pin another version, or set the annotation mlwright.dev/retry to try again"
        verdicts = (ready(Reason.VERSION_REJECTED, sentence, "False"), stalled(Reason.VERSION_REJECTED, sentence))
        return Decided(draft(at, sentence, *verdicts), intents=intents, again=sooner(again, _mend(at)))
    told = Verdict("CandidateRejected", "True", Reason.CANDIDATE_REJECTED, sentence)
    status = draft(at, sentence, *stable_conditions(at), told)
    return Decided(status, intents=intents, again=sooner(again, _mend(at)))


def _unrecorded(at: Situation) -> Decision | None:
    """The revision that the spec asks for is not frozen yet."""
    goal = at.goal
    if isinstance(goal, Obstacle) or any(revision.name == goal.revision for revision in at.seen.revisions):
        return None
    number = max((revision.number for revision in at.seen.revisions), default=0) + 1
    status = moving(at, f"{goal.version.name} is about to start")
    return Decided(status, records=(RecordRevision(goal, number),), intents=upkeep.copies(at.seen, {}))


def _indivisible(at: Situation) -> Decision | None:
    """Requests would have to be divided, and nothing here does that: nobody gets a share by chance."""
    candidate, why = at.candidate, traffic.refusal(at.seen)
    if candidate is None or at.stable is None or not why or not divides(progress(at, candidate).stages):
        return None
    remedy = f"{why}, or leave out steps of type Weight and Shadow"
    sentence = f"spec.rollout.steps: requests are to be divided or copied: {remedy}; {serving(at)}"
    verdicts = (ready(Reason.INVALID_SPEC, sentence, "False"), stalled(Reason.INVALID_SPEC, sentence))
    intents, again = _keep_only(at, at.stable.name)
    return Decided(draft(at, sentence, *verdicts), intents=intents, again=sooner(again, _mend(at)))


def _unmeasured(at: Situation) -> Decision | None:
    """Something is to be watched, and there is nothing to ask: told before anybody gets a share."""
    asked = at.seen.spec.rollout.analysis
    if at.candidate is None or at.stable is None or asked is None or at.measurable:
        return None
    remedy = "set prometheus.url of the chart (or prometheus.embedded), or remove analysis"
    sentence = f"spec.rollout.analysis: this installation names no Prometheus: {remedy}; {serving(at)}"
    verdicts = (ready(Reason.INVALID_SPEC, sentence, "False"), stalled(Reason.INVALID_SPEC, sentence))
    intents, again = _keep_only(at, at.stable.name)
    return Decided(draft(at, sentence, *verdicts), intents=intents, again=sooner(again, _mend(at)))


def _settled(at: Situation) -> Decision:
    """The stable revision is the one that is asked for."""
    assert at.stable is not None  # noqa: S101  # without a stable one the rule before is rolling
    kept, again = _keep_only(at, at.stable.name)
    intents = (*kept, *_alias(at, at.stable.version), *upkeep.forget(at.seen, {at.stable.name}))
    waits = awaiting(at)
    sentence = "; ".join((f"{serving(at)}{_aliasless(at)}", *(verdict.message for verdict in waits)))
    status = draft(at, sentence, *stable_conditions(at), *waits)
    return Decided(status, intents=intents, again=sooner(again, _mend(at)))


RULES: Final[tuple[Callable[[Situation], Decision | None], ...]] = (
    _suspended,
    _paused,
    experiment,
    _obstructed,
    _rejected,
    _unrecorded,
    _indivisible,
    _unmeasured,
    roll,
    _settled,
)


_EXAMINED: Final = (
    "; its pods stay to be looked at (spec.rollout.onFailure is Pause) until mlwright.dev/abort or mlwright.dev/retry"
    " is set"
)


def _examined(at: Situation, refused: DecisionSeen) -> bool:
    """Tell whether the pods of a rejected version stay, because nobody has seen them yet."""
    known = isinstance(at.goal, Target) and at.seen.abort != str(at.goal.version.number)
    there = variant(at.seen, refused.revision) is not None
    return known and there and at.seen.spec.rollout.on_failure == "Pause"


def _keep_only(at: Situation, *revisions: str) -> tuple[upkeep.Intents, timedelta | None]:
    """Keep what serves and remove all other variants when that is safe."""
    retire, again = upkeep.retire(at.seen, keep=set(revisions), since=at.since, now=at.now)
    return (*keep(at), *retire), again


def _mend(at: Situation) -> timedelta | None:
    """Look again while something is wrong or missing that may end without an event."""
    lacking = isinstance(at.goal, Obstacle) and (at.goal.waiting or at.goal.reason is Reason.ALIAS_CYCLE)
    return LOOK_AGAIN if lacking or at.stable_health.trouble else None


def _alias(at: Situation, stable: str) -> tuple[ServingIntent, ...]:
    """Set the alias after the takeover is done: the Service leads to the stable revision and its pods are ready."""
    name = at.seen.spec.rollout.set_alias
    if not name or not at.seen.model_exists or at.stable is None:
        return ()
    done = at.seen.shares.whole == at.stable.name and at.stable_health.complete
    number = next((version.number for version in at.seen.versions if version.name == stable), None)
    if number is None or not done or at.seen.aliases.get(name) == number:
        return ()
    return (SetAlias(name, number),)


def _aliasless(at: Situation) -> str:
    name = at.seen.spec.rollout.set_alias
    if not name or at.seen.model_exists:
        return ""
    return f"; alias {name} (spec.rollout.setAlias) is set when Model {at.seen.spec.model.ref.name} exists"
