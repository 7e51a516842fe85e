"""Somebody else sets the number of pods of a Deployment of ours: told, set back once, and not fought over. Pure.

That another one set a number is told by the condition ReplicasContested, and then the number is set back. Whoever sets
it again within ten minutes is no slip of a hand but a scaler that would do so for ever: then the number is left alone
until the ten minutes are over, because pods that come and go every few seconds serve nobody; then it begins anew.
All of it follows from the Deployment (who wrote its number last) and from the condition, whose reason says how far it
is; managedFields tell no time of what was written through the scale subresource.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import Verdict, find, timestamp
from mlwright.api.reasons import Reason
from mlwright.plan.pods import moment
from mlwright.plan.serving import DeploymentSeen, ScaleVariant, ServingIntent, VariantSeen

CONDITION: Final = "ReplicasContested"
TRUCE: Final = timedelta(minutes=10)
"""From the first number that somebody else set: twice the time that an autoscaler waits by default to shrink."""
AT_ONCE: Final = timedelta(seconds=1)
HPA: Final = "kube-controller-manager"


@dataclass(frozen=True, slots=True)
class Contest:
    """What follows from what somebody else set."""

    verdicts: tuple[Verdict, ...] = ()
    left: VariantSeen | None = None
    """The variant whose number is left alone."""
    again: timedelta | None = None
    """When to look again."""

    def without(self, intents: tuple[ServingIntent, ...]) -> tuple[ServingIntent, ...]:
        """Return the intents without the number that is left alone."""
        return tuple(i for i in intents if not (isinstance(i, ScaleVariant) and i.variant == self.left))


def contest(seen: DeploymentSeen, serving: VariantSeen | None, now: datetime) -> Contest:
    """Return what follows from who set the number of pods of the variant that serves.

    Worked example: 3 pods are wanted, kube-controller-manager sets 7 -> 3 again, and it is told; it sets 7 anew a
    minute later -> 7 for nine minutes.
    """
    told, contested = _told(seen.status), serving is not None and _contested(seen, serving)
    if told is None or serving is None:  # told first, then done: what is set back leaves no trace
        return Contest((_set_back(seen, serving),), serving, AT_ONCE) if serving and contested else Contest()
    since = moment(told["lastTransitionTime"])
    left = since + TRUCE - now
    if left <= timedelta(0):  # the condition goes for one look, so that another one begins anew
        return Contest(left=serving, again=AT_ONCE) if contested else Contest()
    reason = Reason.named(told["reason"], Reason.REPLICAS_CONTESTED)
    if contested and serving.wanted and reason is not Reason.REPLICAS_CONTESTED:
        return Contest((_left_alone(seen, serving, since + TRUCE),), left=serving, again=left)
    done = reason is Reason.REPLICAS_CONTESTED and not contested
    return Contest((_verdict(told["message"], Reason.REPLICAS_SET_BACK if done else reason),), again=left)


def _told(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = find(status, CONDITION)
    return found if found and found["status"] == "True" else None


def _verdict(message: str, reason: Reason) -> Verdict:
    return Verdict(CONDITION, "True", reason, message)


def _contested(seen: DeploymentSeen, serving: VariantSeen) -> bool:
    """Tell whether another one set a number that nobody here asked for."""
    wanted = _wanted(seen)
    return bool(serving.set_by) and wanted is not None and wanted != serving.wanted


def _wanted(seen: DeploymentSeen) -> int | None:
    """Return the number that stood here before; None when it is not known, or was just changed by its owner."""
    if seen.spec.suspend:
        return 0
    scaling = seen.spec.autoscaling
    if scaling is not None and scaling.mode == "Act":
        told: int | None = (seen.status.get("scaling") or {}).get("wanted")
        return told
    return seen.spec.replicas if seen.status.get("observedGeneration") == seen.generation else None


def _set_back(seen: DeploymentSeen, serving: VariantSeen) -> Verdict:
    then = "the load decides anew" if seen.spec.autoscaling and not seen.spec.suspend else "that is set back"
    told = f"{_named(serving, 'set')} where {_wanted(seen)} are wanted: {then}; {_remedy(seen)}"
    return _verdict(told, Reason.REPLICAS_CONTESTED)


def _left_alone(seen: DeploymentSeen, serving: VariantSeen, until: datetime) -> Verdict:
    told = f"{_named(serving, 'sets')} again and again where {_wanted(seen)} are wanted"
    return _verdict(f"{told}: left alone until {timestamp(until)}; {_remedy(seen)}", Reason.REPLICAS_LEFT)


def _named(serving: VariantSeen, verb: str) -> str:
    """Say who set what; only HorizontalPodAutoscalers let that one controller set the number of a Deployment."""
    who = f"{serving.set_by} (a HorizontalPodAutoscaler)" if serving.set_by == HPA else serving.set_by
    return f"{who} {verb} Deployment {serving.object} to {serving.wanted} pods"


def _remedy(seen: DeploymentSeen) -> str:
    aim = f"ModelDeployment {seen.name}{' without spec.autoscaling' if seen.spec.autoscaling else ''}"
    return f"remove what scales it (kubectl get hpa -n {seen.namespace}), or let that scale {aim}"
