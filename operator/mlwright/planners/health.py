"""How the pods of a variant are: ready, on their way, or failing and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mlwright.constants import EXIT_USER_ERROR
from mlwright.plan.pods import PodSeen, being_made, diagnose, plain
from mlwright.plan.serving import VariantSeen

LOOPS: Final = 3
"""A server that was ready and has ended so often does not recover by itself; its traffic waits for it no longer."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a variant's pods."""

    ready: int
    wanted: int
    trouble: str = ""
    """What is wrong with a pod, in one sentence; empty when all is well or on its way."""

    @property
    def complete(self) -> bool:
        """All wanted pods are ready."""
        return self.ready >= self.wanted

    @property
    def counted(self) -> str:
        """The pods in words."""
        return f"{self.ready} of {self.wanted} pods ready"


def health(variant: VariantSeen | None, wanted: int) -> Health:
    """Return how the pods of a variant are, of which `wanted` are needed.

    While the Deployment controller has not seen the newest spec its count is of another time: it never completes.
    """
    if variant is None:
        return Health(0, wanted)
    ready = variant.ready if variant.observed else max(0, min(variant.ready, wanted - 1))
    return Health(ready, wanted, "" if ready >= wanted else _trouble(variant))


def slow(state: Health, variant: VariantSeen, now: datetime) -> Health:
    """Return the same, with what is made for long where nothing else is known to be wrong."""
    found = None if state.complete or state.trouble else being_made(variant.pods, now)
    return replace(state, trouble=found.sentence) if found else state


def _trouble(variant: VariantSeen) -> str:
    found = diagnose(variant.pods)
    if found is not None:
        return found.sentence
    return f"its pods cannot be created: {plain(variant.refused)}" if variant.refused else ""


def failure(variant: VariantSeen, wanted: int, deadline: timedelta, now: datetime) -> str:
    """Return why a candidate has failed for good; empty while it may still become ready.

    A server that says itself that its bundle cannot be served (exit code 64) is not waited for; anything else has
    until the deadline. A version of which a pod has not started (a Secret, a claim, the image, room or the store of
    its bundle is missing, or its container is still being made) has not had its chance, and is not judged; nor is one
    of which there is no pod that could start.
    """
    refused = next((pod for pod in _lacking(variant) if pod.exit_code == EXIT_USER_ERROR and not pod.fetching), None)
    if refused is not None:
        said = plain(refused.exit_message) or "it left no message"
        return f"pod {refused.name} ended with exit code {refused.exit_code}: {said}"
    if time_left(variant, deadline, now) > timedelta(0) or not _lacking(variant) or _blocked(variant):
        return ""
    state = health(variant, wanted)
    return f"{state.counted} after {_words(deadline)}{': ' + state.trouble if state.trouble else ''}"


def fault(variant: VariantSeen, state: Health, since: datetime, deadline: timedelta, now: datetime) -> str:
    """Return why a candidate that was ready once has failed for good; empty while it may recover.

    Args:
        variant: its Deployment.
        state: how its pods are.
        since: when pods were first missed; how long they have run says nothing here.
        deadline: how long they may be missed.
        now: the time.
    """
    if state.complete:
        return ""
    ended = next(
        (pod for pod in _lacking(variant) if not pod.fetching and (pod.exit_code == EXIT_USER_ERROR or _loops(pod))),
        None,
    )
    if ended is not None:
        said = plain(ended.exit_message) or "it left no message"
        again = f" again and again ({ended.restarts} times)" if ended.restarts else ""
        return f"pod {ended.name} ended with exit code {ended.exit_code}{again}: {said}"
    if now - since < deadline or _blocked(variant):
        return ""
    return f"{state.counted} for {_words(deadline)}{': ' + state.trouble if state.trouble else ''}"


def _loops(pod: PodSeen) -> bool:
    return pod.exit_code is not None and pod.restarts >= LOOPS


def time_left(variant: VariantSeen, deadline: timedelta, now: datetime) -> timedelta:
    """Return how long the pods of a candidate still have; it counts from the first start of the last of them."""
    starts = (pod.started for pod in _lacking(variant) if pod.started is not None)
    return max((variant.created, *starts)) + deadline - now


def _lacking(variant: VariantSeen) -> tuple[PodSeen, ...]:
    """Return the pods that may still become ready.

    One that its node refused or ended as a whole stays for long, and another one took its place.
    """
    return tuple(pod for pod in variant.pods if not (pod.ready or pod.deleting or pod.over))


def _blocked(variant: VariantSeen) -> bool:
    """Tell whether what the candidate lacks is something around it, and not something that it did."""
    lacking = _lacking(variant)
    if any(pod.exit_code is not None and not pod.fetching for pod in lacking):
        return False
    fetching = any(pod.fetching for pod in lacking)  # a store may also be slow, which says no more of the version
    unstarted = any(pod.started is None for pod in lacking)
    return bool(variant.refused) or fetching or unstarted or diagnose(lacking) is not None


def _words(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return f"{seconds // 60} min" if seconds % 60 == 0 and seconds else f"{seconds} s"
