"""TrainingRun: freeze the pipeline, walk the graph of its steps, judge the gates, record the version.

Rules are asked in order; the first that has something to say decides. A run that ended stays ended: what it made or
why it failed is known from the ModelVersion and from the conditions Complete and Failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.checks import ChecksRecord
from mlwright.api.conditions import StatusDraft, Verdict, find, reconciling, stalled, timestamp
from mlwright.api.reasons import Reason
from mlwright.bundle.addresses import Scheme
from mlwright.errors import InvalidSpecError
from mlwright.plan.frozen import Frozen
from mlwright.plan.jobs import JobState
from mlwright.plan.plan import LOOK_AGAIN, Decided
from mlwright.plan.pods import moment, plain
from mlwright.plan.steps import ON_EXIT
from mlwright.plan.training import Freeze, MakeModel, RecordVersion, RemoveJob, RunSeen, TrainingIntent
from mlwright.plan.versions import VersionSeen
from mlwright.planners import data_checks, endings, gates, last_step, leftovers, looking, moves, tuning
from mlwright.planners.approval import ahead
from mlwright.planners.champion import Contest, compared_before, doubt
from mlwright.planners.endings import COMMON, End
from mlwright.planners.importing import check_import, freeze_import
from mlwright.planners.moves import Situation
from mlwright.planners.results import part
from mlwright.planners.step_status import shown
from mlwright.planners.steps import Step, StepState, ended, last, steps
from mlwright.planners.template import check, freeze
from mlwright.planners.time_limit import standing, time_left, timed_from
from mlwright.settings import Settings

Decision = Decided[TrainingIntent]

DONE: Final = frozenset({"Succeeded", "Cached", "Skipped"})
"""States of steps that are over and stop nothing."""
REASON_LENGTH: Final = 512
RELEASE_LENGTH: Final = 128
RELEASES: Final = 32
"""What the record of a version takes in of words that others chose."""
GONE_SOON: Final = timedelta(minutes=5)
"""What an earlier run left that is there longer does not go by itself: something holds it."""


def decide(seen: RunSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a run.

    Worked example: validate-0 is complete and train has no Job -> StartStep("train", 0), "train starts", progress 1/3.

    Raises:
        InvalidSpecError: the pipeline lacks something that only its author can give, or the administrator allows an
            import no more.
    """
    at = _begun_again(Situation(seen, steps(seen, now), settings, now, last(seen, now)))
    decision = next(decision for rule in RULES if (decision := rule(at)) is not None)
    judged = data_checks.condition(decision.status.fields.get("checks"))
    status = replace(decision.status, conditions=(*decision.status.conditions, *judged))
    return replace(decision, status=status, adopts=not seen.left)


def _begun_again(at: Situation) -> Situation:
    """What ran at the end of an earlier try runs again at the end of this one."""
    if at.last is None or at.last.job is None or at.last.job.retry == at.retry:
        return at
    before = {"name": at.last.name, "state": "Stopped", "attempt": at.last.attempt}
    return replace(at, last=Step(at.last.template, StepState.PENDING, stored=before))


def _ending(at: Situation) -> Decision | None:
    """An earlier look found how the run ends, and what runs at the end was told: it ends like that."""
    end = endings.remembered(at.seen.status)
    return None if end is None else _end(at, end)


def _recorded(at: Situation) -> Decision | None:
    """A version of this run exists: the run is complete."""
    version = made_by(at.seen)
    if version is None:
        return None
    judged = {"gates": list(version.gates)} if version.gates else {}  # the champion may be another one since
    made: dict[str, Any] = {"modelVersionRef": {"name": version.name}, "progress": f"{len(at.steps)}/{len(at.steps)}"}
    made |= judged
    outcome = "Succeeded" if version.passed else "Rejected"
    return _end(at, End("Complete", Reason.COMPLETE, f"made {version.name}, which {version.standing}", made, outcome))


def made_by(seen: RunSeen) -> VersionSeen | None:
    """Return the version that a run made: it names the run and, as a name may come again, the run's folder."""
    if seen.frozen is None:
        return None
    return next((v for v in seen.versions if (v.run, v.folder) == (seen.name, seen.frozen.folder)), None)


def _ended(at: Situation) -> Decision | None:
    """The run ended earlier: all that its status says stays, although its version or its Jobs may be gone."""
    if at.retried:
        return None
    for type_, otherwise in (("Complete", Reason.COMPLETE), ("Failed", Reason.RUN_FAILED)):
        found = find(at.seen.status, type_)
        if found is not None and found["status"] == "True":
            told = {key: value for key, value in at.seen.status.items() if key not in COMMON}
            return _over(at, End(type_, Reason.named(found["reason"], otherwise), found["message"], told))
    return None


def _superseded(at: Situation) -> Decision | None:
    """The pipeline started another run after this one: this one ended, could not go on, or is to be replaced."""
    if not at.seen.newer:
        return None
    why = "the pipeline's policy.overlap is Replace" if at.seen.replaced else "this run could not go on"
    sentence = f"{at.seen.newer} was started in its place, because {why}"
    return _end(at, End("Failed", Reason.SUPERSEDED, sentence))


def _aborted(at: Situation) -> Decision | None:
    """Somebody ends the run."""
    if at.seen.abort in {"", at.seen.status.get("handledAbort")}:
        return None
    sentence = f"ended with the annotation mlwright.dev/abort: {at.seen.abort!r}"
    return _end(at, End("Failed", Reason.ABORTED, sentence, {"handledAbort": at.seen.abort}))


def _suspended(at: Situation) -> Decision | None:
    """The pipeline says that there are to be no pods."""
    return _without_pods(at) if at.seen.suspended else None


def _without_pods(at: Situation) -> Decision:
    """Stop what is at work; it begins anew afterwards."""
    sentence = "suspended: no pods until spec.suspend of the pipeline is false; what was at work begins anew then"
    told = Verdict("Suspended", "True", Reason.SUSPENDED, sentence)
    active = (job for job in at.seen.jobs if job.state is JobState.ACTIVE)
    stop = tuple(RemoveJob(job.name, job.uid, job.kind) for job in active)
    return Decided(
        StatusDraft(sentence, (told,), endings.stopped(_fields(at))), intents=(*stop, *looking.away(at.seen))
    )


def _timed_out(at: Situation) -> Decision | None:
    """The run takes longer than its pipeline allows."""
    left = time_left(at)
    if left is None or left > timedelta(0):
        return None
    limit = f"{at.frozen.timeout:g} s of spec.policy.timeoutAfter"
    return _end(at, End("Failed", Reason.TIMED_OUT, f"took longer than the {limit}; {standing(at)}"))


def _left(at: Situation) -> Decision | None:
    """An earlier run of this name is not gone yet with all that it made: this one is to do its own work."""
    if not at.seen.left:
        return None
    sentence = leftovers.awaited(at.seen.left, "an earlier run of this name")
    # as a rule it is soon over, and no other run is to take its place
    reason = Reason.RUN_IN_PROGRESS if at.now - at.seen.created < GONE_SOON else Reason.WAITING
    return Decided(_going(at, reason, sentence), again=LOOK_AGAIN)


def _lost(at: Situation) -> Decision | None:
    """What was frozen is gone although steps were started with it: another template must not slip under them."""
    if at.seen.frozen is not None or not (at.seen.jobs or at.seen.status.get("templateRevision")):
        return None
    sentence = (
        f"ControllerRevision {at.seen.name}, which holds what this run uses, was deleted; restore it, or ask for"
        " another run with the annotation mlwright.dev/run on the pipeline"
    )
    return _wait(at, sentence)


def _unfrozen(at: Situation) -> Decision | None:
    """Nothing is frozen yet: freeze what is asked for as it is now, and start."""
    if at.seen.frozen is not None:
        return None
    frozen = _frozen(at)
    if frozen is None:
        name = at.seen.spec.pipeline
        return _wait(at, f"TrainingPipeline {name} (spec.pipelineRef) does not exist; the run starts when it does")
    model = at.seen.model
    if model is not None and not model.exists:  # the folder of the run carries the mark of its Model, once frozen
        sentence = f"Model {model.name} is made first; the run starts when it is there"
        return Decided(_going(at, Reason.RUN_IN_PROGRESS, sentence), records=(MakeModel(model.name),))
    seen = replace(at.seen, frozen=frozen)
    started = replace(at, seen=seen, steps=steps(seen, at.now), last=last(seen, at.now))
    begun = next(move for rule in (_failed, _advance, _without_version) if (move := rule(started)) is not None)
    template = {"templateRevision": at.seen.name, "pipelineGeneration": frozen.generation}
    status = replace(begun.status, fields={**begun.status.fields, **template})
    return replace(begun, status=status, records=(Freeze(frozen),))


def _frozen(at: Situation) -> Frozen | None:
    """Return what the run uses if it starts now; None while its pipeline does not exist."""
    seen, wanted = at.seen, at.seen.spec.import_from
    if wanted is not None and seen.model is not None:
        return freeze_import(wanted, seen.model, at.settings, run=seen.name, uid=seen.uid)
    if seen.pipeline is None:
        return None
    slot = seen.spec.trigger.scheduled_time
    asked = moment(slot) if slot else seen.created
    overrides = seen.spec.overrides
    try:
        check(seen.pipeline, at.settings)
    except InvalidSpecError as error:
        if error.field.startswith("spec."):
            raise error.of(f"TrainingPipeline {seen.pipeline.name}") from error
        raise
    return freeze(seen.pipeline, at.settings, run=seen.name, uid=seen.uid, at=asked, overrides=overrides)


def _failed(at: Situation) -> Decision | None:
    """A step failed for good: to know that, nobody needs to read again what an earlier one reported."""
    step = next((step for step in at.steps if moves.for_good(at, step)), None)
    if step is None:
        return None
    sentence = f"{step.name}: {moves.told(at, step)}"
    if step.state is StepState.USER_ERROR:
        return _end(at, End("Failed", Reason.USER_ERROR, sentence))
    counted = f"{sentence} (attempt {step.crashes} of {moves.attempts(at, step)})"
    return _end(at, End("Failed", Reason.STEP_FAILED, counted))


def _advance(at: Situation) -> Decision | None:
    """Steps have not succeeded yet: start those that may, wait for them, try them again."""
    found = moves.moves(at)
    if not found:
        return None
    whole = moves.together(found)
    starts = tuple(move.start for move in found if move.start is not None)
    if at.seen.spec.import_from is not None and any(not start.collects for start in starts):
        check_import(at.seen.spec.import_from, at.settings)  # what was allowed when the run was frozen may not be now
    looks = looking.looking(at)
    moments = [moment for moment in (whole.again, time_left(at), looks.again) if moment is not None]
    status = _going(at, whole.reason, whole.sentence)
    intents = (*starts, *_outdated(at.seen), *looks.intents)
    return Decided(status, intents=intents, again=min(moments, default=None))


def _outdated(seen: RunSeen) -> tuple[TrainingIntent, ...]:
    """Return the removal of Jobs of earlier attempts; of each step the last two stay, for their logs."""
    newest = {job.step: max(other.attempt for other in seen.jobs if other.step == job.step) for job in seen.jobs}
    return tuple(RemoveJob(job.name, job.uid, job.kind) for job in seen.jobs if job.attempt < newest[job.step] - 1)


def _without_version(at: Situation) -> Decision | None:
    """All steps are over, but one without which there is no version was skipped."""
    skipped = next((s for s in at.steps if s.template.uses not in {"", "Tune"} and s.state is StepState.SKIPPED), None)
    if skipped is None:
        return None
    why = skipped.result.sentence if skipped.result else "skipped"
    sentence = f"made no version: {skipped.name} was {why}"
    return _end(at, End("Complete", Reason.COMPLETE, sentence, outcome="NoVersion"))


def _record(at: Situation) -> Decision:
    """All steps succeeded: judge the gates and record the version. Its name is the lock."""
    found = _results(at)
    if why := _misplaced(at, found):
        return _end(at, End("Failed", Reason.STEP_FAILED, why))
    metrics = _metrics(found)
    judged = gates.judge(at.frozen.gates, _measured(at, found))
    environment = found.get("environment") or {}
    number = max(at.seen.last_number, *(v.number for v in at.seen.versions), 0) + 1
    verdict = gates.outcome(judged)
    record = RecordVersion(
        number=number,
        frozen=at.frozen,
        bundle={
            **{member: found["bundle"][member] for member in _OF_BUNDLE if member in found["bundle"]},
            "formatReason": (found.get("formatReason") or "")[:REASON_LENGTH],
            **({"storage": dict(at.frozen.artifacts_storage)} if at.frozen.artifacts_storage else {}),
        },
        lineage={
            **{part: found[part] for part in ("dataset", "source") if part in found},
            "environment": {k: str(environment[k])[:RELEASE_LENGTH] for k in sorted(environment)[:RELEASES]},
            "finishedAt": timestamp(max(ended(step, at.now) for step in at.steps)),
            **tuning.lineage((at.frozen.training.get("estimator") or {}).get("parameters") or {}, found),
        },
        metrics=metrics,
        gates=judged,
        outcome=verdict,
        approval=ahead(number, verdict, at.frozen, at.seen.approved_ahead),
    )
    sentence = f"all steps are done: {gates.summary(judged)}"
    model = at.seen.model
    made = (MakeModel(model.name),) if model is not None and not model.exists else ()
    return Decided(_going(at, Reason.RUN_IN_PROGRESS, sentence), records=(*made, record))


_OF_BUNDLE: Final = ("uri", "digest", "format", "bytes", "signedBy")
"""What a step may say of a bundle. How its store is reached is not among it: people are asked for the Secret there."""


def _misplaced(at: Situation, found: Mapping[str, Any]) -> str:
    """Return why a bundle in an object store cannot be that of the run; empty when it is, or lies on a claim.

    A step runs what people bring. Were any address recorded that it reports, pods that fetch the bundle would read
    there with the keys of the run's store.
    """
    bundle, frozen = found["bundle"], at.frozen
    remote = f"{Scheme.S3}://"
    if not str(bundle["uri"]).startswith(remote) and not frozen.artifacts_uri.startswith(remote):
        return ""
    place = f"{frozen.artifacts_uri}/{at.seen.namespace}/{frozen.model}/runs/{frozen.folder}/"
    if not str(bundle["uri"]).startswith(place) or ".." in bundle["uri"]:
        return f"the bundle is reported at {plain(str(bundle['uri']))}, and that of a run lies below {place}"
    if found.get("judged", bundle["digest"]) != bundle["digest"]:
        return "another bundle was evaluated than the one that is reported, because two pods trained: start another run"
    return ""


RULES: Final[tuple[Callable[[Situation], Decision | None], ...]] = (
    _ending,
    _recorded,
    _ended,
    _superseded,
    _aborted,
    _left,
    _lost,
    _suspended,
    _unfrozen,
    _timed_out,
    _failed,
    _advance,
    _without_version,
    _record,
)


def _wait(at: Situation, sentence: str) -> Decision:
    return Decided(_going(at, Reason.WAITING, sentence), again=LOOK_AGAIN)


def _end(at: Situation, end: End) -> Decision:
    """The run is about to end: what runs at the end of every run comes first, and changes nothing of it."""
    step, fields = at.last, {**endings.stopped(_fields(at, over=True)), **end.fields}
    if step is None or step.state not in {StepState.PENDING, StepState.QUEUED, StepState.RUNNING}:
        failed = step is not None and step.state is not StepState.SUCCEEDED and step.state is not StepState.UNREAD
        told = f"{end.sentence}; {step.name} failed: {moves.told(at, step)}" if step and failed else end.sentence
        return _over(at, replace(end, sentence=told, fields=fields))
    if why := last_step.given_up(at, step, end):
        return _without_last(at, step, replace(end, fields=fields), why)
    decision = _without_pods(at) if at.seen.suspended else _at_the_end(at, step, end)
    return replace(decision, status=replace(decision.status, fields={**fields, "ending": endings.record(end)}))


def _at_the_end(at: Situation, step: Step, end: End) -> Decision:
    """Let that run which runs at the end of every run, and nothing else."""
    move = moves.at_the_end(at, step, {"MLWRIGHT_OUTCOME": end.outcome, "MLWRIGHT_SENTENCE": end.sentence})
    status = _going(at, Reason.RUN_IN_PROGRESS, f"{end.sentence}; {move.sentence}")
    starts = (move.start,) if move.start else ()
    return Decided(status, intents=(*_stop(at), *starts), again=move.again or last_step.look_again(at, step))


def _without_last(at: Situation, step: Step, end: End, why: str) -> Decision:
    """End the run without what should run at its end, for which it waited long enough."""
    handled = {"handledAbort": at.seen.abort or end.fields.get("handledAbort")}
    fields = endings.stopped({**end.fields, **handled}, frozenset())
    over = _over(at, replace(end, sentence=f"{end.sentence}; {step.name} did not run: {why}", fields=fields))
    removal = (RemoveJob(step.job.name, step.job.uid),) if step.job else ()
    return replace(over, intents=(*over.intents, *removal))


def _over(at: Situation, end: End) -> Decision:
    """The run ended. A failed one also is Stalled: what waits for Kubernetes objects would call it healthy else."""
    stays = (stalled(end.reason, end.sentence),) if end.type == "Failed" else ()
    conditions = (Verdict(end.type, "True", end.reason, end.sentence), *stays)
    return Decided(StatusDraft(end.sentence, conditions, end.fields), intents=_stop(at))


def _stop(at: Situation) -> tuple[TrainingIntent, ...]:
    """Return the removal of what is still at work for a run that is over."""
    active = (job for job in at.seen.jobs if job.state is JobState.ACTIVE and job.step != ON_EXIT)
    return (*(RemoveJob(job.name, job.uid, job.kind) for job in active), *looking.away(at.seen))


def _going(at: Situation, reason: Reason, sentence: str) -> StatusDraft:
    return StatusDraft(sentence, (reconciling(reason, sentence),), _fields(at))


def _fields(at: Situation, *, over: bool = False) -> dict[str, Any]:
    """Return the run's own status fields; when it ends, what is not seen any more stays as it was."""
    found, frozen, before = _results(at), at.seen.frozen, at.seen.status
    metrics = _metrics(found) if "metrics" in found else None
    entries = shown(at.steps, frozen, over=over)
    exit_ = shown([at.last], frozen, over=over) if at.last and at.last.job else []
    seen: dict[str, Any] = {
        "templateRevision": at.seen.name if frozen else None,
        "pipelineGeneration": frozen.generation if frozen else None,
        "handledRetry": at.retry or None,
        "timedFrom": timed_from(at),
        "handledAbort": before.get("handledAbort"),
        "steps": [*entries, *exit_],
        "progress": f"{sum(entry['state'] in DONE for entry in entries)}/{len(entries)}",
        "dataset": found.get("dataset"),
        "checks": next((told for step in at.steps if (told := part(_reported(step), "checks", ChecksRecord))), None),
        "tuning": next((looking.told(at.seen, step) for step in at.steps if step.template.uses == "Tune"), None),
        "metrics": metrics,
        "gates": list(gates.judge(frozen.gates, _measured(at, found))) if frozen and metrics is not None else None,
    }
    return {key: before.get(key) if value is None and over else value for key, value in seen.items()}


def _results(at: Situation) -> dict[str, Any]:
    """Return what the built-in steps that succeeded reported, in one; others may report under any name."""
    found: dict[str, Any] = {}
    for step in at.steps:
        told = step.template.uses and step.result and step.state is StepState.SUCCEEDED
        found |= step.result.results if told and step.result else {}
    return found


def _measured(at: Situation, found: Mapping[str, Any]) -> gates.Measured:
    """Return what the gates are judged by."""
    evidence = found.get("evidence")
    return gates.Measured(_metrics(found), evidence if isinstance(evidence, Mapping) else {}, _contest(at, found))


def _contest(at: Situation, found: Mapping[str, Any]) -> Contest:
    """Return what is known of the champion, for the gates that compare with it."""
    frozen, data = at.frozen, found.get("dataset") or {}
    return Contest(
        champion=frozen.champion,
        now=at.seen.champion,
        doubt=doubt(frozen, data),
        earlier=compared_before(frozen.champion.get("version", 0), data, at.seen.versions, at.seen.name),
    )


def _reported(step: Step) -> Mapping[str, Any]:
    """Return what a step reported, also one that failed for what it found."""
    return step.result.results if step.result and step.state in {StepState.SUCCEEDED, StepState.USER_ERROR} else {}


def _metrics(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics that are numbers; one that is not defined on the held-out rows is none."""
    metrics = found.get("metrics") or {}
    return {k: float(v) for k, v in metrics.items() if isinstance(v, int | float) and not isinstance(v, bool)}
