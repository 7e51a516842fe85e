"""Somebody else sets the number of pods: it is told, set back once, and not fought over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from mlwright.api.conditions import timestamp
from mlwright.plan.loads import Answer
from mlwright.plan.plan import Decided
from mlwright.plan.scaling import Memory, Wish
from mlwright.plan.serving import ScaleVariant, ServingIntent
from mlwright.planners import deployment
from mlwright.planners.load_questions import REQUESTS
from tests.unit.planners.given import NOW, SETTINGS, Deployment, a_deployment, a_pod

HPA = "kube-controller-manager"


def ago(**length: float) -> datetime:
    """Return an earlier time."""
    return NOW - timedelta(**length)


def told(since: datetime, reason: str = "ReplicasSetBack") -> list[dict[str, Any]]:
    """Return conditions of which one tells of a contest since then."""
    about = {"type": "ReplicasContested", "status": "True", "reason": reason, "message": "somebody set it"}
    return [{**about, "lastTransitionTime": timestamp(since)}]


def serving(pods: int, *, by: str = HPA, conditions: Any = (), **spec: Any) -> Deployment:
    """Tell a deployment that wants two pods, and whose Deployment has as many as somebody set."""
    known = a_deployment().asking(**spec).knowing(status={"observedGeneration": 1, "conditions": conditions})
    return known.stable(1, ready=pods, of=pods, set_by=by)


def decided(given: Deployment) -> Decided[ServingIntent]:
    """Return what is decided now."""
    return deployment.decide(given.done(), SETTINGS, NOW)


def scaled(decision: Decided[ServingIntent]) -> list[int]:
    """Return to how many pods variants are scaled."""
    return [intent.replicas for intent in decision.intents if isinstance(intent, ScaleVariant)]


def message(decision: Decided[ServingIntent]) -> str:
    """Return what is told about who else sets the number."""
    found = (verdict.message for verdict in decision.status.conditions if verdict.type == "ReplicasContested")
    return next(found, "")


def reason(decision: Decided[ServingIntent]) -> str:
    """Return how far that is."""
    found = (verdict.reason.value for verdict in decision.status.conditions if verdict.type == "ReplicasContested")
    return next(found, "")


def test_a_number_that_somebody_set_is_told() -> None:
    """By whom, where, and what to do about it; before it is set back, which leaves no trace."""
    given = serving(7)
    decision = decided(given)

    assert (scaled(decision), decision.again) == ([], timedelta(seconds=1))
    assert message(decision) == (
        f"kube-controller-manager (a HorizontalPodAutoscaler) set Deployment churn-{given.revision(1)} to 7 pods where"
        " 2 are wanted: that is set back; remove what scales it (kubectl get hpa -n demo), or let that scale"
        " ModelDeployment churn"
    )


def test_what_is_told_is_set_back() -> None:
    """At the next look; what is told stays."""
    decision = decided(serving(7, conditions=told(NOW, "ReplicasContested")))

    assert (scaled(decision), message(decision), reason(decision)) == ([2], "somebody set it", "ReplicasContested")
    assert reason(decided(serving(2, by="", conditions=told(NOW, "ReplicasContested")))) == "ReplicasSetBack"


def test_who_sets_it_again_is_not_fought() -> None:
    """Pods that come and go with every look serve nobody."""
    decision = decided(serving(7, conditions=told(ago(minutes=4))))

    assert scaled(decision) == []
    assert "again and again where 2 are wanted: left alone until 2026-01-02T12:06:00Z; remove" in message(decision)
    assert (reason(decision), decision.again) == ("ReplicasLeft", timedelta(minutes=6))
    assert scaled(decided(serving(7, conditions=told(ago(minutes=4), "ReplicasLeft")))) == []


def test_no_pods_at_all_are_never_left() -> None:
    """That would be an outage by agreement."""
    decision = decided(serving(0, conditions=told(ago(minutes=4))))

    assert (scaled(decision), message(decision)) == ([2], "somebody set it")


def test_after_ten_minutes_it_begins_anew() -> None:
    """The condition goes for one look, so that it counts from the next one."""
    over = decided(serving(7, conditions=told(ago(minutes=10))))

    assert (scaled(over), message(over), over.again) == ([], "", timedelta(seconds=1))


def test_it_stays_told_for_ten_minutes_after_it_was_set_back() -> None:
    """Otherwise nobody would see what happened at night."""
    calm = serving(2, by="", conditions=told(ago(minutes=9)))

    assert message(decided(calm)) == "somebody set it"
    assert message(decided(serving(2, by="", conditions=told(ago(minutes=10))))) == ""


NOBODY: dict[str, Deployment] = {
    "as many as are wanted": serving(2, by="kubectl-edit"),
    "the operator": serving(7, by=""),
    "its owner asks for another number": serving(7).knowing(status={"observedGeneration": 0}),
    "a status that was lost": serving(7).knowing(status={}),
}


@pytest.mark.parametrize("given", NOBODY.values(), ids=NOBODY)
def test_nobody_is_blamed_without_need(given: Deployment) -> None:
    """What differs for another reason is brought about as ever."""
    assert message(decided(given)) == ""


def autoscaled(pods: int, wanted: int, **known: Any) -> Deployment:
    """Tell a deployment that scales by its load, ten requests for each pod."""
    rate = {"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}
    status = {"scaling": {"wanted": wanted, "sentence": "2 -> 3: load", "at": timestamp(ago(hours=1))}}
    there = tuple(a_pod(f"p{number}", ready=True) for number in range(pods))
    at = NOW.timestamp() - 1
    load = {REQUESTS: Answer(at, {("demo", pod.name): 30 / pods for pod in there})}
    given = a_deployment().asking(autoscaling={"metrics": [rate], "minReplicas": 1, "maxReplicas": 20})
    given = given.knowing(answers=load, memory=Memory((Wish(at - 400, wanted),)), status={**status, **known})
    return given.stable(1, ready=pods, of=pods, pods=there, set_by=HPA)


def test_with_autoscaling_the_load_decides_anew_and_it_is_told() -> None:
    """Three pods carry the load; somebody set six."""
    decision = decided(autoscaled(6, 3))

    assert scaled(decided(autoscaled(6, 3, conditions=told(NOW, "ReplicasContested")))) == [3]
    assert "to 6 pods where 3 are wanted: the load decides anew; remove what scales it" in message(decision)
    assert message(decision).endswith("or let that scale ModelDeployment churn without spec.autoscaling")


def test_with_autoscaling_who_sets_it_again_is_not_fought() -> None:
    """Two autoscalers that take turns are worse than either."""
    assert scaled(decided(autoscaled(7, 3, conditions=told(ago(minutes=4))))) == []


def test_a_suspended_deployment_wants_none() -> None:
    """And says so."""
    assert "to 7 pods where 0 are wanted" in message(decided(serving(7, suspend=True)))
