"""States of pods as a kubelet and a scheduler report them, and of Jobs as their controller does. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mlwright.constants import LEARNED
from tests.support.apiserver import Json

IMAGE: Final = "example/image"


@dataclass(frozen=True, slots=True)
class Ended:
    """The container ended for good."""

    exit_code: int
    message: str = ""
    reason: str = ""
    learned: str = ""
    """What the container `learned` said before it, where a pod has one."""


@dataclass(frozen=True, slots=True)
class Running:
    """The container runs."""

    ready: bool = True


@dataclass(frozen=True, slots=True)
class CrashLoop:
    """The container ends again and again, and waits to be started."""

    exit_code: int
    message: str = ""
    restarts: int = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """The container cannot be started; the reason is the kubelet's, such as ImagePullBackOff."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Unscheduled:
    """The scheduler finds no node."""

    message: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The pod cannot be made, as when a quota forbids it."""


State = Absent | Ended | Running | CrashLoop | Waiting | Unscheduled


def pod_status(state: State, container: str, now: str) -> Json:
    """Return the status of a pod with one container."""
    if isinstance(state, Unscheduled):
        condition = {"reason": "Unschedulable", "message": state.message} | _condition("PodScheduled", now, good=False)
        return {"phase": "Pending", "conditions": [condition]}
    ready = isinstance(state, Running) and state.ready
    seen = {
        "name": container,
        "image": IMAGE,
        "imageID": "",
        "ready": ready,
        "started": isinstance(state, Running),
        **_container(state, now),
    }
    conditions = [_condition("PodScheduled", now, good=True), _condition("Ready", now, good=ready)]
    there: Json = {"podIP": "10.0.0.1"} if ready else {}
    if isinstance(state, Ended) and state.learned:
        first = {**seen, "name": LEARNED, **_container(Ended(0, state.learned), now)}
        there = {"initContainerStatuses": [first]}
    return {"phase": _phase(state), "startTime": now, "conditions": conditions, "containerStatuses": [seen], **there}


def _condition(type_: str, now: str, *, good: bool) -> Json:
    return {"type": type_, "status": "True" if good else "False", "lastTransitionTime": now}


def _phase(state: State) -> str:
    match state:
        case Ended(exit_code):
            return "Succeeded" if exit_code == 0 else "Failed"
        case Waiting() | Unscheduled() | Absent():
            return "Pending"
        case _:
            return "Running"


def _container(state: State, now: str) -> Json:
    match state:
        case Ended(code, message, reason):
            reason = reason or ("Completed" if code == 0 else "Error")
            return {"restartCount": 0, "state": {"terminated": _terminated(code, reason, message, now)}}
        case CrashLoop(code, message, restarts):
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
            ended = {"terminated": _terminated(code, "Error", message, now)}
            return {"restartCount": restarts, "state": {"waiting": waiting}, "lastState": ended}
        case Waiting(reason, message):
            return {"restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}}}
        case _:
            return {"restartCount": 0, "state": {"running": {"startedAt": now}}}


def _terminated(code: int, reason: str, message: str, now: str) -> Json:
    said = {"message": message} if message else {}
    return {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now, **said}


def job_status(job: Json, pod: str, state: State, now: str) -> Json:
    """Return the status of a Job whose one pod is in that state, as validated by the API server."""
    started = (job.get("status") or {}).get("startTime", now)
    if not isinstance(state, Ended):
        return {"active": 1, "ready": int(isinstance(state, Running)), "startTime": started}
    if state.exit_code == 0:
        done = {"completionTime": now, **_completed(job)}
        return _over(done, started, (_final("SuccessCriteriaMet", now), _final("Complete", now)))
    reason, message = _why(job, pod, state)
    final = tuple(_final(type_, now) | {"reason": reason, "message": message} for type_ in ("FailureTarget", "Failed"))
    return _over({"failed": 1}, started, final)


def _completed(job: Json) -> Json:
    """Return what a Job counts at its end; the one pod stands for those of all shards."""
    if job["spec"].get("completionMode") != "Indexed":
        return {"succeeded": 1}
    shards = job["spec"]["completions"]
    return {"succeeded": shards, "completedIndexes": "0" if shards == 1 else f"0-{shards - 1}"}


def _over(numbers: Json, started: str, conditions: tuple[Json, ...]) -> Json:
    idle = {"active": 0, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}
    return {**idle, **numbers, "startTime": started, "conditions": list(conditions)}


def _final(type_: str, now: str) -> Json:
    return {"type": type_, "status": "True", "lastProbeTime": now, "lastTransitionTime": now}


def _why(job: Json, pod: str, state: Ended) -> tuple[str, str]:
    """Return why the Job controller gives up: a rule about exit codes, or no attempts left."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    for index, rule in enumerate(rules):
        codes = rule.get("onExitCodes") or {}
        if rule["action"] == "FailJob" and state.exit_code in codes.get("values", ()):
            where = f"Container {codes.get('containerName')} for pod {job['metadata']['namespace']}/{pod}"
            return "PodFailurePolicy", f"{where} failed with exit code {state.exit_code} matching rule {index}"
    return "BackoffLimitExceeded", "Job has reached the specified backoff limit"


def deployment_status(deployment: Json, states: tuple[State, ...]) -> Json:
    """Return the status of a Deployment with pods of these states."""
    total, ready = len(states), sum(isinstance(state, Running) and state.ready for state in states)
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": total,
        "updatedReplicas": total,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": total - ready,
    }
