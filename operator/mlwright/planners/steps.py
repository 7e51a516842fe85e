"""Where each step of a run stands: what its Jobs show and, for what is gone, what the status said earlier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from mlwright.api.conditions import find
from mlwright.constants import EXIT_USER_ERROR
from mlwright.plan.frozen import Frozen
from mlwright.plan.jobs import JobSeen, JobState
from mlwright.plan.pods import Diagnosis, holdup, moment, plain
from mlwright.plan.steps import BUILT_IN, IMPORTING, ON_EXIT, StepTemplate
from mlwright.plan.training import Kept, RunSeen, StepResult
from mlwright.planners import cache, graph
from mlwright.planners.conditions import judge
from mlwright.planners.results import is_complete, parse_result

PODLESS: Final = timedelta(seconds=25)
"""How long a Job may be without a pod before somebody should know."""

HEARD: Final = timedelta(seconds=10)
"""How long the end of a Job may be known before what its pod said: two watches tell them, in no order."""


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "Pending"
    QUEUED = "Queued"
    """Its Job has no pod because somebody suspended it: a queue that has not admitted it, or has evicted it."""
    RUNNING = "Running"
    UNREAD = "Unread"
    """Ended well, but its result was not heard of: it is read again from the store."""
    SUCCEEDED = "Succeeded"
    CACHED = "Cached"
    """What an earlier run made is used."""
    SKIPPED = "Skipped"
    """What must hold for it to run does not, or a step that it needs was skipped."""
    USER_ERROR = "UserError"
    CRASHED = "Crashed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it stands."""

    template: StepTemplate
    state: StepState
    attempt: int = 0
    job: JobSeen | None = None
    result: StepResult | None = None
    trouble: Diagnosis | None = None
    """What is wrong with the pod of a running step."""
    stored: Mapping[str, Any] = field(default_factory=dict)
    """What the status said of it at an earlier look; empty when it said nothing."""
    key: str = ""
    """Digest of all that it rests on; of a step with a cache, once the steps before it are done."""
    kept: Kept | None = None
    """What is used of an earlier run."""

    @property
    def name(self) -> str:
        """Name of the step."""
        return self.template.name

    @property
    def done(self) -> bool:
        """Whether the steps that depend on it may start."""
        return self.state in {StepState.SUCCEEDED, StepState.CACHED, StepState.SKIPPED}

    @property
    def at_work(self) -> bool:
        """Whether an attempt of it is in the cluster and has not been judged."""
        return self.state in {StepState.QUEUED, StepState.RUNNING, StepState.UNREAD}

    @property
    def evictions(self) -> int:
        """How often a queue took the room of this attempt back, as far as the status remembers."""
        if self.job is None or self.stored.get("job") != self.job.name:
            return 0
        told: int = self.stored.get("evictions", 0)
        return told + (self.state is StepState.QUEUED and self.stored.get("state") in {"Running", "Waiting"})

    @property
    def crashes(self) -> int:
        """Attempts that failed for a reason that is not the user's, this one included if it did."""
        return (self.job.crashes if self.job else 0) + (self.state is StepState.CRASHED)

    @property
    def waits(self) -> int:
        """Attempts before this one that only looked for something that was not there."""
        return max(0, self.attempt - (self.job.crashes if self.job else 0))


def steps(seen: RunSeen, now: datetime) -> tuple[Step, ...]:
    """Return all steps, each behind those that it depends on.

    What the Jobs show wins; the stored status speaks only for a step that succeeded and whose Job or pod is gone.
    """
    stored = {entry["name"]: entry for entry in seen.status.get("steps") or ()}
    parameters = (seen.frozen.training.get("estimator") or {}).get("parameters") or {} if seen.frozen else {}
    found: dict[str, Step] = {}
    for template in _templates(seen):
        step = _seen(template, seen, stored.get(template.name, {}), now)
        step = _unless_skipped(step, found, parameters)
        found[template.name] = _unless_kept(step, found, seen, now)
    return tuple(found.values())


def origin(frozen: Frozen, step: Step) -> str:
    """Return the folder of what a step made, among those of all runs."""
    return step.kept.origin if step.kept else f"{frozen.folder}/{step.template.folder}-{step.attempt}"


def _unless_kept(step: Step, before: Mapping[str, Step], seen: RunSeen, now: datetime) -> Step:
    """Return a step with a cache as done when an earlier run did it, else with the digest under which it is kept."""
    needs = [before[name] for name in step.template.depends_on]
    frozen = seen.frozen
    if frozen is None or not step.template.cache or step.kept or not all(earlier.done for earlier in needs):
        return step
    results = {earlier.name: earlier.result.results if earlier.result else {} for earlier in needs}
    made = {e.name: cache.made(results[e.name], e.template.uses, origin(frozen, e)) for e in needs}
    keyed = replace(step, key=cache.key(frozen, step.template, made))
    kept = cache.find(seen, step.template, keyed.key, now) if step.state is StepState.PENDING else None
    return _used(keyed, kept) if kept else keyed


def _used(step: Step, kept: Kept) -> Step:
    result = StepResult("Succeeded", f"used from {kept.run}: {kept.sentence}", kept.results)
    return replace(step, state=StepState.CACHED, kept=kept, result=result)


def last(seen: RunSeen, now: datetime) -> Step | None:
    """Return the step that runs when all others are over, None for a run without one."""
    template = seen.frozen.on_exit if seen.frozen else None
    stored: Mapping[str, Any] = next(
        (entry for entry in seen.status.get("steps") or () if entry["name"] == ON_EXIT), {}
    )
    return _seen(template, seen, stored, now) if template else None


def retried(seen: RunSeen) -> bool:
    """Tell whether somebody asks for another try of a run that failed."""
    failed = (find(seen.status, "Failed") or {}).get("status") == "True"
    return failed and seen.retry not in {"", seen.status.get("handledRetry")} and not seen.newer


def _seen(template: StepTemplate, seen: RunSeen, stored: Mapping[str, Any], now: datetime) -> Step:
    jobs = [job for job in seen.jobs if job.step == template.name]
    if stored.get("state") == "Cached" and retried(seen):
        stored = {}  # its files may be what is missing
    return replace(_step(template, jobs, stored, now), stored=stored)


def _unless_skipped(step: Step, before: Mapping[str, Step], parameters: Mapping[str, Any]) -> Step:
    """Return a step that may start, or as skipped when something that it needs was, or its condition does not hold."""
    if step.state is not StepState.PENDING or not all(before[name].done for name in step.template.depends_on):
        return step
    lacking = next((name for name in step.template.needs if before[name].state is StepState.SKIPPED), "")
    if lacking:
        return _skipped(step, f"{lacking}, which it needs, was skipped")
    earlier = graph.before([one.template for one in before.values()], step.template)
    reported = [one.result.results for name, one in before.items() if name in earlier and one.result]
    answer = judge(step.template.when, parameters, reported)
    if answer.runs:
        return step
    if answer.known:
        return _skipped(step, answer.sentence)
    where, remedy = f"spec.steps[{step.name}].when.metric", "let it depend on the step that reports it"
    return replace(step, state=StepState.USER_ERROR, result=StepResult("UserError", answer.sentence, {}, where, remedy))


def _skipped(step: Step, why: str) -> Step:
    return replace(step, state=StepState.SKIPPED, result=StepResult("Succeeded", f"skipped: {why}"))


def _templates(seen: RunSeen) -> tuple[StepTemplate, ...]:
    """Return the steps of a run; while what it froze is not known, those that its status told of."""
    if seen.frozen is not None:
        return seen.frozen.steps
    told = (entry["name"] for entry in seen.status.get("steps") or () if entry["name"] != ON_EXIT)
    return tuple(StepTemplate(name) for name in told) or (IMPORTING if seen.spec.import_from else BUILT_IN)


def _step(template: StepTemplate, jobs: list[JobSeen], stored: Mapping[str, Any], now: datetime) -> Step:
    if not jobs and stored.get("state") == "Skipped":
        return Step(template, StepState.SKIPPED, result=StepResult("Succeeded", stored.get("sentence", "")))
    if not jobs and stored.get("state") == "Cached":
        return _from_cache(template, stored)
    if not jobs:
        return _from_stored(template, stored) if _succeeded(stored) else Step(template, StepState.PENDING)
    attempt = max(job.attempt for job in jobs)
    job = next((j for j in jobs if j.attempt == attempt and not j.collects), None)
    reader = next((j for j in jobs if j.attempt == attempt and j.collects), None)
    found = _from_job(template, job, now) if job else Step(template, StepState.UNREAD, attempt)
    if found.state is not StepState.UNREAD:
        return found
    if _succeeded(stored) and stored.get("attempt", 0) == attempt:
        return _from_stored(template, stored)
    if reader is None:
        return found
    read = _from_job(template, reader, now)
    return read if read.state is not StepState.UNREAD else Step(template, StepState.CRASHED, attempt, reader)


def _succeeded(stored: Mapping[str, Any]) -> bool:
    return bool(stored.get("state") == "Succeeded")


def _from_stored(template: StepTemplate, stored: Mapping[str, Any]) -> Step:
    result = StepResult("Succeeded", stored.get("sentence", ""), stored.get("results") or {})
    return Step(template, StepState.SUCCEEDED, stored.get("attempt", 0), result=result)


def _from_cache(template: StepTemplate, stored: Mapping[str, Any]) -> Step:
    """Return a step for which an earlier run stands: it goes on doing so, however old it gets meanwhile."""
    said, results = stored.get("sentence", ""), stored.get("results") or {}
    kept = Kept(
        "", stored.get("cacheKey", ""), stored.get("origin", ""), moment(stored.get("finishedAt")), said, results
    )
    result = StepResult("Succeeded", said, results)
    return Step(template, StepState.CACHED, result=result, key=kept.key, kept=kept)


def _from_other(template: StepTemplate, job: JobSeen) -> Step:
    """Return a step that another controller does: its conditions say all that there is to say."""
    if job.state is JobState.COMPLETE:
        done = StepResult("Succeeded", job.message or f"{job.kind.name} {job.name} has ended well")
        return Step(template, StepState.SUCCEEDED, job.attempt, job, done)
    state = StepState.CRASHED if job.state is JobState.FAILED else StepState.RUNNING
    return Step(template, state, job.attempt, job)


def _from_job(template: StepTemplate, job: JobSeen, now: datetime) -> Step:
    if template.resource:
        return _from_other(template, job)
    result = _result(template, job)
    if job.state is JobState.ACTIVE and job.suspended:
        return Step(template, StepState.QUEUED, job.attempt, job)
    if job.state is JobState.ACTIVE:
        return Step(template, StepState.RUNNING, job.attempt, job, trouble=_trouble(job, now))
    helped = bool(template.uses) and template.shards > 1 and not (result and is_complete(template, result.results))
    if not _heard(job, now, any_pod=not helped):
        return Step(template, StepState.RUNNING, job.attempt, job)
    if job.state is JobState.COMPLETE and template.shards > 1 and not template.uses:
        every = StepResult("Succeeded", f"all {template.shards} shards are done")
        return Step(template, StepState.SUCCEEDED, job.attempt, job, every)
    if job.state is JobState.COMPLETE:
        told = result is not None and result.outcome == "Succeeded" and is_complete(template, result.results)
        return Step(template, StepState.SUCCEEDED if told else StepState.UNREAD, job.attempt, job, result)
    if job.by_user:
        return Step(template, StepState.USER_ERROR, job.attempt, job, result or _said(template, job))
    return Step(template, StepState.CRASHED, job.attempt, job, result)


def _result(template: StepTemplate, job: JobSeen) -> StepResult | None:
    """Return what the pods reported; of several, what later steps need: those that only helped say less."""
    told = [found for pod in job.pods if (found := parse_result(pod.exit_message)) is not None]
    return next((found for found in told if is_complete(template, found.results)), told[0] if told else None)


def _said(template: StepTemplate, job: JobSeen) -> StepResult | None:
    """Return what a container of somebody's own wrote about the error that it found; text of ours is a result."""
    words = next((plain(pod.exit_message) for pod in job.pods if pod.exit_code == EXIT_USER_ERROR), "")
    return StepResult("UserError", words) if template.container and words else None


def _heard(job: JobSeen, now: datetime, *, any_pod: bool) -> bool:
    """Tell whether the pod that ended a Job was heard of, or has had the time to be.

    Args:
        job: the Job.
        now: the time.
        any_pod: whether the end of any pod will do; of pods that help each other one tells the result.
    """
    code = 0 if job.state is JobState.COMPLETE else EXIT_USER_ERROR if job.by_user else None
    codes = [pod.exit_code for pod in job.pods if pod.exit_code is not None]
    if (any_pod or code != 0) and (code in codes or (code is None and any(codes))):
        return True
    return job.ended is None or abs(now - job.ended) >= HEARD  # the API server's clock may be a little ahead of ours


def _trouble(job: JobSeen, now: datetime) -> Diagnosis | None:
    """Return why a step does not get on."""
    if not job.pods and now - job.started > PODLESS:
        return Diagnosis(f"its pod could not be made yet; kubectl describe job/{job.name} says why")
    return holdup(job.pods, now)


def ended(step: Step, otherwise: datetime) -> datetime:
    """Return when the last attempt of a step ended, as far as it is known."""
    if step.job is not None and step.job.ended is not None:
        return step.job.ended
    stored = step.stored.get("finishedAt")
    return moment(stored) if stored else otherwise
