"""When a deployment that may have no pods goes to sleep, and what wakes it. Pure.

It sleeps when no pod has counted a request for `idleAfter`, all of them are known, and nothing else asks for pods. A
pod that nobody has asked for its counter, or that is not ready, keeps it awake: what came is not known.
Since when it is calm is held in memory alone: a new leader begins anew, so at worst it sleeps later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mlwright.api.autoscaling import Autoscaling
from mlwright.api.fields import parse_duration
from mlwright.errors import InvalidSpecError
from mlwright.plan.loads import Answer
from mlwright.plan.scaling import Calm
from mlwright.plan.serving import DeploymentSeen, VariantSeen
from mlwright.plan.traffic import Provider
from mlwright.planners import traffic
from mlwright.planners.load_questions import COUNTED

FIELD: Final = "spec.autoscaling.minReplicas"


def check(seen: DeploymentSeen) -> None:
    """Refuse a deployment that would sleep for ever, or never.

    Raises:
        InvalidSpecError: nothing here could wake it, or nothing counts its requests.
    """
    spec = seen.spec.autoscaling
    if spec is None or spec.min_replicas or spec.mode == "Observe":
        return
    if seen.traffic.provider is not Provider.ROUTER:
        sentence = "behind a Service or a Gateway nothing wakes a deployment of no pods; the router does"
        raise InvalidSpecError(FIELD, f"{sentence}: set spec.traffic.provider to Router, or minReplicas to 1")
    if seen.spec.runtime.type != "BuiltIn":
        sentence = "nothing counts the requests of a server of your own, so it could not be known when to sleep"
        raise InvalidSpecError(FIELD, f"{sentence}: set minReplicas to 1")


def counted(seen: DeploymentSeen, pods: tuple[VariantSeen, ...], oldest: float) -> Mapping[str, float] | None:
    """Return what each pod has counted; None unless all pods that are wanted are ready and known.

    Args:
        seen: the deployment.
        pods: the variants that answer.
        oldest: seconds since 1970; an answer from before says nothing any more.
    """
    answer = seen.answers.get(COUNTED) or Answer(0.0, trouble="not asked yet")
    own = [pod for variant in pods for pod in variant.pods if not pod.deleting]
    if answer.trouble or answer.at < oldest or len(own) != sum(variant.wanted for variant in pods):
        return None
    known = {pod.name: answer.pods.get((seen.namespace, pod.name)) for pod in own if pod.ready}
    found = {name: count for name, count in known.items() if count is not None}
    return found if len(found) == len(own) else None


def calmed(before: Calm | None, counts: Mapping[str, float] | None, at: float) -> Calm | None:
    """Return since when it is calm: as before while no counter moves, from now on when one did, None when unknown."""
    if counts is None:
        return None
    return before if before is not None and before.counts == counts else Calm(at, counts)


def long_enough(spec: Autoscaling, calm: Calm | None, at: float) -> bool:
    """Tell whether it was calm for so long that it may sleep."""
    return calm is not None and at - calm.since >= parse_duration(spec.idle_after).total_seconds()


def asked(seen: DeploymentSeen) -> bool:
    """Tell whether a pod of the router holds a request for this very sleep."""
    token = traffic.sleep(seen)
    return bool(token) and any(pod.asks == token for pod in seen.traffic.pods)
