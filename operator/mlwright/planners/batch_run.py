"""Where a run of a batch prediction stands, and its next move: the shards, then one Job that lets the answers appear.

Invariants: answers appear once, when all shards are done; what is done is not done again, because shards find what they
left; a run that ended stays as it ended, unless somebody asks for another try of what failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.constants import PREDICT, PUBLISH
from mlwright.plan.batch import (
    BatchIntent,
    BatchJob,
    BatchRunSeen,
    BatchSeen,
    RemoveBatchJob,
    StartPublish,
    StartShards,
)
from mlwright.plan.jobs import JobState
from mlwright.plan.pods import Diagnosis, holdup, is_silent, moment, plain
from mlwright.plan.training import StepResult
from mlwright.planners.results import parse_result
from mlwright.planners.steps import HEARD, PODLESS


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "Running"
    WAITING = "Waiting"
    """Its pods need something that does not exist."""
    UNHEALTHY = "Unhealthy"
    """Its pods do not start."""
    STOPPED = "Stopped"
    """spec.suspend."""
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


ENDED: Final = frozenset({RunState.SUCCEEDED, RunState.FAILED})


@dataclass(frozen=True, slots=True)
class Standing:
    """A run as it stands."""

    run: BatchRunSeen
    state: RunState
    sentence: str
    intents: tuple[BatchIntent, ...] = ()
    done: int = 0
    failed: int = 0
    rows: int = 0
    finished: datetime | None = None
    again: timedelta | None = None
    output: str = ""
    """Where the answers are, once they are complete."""


def stand(seen: BatchSeen, run: BatchRunSeen, now: datetime) -> Standing:
    """Return where the newest run stands.

    Worked example: all four shards are done -> the Job `publish` starts; it completes -> Succeeded.
    """
    predict = max((job for job in run.jobs if job.step == PREDICT), key=_age, default=None)
    if predict is None:
        return _without_job(seen, run)
    if predict.state is JobState.ACTIVE:
        return _working(seen, run, predict, now)
    if predict.state is JobState.FAILED:
        return _failed(seen, run, predict, now)
    return _answered(seen, run, predict, now)


def _age(job: BatchJob) -> tuple[datetime, str]:
    return job.started, job.retry


def told(seen: BatchSeen, run: BatchRunSeen) -> Mapping[str, Any]:
    """Return what the status said of a run; nothing if it spoke of another."""
    found: Mapping[str, Any] = seen.status.get("lastRun") or {}
    return found if found.get("name") == run.frozen.run else {}


def asked_again(seen: BatchSeen, run: BatchRunSeen) -> str:
    """Return the value of the annotation that asks for another try of a run; empty without one."""
    return "" if seen.retry == run.frozen.retry else seen.retry


def _without_job(seen: BatchSeen, run: BatchRunSeen) -> Standing:
    """A run without Job is about to start, or ended and its Job was deleted: the status then tells how it ended."""
    before, retry = told(seen, run), asked_again(seen, run)
    again = bool(retry) and retry != seen.status.get("handledRetry")
    ended = before.get("state") in {RunState.SUCCEEDED, RunState.FAILED}
    if ended and not (before["state"] == RunState.FAILED and again):
        shards = before.get("shards") or {}
        at = moment(before["finishedAt"]) if before.get("finishedAt") else None
        counts = (shards.get("done", 0), shards.get("failed", 0), before.get("rows", 0))
        where_told = before.get("output", "")
        return Standing(run, RunState(before["state"]), before.get("sentence", ""), (), *counts, at, None, where_told)
    if seen.spec.suspend:
        return Standing(run, RunState.STOPPED, f"{run.frozen.run} goes on when spec.suspend is false")
    return _starting(run, retry if before else "")


def _starting(run: BatchRunSeen, retry: str) -> Standing:
    shards = _counted(run.frozen.shards, "shard")
    sentence = f"{run.frozen.run}: {run.frozen.version['name']} begins to answer in {shards}"
    return Standing(run, RunState.RUNNING, sentence, (StartShards(run, retry),))


def _working(seen: BatchSeen, run: BatchRunSeen, job: BatchJob, now: datetime) -> Standing:
    """Shards are at work, or should be."""
    if seen.spec.suspend:
        return _stopped(run, job)
    rows, total = _rows(job), run.frozen.shards
    sentence = f"{run.frozen.run}: {run.frozen.version['name']} answers, {job.done} of {total} shards are done"
    state, again = RunState.RUNNING, None
    trouble = holdup(job.pods, now)
    if trouble is not None:
        state, sentence = _hindered(trouble), f"{sentence}; {trouble.sentence}"
    elif not job.pods and now - job.started > PODLESS:
        state = RunState.UNHEALTHY
        sentence = f"{sentence}; its pods could not be made yet, kubectl describe job/{job.name} says why"
    elif not job.pods or is_silent(job.pods):
        again = PODLESS
    return Standing(run, state, sentence, (), job.done, _number(job.failed), rows, None, again)


def _hindered(trouble: Diagnosis) -> RunState:
    """Return how a run gets on whose pods are in trouble; pods that only are slow are no harm."""
    if trouble.slow:
        return RunState.RUNNING
    return RunState.WAITING if trouble.missing else RunState.UNHEALTHY


def _stopped(run: BatchRunSeen, job: BatchJob) -> Standing:
    sentence = f"{run.frozen.run} was stopped and goes on when spec.suspend is false; what is done stays done"
    return Standing(run, RunState.STOPPED, sentence, (RemoveBatchJob(job.name, job.uid),), job.done)


def _failed(seen: BatchSeen, run: BatchRunSeen, job: BatchJob, now: datetime) -> Standing:
    """A Job failed for good: the user has to act, or retries are used up."""
    if (left := _unheard(job, now)) is not None:
        sentence = f"{run.frozen.run}: {job.done} of {run.frozen.shards} shards are done"
        return Standing(run, RunState.RUNNING, sentence, (), job.done, again=left)
    retry = asked_again(seen, run)
    if retry and retry not in {other.retry for other in run.jobs}:
        return _starting(run, retry)
    done = run.frozen.shards if job.step == PUBLISH else job.done
    failed = 0 if job.step == PUBLISH else _number(job.failed)
    return Standing(run, RunState.FAILED, _why(run, job), (), done, failed, _rows(job), job.ended)


def _why(run: BatchRunSeen, job: BatchJob) -> str:
    """Return why a run failed, and what to do."""
    found = _worst(job)
    kept = (
        f"; {job.done} of {run.frozen.shards} shards are done and stay so" if job.done and job.step == PREDICT else ""
    )
    again = "set the annotation mlwright.dev/retry to run again what is not done"
    if found is None:
        which = f"shard {job.failed} failed: " if job.failed else ""
        return f"{run.frozen.run} failed: {which}{plain(job.message)}{kept}; {again}"
    where = f"{found.field}: " if found.field else ""
    remedy = f"; {found.remedy}" if found.remedy else ""
    return f"{run.frozen.run} failed: {where}{found.sentence}{remedy}{kept}; then {again}"


def _worst(job: BatchJob) -> StepResult | None:
    """Return what a pod said that did not end well; rather what its author can mend."""
    found = [result for pod in job.pods if (result := parse_result(pod.exit_message)) is not None]
    bad = [result for result in found if result.outcome != "Succeeded"]
    return next((result for result in bad if result.outcome == "UserError"), bad[-1] if bad else None)


def _answered(seen: BatchSeen, run: BatchRunSeen, predict: BatchJob, now: datetime) -> Standing:
    """All shards are done: the answers appear, or have."""
    total, name = run.frozen.shards, run.frozen.run
    publish = next((job for job in run.jobs if job.step == PUBLISH and job.retry == predict.retry), None)
    sentence = f"{name}: all shards are done, the answers are about to appear"
    if publish is None and seen.spec.suspend:
        return Standing(run, RunState.STOPPED, f"{name} goes on when spec.suspend is false", (), total)
    if publish is None:
        start = StartPublish(run, predict.retry)
        return Standing(run, RunState.RUNNING, sentence, (start,), total, 0, _rows(predict))
    if publish.state is JobState.FAILED:
        return _failed(seen, run, publish, now)
    if publish.state is JobState.ACTIVE or _unheard(publish, now) is not None:
        return _publishing(run, publish, sentence, _rows(predict), now)
    return _succeeded(seen, run, publish, _rows(predict))


def _publishing(run: BatchRunSeen, job: BatchJob, sentence: str, rows: int, now: datetime) -> Standing:
    trouble, state = holdup(job.pods, now), RunState.RUNNING
    if trouble is not None:
        state, sentence = _hindered(trouble), f"{sentence}; {trouble.sentence}"
    again = PODLESS if is_silent(job.pods) else _unheard(job, now)
    return Standing(run, state, sentence, (), run.frozen.shards, 0, rows, None, again)


def _succeeded(seen: BatchSeen, run: BatchRunSeen, job: BatchJob, rows: int) -> Standing:
    results = [result for pod in job.pods if (result := parse_result(pod.exit_message)) is not None]
    good = next((result for result in results if result.outcome == "Succeeded"), None)
    said: Mapping[str, Any] = (good.results.get("batch") if good else None) or {}
    before = told(seen, run)
    total = said["rows"] if isinstance(said.get("rows"), int) else max(rows, before.get("rows", 0))
    uri = str(said.get("uri") or before.get("output") or f"{run.frozen.output['uri']}/{run.folder}")
    sentence = f"{run.frozen.run}: {good.sentence if good else f'the answers are at {uri}'}"
    return Standing(run, RunState.SUCCEEDED, sentence, (), run.frozen.shards, 0, total, job.ended, None, uri)


def _unheard(job: BatchJob, now: datetime) -> timedelta | None:
    """Return how long to wait for what a pod said before it ended; None when it was heard, or will not be."""
    said = any(pod.exit_code is not None for pod in job.pods)
    if job.state is JobState.ACTIVE or said or job.ended is None or abs(now - job.ended) >= HEARD:
        return None
    return HEARD


def _rows(job: BatchJob) -> int:
    """Return the rows that shards told of; of a shard that ran twice one tells."""
    found: dict[int, int] = {}
    for pod in job.pods:
        result = parse_result(pod.exit_message)
        part = (result.results.get("batch") or {}) if result and result.outcome == "Succeeded" else {}
        if isinstance(part.get("shard"), int) and isinstance(part.get("rows"), int):
            found[part["shard"]] = part["rows"]
    return sum(found.values())


def _number(indexes: str) -> int:
    """Return how many shards a list such as `1,3-5` names.

    >>> _number("1,3-5"), _number("")
    (4, 0)
    """
    ends = [part.split("-") for part in indexes.split(",") if part]
    return sum(int(end[-1]) - int(end[0]) + 1 for end in ends)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def shown(standing: Standing) -> dict[str, Any]:
    """Return a run as the status shows it."""
    frozen, total = standing.run.frozen, standing.run.frozen.shards
    going = standing.state not in ENDED
    waits = standing.state in {RunState.WAITING, RunState.UNHEALTHY, RunState.STOPPED}
    return {
        "name": frozen.run,
        "number": frozen.number,
        "state": ("Waiting" if waits else "Running") if going else str(standing.state),
        "version": frozen.version["name"],
        "progress": f"{standing.done}/{total}",
        "shards": {"total": total, "done": standing.done, "failed": standing.failed},
        "rows": standing.rows,
        "output": standing.output or None,
        "startedAt": timestamp(standing.run.created),
        "finishedAt": timestamp(standing.finished) if standing.finished else None,
        "sentence": standing.sentence,
    }


def jobs_of(runs: Sequence[BatchRunSeen]) -> tuple[RemoveBatchJob, ...]:
    """Return the removal of all Jobs of runs."""
    return tuple(RemoveBatchJob(job.name, job.uid) for run in runs for job in run.jobs)
