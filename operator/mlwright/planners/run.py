"""TrainingRun: freeze the pipeline, run the steps one after the other, judge the gates, record the version.

Rules are asked in order; the first that has something to say decides. A run that ended stays ended: what it made or
why it failed is known from the ModelVersion and from the conditions Complete and Failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, find, reconciling, stalled, timestamp
from mlwright.api.reasons import Reason
from mlwright.plan.plan import Decided
from mlwright.plan.training import (
    Freeze,
    Frozen,
    JobState,
    RecordVersion,
    RemoveJob,
    RunSeen,
    StartStep,
    TrainingIntent,
    VersionSeen,
)
from mlwright.planners import gates
from mlwright.planners.runs import GOING
from mlwright.planners.steps import HEARD, Step, StepState, ended, shown, steps
from mlwright.planners.template import freeze
from mlwright.settings import Settings

Decision = Decided[TrainingIntent]

RETRY_FIRST: Final = timedelta(seconds=10)
"""Pause before a crashed step is tried again; doubled each time."""
MISSING_FIRST: Final = timedelta(seconds=15)
MISSING_LAST: Final = timedelta(minutes=5)
"""A dataset that is not there is looked for after 15 s, 30 s, ... up to every 5 min."""
LOOK_AGAIN: Final = timedelta(seconds=30)
"""Pods in trouble do not always say so by an event of theirs."""
COMMON: Final = frozenset({"conditions", "observedGeneration", "summary", "history"})
"""What every status has beside a kind's own fields."""
REASON_LENGTH: Final = 512
RELEASE_LENGTH: Final = 128
RELEASES: Final = 32
"""What the record of a version takes in of words that others chose."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at."""

    seen: RunSeen
    steps: tuple[Step, ...]
    settings: Settings
    now: datetime

    @property
    def frozen(self) -> Frozen:
        """What the run uses; only rules after `_unfrozen` ask for it."""
        assert self.seen.frozen is not None  # noqa: S101  # the rules before this one freeze the pipeline
        return self.seen.frozen


def decide(seen: RunSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a run.

    Worked example: validate-0 is complete and train has no Job -> StartStep("train", 0), "train starts", progress 1/3.

    Raises:
        InvalidSpecError: the pipeline lacks something that only its author can give.
    """
    at = Situation(seen, steps(seen, now), settings, now)
    return next(decision for rule in RULES if (decision := rule(at)) is not None)


def _recorded(at: Situation) -> Decision | None:
    """A version of this run exists: the run is complete."""
    version = made_by(at.seen)
    if version is None:
        return None
    verdict = "passed its gates" if version.passed else f"is rejected: {version.sentence}"
    sentence = f"made {version.name}, which {verdict}"
    done = Verdict("Complete", "True", Reason.COMPLETE, sentence)
    made = {"modelVersionRef": {"name": version.name}, "progress": f"{len(at.steps)}/{len(at.steps)}"}
    return Decided(StatusDraft(sentence, (done,), _fields(at, over=True) | made), intents=_stop(at))


def made_by(seen: RunSeen) -> VersionSeen | None:
    """Return the version that a run made: it names the run and, as a name may come again, the run's folder."""
    if seen.frozen is None:
        return None
    return next((v for v in seen.versions if (v.run, v.folder) == (seen.name, seen.frozen.folder)), None)


def _ended(at: Situation) -> Decision | None:
    """The run ended earlier: all that its status says stays, although its version or its Jobs may be gone."""
    for type_, otherwise in (("Complete", Reason.COMPLETE), ("Failed", Reason.RUN_FAILED)):
        found = find(at.seen.status, type_)
        if found is not None and found["status"] == "True":
            told = {key: value for key, value in at.seen.status.items() if key not in COMMON}
            return _over(at, type_, Reason.named(found["reason"], otherwise), found["message"], told)
    return None


def _superseded(at: Situation) -> Decision | None:
    """The pipeline started another run after this one, as it does only when this one ended or could not go on."""
    if not at.seen.newer:
        return None
    sentence = f"{at.seen.newer} was started in its place, because this run could not go on"
    fields = _fields(at, over=True)
    given_up = [entry | {"state": "Failed"} if entry["state"] in GOING else entry for entry in fields["steps"]]
    return _over(at, "Failed", Reason.SUPERSEDED, sentence, fields | {"steps": given_up})


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
    """Nothing is frozen yet: freeze the pipeline as it is now, and start."""
    if at.seen.frozen is not None:
        return None
    if at.seen.pipeline is None:
        name = at.seen.spec.pipeline_ref.name
        return _wait(at, f"TrainingPipeline {name} (spec.pipelineRef) does not exist; the run starts when it does")
    frozen = freeze(at.seen.pipeline, at.settings, run=at.seen.name, uid=at.seen.uid)
    draft = _going(at, Reason.RUN_IN_PROGRESS, "validate starts")
    template = {"templateRevision": at.seen.name, "pipelineGeneration": frozen.generation}
    return Decided(
        StatusDraft(draft.summary, draft.conditions, {**draft.fields, **template}),
        records=(Freeze(frozen),),
        intents=(StartStep(frozen, "validate", 0, {}),),
    )


def _next_step(at: Situation) -> Decision | None:
    """A step has not succeeded yet: start it, wait for it, try it again, or give up.

    One that failed for good comes first: to know that, nobody needs to read again what an earlier one reported.
    """
    open_ = [step for step in at.steps if step.state is not StepState.SUCCEEDED]
    step = next((step for step in open_ if _for_good(at, step)), open_[0] if open_ else None)
    if step is None:
        return None
    decision = _MOVES[step.state](at, step)
    return replace(decision, intents=(*decision.intents, *_outdated(at.seen)))


def _outdated(seen: RunSeen) -> tuple[TrainingIntent, ...]:
    """Return the removal of Jobs of earlier attempts; of each step the last two stay, for their logs."""
    last = {job.step: max(other.attempt for other in seen.jobs if other.step == job.step) for job in seen.jobs}
    return tuple(RemoveJob(job.name, job.uid) for job in seen.jobs if job.attempt < last[job.step] - 1)


def _for_good(at: Situation, step: Step) -> bool:
    if step.state is StepState.USER_ERROR:
        return not _missing(step)
    return step.state is StepState.CRASHED and step.crashes >= at.settings.step_attempts


def _missing(step: Step) -> bool:
    """Tell whether a step failed because the data is not there yet."""
    return step.result is not None and step.result.reason == "DatasetMissing"


def _start(at: Situation, step: Step) -> Decision:
    return Decided(
        _going(at, Reason.RUN_IN_PROGRESS, f"{step.name} starts"), intents=(_attempt(at, step, attempt=0, crashes=0),)
    )


def _watch(at: Situation, step: Step) -> Decision:
    if step.trouble is None:
        return Decided(_going(at, Reason.RUN_IN_PROGRESS, f"{step.name} is running"), again=_unheard(step))
    reason = Reason.WAITING if step.trouble.missing else Reason.PODS_UNHEALTHY
    return Decided(_going(at, reason, f"{step.name}: {step.trouble.sentence}"), again=LOOK_AGAIN)


def _unheard(step: Step) -> timedelta | None:
    """Return when to look again although no event will tell: a Job gets no pod, or its pod is not heard of."""
    if step.job is None or step.job.state is not JobState.ACTIVE:
        return HEARD
    return None if step.job.pods else LOOK_AGAIN


def _read_again(at: Situation, step: Step) -> Decision:
    crashes = step.job.crashes if step.job else 0
    reader = _attempt(at, step, attempt=step.attempt, crashes=crashes, collects=True)
    sentence = f"{step.name} ended, its result is read from the store"
    return Decided(_going(at, Reason.RUN_IN_PROGRESS, sentence), intents=(reader,))


def _user_error(at: Situation, step: Step) -> Decision:
    sentence = f"{step.name}: {_told(at, step)}"
    if not _missing(step):
        return _over(at, "Failed", Reason.USER_ERROR, sentence)
    pause = min(MISSING_LAST, MISSING_FIRST * 2 ** min(step.waits, 10))
    return _again(at, step, pause, Reason.WAITING, sentence)


def _crashed(at: Situation, step: Step) -> Decision:
    sentence = f"{step.name}: {_told(at, step)}"
    if _for_good(at, step):
        counted = f"{sentence} (attempt {step.crashes} of {at.settings.step_attempts})"
        return _over(at, "Failed", Reason.STEP_FAILED, counted)
    return _again(at, step, RETRY_FIRST * 2 ** (step.crashes - 1), Reason.RETRYING, sentence)


_MOVES: Final[Mapping[StepState, Callable[[Situation, Step], Decision]]] = {
    StepState.PENDING: _start,
    StepState.RUNNING: _watch,
    StepState.UNREAD: _read_again,
    StepState.USER_ERROR: _user_error,
    StepState.CRASHED: _crashed,
}


def _again(at: Situation, step: Step, pause: timedelta, reason: Reason, sentence: str) -> Decision:
    """Try a step again after a pause."""
    left = ended(step, at.seen.created) + pause - at.now
    draft = _going(at, reason, f"{sentence}; tried again by itself")
    if timedelta(0) < left <= 2 * pause:  # a longer time is left only after a clock was set back
        return Decided(draft, again=left)
    start = _attempt(at, step, attempt=step.attempt + 1, crashes=step.crashes)
    return Decided(draft, intents=(start,))


def _record(at: Situation) -> Decision:
    """All steps succeeded: judge the gates and record the version. Its name is the lock."""
    found = _results(at)
    metrics = _metrics(found)
    judged = gates.judge(at.frozen.gates, metrics)
    environment = found.get("environment") or {}
    record = RecordVersion(
        number=max(at.seen.last_number, *(v.number for v in at.seen.versions), 0) + 1,
        frozen=at.frozen,
        bundle={**found["bundle"], "formatReason": (found.get("formatReason") or "")[:REASON_LENGTH]},
        lineage={
            "dataset": found["dataset"],
            "environment": {k: str(environment[k])[:RELEASE_LENGTH] for k in sorted(environment)[:RELEASES]},
            "finishedAt": timestamp(ended(at.steps[-1], at.now)),
        },
        metrics=metrics,
        gates=judged,
        passed=gates.passed(judged),
    )
    sentence = f"all steps are done: {gates.summary(judged)}"
    return Decided(_going(at, Reason.RUN_IN_PROGRESS, sentence), records=(record,))


RULES: Final[tuple[Callable[[Situation], Decision | None], ...]] = (
    _recorded,
    _ended,
    _superseded,
    _lost,
    _unfrozen,
    _next_step,
    _record,
)


def _attempt(at: Situation, step: Step, *, attempt: int, crashes: int, collects: bool = False) -> StartStep:
    inputs = {s.name: s.attempt for s in at.steps if s.state is StepState.SUCCEEDED}
    return StartStep(at.frozen, step.name, attempt, inputs, crashes, collects)


def _told(at: Situation, step: Step) -> str:
    """What a failed attempt said, and how to see its log."""
    log = f" (kubectl logs -n {at.seen.namespace} job/{step.job.name})" if step.job else ""
    if step.result is not None and step.result.sentence:
        where = f"{step.result.field}: " if step.result.field else ""
        remedy = f"; {step.result.remedy}" if step.result.remedy else ""
        return f"{where}{step.result.sentence}{remedy}{log}"
    ends = [pod for pod in (step.job.pods if step.job else ()) if pod.exit_code is not None]
    if ends and ends[-1].exit_code:
        why = f", {ends[-1].exit_reason}" if ends[-1].exit_reason not in ("", "Error") else ""
        return f"its container ended with exit code {ends[-1].exit_code}{why}{log}"
    return f"{(step.job.message if step.job else '') or 'it ended without a result'}{log}"


def _wait(at: Situation, sentence: str) -> Decision:
    return Decided(_going(at, Reason.WAITING, sentence), again=LOOK_AGAIN)


def _over(at: Situation, type_: str, reason: Reason, sentence: str, told: Mapping[str, Any] | None = None) -> Decision:
    """The run ended. A failed one also is Stalled: what waits for Kubernetes objects would call it healthy else."""
    stays = (stalled(reason, sentence),) if type_ == "Failed" else ()
    conditions = (Verdict(type_, "True", reason, sentence), *stays)
    fields = _fields(at, over=True) if told is None else told
    return Decided(StatusDraft(sentence, conditions, fields), intents=_stop(at))


def _stop(at: Situation) -> tuple[TrainingIntent, ...]:
    """Return the removal of what is still at work for a run that is over."""
    return tuple(RemoveJob(job.name, job.uid) for job in at.seen.jobs if job.state is JobState.ACTIVE)


def _going(at: Situation, reason: Reason, sentence: str) -> StatusDraft:
    return StatusDraft(sentence, (reconciling(reason, sentence),), _fields(at))


def _fields(at: Situation, *, over: bool = False) -> dict[str, Any]:
    """Return the run's own status fields; when it ends, what is not seen any more stays as it was."""
    found, frozen, before = _results(at), at.seen.frozen, at.seen.status
    metrics = _metrics(found) if "metrics" in found else None
    entries = shown(at.steps, over=over)
    seen: dict[str, Any] = {
        "templateRevision": at.seen.name if frozen else None,
        "pipelineGeneration": frozen.generation if frozen else None,
        "steps": entries,
        "progress": f"{sum(entry['state'] == 'Succeeded' for entry in entries)}/{len(entries)}",
        "dataset": found.get("dataset"),
        "metrics": metrics,
        "gates": list(gates.judge(frozen.gates, metrics)) if frozen and metrics is not None else None,
    }
    return {key: before.get(key) if value is None and over else value for key, value in seen.items()}


def _results(at: Situation) -> dict[str, Any]:
    """Return what all steps that succeeded reported, in one."""
    found: dict[str, Any] = {}
    for step in at.steps:
        found |= step.result.results if step.result and step.state is StepState.SUCCEEDED else {}
    return found


def _metrics(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics that are numbers; one that is not defined on the held-out rows is none."""
    metrics = found.get("metrics") or {}
    return {k: float(v) for k, v in metrics.items() if isinstance(v, int | float) and not isinstance(v, bool)}
