"""Whether an answer about the load leads to another look at its deployment: only when it would change anything. Pure.

A look takes everything that belongs to a deployment; its size follows from little of it. So what it follows from is
kept where a look moved nothing and told nothing, and the next answers are judged by it, with the very function that a
look judges by. Where that finds the same again, all that is left of it is the memory, and there is no look. Anything
that is heard of the deployment leads to a look, after which something else is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mlwright.plan.loads import Answer, Glance, Question
from mlwright.plan.pods import PodSeen
from mlwright.plan.scaling import Memory
from mlwright.plan.serving import DeploymentSeen, Standing
from mlwright.planners.autoscaling import Scaling, current, scale


def stood(seen: DeploymentSeen, found: Scaling, *, rolls: bool) -> Standing | None:
    """Return what the next answers may be judged by; None where a look moves or tells something.

    Worked example: 3 pods, 3 are wanted, and status.scaling tells so already -> what those pods are; 3 pods and 7 are
    wanted -> None.
    """
    if found.replicas != current(seen) or found.fields != _told(seen):
        return None
    return Standing(_lean(seen), rolls, found.verdicts)


def steady(
    standing: Standing,
    answers: Mapping[Question, Answer],
    glances: tuple[Glance, ...],
    memory: Memory | None,
    now: datetime,
) -> Memory | None:
    """Return what is to be remembered of answers that change nothing; None where they would.

    Args:
        standing: what was kept of the last look.
        answers: what was answered now.
        glances: what the routers know.
        memory: what is remembered of answers before.
        now: the time.
    """
    seen = replace(standing.seen, answers=answers, glances=glances, memory=memory)
    found = scale(seen, now, rolls=standing.rolls)
    if found is None or stood(seen, found, rolls=standing.rolls) is None or found.verdicts != standing.verdicts:
        return None
    return found.memory


def _told(seen: DeploymentSeen) -> Mapping[str, Any]:
    told: Mapping[str, Any] = seen.status.get("scaling") or {}
    return told


def _lean(seen: DeploymentSeen) -> DeploymentSeen:
    """Return no more of a deployment than its size follows from: a thousand of them are kept."""
    return DeploymentSeen(
        namespace=seen.namespace,
        name=seen.name,
        uid="",
        generation=seen.generation,
        spec=seen.spec,
        epoch="",
        refresh="",
        status={"scaling": dict(_told(seen))},
        model_exists=seen.model_exists,
        variants=tuple(replace(variant, pods=tuple(map(_lean_pod, variant.pods))) for variant in seen.variants),
        shares=seen.shares,
        traffic=seen.traffic,
    )


def _lean_pod(pod: PodSeen) -> PodSeen:
    return PodSeen(pod.name, "", ready=pod.ready, deleting=pod.deleting, labels={}, created=pod.created)
