"""The Jobs that remove folders of runs, as they are found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mlwright.constants import LABEL_PROBE, STEP_CONTAINER
from mlwright.controller.kinds import jobs, parsing
from mlwright.controller.reconciler import CacheView
from mlwright.plan.jobs import JobState
from mlwright.plan.models import SweepSeen
from mlwright.plan.pods import PodSeen, moment, pod_seen
from mlwright.plan.resources import JOB, POD, Body, Key
from mlwright.planners.sweeping import sweep_name

SLOT_DIGITS: Final = 12
"""Digits of seconds since 1970."""


def sweeps(cache: CacheView, owner: Key) -> tuple[SweepSeen, ...]:
    """Return the sweeps of a model, in the order of their slots."""
    found = cache.children(JOB, owner)
    pods = [pod_seen(pod, STEP_CONTAINER) for pod in cache.children(POD, owner)] if found else []
    seen = (_sweep(job, owner.name, pods) for job in found)
    return tuple(sorted((sweep for sweep in seen if sweep is not None), key=lambda sweep: sweep.slot))


def _sweep(body: Body, model: str, pods: Sequence[PodSeen]) -> SweepSeen | None:
    meta, status = body["metadata"], body.get("status") or {}
    slot = parsing.number_after("", meta["labels"].get(LABEL_PROBE, ""), longest=SLOT_DIGITS)
    if not slot or meta["name"] != sweep_name(model, slot):
        return None
    state, final = jobs.state(status)
    said = [pod.exit_message for pod in pods if jobs.made(pod, meta) and pod.exit_message]
    return SweepSeen(
        name=meta["name"],
        uid=meta["uid"],
        slot=slot,
        state=state,
        ended=moment(status.get("completionTime") or final.get("lastTransitionTime")) if final else None,
        said=said[-1] if said else final.get("message", "") if state is JobState.FAILED else "",
    )
