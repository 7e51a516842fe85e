"""An experiment of a deployment: variants answer beside the stable revision until its outcome is recorded. Pure.

Invariants: it begins only while nothing rolls out; a variant without ready pods has no share; what was counted is added
once; the outcome is recorded under a name made of the experiment's, before anything follows from it, so no experiment
of a name that has ended runs again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mlwright.api.experiments import Experiment
from mlwright.api.fields import parse_duration
from mlwright.plan.experiments import STABLE, Arm, Survey, Surveyed, Trial
from mlwright.plan.plan import LOOK_AGAIN, Decided
from mlwright.plan.serving import ALL, Decide, KeepVariant, RecordRevision, RevisionSeen, ServingIntent, Target
from mlwright.plan.traffic import Assignment, Sticky
from mlwright.planners import leaving, traffic, upkeep
from mlwright.planners.decisions import outcome, rejection
from mlwright.planners.experiment_outcome import judge, proof, written
from mlwright.planners.experiment_status import begun, going_on, impossible
from mlwright.planners.guarding import guards, harmed
from mlwright.planners.health import Health, failure, fault, health
from mlwright.planners.judging_rollouts import side
from mlwright.planners.situation import Situation
from mlwright.planners.stages import enough
from mlwright.planners.tallying import tally
from mlwright.planners.target import revision_name, variant

Decision = Decided[ServingIntent]


def experiment(at: Situation) -> Decision | None:
    """Return the next move of an experiment, None where none goes on or may begin.

    Worked example: v1 is stable, variant b is v2 with 30 % and all its pods are ready -> requests are shared 70 to 30.
    """
    asked = at.seen.spec.experiment
    if asked is None or at.stable is None or outcome(at.seen) is not None:
        return None
    trial = begun(at)
    if trial is not None:
        why = _ended_by(at, asked, trial)
        return _end(at, trial, "Stopped", why) if why else _move(at, asked, trial)
    if waits(at):
        return None
    if why := refused(at, asked):
        kept = (*upkeep.keep(at.seen, at.stable), *_retired(at, {at.stable.name}))
        return Decided(impossible(at, why), intents=kept, again=LOOK_AGAIN)
    return _move(at, asked, _first(at, asked))


def as_it_is(at: Situation) -> upkeep.Intents:
    """Return what keeps the shares of an experiment that goes on, without going on; nothing where none does."""
    asked, trial = at.seen.spec.experiment, begun(at)
    if asked is None or trial is None or at.stable is None or outcome(at.seen) is not None:
        return ()
    return (*_kept(at, asked, trial), *_shared(at, asked, trial, _weights(at, asked, trial)))


def waits(at: Situation) -> str:
    """Return why an experiment that is asked for has not begun; empty when nothing is in its way."""
    asked = at.seen.spec.experiment
    if asked is None or at.stable is None:
        return "nothing serves yet"
    if at.seen.spec.suspend or at.seen.spec.paused:
        return "the deployment is suspended" if at.seen.spec.suspend else "the deployment is paused"
    if newer := _newer(at):
        same = next((v.name for v in asked.variants if v.model.version == newer.version.number), "")
        beside = f", which is variant {same}: name another version, or none while it rolls out" if same else ""
        return f"{newer.version.name} is about to take over{beside}"
    if not isinstance(at.goal, Target):
        return at.goal.sentence
    known = {version.number for version in at.seen.versions}
    lacking = next((v for v in asked.variants if v.model.version not in known), None)
    if lacking is not None:
        return f"variant {lacking.name} is version {lacking.model.version}, which does not exist yet"
    return "" if at.seen.spec.replicas else "the deployment is scaled to zero (spec.replicas)"


def refused(at: Situation, asked: Experiment) -> str:
    """Return why an experiment is impossible, with the field and the remedy; empty when it is possible."""
    if why := traffic.refusal(at.seen):
        return f"spec.experiment: requests are to be divided: {why}, or remove experiment"
    if not at.measurable:
        remedy = "set prometheus.url of the chart (or prometheus.embedded), or remove experiment"
        return f"spec.experiment: this installation names no Prometheus: {remedy}"
    versions = {version.number: version for version in at.seen.versions}
    for one in asked.variants:
        field, version = f"spec.experiment.variants[{one.name}].model.version", versions.get(one.model.version)
        if version is None:
            continue
        if at.stable and version.name == at.stable.version:
            return f"{field}: {version.name} is the version that serves, which variants are compared with; name another"
        if not version.approved:
            return f"{field}: {version.name} {version.standing}; name a version that may be served"
        if (before := rejection(at.seen, revision_name(at.seen, version))) is not None:
            return f"{field}: {before.sentence}; name another version, or set mlwright.dev/retry to try it again"
    return ""


def _newer(at: Situation) -> Target | None:
    """Return what is asked for beside what serves, unless it was tried and rejected."""
    if not isinstance(at.goal, Target) or at.stable is None or at.goal.revision == at.stable.name:
        return None
    return at.goal if rejection(at.seen, at.goal.revision) is None else None


def _first(at: Situation, asked: Experiment) -> Trial:
    """Return an experiment that has not begun."""
    assert at.stable is not None  # noqa: S101  # asked by the caller
    versions = {version.number: version for version in at.seen.versions}
    found = ((one.name, versions[one.model.version]) for one in asked.variants)
    own = (Arm(name, version.name, revision_name(at.seen, version)) for name, version in found)
    return Trial(asked.name, (Arm(STABLE, at.stable.version, at.stable.name), *own))


def _ended_by(at: Situation, asked: Experiment, trial: Trial) -> str:
    """Return what ends an experiment that has begun, whatever was counted; empty when nothing does."""
    if at.stable and at.stable.name != trial.arms[0].revision:
        return f"{at.stable.version} serves instead of {trial.arms[0].version}"
    if newer := _newer(at):
        edited = at.seen.spec.model.type == "Version" or newer.version.name == trial.arms[0].version
        if edited:
            return f"somebody asks for {newer.version.name} with other settings or as spec.model.version"
        if asked.on_new_version == "StopExperiment":
            return f"{newer.version.name} appeared, and onNewVersion is StopExperiment"
    if why := traffic.refusal(at.seen):
        return why
    denied = {version.name: version.standing for version in at.seen.versions if not version.approved}
    return next((f"{arm.version} {denied[arm.version]}" for arm in trial.arms if arm.version in denied), "")


def _move(at: Situation, asked: Experiment, trial: Trial) -> Decision:
    """Make what the variants need, one thing after the other; then count and judge."""
    assert at.stable is not None  # noqa: S101  # asked by the caller
    known = {revision.name for revision in at.seen.revisions}
    missing = [arm for arm in trial.arms if arm.revision not in known]
    if missing:
        return _record(at, trial, missing)
    stay = {arm.revision for arm in trial.arms}
    if not trial.begun and (crowd := leaving.crowding(at.seen, stay)):
        kept = (*upkeep.keep(at.seen, at.stable), *_retired(at, stay))
        waits = "; ".join(("begins when earlier pods are gone", *(leaving.told(v) for v in crowd if v.deleting)))
        return Decided(going_on(at, trial, waits), intents=kept, again=upkeep.SETTLE)
    if why := _broken(at, asked, trial):
        return _end(at, trial, "Stopped", why)
    return _share(at, asked, trial)


def _record(at: Situation, trial: Trial, missing: list[Arm]) -> Decision:
    """Freeze what the variants serve."""
    versions = {version.name: version for version in at.seen.versions}
    last = max((revision.number for revision in at.seen.revisions), default=0)
    found = [Target(versions[arm.version], arm.revision) for arm in missing if arm.version in versions]
    records = tuple(RecordRevision(target, last + place) for place, target in enumerate(found, 1))
    assert at.stable is not None  # noqa: S101  # asked by the caller
    return Decided(going_on(at, trial, "is about to start"), records=records, intents=upkeep.keep(at.seen, at.stable))


def _broken(at: Situation, asked: Experiment, trial: Trial) -> str:
    """Return why a variant cannot be served, or not any more."""
    deadline = parse_duration(at.seen.spec.rollout.progress_deadline)
    for arm in trial.arms[1:]:
        running, wanted = variant(at.seen, arm.revision), _size(at, asked, arm)
        if running is None:
            continue
        if trial.begun:
            why = fault(running, health(running, wanted), trial.lacking or at.now, deadline, at.now)
        else:
            why = "" if health(running, wanted).complete else failure(running, wanted, deadline, at.now)
        if why:
            return f"variant {arm.name} ({arm.version}) failed: {why}"
    return ""


def _share(at: Situation, asked: Experiment, trial: Trial) -> Decision:
    """Share the requests as far as pods are ready; count while they are shared as asked for."""
    weights = _weights(at, asked, trial)
    settled = weights == _asked_weights(asked, trial) and at.seen.shares.requested == at.seen.shares.verified == weights
    lacking = [arm.name for arm in trial.arms[1:] if not _health(at, asked, arm).complete]
    trial = replace(trial, lacking=(trial.lacking or at.now) if lacking and trial.begun else None)
    trial, trouble = _counting(at, asked, trial) if settled else (replace(trial, counted=None, steady=None), "")
    judged = judge(asked, trial.arms)
    if (harm := harmed(at.seen.measured, asked, trial, at.now)) is not None:
        return _end(at, trial, "Stopped", harm.sentence, evidence={"analysis": harm.evidence})
    if judged.winner:
        return _end(at, trial, "Winner", judged.sentence, judged.winner)
    if trial.since and at.now - trial.since >= parse_duration(asked.max_duration):
        return _end(at, trial, "Duration", f"{judged.sentence} in {asked.max_duration} (maxDuration)")
    pods = f"waits for the pods of {', '.join(lacking)}" if lacking else "is about to begin"
    waiting = "" if settled else pods
    status = going_on(at, trial, waiting or judged.sentence, judged=not waiting, trouble=trouble)
    intents = (*_kept(at, asked, trial), *_shared(at, asked, trial, weights))
    return Decided(status, intents=intents, again=LOOK_AGAIN, measure=_survey(at, asked, trial) if settled else None)


def _counting(at: Situation, asked: Experiment, trial: Trial) -> tuple[Trial, str]:
    """Return the experiment with what was counted since the last look, and why nothing could be."""
    since = trial.since or at.now
    start = max(at.now, since) + parse_duration(proof(asked).delay)
    start, steady = start.replace(microsecond=0), trial.steady or at.now.replace(microsecond=0)
    trial = replace(trial, since=since, counted=trial.counted or start, steady=steady)
    found = at.seen.measured
    assert trial.counted is not None  # noqa: S101  # set above
    if not isinstance(found, Surveyed) or found.survey.experiment != trial.name:
        return trial, ""
    if found.survey.since != trial.counted.timestamp():
        return trial, ""
    arms = tuple(
        replace(arm, sums=arm.sums + found.sums[arm.revision]) if arm.revision in found.sums else arm
        for arm in trial.arms
    )
    return replace(trial, arms=arms, counted=datetime.fromtimestamp(found.until, UTC)), found.trouble


def _survey(at: Situation, asked: Experiment, trial: Trial) -> Survey | None:
    """Return what is to be counted next."""
    running = [variant(at.seen, arm.revision) for arm in trial.arms]
    if trial.counted is None:
        return None
    sides = tuple(side(one) for one in running if one is not None)
    watched = guards(at.seen, asked, trial, sides, at.now)
    since, queries = trial.counted.timestamp(), asked.goal.queries
    counters = tally(queries, at.seen.namespace, trial.arms, since) if queries else None
    return Survey(trial.name, at.seen.namespace, at.seen.name, sides, since, watched, counters)


def _asked_weights(asked: Experiment, trial: Trial) -> dict[str, int]:
    """Return the shares that are asked for, by revision."""
    percent = {one.name: one.weight for one in asked.variants}
    own = {arm.revision: percent[arm.name] for arm in trial.arms[1:]}
    return {trial.arms[0].revision: ALL - sum(own.values()), **own}


def _weights(at: Situation, asked: Experiment, trial: Trial) -> dict[str, int]:
    """Return the shares that are given now: of a variant without a ready pod stable has them, and the other way round.

    Before the experiment has begun nobody has any until all have their pods.
    """
    assert at.stable is not None  # noqa: S101  # asked by the caller
    whole = {upkeep.lead(at.seen, at.stable): ALL}
    ready = {arm.revision for arm in trial.arms[1:] if _health(at, asked, arm).ready}
    complete = all(_health(at, asked, arm).complete for arm in trial.arms[1:])
    if not at.stable_health.ready or not (trial.begun or complete):
        return whole
    given = {name: percent for name, percent in _asked_weights(asked, trial).items() if name in ready}
    return {at.stable.name: ALL - sum(given.values()), **given}


def _shared(at: Situation, asked: Experiment, trial: Trial, weights: Mapping[str, int]) -> upkeep.Intents:
    names = {arm.revision: arm.name for arm in trial.arms}
    assignment = Assignment(Sticky(asked.assignment.type), asked.assignment.header or "")
    return (*traffic.lead_to(at.seen, weights, assignment, names), *upkeep.around(at.seen))


def _kept(at: Situation, asked: Experiment, trial: Trial) -> upkeep.Intents:
    """Keep the pods of all sides; the stable one keeps its size."""
    revisions = {revision.name: revision for revision in at.seen.revisions}
    own = ((revisions[arm.revision], _size(at, asked, arm)) for arm in trial.arms[1:] if arm.revision in revisions)
    assert at.stable is not None  # noqa: S101  # asked by the caller
    stable = upkeep.run(at.seen, at.stable, at.seen.spec.replicas)
    if at.seen.spec.paused:
        return (*stable, *(KeepVariant(revision) for revision, _ in own if variant(at.seen, revision.name)))
    return (*stable, *(intent for revision, size in own for intent in upkeep.run(at.seen, revision, size)))


def _size(at: Situation, asked: Experiment, arm: Arm) -> int:
    """Return how many pods a variant needs for its share."""
    weight = next(one.weight for one in asked.variants if one.name == arm.name)
    return enough(weight, at.seen.spec.replicas)


def _health(at: Situation, asked: Experiment, arm: Arm) -> Health:
    return health(variant(at.seen, arm.revision), _size(at, asked, arm))


def _retired(at: Situation, keep: set[str]) -> upkeep.Intents:
    return upkeep.retire(at.seen, keep=keep, since=at.since, now=at.now)[0]


def _end(
    at: Situation, trial: Trial, how: str, why: str, winner: str = "", evidence: Mapping[str, Any] | None = None
) -> Decision:
    """Record how it ended; what follows is for the next look."""
    asked = at.seen.spec.experiment
    assert asked is not None  # noqa: S101  # asked by the caller
    best = next((arm.revision for arm in trial.arms if arm.name == winner), trial.arms[0].revision)
    ends = f"ends without a winner: {why}" if not winner else f"ends: {why}"
    sentence = f"experiment {asked.name} {ends}"
    known = {**written(asked, trial.arms, how, winner), **(evidence or {})}
    revision = _revision(at, best)
    record = Decide("ExperimentOutcome", revision, at.seen.epoch, "", sentence, known, experiment=asked.name)
    return Decided(going_on(at, trial, ends), records=(record,))


def _revision(at: Situation, name: str) -> RevisionSeen:
    """Return a revision of the experiment; what serves where its record is gone."""
    assert at.stable is not None  # noqa: S101  # asked by the caller
    return next((revision for revision in at.seen.revisions if revision.name == name), at.stable)
