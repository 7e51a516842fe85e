"""What is to be done about each step of a run that goes on: start it, wait for it, try it again. Pure.

All steps whose dependencies are done move at the same time. The run gets on while any of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mlwright.api.reasons import Reason
from mlwright.bundle.origins import entries
from mlwright.plan.frozen import Frozen
from mlwright.plan.jobs import JobSeen, JobState
from mlwright.plan.plan import LOOK_AGAIN
from mlwright.plan.pods import Diagnosis, is_silent
from mlwright.plan.resources import JOB, foreign
from mlwright.plan.training import RunSeen, StartStep
from mlwright.planners import graph
from mlwright.planners.steps import HEARD, Step, StepState, ended, retried
from mlwright.settings import Settings

RETRY_LAST: Final = timedelta(minutes=10)
"""The pause before a crashed step is tried again is doubled each time, up to this."""
MISSING_FIRST: Final = timedelta(seconds=15)
MISSING_LAST: Final = timedelta(minutes=5)
"""A dataset that is not there is looked for after 15 s, 30 s, ... up to every 5 min."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at."""

    seen: RunSeen
    steps: tuple[Step, ...]
    settings: Settings
    now: datetime
    last: Step | None = None
    """What runs when all steps are over."""

    @property
    def retried(self) -> bool:
        """Whether somebody asks for another try of a run that failed."""
        return retried(self.seen)

    @property
    def retry(self) -> str:
        """Value of the annotation because of which the run goes on."""
        return self.seen.retry if self.retried else str(self.seen.status.get("handledRetry") or "")

    @property
    def frozen(self) -> Frozen:
        """What the run uses; only rules after `_unfrozen` ask for it."""
        assert self.seen.frozen is not None  # noqa: S101  # the rules before this one freeze the pipeline
        return self.seen.frozen


@dataclass(frozen=True, slots=True)
class Move:
    """What is done about one step, and how it gets on."""

    reason: Reason
    sentence: str
    start: StartStep | None = None
    again: timedelta | None = None


_PASSING: Final = frozenset({"DatasetMissing", "StorageAway"})
"""What is wrong with the data only for a while."""
_PARAMETERS: Final = "spec.training.estimator.parameters"
_PROGRESS: Final = (Reason.RUN_IN_PROGRESS, Reason.RETRYING, Reason.QUEUED, Reason.PODS_UNHEALTHY, Reason.WAITING)
"""How well a step gets on, the best first: a run is stuck only when all its open steps are."""


def moves(at: Situation) -> tuple[Move, ...]:
    """Return what is done about every step that may move now; empty when all are done.

    Worked example: validate is done, train and audit depend on it and have no Job -> both start.
    """
    done = {step.name for step in at.steps if step.done}
    open_ = (step for step in at.steps if not step.done)
    return tuple(_MOVES[s.state](at, s) for s in open_ if s.at_work or done.issuperset(s.template.depends_on))


def together(found: Iterable[Move]) -> Move:
    """Return how the run as a whole gets on: as its best step, with the sentences of all."""
    every = tuple(found)
    waits = [move.again for move in every if move.again is not None]
    return Move(
        reason=min((move.reason for move in every), key=_PROGRESS.index),
        sentence="; ".join(move.sentence for move in every),
        again=min(waits, default=None),
    )


def at_the_end(at: Situation, step: Step, told: Mapping[str, str]) -> Move:
    """Return what is done about the step that runs when all others are over."""
    if step.state is not StepState.PENDING:
        return _queued(at, step) if step.state is StepState.QUEUED else _watch(at, step)
    move = _start(at, step)
    return replace(move, start=replace(move.start, told=told) if move.start else None)


def for_good(at: Situation, step: Step) -> bool:
    """Tell whether a step failed and is not tried again."""
    if _is_asked(at, step):
        return False
    if step.state is StepState.USER_ERROR:
        return not _missing(step)
    return step.state is StepState.CRASHED and step.crashes >= attempts(at, step)


def attempts(at: Situation, step: Step) -> int:
    """Return how often a step is tried at most."""
    return step.template.attempts or at.settings.step_attempts


def told(at: Situation, step: Step) -> str:
    """What a failed attempt said, and how to see its log."""
    log = f" ({_shows(at, step.job)})" if step.job else ""
    if step.job is not None and step.job.late:
        return f"it took longer than its timeoutAfter of {step.template.timeout:g} s and was stopped{log}"
    if step.result is not None and step.result.sentence:
        where = f"{_blamed(at, step.result.field)}: " if step.result.field else ""
        remedy = f"; {step.result.remedy}" if step.result.remedy else ""
        return f"{where}{step.result.sentence}{remedy}{log}"
    ends = [pod for pod in (step.job.pods if step.job else ()) if pod.exit_code is not None]
    if ends and ends[-1].exit_code:
        why = f", {ends[-1].exit_reason}" if ends[-1].exit_reason not in ("", "Error") else ""
        return f"its container ended with exit code {ends[-1].exit_code}{why}{log}"
    return f"{(step.job.message if step.job else '') or 'it ended without a result'}{log}"


def _blamed(at: Situation, field: str) -> str:
    """Return the field that people mend: a step knows which parameters there are, not that the run gave some of them.

    A field that ends before the name of a parameter may mean any of them, the pipeline's and the run's.
    """
    given = at.seen.spec.overrides.parameters if at.seen.spec.overrides else {}
    own = "spec.overrides.parameters"
    if given and field == _PARAMETERS:
        return f"{field} with {own} of this run"
    name = field.removeprefix(f"{_PARAMETERS}.")
    return f"{own}.{name}" if name != field and name in given else field


def _shows(at: Situation, job: JobSeen) -> str:
    """Return the command that shows more."""
    if job.kind is JOB:
        return f"kubectl logs -n {at.seen.namespace} job/{job.name}"
    return f"kubectl describe -n {at.seen.namespace} {job.kind.plural}.{job.kind.group}/{job.name}"


def _is_asked(at: Situation, step: Step) -> bool:
    """Tell whether somebody asked for another try of a step that had failed before; it may have had to wait for it."""
    return bool(at.retry) and step.job is not None and step.job.retry != at.retry


def _missing(step: Step) -> bool:
    """Tell whether a step failed because the data is not there yet; what an earlier step made never comes later."""
    return step.result is not None and step.result.reason in _PASSING and not step.template.inputs


def _start(at: Situation, step: Step) -> Move:
    if not _is_allowed(at, step):
        kind = step.template.resource["manifest"]["kind"]
        sentence = f"{step.name}: {kind} is not allowed (any more) by training.resources of the chart, or not served"
        return Move(Reason.WAITING, f"{sentence}; it starts when it is", again=LOOK_AGAIN)
    # of an attempt that was given up, pods may still be at work in its folder
    given_up = step.stored.get("state") in {"Failed", "Stopped"}
    attempt = step.stored.get("attempt", 0) + 1 if given_up else 0
    return Move(Reason.RUN_IN_PROGRESS, f"{step.name} starts", _attempt(at, step, attempt=attempt, crashes=0))


def _is_allowed(at: Situation, step: Step) -> bool:
    """Tell whether what the step makes may still be made, and would be seen."""
    manifest = step.template.resource.get("manifest")
    known = {(kind.api_version, kind.name) for kind in foreign(at.settings.training_resources)}
    return manifest is None or (manifest["apiVersion"], manifest["kind"]) in known


def _queued(at: Situation, step: Step) -> Move:
    queue = at.seen.frozen.queue if at.seen.frozen else ""
    job = f"Job {step.job.name}" if step.job else "its Job"
    opens = f"LocalQueue {queue} admits it" if queue else "somebody sets its spec.suspend to false"
    if step.evictions:
        sentence = f"{step.name} is queued again: {job} was evicted after it had started, and begins anew when {opens}"
    else:
        sentence = f"{step.name} is queued: {job} is suspended until {opens}"
    return Move(Reason.QUEUED, sentence)


def _watch(at: Situation, step: Step) -> Move:
    del at
    if step.trouble is None:
        return Move(Reason.RUN_IN_PROGRESS, f"{step.name} is running", again=_unheard(step))
    return Move(_reason(step.trouble), f"{step.name}: {step.trouble.sentence}", again=LOOK_AGAIN)


def _reason(trouble: Diagnosis) -> Reason:
    """Return what a trouble is to the run: one that only is slow gets on, and nothing takes its place."""
    if trouble.slow:
        return Reason.RUN_IN_PROGRESS
    return Reason.WAITING if trouble.missing else Reason.PODS_UNHEALTHY


def _unheard(step: Step) -> timedelta | None:
    """Return when to look again although no event may tell: a Job gets no pod, or its pod is not heard of.

    Nor does any tell that a pod that is being deleted does not end.
    """
    if step.template.resource:
        return None
    if step.job is None or step.job.state is not JobState.ACTIVE:
        return HEARD
    return LOOK_AGAIN if not step.job.pods or is_silent(step.job.pods) else None


def _read_again(at: Situation, step: Step) -> Move:
    crashes = step.job.crashes if step.job else 0
    reader = _attempt(at, step, attempt=step.attempt, crashes=crashes, collects=True)
    return Move(Reason.RUN_IN_PROGRESS, f"{step.name} ended, its result is read from the store", reader)


def _look_for_data(at: Situation, step: Step) -> Move:
    """The data is not there yet; any other error of the user's has ended the run."""
    pause = min(MISSING_LAST, MISSING_FIRST * 2 ** min(step.waits, 10))
    return _again(at, step, pause, Reason.WAITING)


def _retry(at: Situation, step: Step) -> Move:
    pause = timedelta(seconds=step.template.backoff) * 2 ** (step.crashes - 1)
    return _again(at, step, min(RETRY_LAST, pause), Reason.RETRYING)


def _again(at: Situation, step: Step, pause: timedelta, reason: Reason) -> Move:
    """Try a step again after a pause, or at once when somebody asks."""
    if _is_asked(at, step):
        sentence = f"{step.name} is tried again, as asked with {at.retry!r}"
        return Move(Reason.RUN_IN_PROGRESS, sentence, _attempt(at, step, attempt=step.attempt + 1, crashes=0))
    left = ended(step, at.seen.created) + pause - at.now
    sentence = f"{step.name}: {told(at, step)}; tried again by itself"
    if timedelta(0) < left <= 2 * pause:  # a longer time is left only after a clock was set back
        return Move(reason, sentence, again=left)
    return Move(reason, sentence, _attempt(at, step, attempt=step.attempt + 1, crashes=step.crashes))


_MOVES: Final[Mapping[StepState, Callable[[Situation, Step], Move]]] = {
    StepState.PENDING: _start,
    StepState.QUEUED: _queued,
    StepState.RUNNING: _watch,
    StepState.UNREAD: _read_again,
    StepState.USER_ERROR: _look_for_data,
    StepState.CRASHED: _retry,
}


def _attempt(at: Situation, step: Step, *, attempt: int, crashes: int, collects: bool = False) -> StartStep:
    before = graph.before(at.frozen.steps, step.template)
    inputs = {s.name: s.attempt for s in at.steps if s.name in before and s.state is StepState.SUCCEEDED}
    used = {s.name: s.kept.origin for s in at.steps if s.name in before and s.kept}
    hosts = entries(at.settings.outside_hosts)
    return StartStep(at.frozen, step.name, attempt, inputs, crashes, collects, at.retry, hosts, origins=used)
