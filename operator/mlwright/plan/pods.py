"""A pod as planners see it, and what is wrong with it in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mlwright.plan.resources import Body

_PASSING: Final = ("ContainerCreating", "PodInitializing", "")
"""Waiting reasons of a pod that is on its way."""


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


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a pod."""

    sentence: str
    missing: bool = False
    """True when something that the pod refers to does not exist (yet)."""


def moment(text: str | None) -> datetime:
    """Read a timestamp of the API server; an absent one is the beginning of time."""
    return datetime.fromisoformat(text or "1970-01-01T00:00:00Z")


def pod_seen(body: Body, container: str) -> PodSeen:
    """Return a pod as seen, with the state of the container of that name."""
    meta, status = body["metadata"], body.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    state = next((c for c in status.get("containerStatuses") or () if c.get("name") == container), {})
    waiting = (state.get("state") or {}).get("waiting") or {}
    ended = _ended(state)
    scheduled = conditions.get("PodScheduled", {})
    return PodSeen(
        name=meta["name"],
        phase=status.get("phase", "Pending"),
        ready=conditions.get("Ready", {}).get("status") == "True",
        deleting="deletionTimestamp" in meta,
        labels=meta.get("labels") or {},
        created=moment(meta.get("creationTimestamp")),
        scheduling=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason", ""),
        exit_message=ended.get("message", "").strip(),
        restarts=state.get("restartCount", 0),
    )


def _ended(state: Mapping[str, Any]) -> Mapping[str, Any]:
    now = (state.get("state") or {}).get("terminated")
    return now or (state.get("lastState") or {}).get("terminated") or {}


def diagnose(pods: Iterable[PodSeen]) -> Diagnosis | None:
    """Return what is wrong with the first pod that is in trouble, or None when all are ready, done or on
    their way.
    """
    return next((found for pod in pods if not pod.ready and (found := _diagnose(pod)) is not None), None)


def _diagnose(pod: PodSeen) -> Diagnosis | None:
    if pod.phase == "Succeeded" or pod.deleting:
        return None
    if "not found" in pod.scheduling:
        return Diagnosis(
            f"pod {pod.name} waits: {_plain(pod.scheduling)}; it starts by itself when that exists", missing=True
        )
    if pod.scheduling:
        return Diagnosis(f"pod {pod.name} cannot be placed: {_plain(pod.scheduling)}")
    if pod.exit_code not in (None, 0):
        return Diagnosis(_died(pod))
    if pod.waiting_reason in _PASSING:
        return None
    if pod.waiting_reason == "CreateContainerConfigError":
        sentence = f"pod {pod.name} waits: {_plain(pod.waiting_message)}; create it, the pod starts by itself"
        return Diagnosis(sentence, missing="not found" in pod.waiting_message)
    if pod.waiting_reason in {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}:
        return Diagnosis(
            f"the image of pod {pod.name} cannot be fetched ({pod.waiting_reason}): {_plain(pod.waiting_message)}"
        )
    return Diagnosis(f"pod {pod.name} does not start ({pod.waiting_reason}): {_plain(pod.waiting_message)}")


def _died(pod: PodSeen) -> str:
    why = f" ({pod.exit_reason})" if pod.exit_reason not in ("", "Error") else ""
    said = f": {_plain(pod.exit_message)}" if pod.exit_message else ""
    return f"pod {pod.name} ended with exit code {pod.exit_code}{why}{said}"


def _plain(text: str) -> str:
    """One line, bounded: statuses are read by people."""
    return " ".join(text.split())[:600]
