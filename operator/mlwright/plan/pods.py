"""A pod as planners see it, and what is wrong with it in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from mlwright.api.conditions import timestamp
from mlwright.constants import FETCH, FETCH_PAYLOADS, PAYLOADS
from mlwright.plan.resources import Body

_PASSING: Final = ("ContainerCreating", "PodInitializing", "")
"""Waiting reasons of a pod that is on its way."""
_OVER: Final = ("Succeeded", "Failed")
"""Phases of a pod whose containers have ended for good."""
_UNFETCHED: Final = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
"""Waiting reasons of a pod whose image cannot be had."""
_ABSENT: Final = ("not found", "find key")
"""What the kubelet says when a Secret, a ConfigMap or a key in one does not exist."""
_STARTS_THEN: Final = "create it, the pod starts by itself"
OVERDUE: Final = timedelta(minutes=1)
"""How long after the grace of its deletion a pod may still be there: a kubelet takes its time, a lost one for ever."""
SLOW: Final = timedelta(minutes=5)
"""So long the kubelet may fetch an image and mount volumes without a word about it."""
_LONGEST: Final = 600
"""Characters of a foreign message that a sentence takes in."""


@dataclass(frozen=True, slots=True)
class PodSeen:
    """One pod and its one container of ours."""

    name: str
    phase: str
    ready: bool
    deleting: bool
    labels: Mapping[str, str]
    created: datetime
    scheduling: str = ""
    """Why it is not scheduled, in the scheduler's words."""
    waiting_reason: str = ""
    waiting_message: str = ""
    exit_code: int | None = None
    """Exit code of the last container that ended, running again or not."""
    exit_reason: str = ""
    exit_message: str = ""
    """Termination message of that container."""
    restarts: int = 0
    started: datetime | None = None
    """When the container started for the first time, as far as its state tells that; None before it did."""
    ready_since: datetime | None = None
    """Since when it is ready; None while it is not."""
    address: str = ""
    """Its IP; empty while it has none."""
    ended_by: str = ""
    """Why the kubelet ended the whole pod, as one word such as DeadlineExceeded; empty where it did not."""
    fetching: str = ""
    """What it could not fetch yet, in words, else empty: what it ended with says nothing about the bundle."""
    made_since: datetime | None = None
    """Since when the next container is being made: when the one before it was over, else when the pod got its node."""
    node: str = ""
    """Where it runs; empty while it is not placed."""
    gone_by: datetime | None = None
    """When the grace of its deletion is over; None for one that is not being deleted."""

    @property
    def over(self) -> bool:
        """Whether it has ended as a whole: nothing in it starts again."""
        return self.phase in _OVER


_FETCHES: Final[Mapping[str, str]] = {FETCH: "its bundle", FETCH_PAYLOADS: "recorded requests"}
"""What containers fetch, by their names."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a pod."""

    sentence: str
    missing: bool = False
    """True when something that the pod refers to does not exist (yet)."""
    slow: bool = False
    """True when nothing is known to be wrong, and the pod only takes long: it may get on by itself at any time."""


def moment(text: str | None) -> datetime:
    """Read a timestamp of the API server; an absent one is the beginning of time."""
    return datetime.fromisoformat(text or "1970-01-01T00:00:00Z")


def pod_seen(body: Body, container: str) -> PodSeen:
    """Return a pod as seen, with the state of the container of that name, or of one before it that is not done."""
    meta, status = body["metadata"], body.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    state = _at_work(status, container)
    waiting = (state.get("state") or {}).get("waiting") or {}
    ended = _ended(state)
    scheduled = conditions.get("PodScheduled", {})
    created = moment(meta.get("creationTimestamp"))
    return PodSeen(
        name=meta["name"],
        phase=status.get("phase", "Pending"),
        ready=conditions.get("Ready", {}).get("status") == "True",
        deleting="deletionTimestamp" in meta,
        labels=meta.get("labels") or {},
        created=created,
        scheduling=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason", ""),
        exit_message=ended.get("message", "").strip(),
        restarts=state.get("restartCount", 0),
        started=_first_start(state, _true_since(scheduled) or created),
        ready_since=_true_since(conditions.get("Ready", {})),
        address=status.get("podIP", ""),
        ended_by=status.get("reason", ""),
        fetching=_FETCHES.get(state.get("name", ""), ""),
        made_since=_made_since(status, scheduled),
        node=(body.get("spec") or {}).get("nodeName", ""),
        gone_by=moment(meta["deletionTimestamp"]) if "deletionTimestamp" in meta else None,
    )


def _true_since(condition: Mapping[str, Any]) -> datetime | None:
    told = condition.get("lastTransitionTime")
    return moment(told) if told and condition.get("status") == "True" else None


def _made_since(status: Mapping[str, Any], scheduled: Mapping[str, Any]) -> datetime | None:
    """Return since when the next container of a pod is being made; None while the pod has no node.

    The kubelet fetches the image of each container only when those before it are over, which may have worked for hours.
    What runs on beside the others is over in this sense when it has started.
    """
    placed = _true_since(scheduled)
    states = [init.get("state") or {} for init in status.get("initContainerStatuses") or ()]
    told = [(s.get("terminated") or {}).get("finishedAt") or (s.get("running") or {}).get("startedAt") for s in states]
    return None if placed is None else max([placed, *(moment(time) for time in told if time)])


def _at_work(status: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    """Return the state of the first init container that has not ended well, else that of the container.

    What sends a payload log runs beside the server once it has started; then only the log's own series tell of it.
    """
    for init in status.get("initContainerStatuses") or ():
        state = init.get("state") or {}
        over = state.get("terminated")
        if init.get("name") == PAYLOADS and "waiting" not in state:
            continue
        if over is None or over.get("exitCode"):
            return cast("Mapping[str, Any]", init)
    return next((c for c in status.get("containerStatuses") or () if c.get("name") == container), {})


def _ended(state: Mapping[str, Any]) -> Mapping[str, Any]:
    now = (state.get("state") or {}).get("terminated")
    return now or (state.get("lastState") or {}).get("terminated") or {}


def _first_start(state: Mapping[str, Any], possible: datetime) -> datetime | None:
    """Return when a container started first, not earlier than was possible; None before it did.

    Its state tells the last two runs. Of those before only their number is known, and that a kubelet usually lets a
    pause pass before each but the first repetition: 10 s, 20 s, ... up to 5 min. One that is set to shorter pauses
    (`crashLoopBackOff.maxContainerRestartPeriod`) makes this too early, though never earlier than the pod could start.
    """
    now, last = state.get("state") or {}, (state.get("lastState") or {}).get("terminated")
    run = now.get("running") or now.get("terminated")
    told = (last or run or {}).get("startedAt")
    earlier = state.get("restartCount", 0) - (1 if run and last else 0)
    return max(moment(told) - _pauses(earlier), possible) if told else None


def _pauses(restarts: int) -> timedelta:
    """Return the least time that so many restarts take with the usual pauses.

    >>> str(_pauses(1)), str(_pauses(3)), str(_pauses(7))
    ('0:00:00', '0:00:30', '0:10:10')
    """
    doubled = max(0, min(restarts - 1, 5))
    return timedelta(seconds=10 * (2**doubled - 1) + 300 * max(0, restarts - 1 - doubled))


def diagnose(pods: Iterable[PodSeen]) -> Diagnosis | None:
    """Return what is wrong with the first pod in trouble, or None when all are ready, done or on their way.

    Example: the pod of a deployment whose Secret is missing -> Diagnosis("pod churn-1 waits: secret "key" not found;
    create it, the pod starts by itself", missing=True).
    """
    return next((found for pod in pods if not pod.ready and (found := _diagnose(pod)) is not None), None)


def _diagnose(pod: PodSeen) -> Diagnosis | None:
    if pod.phase == "Succeeded" or pod.deleting:
        return None
    return next((found for check in _CHECKS if (found := check(pod)) is not None), None)


def holdup(pods: Iterable[PodSeen], now: datetime) -> Diagnosis | None:
    """Return why the pods of a Job that goes on do not get on, or None when they do.

    A container that ended is no trouble yet: the Job's end says what it was. A pod that is being deleted is replaced
    when it has ended; that of a node that was lost never does, and no event tells so. To delete it with --force helps
    nothing, for the Job waits for its phase: the garbage collector sets that when the Node is gone.
    """
    every = tuple(pods)
    found = diagnose(pod for pod in every if pod.exit_code is None)
    if found is not None or (gone := lost(every, now)) is None or gone.gone_by is None:
        return found or being_made(every, now)
    return Diagnosis(
        f"{placed(gone)} was to end by {timestamp(gone.gone_by)}, and its node has not told that it did; if the node is"
        " lost, delete the Node, and another pod takes its place"
    )


def lost(pods: Iterable[PodSeen], now: datetime) -> PodSeen | None:
    """Return which of the pods of a Job does not end, although it is deleted and its grace long over."""
    gone = (pod for pod in pods if pod.gone_by is not None and now - pod.gone_by > OVERDUE)
    return next((pod for pod in gone if _is_leaving(pod)), None)


def placed(pod: PodSeen) -> str:
    """Return a pod and where it is, in words."""
    return f"pod {pod.name} on node {pod.node}" if pod.node else f"pod {pod.name}"


def being_made(pods: Iterable[PodSeen], now: datetime) -> Diagnosis | None:
    """Return of which pod a container is being made for long; None where there is none.

    Only events of the pod tell which image is large, or which volume another node still holds. Either ends by itself as
    a rule, so the pod is slow and not stuck: work that it has done is not to be thrown away for that.
    """
    making = ((pod, pod.made_since) for pod in pods if pod.made_since is not None and _is_being_made(pod))
    slow = ((pod, since) for pod, since in making if now - since > SLOW)
    return next((Diagnosis(_SLOWLY.format(pod.name, timestamp(since)), slow=True) for pod, since in slow), None)


_SLOWLY: Final = (
    "the container of pod {0} is being made since {1}; kubectl describe pod {0} says which image or volume it waits for"
)


def _is_being_made(pod: PodSeen) -> bool:
    alive = not (pod.ready or pod.deleting or pod.over)
    return alive and pod.started is None and pod.waiting_reason in _PASSING


def is_silent(pods: Iterable[PodSeen]) -> bool:
    """Tell whether no event may tell how one of the pods goes on: it is being deleted, or its container is made."""
    return any(_is_leaving(pod) or _is_being_made(pod) for pod in pods)


def _is_leaving(pod: PodSeen) -> bool:
    return pod.gone_by is not None and not pod.over


def _unplaced(pod: PodSeen) -> Diagnosis | None:
    """The scheduler finds no node, because of something that does not exist or because nothing is free."""
    if not pod.scheduling:
        return None
    if "not found" in pod.scheduling:
        return Diagnosis(f"pod {pod.name} waits: {plain(pod.scheduling)}; {_STARTS_THEN}", missing=True)
    return Diagnosis(f"pod {pod.name} cannot be placed: {plain(pod.scheduling)}")


def _died(pod: PodSeen) -> Diagnosis | None:
    """Its container ended, and not well; it may be running again."""
    if pod.exit_code in (None, 0):
        return None
    if pod.fetching:
        sentence = f"pod {pod.name} cannot fetch {pod.fetching}: {_reported(pod)}; it is tried again by itself"
        return Diagnosis(sentence, missing=True)
    why = f" ({pod.exit_reason})" if pod.exit_reason not in ("", "Error") else ""
    said = f": {plain(pod.exit_message)}" if pod.exit_message else ""
    return Diagnosis(f"pod {pod.name} ended with exit code {pod.exit_code}{why}{said}")


def _reported(pod: PodSeen) -> str:
    """Return what the program that fetches said: it reports as steps do."""
    try:
        told = json.loads(pod.exit_message)
        parts = told.get("field"), told["sentence"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return plain(pod.exit_message) or f"it ended with exit code {pod.exit_code}"
    where, remedy = f"{parts[0]}: " if parts[0] else "", told.get("remedy")
    return plain(f"{where}{parts[1]}{f'; {remedy}' if remedy else ''}")


def _held_up(pod: PodSeen) -> Diagnosis | None:
    """The kubelet cannot start its container."""
    if pod.waiting_reason in _PASSING:
        return None
    said = plain(pod.waiting_message)
    if pod.waiting_reason == "CreateContainerConfigError":
        missing = any(phrase in said for phrase in _ABSENT)
        remedy = _STARTS_THEN if missing else "correct it, the pod starts by itself"
        return Diagnosis(f"pod {pod.name} waits: {said}; {remedy}", missing=missing)
    if pod.waiting_reason in _UNFETCHED:
        remedy = "correct the image's name or the pull secret, or load the image; it is fetched again by itself"
        return Diagnosis(f"the image of pod {pod.name} cannot be fetched: {_pull_error(said)}; {remedy}")
    return Diagnosis(f"pod {pod.name} does not start ({pod.waiting_reason}): {said}")


def _pull_error(said: str) -> str:
    """Return the error itself: the kubelet tells it bare and, in turns, behind words about its back-off.

    >>> _pull_error('Back-off pulling image "a:1": ErrImagePull: a:1 is not found')
    'a:1 is not found'
    """
    return said.rpartition("ErrImagePull: ")[2]


_CHECKS: Final = (_unplaced, _died, _held_up)
"""In this order: what keeps a pod from starting again matters less than why it ended."""


def plain(text: str) -> str:
    """Return a text as one bounded line: statuses are read by people, and the API server refuses long ones.

    >>> plain("  no   space left on device ")
    'no space left on device'
    """
    return " ".join(text.split())[:_LONGEST]
