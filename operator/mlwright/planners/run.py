"""TrainingRun: freeze the pipeline, run validate, train and evaluate one after the other, judge the gates,
record the version.

Rules are asked in order; the first that has something to say decides. A run that ended stays ended: what it
made or why it failed is
known from the ModelVersion and from the condition Failed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, find, reconciling, stalled, timestamp
from mlwright.api.reasons import Reason
from mlwright.plan.plan import Decided
from mlwright.plan.training import Freeze, RecordVersion, RemoveJob, RunSeen, StartStep, TrainingIntent, VersionSeen
from mlwright.planners import gates
from mlwright.planners.steps import Step, StepState, ended, shown, steps
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


def decide(seen: RunSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a run.

    Worked example: validate-0 complete, no Job for train -> StartStep("train", 0), "flights-3: train starts (1 of 3 steps done)".

    Raises:
        InvalidSpecError: the pipeline lacks something that only its author can give.
    """
    for rule in RULES:
        decision = rule(seen, settings, now)
        if decision is not None:
            return decision
    return _record(seen, steps(seen), now)


def _recorded(seen: RunSeen, _: Settings, __: datetime) -> Decision | None:
    """A version of this run exists: the run is complete."""
    version = next((v for v in seen.versions if v.run == seen.name), None)
    if version is None:
        return None
    verdict = "passed its gates" if version.passed else f"is rejected: {version.sentence}"
    sentence = f"made {version.name}, which {verdict}"
    done = Verdict("Complete", "True", Reason.COMPLETE, sentence)
    return Decided(StatusDraft(sentence, (done,), _fields(seen, steps(seen), version)))


def _failed(seen: RunSeen, _: Settings, __: datetime) -> Decision | None:
    """The run failed earlier: it stays so."""
    failed = find(seen.status, "Failed")
    if failed is None or failed["status"] != "True":
        return None
    return _fail(seen, Reason.named(failed["reason"], Reason.RUN_FAILED), failed["message"])


def _unfrozen(seen: RunSeen, settings: Settings, _: datetime) -> Decision | None:
    """Nothing is frozen yet: freeze the pipeline as it is now, and start."""
    if seen.frozen is not None:
        return None
    if seen.pipeline is None:
        name = seen.spec.pipeline_ref.name
        return _wait(
            seen,
            f"TrainingPipeline {name} (spec.pipelineRef) does not exist; the run starts by itself when it does",
            LOOK_AGAIN,
        )
    frozen = freeze(seen.pipeline, settings)
    start = StartStep(frozen, "validate", 0, {})
    draft = _going(seen, steps(seen), Reason.RUN_IN_PROGRESS, "validate starts")
    fields = {**draft.fields, "templateRevision": seen.name, "pipelineGeneration": frozen.generation}
    draft = StatusDraft(draft.summary, draft.conditions, fields)
    return Decided(draft, records=(Freeze(frozen),), intents=(start,))


def _next_step(seen: RunSeen, settings: Settings, now: datetime) -> Decision | None:
    """A step has not succeeded yet: start it, wait for it, try it again, or give up."""
    run = steps(seen)
    step = next((s for s in run if s.state is not StepState.SUCCEEDED), None)
    if step is None:
        return None
    return _MOVES[step.state](seen, run, step, settings, now)


def _start(seen: RunSeen, run: tuple[Step, ...], step: Step, _: Settings, __: datetime) -> Decision:
    return Decided(
        _going(seen, run, Reason.RUN_IN_PROGRESS, f"{step.name} starts"), intents=(_attempt(seen, run, step, 0),)
    )


def _watch(seen: RunSeen, run: tuple[Step, ...], step: Step, _: Settings, __: datetime) -> Decision:
    if step.trouble is None:
        return Decided(_going(seen, run, Reason.RUN_IN_PROGRESS, f"{step.name} is running"))
    reason = Reason.WAITING if step.trouble.missing else Reason.PODS_UNHEALTHY
    return Decided(_going(seen, run, reason, f"{step.name}: {step.trouble.sentence}"), again=LOOK_AGAIN)


def _read_again(seen: RunSeen, run: tuple[Step, ...], step: Step, _: Settings, __: datetime) -> Decision:
    reader = _attempt(seen, run, step, step.attempt, collects=True)
    sentence = f"{step.name} ended, its result is read from the store"
    return Decided(_going(seen, run, Reason.RUN_IN_PROGRESS, sentence), intents=(reader,))


def _user_error(seen: RunSeen, run: tuple[Step, ...], step: Step, _: Settings, now: datetime) -> Decision:
    sentence = f"{step.name}: {_told(seen, step)}"
    if step.result is None or step.result.reason != "DatasetMissing":
        return _fail(seen, Reason.USER_ERROR, sentence, run)
    pause = min(MISSING_LAST, MISSING_FIRST * 2 ** min(step.attempt, 10))
    return _again(seen, run, step, now=now, pause=pause, reason=Reason.WAITING, sentence=sentence)


def _crashed(seen: RunSeen, run: tuple[Step, ...], step: Step, settings: Settings, now: datetime) -> Decision:
    sentence = f"{step.name}: {_told(seen, step)}"
    if step.attempt + 1 >= settings.step_attempts:
        return _fail(
            seen, Reason.STEP_FAILED, f"{sentence} (attempt {step.attempt + 1} of {settings.step_attempts})", run
        )
    pause = RETRY_FIRST * 2**step.attempt
    return _again(seen, run, step, now=now, pause=pause, reason=Reason.RETRYING, sentence=sentence)


_MOVES: Final = {
    StepState.PENDING: _start,
    StepState.RUNNING: _watch,
    StepState.UNREAD: _read_again,
    StepState.USER_ERROR: _user_error,
    StepState.CRASHED: _crashed,
}


def _again(
    seen: RunSeen, run: tuple[Step, ...], step: Step, *, now: datetime, pause: timedelta, reason: Reason, sentence: str
) -> Decision:
    """Try a step again after a pause. The Jobs of older attempts go; the last one stays for its log."""
    left = max(ended(step, seen.created) + pause - now, timedelta(0))
    if left:
        return Decided(_going(seen, run, reason, f"{sentence}; tried again by itself"), again=left)
    old = tuple(RemoveJob(j.name, j.uid) for j in seen.jobs if j.step == step.name and j.attempt < step.attempt)
    start = _attempt(seen, run, step, step.attempt + 1)
    return Decided(_going(seen, run, reason, f"{sentence}; tried again by itself"), intents=(start, *old))


RULES: Final = (_recorded, _failed, _unfrozen, _next_step)


def _record(seen: RunSeen, run: tuple[Step, ...], now: datetime) -> Decision:
    """All steps succeeded: judge the gates and record the version.

    Its name is the lock; the number is tried again when it is taken.
    """
    frozen = _frozen(seen)
    found: dict[str, Any] = {}
    for step in run:
        found |= step.result.results if step.result else {}
    metrics = {name: value for name, value in (found.get("metrics") or {}).items() if isinstance(value, int | float)}
    judged = gates.judge(frozen.gates, metrics)
    record = RecordVersion(
        number=max((v.number for v in seen.versions), default=0) + 1,
        frozen=frozen,
        bundle={**found["bundle"], "formatReason": found.get("formatReason") or ""},
        lineage={
            "dataset": found["dataset"],
            "environment": {k: str(v) for k, v in (found.get("environment") or {}).items()},
            "finishedAt": timestamp(ended(run[-1], now)),
        },
        metrics=metrics,
        gates=judged,
        passed=gates.passed(judged),
    )
    return Decided(
        _going(seen, run, Reason.RUN_IN_PROGRESS, f"all steps are done: {gates.summary(judged)}"), records=(record,)
    )


def _attempt(seen: RunSeen, run: tuple[Step, ...], step: Step, attempt: int, *, collects: bool = False) -> StartStep:
    inputs = {s.name: s.attempt for s in run if s.state is StepState.SUCCEEDED}
    return StartStep(_frozen(seen), step.name, attempt, inputs, collects)


def _frozen(seen: RunSeen) -> Any:  # noqa: ANN401
    assert seen.frozen is not None, "rules before this one freeze the pipeline"  # noqa: S101
    return seen.frozen


def _told(seen: RunSeen, step: Step) -> str:
    """What a failed attempt said, and how to see its log."""
    log = f"kubectl logs -n {seen.namespace} job/{step.job.name}" if step.job else ""
    if step.result is not None and step.result.sentence:
        where = f"{step.result.field}: " if step.result.field else ""
        remedy = f"; {step.result.remedy}" if step.result.remedy else ""
        return f"{where}{step.result.sentence}{remedy} ({log})"
    ends = [pod for pod in (step.job.pods if step.job else ()) if pod.exit_code is not None]
    if ends:
        why = f", {ends[-1].exit_reason}" if ends[-1].exit_reason not in ("", "Error") else ""
        return f"its container ended with exit code {ends[-1].exit_code}{why} ({log})"
    return f"{step.job.message if step.job else 'its Job is gone'} ({log})"


def _wait(seen: RunSeen, sentence: str, again: timedelta) -> Decision:
    return Decided(_going(seen, steps(seen), Reason.WAITING, sentence), again=again)


def _fail(seen: RunSeen, reason: Reason, sentence: str, run: tuple[Step, ...] | None = None) -> Decision:
    failed = Verdict("Failed", "True", reason, sentence)
    return Decided(StatusDraft(sentence, (failed, stalled(reason, sentence)), _fields(seen, run or steps(seen), None)))


def _going(seen: RunSeen, run: tuple[Step, ...], reason: Reason, sentence: str) -> StatusDraft:
    return StatusDraft(sentence, (reconciling(reason, sentence),), _fields(seen, run, None))


def _fields(seen: RunSeen, run: tuple[Step, ...], version: VersionSeen | None) -> dict[str, Any]:
    """Return the run's own status fields."""
    found: dict[str, Any] = {}
    for step in run:
        found |= step.result.results if step.result and step.state is StepState.SUCCEEDED else {}
    done = sum(step.state is StepState.SUCCEEDED for step in run)
    metrics = found.get("metrics")
    judged = gates.judge(seen.frozen.gates, metrics) if metrics is not None and seen.frozen else ()
    return {
        "templateRevision": seen.name if seen.frozen else None,
        "pipelineGeneration": seen.frozen.generation if seen.frozen else None,
        "steps": shown(run),
        "progress": f"{len(run) if version else done}/{len(run)}",
        "dataset": found.get("dataset"),
        "metrics": metrics,
        "gates": list(judged) or None,
        "modelVersionRef": {"name": version.name} if version else None,
    }
