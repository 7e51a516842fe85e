"""ModelDeployment: one stable revision serves; a new one takes over only when all of its pods are ready.

Invariants: the Service leads to a revision without ready pods only while no other that served has any; the pods that
serve go only after traffic has moved; a promotion and a rejection are recorded before anything is done about them; a
rejected revision is not tried again (until somebody sets mlwright.dev/retry) and never blocks a later one. Rules are
asked in order; the first that has something to say decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import Verdict, ready, reconciling, stalled
from mlwright.api.fields import parse_duration
from mlwright.api.reasons import Reason
from mlwright.plan.plan import Decided
from mlwright.plan.pods import PodSeen
from mlwright.plan.serving import (
    Decide,
    DeploymentSeen,
    PointService,
    RecordRevision,
    RemoveVariant,
    RevisionSeen,
    ScaleVariant,
    ServingIntent,
    SetAlias,
    Target,
    VariantSeen,
)
from mlwright.planners import upkeep
from mlwright.planners.decisions import rejection, rejections
from mlwright.planners.health import Health, failure, health, time_left
from mlwright.planners.serving_status import awaiting, draft, moving, serving, stable_conditions, waiting
from mlwright.planners.situation import Situation, look
from mlwright.planners.target import Obstacle, variant
from mlwright.settings import Settings

Decision = Decided[ServingIntent]

SHOWN: Final = 10
"""Pods of which a rejection tells."""
LOOK_AGAIN: Final = timedelta(seconds=30)
"""Pods in trouble do not always say so by an event of theirs."""


def decide(seen: DeploymentSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a deployment.

    Worked example: v1 is stable, v2 passed its gates and both of its pods are ready -> Decide("Promote", v2), after
    which the next look points the Service to v2, and one five seconds later removes v1.
    """
    at = look(seen, settings, now)
    return next(decision for rule in RULES if (decision := rule(at)) is not None)


def _suspended(at: Situation) -> Decision | None:
    if not at.seen.spec.suspend:
        return None
    sentence = "suspended: no pods run until spec.suspend is false"
    kept = at.stable.name if at.stable else ""
    scale = tuple(ScaleVariant(v, 0) for v in at.seen.variants if v.revision == kept and v.wanted and not v.deleting)
    # a candidate starts anew afterwards: its deadline must not run out while it may not have pods
    remove = tuple(RemoveVariant(v) for v in at.seen.variants if v.revision != kept and not v.deleting)
    told = Verdict("Suspended", "True", Reason.SUSPENDED, sentence)
    address = (PointService(kept),) if kept else ()
    intents = (*scale, *remove, *address, *upkeep.no_budget(at.seen))
    return Decided(draft(at, sentence, ready(Reason.SUSPENDED, sentence), told), intents=intents)


def _paused(at: Situation) -> Decision | None:
    if not at.seen.spec.paused:
        return None
    sentence = f"paused: nothing is decided until spec.paused is false; {serving(at)}"
    told = Verdict("Paused", "True", Reason.PAUSED, sentence)
    return Decided(
        draft(at, sentence, *stable_conditions(at), told, candidate=at.candidate), intents=_keep(at), again=_mend(at)
    )


def _obstructed(at: Situation) -> Decision | None:
    """There is nothing to aim at: what serves goes on serving."""
    if not isinstance(at.goal, Obstacle):
        return None
    sentence = f"{at.goal.sentence}; {serving(at)}" if at.stable else at.goal.sentence
    tell = reconciling if at.goal.waiting else stalled
    conditions = (ready(at.goal.reason, sentence, "False"), tell(at.goal.reason, sentence))
    intents, again = _keep_only(at, at.stable.name if at.stable else at.seen.service_revision)
    return Decided(draft(at, sentence, *conditions), intents=intents, again=_sooner(again, _mend(at)))


def _rejected(at: Situation) -> Decision | None:
    """The revision that the spec asks for was rejected: the stable one goes on serving."""
    refused = rejection(at.seen, at.goal.revision) if isinstance(at.goal, Target) else None
    if refused is None or at.stable is None or at.stable.name == refused.revision:
        return None
    sentence = f"{refused.sentence}; {serving(at)}"
    kept, again = _keep_only(at, at.stable.name)
    intents = (*kept, *upkeep.forget(at.seen, {at.stable.name, refused.revision}))
    if at.seen.spec.model.type == "Version":
        sentence = f"{sentence}; pin another version, or set the annotation mlwright.dev/retry to try again"
        verdicts = (ready(Reason.VERSION_REJECTED, sentence, "False"), stalled(Reason.VERSION_REJECTED, sentence))
        return Decided(draft(at, sentence, *verdicts), intents=intents, again=_sooner(again, _mend(at)))
    told = Verdict("CandidateRejected", "True", Reason.CANDIDATE_REJECTED, sentence)
    status = draft(at, sentence, *stable_conditions(at), told)
    return Decided(status, intents=intents, again=_sooner(again, _mend(at)))


def _unrecorded(at: Situation) -> Decision | None:
    """The revision that the spec asks for is not frozen yet."""
    goal = at.goal
    if isinstance(goal, Obstacle) or any(revision.name == goal.revision for revision in at.seen.revisions):
        return None
    number = max((revision.number for revision in at.seen.revisions), default=0) + 1
    return Decided(moving(at, f"{goal.version.name} is about to start"), records=(RecordRevision(goal, number),))


def _rolling(at: Situation) -> Decision | None:
    """A revision that is not the stable one is asked for: start it, wait for it, then promote or reject it."""
    candidate = at.candidate
    if candidate is None:
        return None
    running = variant(at.seen, candidate.name)
    if running is None or _tried_before(at.seen, running):
        return _start(at, candidate, running)
    wanted = max(1, at.seen.spec.replicas)
    deadline = parse_duration(at.seen.spec.rollout.progress_deadline)
    state = health(running, wanted)
    if state.complete:
        return _promote(at, candidate, state)
    if at.stable and (why := failure(running, wanted, deadline, at.now)):
        return _reject(at, candidate, running, why)
    retire, again = upkeep.retire(at.seen, keep=_both(at, candidate), since=at.since, now=at.now)
    intents = (*upkeep.run(at.seen, candidate, wanted), *_keep(at, candidate), *retire)
    left = time_left(running, deadline, at.now)
    judged = left if left > timedelta(0) else None  # past, and not judged: the first version, or one that cannot start
    return Decided(waiting(at, candidate, state), intents=intents, again=_sooner(judged, LOOK_AGAIN, again))


def _tried_before(seen: DeploymentSeen, running: VariantSeen) -> bool:
    """Tell whether the Deployment is the one that was rejected before somebody asked to try again."""
    return any(refused.created > running.created for refused in rejections(seen, running.revision))


def _start(at: Situation, candidate: RevisionSeen, tried: VariantSeen | None) -> Decision:
    """Start the candidate, after pods of other revisions have made room: never three with pods at a time."""
    retire, again = upkeep.retire(at.seen, keep=_both(at, candidate), since=at.since, now=at.now)
    room = at.stable is None or not any(v.revision not in _both(at, candidate) for v in at.seen.variants)
    remove = (RemoveVariant(tried),) if tried else ()
    start = upkeep.run(at.seen, candidate, max(1, at.seen.spec.replicas)) if room and not tried else ()
    sentence = f"{candidate.version} starts" if room else f"{candidate.version} starts when earlier pods are gone"
    return Decided(moving(at, sentence), intents=(*retire, *remove, *_keep(at, candidate), *start), again=again)


def _promote(at: Situation, candidate: RevisionSeen, state: Health) -> Decision:
    sentence = f"{candidate.version} takes over: {state.counted}"
    after = at.promoted.name if at.promoted else ""
    evidence = {
        "ready": state.ready,
        "wanted": state.wanted,
        "replaces": at.stable.version if at.stable else "",
        "digest": candidate.digest,
    }
    record = Decide("Promote", candidate, at.seen.epoch, after, sentence, evidence)
    return Decided(moving(at, sentence), records=(record,))


def _reject(at: Situation, candidate: RevisionSeen, running: VariantSeen, why: str) -> Decision:
    sentence = f"{candidate.version} is rejected: {why}"
    pods = [_seen(pod) for pod in running.pods if not pod.ready][:SHOWN]
    evidence = {"pods": pods, "digest": candidate.digest}
    record = Decide("Reject", candidate, at.seen.epoch, "", sentence, evidence)
    return Decided(moving(at, sentence), records=(record,), intents=(RemoveVariant(running),))


def _seen(pod: PodSeen) -> dict[str, Any]:
    """Return what a rejection keeps of a pod, which will be gone."""
    known = {"exitCode": pod.exit_code, "restarts": pod.restarts, "waiting": pod.waiting_reason or None}
    return {"name": pod.name, **{key: value for key, value in known.items() if value is not None}}


def _settled(at: Situation) -> Decision:
    """The stable revision is the one that is asked for."""
    assert at.stable is not None  # noqa: S101  # without a stable one the rule before is rolling
    kept, again = _keep_only(at, at.stable.name)
    intents = (*kept, *_alias(at), *upkeep.forget(at.seen, {at.stable.name}))
    waits = awaiting(at)
    sentence = "; ".join((f"{serving(at)}{_aliasless(at)}", *(verdict.message for verdict in waits)))
    status = draft(at, sentence, *stable_conditions(at), *waits)
    return Decided(status, intents=intents, again=_sooner(again, _mend(at)))


RULES: Final[tuple[Callable[[Situation], Decision | None], ...]] = (
    _suspended,
    _paused,
    _obstructed,
    _rejected,
    _unrecorded,
    _rolling,
    _settled,
)


def _keep(at: Situation, otherwise: RevisionSeen | None = None) -> upkeep.Intents:
    """Keep what serves; before anything does, let the address lead to `otherwise`."""
    if at.stable is not None:
        return upkeep.keep(at.seen, at.stable)
    return upkeep.address(at.seen, otherwise) if otherwise else ()


def _keep_only(at: Situation, revision: str) -> tuple[upkeep.Intents, timedelta | None]:
    """Keep what serves and remove all other variants when that is safe."""
    retire, again = upkeep.retire(at.seen, keep={revision}, since=at.since, now=at.now)
    return (*_keep(at), *retire), again


def _both(at: Situation, candidate: RevisionSeen) -> set[str]:
    return {candidate.name} | ({at.stable.name} if at.stable else set())


def _mend(at: Situation) -> timedelta | None:
    """Look again while something is wrong or missing that may end without an event."""
    lacking = isinstance(at.goal, Obstacle) and at.goal.waiting
    return LOOK_AGAIN if lacking or at.stable_health.trouble else None


def _sooner(*moments: timedelta | None) -> timedelta | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _alias(at: Situation) -> tuple[ServingIntent, ...]:
    """Set the alias after the takeover is done: the Service leads to the stable revision and its pods are ready."""
    name = at.seen.spec.rollout.set_alias
    if not name or not at.seen.model_exists or at.stable is None or not isinstance(at.goal, Target):
        return ()
    done = at.seen.service_revision == at.stable.name and at.stable_health.complete
    version = at.goal.version.number
    return (SetAlias(name, version),) if done and at.seen.aliases.get(name) != version else ()


def _aliasless(at: Situation) -> str:
    name = at.seen.spec.rollout.set_alias
    if not name or at.seen.model_exists:
        return ""
    return f"; alias {name} (spec.rollout.setAlias) is set when Model {at.seen.spec.model.ref.name} exists"
