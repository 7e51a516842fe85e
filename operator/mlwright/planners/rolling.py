"""A revision that is not the stable one is asked for: start it, let it pass its stages, then promote or reject it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from mlwright.api.fields import parse_duration
from mlwright.constants import ANNOTATION_APPROVE
from mlwright.plan.jobs import JobState
from mlwright.plan.plan import LOOK_AGAIN, Decided
from mlwright.plan.pods import PodSeen
from mlwright.plan.rollout import Failed, Onward, Progress, Proven, StageType, progress_told
from mlwright.plan.serving import (
    ALL,
    Decide,
    DeploymentSeen,
    KeepVariant,
    RemovePreflight,
    RemoveVariant,
    RevisionSeen,
    ServingIntent,
    StartPreflight,
    Target,
    VariantSeen,
)
from mlwright.planners import leaving, upkeep
from mlwright.planners.decisions import rejections
from mlwright.planners.health import failure, health, slow, time_left
from mlwright.planners.judging_rollouts import Judged, judge, learnt, look_ahead, measure, noted, outlook
from mlwright.planners.preflight import Answered, preflown
from mlwright.planners.rollout import Commands, Rollout, follow
from mlwright.planners.serving_status import moving, rolling, waiting
from mlwright.planners.situation import Situation
from mlwright.planners.stages import pods, resumed, stages, straight
from mlwright.planners.target import variant

Decision = Decided[ServingIntent]

SHOWN: Final = 10
"""Pods of which a rejection tells."""


def roll(at: Situation) -> Decision | None:
    """Return the next move of a rollout, None when there is no candidate."""
    candidate = at.candidate
    if candidate is None:
        return None
    running = variant(at.seen, candidate.name)
    if running is None or _tried_before(at.seen, running):
        return _start(at, candidate, running)
    here = corrected(at.seen, progress(at, candidate), running)
    wanted = _wanted(at, here)
    state = health(running, wanted)
    begun = at.progress is not None or at.seen.shares.has(candidate.name)
    if at.stable is None and state.complete:
        return _promote(at, candidate, Proven(state.counted))
    if at.stable is None or not (begun or state.complete):
        return _prepare(at, candidate, running, wanted)
    return _pass(at, candidate, running, here)


def keep(at: Situation, otherwise: RevisionSeen | None = None) -> upkeep.Intents:
    """Keep what serves; before anything does, let the address lead to `otherwise`."""
    if at.stable is not None:
        return upkeep.keep(at.seen, at.stable)
    return upkeep.address(at.seen, otherwise) if otherwise else ()


def as_it_is(at: Situation) -> upkeep.Intents:
    """Keep what serves, and the share of a candidate that has one and answers, without going on."""
    candidate = at.candidate
    running = variant(at.seen, candidate.name) if candidate else None
    percent = at.seen.shares.requested.get(candidate.name, 0) if candidate else 0
    told = upkeep.told_copies(at.seen)
    if at.stable is None or candidate is None or running is None or not (percent or told):
        return keep(at)
    percent = percent if running.ready else 0
    repaired = upkeep.run(at.seen, at.stable, at.seen.spec.replicas)
    return (KeepVariant(candidate), *repaired, *_shared(at, candidate, percent, told))


def sooner(*moments: timedelta | None) -> timedelta | None:
    """Return the first of several moments, None when there is none."""
    return min((moment for moment in moments if moment is not None), default=None)


def progress(at: Situation, candidate: RevisionSeen) -> Progress:
    """Return how far the rollout is; where nothing tells, it goes on at the share that the candidate has."""
    if at.progress is not None:
        return at.progress
    assert isinstance(at.goal, Target)  # noqa: S101  # there is no candidate without one
    if at.returns is not None:
        return Progress(candidate.name, at.goal.version.number, straight())
    asked = stages(at.seen.spec.rollout)
    share = at.seen.shares.requested.get(candidate.name, 0) if at.stable else 0
    return Progress(
        candidate.name,
        at.goal.version.number,
        asked,
        stage=resumed(asked, share),
        analysis=at.seen.spec.rollout.analysis,
        preflight=at.seen.spec.rollout.preflight,
    )


def _wanted(at: Situation, here: Progress) -> int:
    """Return how many pods the candidate needs now: all of them where nothing serves yet."""
    replicas = at.seen.spec.replicas
    return pods(here.now, replicas) if at.stable else max(1, replicas)


def _tried_before(seen: DeploymentSeen, running: VariantSeen) -> bool:
    """Tell whether the Deployment is the one that was rejected before somebody asked to try again."""
    return any(refused.created > running.created for refused in rejections(seen, running.revision))


def _start(at: Situation, candidate: RevisionSeen, tried: VariantSeen | None) -> Decision:
    """Start the candidate, after pods of other revisions have made room: never three with pods at a time."""
    stay = _both(at, candidate) if tried is None else _both(at, candidate) - {candidate.name}
    retire, again = upkeep.retire(at.seen, keep=stay, since=at.since, now=at.now)
    crowd = leaving.crowding(at.seen, _both(at, candidate)) if at.stable else ()
    wanted = _wanted(at, progress(at, candidate))
    start = upkeep.run(at.seen, candidate, wanted) if not crowd and not tried else ()
    gone = [v for v in (*crowd, leaving.of(at.seen, candidate.name)) if v is not None and v.deleting]
    waits = " when earlier pods are gone" if crowd or gone else ""
    sentence = "; ".join((f"{candidate.version} starts{waits}", *(leaving.told(v) for v in gone)))
    again = sooner(again, LOOK_AGAIN if gone else None)
    return Decided(moving(at, sentence), intents=(*retire, *keep(at, candidate), *start), again=again)


def _prepare(at: Situation, candidate: RevisionSeen, running: VariantSeen, wanted: int) -> Decision:
    """Wait for the pods of a candidate that was never ready; it has until the deadline."""
    deadline = parse_duration(at.seen.spec.rollout.progress_deadline)
    if at.stable and (why := _given_up(at) or failure(running, wanted, deadline, at.now)):
        return _reject(at, candidate, running, why)
    retire, again = upkeep.retire(at.seen, keep=_both(at, candidate), since=at.since, now=at.now)
    intents = (*upkeep.run(at.seen, candidate, wanted), *keep(at, candidate), *retire)
    left = time_left(running, deadline, at.now)
    judged = left if left > timedelta(0) else None  # past, and not judged: the first version, or one that cannot start
    here, stable = progress(at, candidate), at.stable
    state = slow(health(running, wanted), running, at.now)
    status = waiting(at, candidate, state, outlook(at.seen, here))
    asked = look_ahead(at.seen, here, running, variant(at.seen, stable.name)) if stable else None
    return Decided(status, intents=intents, again=sooner(judged, LOOK_AGAIN, again), measure=asked)


def _pass(at: Situation, candidate: RevisionSeen, running: VariantSeen, progress: Progress) -> Decision:
    """Let a candidate that was ready pass its stages."""
    here = learnt(at.seen, progress)
    judged = judge(at.seen, here, at.now)
    here = noted(here, judged, at.now)
    match follow(_rollout(at, candidate, running, here, judged)):
        case Failed() as failed:
            return _reject(at, candidate, running, failed, judged)
        case Proven() as proven:
            return _promote(at, candidate, proven, here, judged)
        case Onward() as onward:
            return _go_on(at, candidate, onward, judged)


def _go_on(at: Situation, candidate: RevisionSeen, step: Onward, judged: Judged | None) -> Decision:
    """Keep both revisions at the size that they need and share the traffic; the stable one keeps its size for good."""
    assert at.stable is not None  # noqa: S101  # without a stable one there are no stages
    wanted = pods(step.progress.now, at.seen.spec.replicas)
    both = (*upkeep.run(at.seen, candidate, wanted), *upkeep.run(at.seen, at.stable, at.seen.spec.replicas))
    retire, again = upkeep.retire(at.seen, keep=_both(at, candidate), since=at.since, now=at.now)
    running = variant(at.seen, candidate.name)
    asked = {candidate.name: step.copies} if step.copies and running and running.ready else {}
    intents = (*both, *_shared(at, candidate, step.percent, asked), *_preflight(at, candidate, step), *retire)
    later = timedelta(seconds=step.again) if step.again is not None else None
    sides = tuple(variant(at.seen, revision.name) for revision in (candidate, at.stable))
    wanted_counts = measure(at.seen, step.progress, *sides) or look_ahead(at.seen, step.progress, *sides)
    if words := outlook(at.seen, step.progress):
        step = replace(step, sentence=f"{step.sentence}; {words}")
    step = replace(step, progress=replace(step.progress, copied=asked.get(candidate.name, 0)))
    status = rolling(at, step, judged.judgement if judged else None)
    return Decided(status, intents=intents, again=sooner(later, again), measure=wanted_counts)


def _preflight(at: Situation, candidate: RevisionSeen, step: Onward) -> upkeep.Intents:
    """Ask the candidate's pods before anybody else does, once all that it needs are ready."""
    running, asked = variant(at.seen, candidate.name), step.progress.preflight
    if not step.progress.now.asks or running is None or asked is None or step.progress.lacking:
        return ()
    own = step.progress.now.type is StageType.OWN_PREFLIGHT
    found = preflown(at.seen, running, at.now, own=own)
    outdated = own and asked != progress(at, candidate).preflight
    if found.job is not None and (found.answered is Answered.UNKNOWN or outdated):
        return (RemovePreflight(found.job),)
    reached = any(pod.ready and pod.address for pod in running.pods)
    starts = found.answered is Answered.UNASKED and reached
    return (StartPreflight(candidate, running, asked, at.stable.name, own),) if starts and at.stable else ()


def corrected(seen: DeploymentSeen, here: Progress, running: VariantSeen) -> Progress:
    """Return the progress with the container that the spec names now, as long as no program of the one before ran.

    One that cannot start would hold up this version and all that come after it.
    """
    asked, told = here.preflight, seen.spec.rollout.preflight
    if asked is None or told is None or told.container is None or told.container == asked.container:
        return here
    own = here.now.type is StageType.OWN_PREFLIGHT
    if not own or any(job.begun for job in seen.preflights if job.own and job.of == running.uid):
        return here
    return replace(here, preflight=asked.model_copy(update={"container": told.container}))


def stray(seen: DeploymentSeen, decision: Decision) -> tuple[RemovePreflight, ...]:
    """Return the removal of Jobs that still ask although nobody waits for their answer any more."""
    told = progress_told({"rollout": decision.status.fields.get("rollout")})
    running = variant(seen, told.revision) if told and told.now.asks else None
    awaited = (running.uid, told.now.type is StageType.OWN_PREFLIGHT) if running and told else None
    asking = (job for job in seen.preflights if job.state is JobState.ACTIVE)
    return tuple(RemovePreflight(job) for job in asking if (job.of, job.own) != awaited)


def _shared(at: Situation, candidate: RevisionSeen, percent: int, asked: Mapping[str, int]) -> upkeep.Intents:
    """Return the intents that give the candidate its share, and its copies."""
    assert at.stable is not None  # noqa: S101  # without a stable one there is nothing to share
    whole = {upkeep.lead(at.seen, at.stable): ALL}
    weights = {at.stable.name: ALL - percent, candidate.name: percent} if percent else whole
    return upkeep.share(at.seen, weights, asked)


def _rollout(
    at: Situation, candidate: RevisionSeen, running: VariantSeen, progress: Progress, judged: Judged | None
) -> Rollout:
    return Rollout(
        owner=at.seen.name,
        version=candidate.version,
        progress=progress,
        running=running,
        state=health(running, pods(progress.now, at.seen.spec.replicas)),
        requested=at.seen.shares.requested.get(candidate.name, 0),
        verified=at.seen.shares.verified.get(candidate.name, 0) if at.seen.shares.verified else None,
        copied=progress.copied,
        stable_ready=at.stable_health.ready,
        commands=commands(at.seen, progress.version),
        conclusion=judged.conclusion if judged else None,
        preflown=preflown(at.seen, running, at.now, own=progress.now.type is StageType.OWN_PREFLIGHT),
        deadline=parse_duration(at.seen.spec.rollout.progress_deadline),
        now=at.now,
    )


def commands(seen: DeploymentSeen, version: int) -> Commands:
    """Return what people said of a version."""
    listed = "spec.rollout.approvedVersions" if version in seen.spec.rollout.approved_versions else ""
    annotated = f"{ANNOTATION_APPROVE}={version}" if seen.approve == str(version) else ""
    return Commands(approve=annotated or listed, promote=seen.promote == str(version), abort=seen.abort == str(version))


def _given_up(at: Situation) -> Failed | None:
    """Return that somebody asked to end the rollout before the candidate was ready."""
    assert isinstance(at.goal, Target)  # noqa: S101  # there is no candidate without one
    asked = f"mlwright.dev/abort={at.goal.version.number}"
    return Failed(f"somebody asked for it with {asked}", by=asked) if at.seen.abort == asked.partition("=")[2] else None


def _promote(
    at: Situation,
    candidate: RevisionSeen,
    proven: Proven,
    progress: Progress | None = None,
    judged: Judged | None = None,
) -> Decision:
    again = f"; {at.returns.sentence}" if at.returns else ""
    sentence = f"{candidate.version} takes over: {proven.why}{again}"
    after = at.promoted.name if at.promoted else ""
    wanted = max(1, at.seen.spec.replicas)
    running = variant(at.seen, candidate.name)
    evidence = {
        "ready": running.ready if running else 0,
        "wanted": wanted,
        "replaces": at.stable.version if at.stable else "",
        "digest": candidate.digest,
        **(_passed(at, progress) if progress else {}),
        **({"analysis": judged.evidence} if judged else {}),
    }
    record = Decide("Promote", candidate, at.seen.epoch, after, sentence, evidence, by=proven.by or "mlwright")
    return Decided(moving(at, sentence, at.progress), records=(record,))


def _passed(at: Situation, progress: Progress) -> dict[str, Any]:
    """Return what a promotion keeps of the stages that were passed."""
    approved = commands(at.seen, progress.version).approve
    told = {"steps": [stage.name for stage in progress.stages[:-1]], "baked": progress.now.hold}
    known = {"approved": approved, "replayed": progress.replayed}
    more = {name: words for name, words in known.items() if words}
    return {"rollout": told | more} if any(told.values()) else {}


def _reject(
    at: Situation, candidate: RevisionSeen, running: VariantSeen, why: str | Failed, judged: Judged | None = None
) -> Decision:
    """Record a rejection. Pods that may have traffic, or are to be looked at, stay for now."""
    failed = why if isinstance(why, Failed) else Failed(why)
    sentence = f"{candidate.version} is rejected: {failed.why}"
    shown = [_seen(pod) for pod in running.pods if not pod.ready][:SHOWN]
    share = at.seen.shares.requested.get(candidate.name, 0)
    evidence: dict[str, Any] = {"pods": shown, "digest": candidate.digest, **({"percent": share} if share else {})}
    if failed.judged and judged:
        evidence |= {"analysis": judged.evidence}
    evidence |= failed.shown
    record = Decide("Reject", candidate, at.seen.epoch, "", sentence, evidence, by=failed.by or "mlwright")
    stays = at.seen.shares.has(candidate.name) or (at.seen.spec.rollout.on_failure == "Pause" and not failed.by)
    remove = () if stays else (RemoveVariant(running),)
    return Decided(moving(at, sentence), records=(record,), intents=(*upkeep.copies(at.seen, {}), *remove))


def _seen(pod: PodSeen) -> dict[str, Any]:
    """Return what a rejection keeps of a pod, which will be gone."""
    known = {"exitCode": pod.exit_code, "restarts": pod.restarts, "waiting": pod.waiting_reason or None}
    return {"name": pod.name, **{key: value for key, value in known.items() if value is not None}}


def _both(at: Situation, candidate: RevisionSeen) -> set[str]:
    return {candidate.name} | ({at.stable.name} if at.stable else set())
