"""ModelDeployment: one stable revision serves; a new one takes over only when all of its pods are ready.

Invariants: the Service leads to a revision without ready pods only while there is no other; the pods that
serve go only after traffic has
moved; a promotion and a rejection are recorded before anything is done about them; a rejected revision is not tried again (until somebody
sets mlwright.dev/retry) and never blocks a later one. Rules are asked in order; the first that has something
to say decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mlwright.api.conditions import StatusDraft, Verdict, ready, reconciling, stalled
from mlwright.api.fields import parse_duration
from mlwright.api.reasons import Reason
from mlwright.errors import InvalidSpecError
from mlwright.plan.plan import Decided
from mlwright.plan.serving import (
    Decide,
    DecisionSeen,
    DeploymentSeen,
    KeepVariant,
    RecordRevision,
    RemoveVariant,
    RevisionSeen,
    ScaleVariant,
    ServingIntent,
    SetAlias,
    StartVariant,
    Target,
)
from mlwright.planners import upkeep
from mlwright.planners.health import Health, failure, health
from mlwright.planners.serving_status import fields
from mlwright.planners.target import Obstacle, promotion, rejection, resolve, stable, variant
from mlwright.settings import Settings

Decision = Decided[ServingIntent]

LOOK_AGAIN: Final = timedelta(seconds=30)
"""Pods in trouble do not always say so by an event of theirs."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at."""

    seen: DeploymentSeen
    now: datetime
    goal: Target | Obstacle
    stable: RevisionSeen | None
    promoted: DecisionSeen | None
    stable_health: Health

    @property
    def candidate(self) -> RevisionSeen | None:
        """The recorded revision that the spec asks for, if it is not the stable one."""
        if isinstance(self.goal, Obstacle) or (self.stable and self.stable.name == self.goal.revision):
            return None
        return next((r for r in self.seen.revisions if r.name == self.goal.revision), None)


def decide(seen: DeploymentSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a deployment.

    Worked example: v1 is stable, v2 passed its gates and both of its pods are ready -> Decide("Promote", v2), after which the next look
    points the Service to v2, and the look after that removes v1.

    Raises:
        InvalidSpecError: no image serves, or the deployment follows the alias that it sets.
    """
    _check(seen, settings)
    serving = stable(seen)
    at = Situation(
        seen=seen,
        now=now,
        goal=resolve(seen),
        stable=serving,
        promoted=promotion(seen),
        stable_health=health(variant(seen, serving.name) if serving else None, seen.spec.replicas),
    )
    return next(decision for rule in RULES if (decision := rule(at)) is not None)


def _check(seen: DeploymentSeen, settings: Settings) -> None:
    spec = seen.spec
    if not (spec.server.image or settings.server_image):
        raise InvalidSpecError(
            "spec.server.image",
            "no image serves: set it here, or for the whole installation with the chart's images.server",
        )
    if spec.model.alias and spec.model.alias == spec.rollout.set_alias:
        raise InvalidSpecError(
            "spec.rollout.setAlias", "a deployment cannot follow the alias that it sets: change spec.model.alias"
        )


def _suspended(at: Situation) -> Decision | None:
    if not at.seen.spec.suspend:
        return None
    sentence = "suspended: no pods run until spec.suspend is false"
    kept = at.stable.name if at.stable else ""
    scale = tuple(ScaleVariant(v, 0) for v in at.seen.variants if v.revision == kept and v.wanted and not v.deleting)
    # a candidate starts anew afterwards: its deadline must not run out while it may not have pods
    remove = tuple(RemoveVariant(v) for v in at.seen.variants if v.revision != kept and not v.deleting)
    draft = _draft(
        at, sentence, ready(Reason.SUSPENDED, sentence), Verdict("Suspended", "True", Reason.SUSPENDED, sentence)
    )
    return Decided(draft, intents=(*scale, *remove, *upkeep.no_budget(at.seen)))


def _paused(at: Situation) -> Decision | None:
    if not at.seen.spec.paused:
        return None
    sentence = f"paused: nothing is decided until spec.paused is false; {_serving(at)}"
    draft = _draft(at, sentence, *_stable_conditions(at), Verdict("Paused", "True", Reason.PAUSED, sentence))
    return Decided(draft, intents=_keep(at))


def _obstructed(at: Situation) -> Decision | None:
    """There is nothing to aim at: what serves goes on serving."""
    if not isinstance(at.goal, Obstacle):
        return None
    sentence = f"{at.goal.sentence}; {_serving(at)}" if at.stable else at.goal.sentence
    tell = reconciling if at.goal.waiting else stalled
    draft = _draft(at, sentence, ready(at.goal.reason, sentence, "False"), tell(at.goal.reason, sentence))
    return Decided(draft, intents=_keep(at), again=LOOK_AGAIN if at.goal.waiting else None)


def _rejected(at: Situation) -> Decision | None:
    """The revision that the spec asks for was rejected: the stable one goes on serving."""
    assert isinstance(at.goal, Target)  # noqa: S101  # the rule before took the obstacles
    refused = rejection(at.seen, at.goal.revision)
    if refused is None or at.stable is None or at.stable.name == at.goal.revision:
        return None
    sentence = f"{refused.sentence}; {_serving(at)}"
    retire, again = upkeep.retire(at.seen, keep={at.stable.name}, promoted=at.promoted, now=at.now)
    intents = (*_keep(at), *retire)
    if at.seen.spec.model.type == "Version":
        pinned = f"{sentence}; pin another version, or set the annotation mlwright.dev/retry to try again"
        verdicts = (ready(Reason.VERSION_REJECTED, pinned, "False"), stalled(Reason.VERSION_REJECTED, pinned))
        return Decided(_draft(at, pinned, *verdicts), intents=intents, again=again)
    told = Verdict("CandidateRejected", "True", Reason.CANDIDATE_REJECTED, sentence)
    return Decided(_draft(at, sentence, *_stable_conditions(at), told), intents=intents, again=again)


def _unrecorded(at: Situation) -> Decision | None:
    """The revision that the spec asks for is not frozen yet."""
    assert isinstance(at.goal, Target)  # noqa: S101
    if any(revision.name == at.goal.revision for revision in at.seen.revisions):
        return None
    number = max((revision.number for revision in at.seen.revisions), default=0) + 1
    sentence = f"{at.goal.version.name} is about to start"
    return Decided(_moving(at, sentence), records=(RecordRevision(at.goal, number),))


def _rolling(at: Situation) -> Decision | None:
    """A revision that is not the stable one is asked for:

    start it, wait for it, then promote or reject it.
    """
    candidate = at.candidate
    if candidate is None:
        return None
    keep = {candidate.name} | ({at.stable.name} if at.stable else set())
    retire, later = upkeep.retire(at.seen, keep=keep, promoted=at.promoted, now=at.now)
    kept = (*_keep(at), *retire)
    wanted = max(1, at.seen.spec.replicas)
    running = variant(at.seen, candidate.name)
    if running is None:
        start = StartVariant(candidate, wanted)
        return Decided(
            _moving(at, f"{candidate.version} starts"),
            intents=(start, *upkeep.address(at.seen, at.stable or candidate), *kept),
        )
    deadline = parse_duration(at.seen.spec.rollout.progress_deadline)
    state = health(running, wanted)
    if state.complete:
        return _promote(at, candidate, state)
    failed = failure(running, wanted, deadline, at.now) if at.stable else ""
    if failed:
        return _reject(at, candidate, failed)
    scale = (ScaleVariant(running, wanted),) if running.wanted != wanted else ()
    intents = (KeepVariant(candidate), *scale, *upkeep.address(at.seen, at.stable or candidate), *kept)
    left = max(running.created + deadline - at.now, timedelta(seconds=1))
    return Decided(
        _waiting(at, candidate, state),
        intents=intents,
        again=min(t for t in (left, LOOK_AGAIN, later) if t is not None),
    )


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
    return Decided(_moving(at, sentence), records=(record,))


def _reject(at: Situation, candidate: RevisionSeen, why: str) -> Decision:
    sentence = f"{candidate.version} is rejected: {why}"
    running = variant(at.seen, candidate.name)
    pods = running.pods if running else ()
    evidence = {
        "pods": [
            {"name": p.name, "exitCode": p.exit_code, "restarts": p.restarts, "waiting": p.waiting_reason}
            for p in pods
            if not p.ready
        ],
        "digest": candidate.digest,
    }
    record = Decide("Reject", candidate, at.seen.epoch, "", sentence, evidence)
    remove = (RemoveVariant(running),) if running else ()
    return Decided(_moving(at, sentence), records=(record,), intents=remove)


def _settled(at: Situation) -> Decision:
    """The stable revision is the one that is asked for."""
    assert at.stable is not None  # noqa: S101  # without a stable one the rule before is rolling
    retire, again = upkeep.retire(at.seen, keep={at.stable.name}, promoted=at.promoted, now=at.now)
    conditions = _stable_conditions(at)
    intents = (*_keep(at), *retire, *_alias(at), *upkeep.forget(at.seen, at.stable, at.promoted))
    unsettled = LOOK_AGAIN if at.stable_health.trouble else None
    return Decided(_draft(at, _serving(at), *conditions), intents=intents, again=again or unsettled)


RULES: Final[tuple[Callable[[Situation], Decision | None], ...]] = (
    _suspended,
    _paused,
    _obstructed,
    _rejected,
    _unrecorded,
    _rolling,
    _settled,
)


def _keep(at: Situation) -> tuple[ServingIntent, ...]:
    return upkeep.keep(at.seen, at.stable) if at.stable else ()


def _alias(at: Situation) -> tuple[ServingIntent, ...]:
    """Set the alias after the takeover is done:

    the Service leads to the stable revision and its pods are ready.
    """
    name = at.seen.spec.rollout.set_alias
    if not name or not at.seen.model_exists or not isinstance(at.goal, Target):
        return ()
    done = at.stable is not None and at.seen.service_revision == at.stable.name and at.stable_health.complete
    version = at.goal.version.number
    return (SetAlias(name, version),) if done and at.seen.aliases.get(name) != version else ()


def _serving(at: Situation) -> str:
    if at.stable is None:
        return "nothing serves yet"
    trouble = f"; {at.stable_health.trouble}" if at.stable_health.trouble else ""
    return f"{at.stable.version} serves with {at.stable_health.counted}{trouble}"


def _stable_conditions(at: Situation) -> tuple[Verdict, ...]:
    """Return Ready, and what is wrong with the pods that serve."""
    if at.stable is None:
        return (ready(Reason.STARTING, _serving(at), "Unknown"),)
    state, sentence = at.stable_health, _serving(at)
    if state.trouble:
        told = Verdict("PodsHealthy", "False", Reason.PODS_UNHEALTHY, sentence)
        return (ready(Reason.PODS_UNHEALTHY, sentence, "False"), reconciling(Reason.PODS_UNHEALTHY, sentence), told)
    if not state.complete:
        return (
            ready(Reason.SCALING, sentence, "True" if state.ready else "False"),
            reconciling(Reason.SCALING, sentence),
        )
    return (ready(Reason.SERVING, sentence),)


def _moving(at: Situation, sentence: str) -> StatusDraft:
    reason = Reason.ROLLING_OUT if at.stable else Reason.STARTING
    now = [c for c in _stable_conditions(at) if c.type != "Reconciling"]
    return _draft(at, sentence, *now, reconciling(reason, sentence))


def _waiting(at: Situation, candidate: RevisionSeen, state: Health) -> StatusDraft:
    """The candidate's pods are not ready yet: say how far they are, and what is wrong if something is."""
    trouble = f": {state.trouble}" if state.trouble else ""
    sentence = f"{candidate.version} is starting, {state.counted}{trouble}"
    if at.stable is not None or not state.trouble:
        return _moving(at, f"{sentence}; {_serving(at)}" if at.stable else sentence)
    told = Verdict("PodsHealthy", "False", Reason.PODS_UNHEALTHY, sentence)
    failing = (ready(Reason.PODS_UNHEALTHY, sentence, "False"), reconciling(Reason.PODS_UNHEALTHY, sentence), told)
    return _draft(at, sentence, *failing)


def _draft(at: Situation, sentence: str, *conditions: Verdict) -> StatusDraft:
    return StatusDraft(sentence, conditions, fields(at.seen, at.stable, at.candidate))
