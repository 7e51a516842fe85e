"""A deployment that may have no pods: when it goes to sleep, what wakes it, and what keeps it awake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mlwright.errors import InvalidSpecError
from mlwright.plan.loads import Answer
from mlwright.plan.plan import Decided
from mlwright.plan.pods import PodSeen
from mlwright.plan.scaling import Calm, Memory, Wish
from mlwright.plan.serving import ScaleVariant, ServingIntent, ShareTraffic
from mlwright.plan.traffic import Provider, RouterPod, TrafficSeen
from mlwright.planners import deployment
from mlwright.planners.autoscaling import Scaling, scale
from mlwright.planners.load_questions import COUNTED, REQUESTS, own
from tests.unit.planners.given import NOW, SETTINGS, Deployment, a_deployment

ROUTED = replace(SETTINGS, router_image="router:1")
RATE = {"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}
QUEUE = {"name": "queue", "type": "Query", "query": {"promql": "q", "target": 5, "activation": 2}}
SOON = NOW.timestamp() - 1
LONG = Memory((Wish(SOON - 1000, 1),), calm=Calm(SOON - 600, {"p0": 7.0}))
"""Nothing came for ten minutes."""


def lazy(*metrics: dict[str, Any], pods: int = 1, of: int | None = None, **spec: Any) -> Deployment:
    """Tell a deployment behind the router that may sleep."""
    asked = {"metrics": list(metrics) or [RATE], "minReplicas": 0, "maxReplicas": 9, **spec}
    seen = tuple(PodSeen(f"p{n}", "Running", ready=True, deleting=False, labels={}, created=NOW) for n in range(pods))
    told = a_deployment().asking(autoscaling=asked, traffic={"provider": "Router"})
    return told.stable(1, ready=pods, of=pods if of is None else of, pods=seen, generation=4)


def answers(count: float = 7.0, rate: float = 0.0, at: float = SOON, **more: Any) -> dict[Any, Answer]:
    """Return what the first pod counted, and its rate."""
    pod = ("demo", "p0")
    return {COUNTED: Answer(at, {pod: count}), REQUESTS: Answer(at, {pod: rate}), **more}


def found(told: Deployment, known: Mapping[Any, Answer], memory: Memory | None = LONG, **more: Any) -> Scaling:
    """Return what is found."""
    scaling = scale(told.knowing(answers=known, memory=memory).done(), NOW, **more)
    assert scaling is not None
    return scaling


def asking(token: str) -> TrafficSeen:
    """Return a router of which one pod holds a request for a sleep."""
    pods = (RouterPod(f"r{n}", ready=True, deleting=False, applied="", asks=asks) for n, asks in enumerate(("", token)))
    return TrafficSeen(Provider.ROUTER, pods=tuple(pods))


def test_it_sleeps_when_nothing_came_for_long_enough() -> None:
    """And says what wakes it."""
    scaling = found(lazy(), answers())

    assert scaling.replicas == 0
    assert scaling.fields["sentence"] == "1 -> 0: no request for 10m; the next one wakes it"


AWAKE: dict[str, tuple[Deployment, Mapping[Any, Answer], Memory | None]] = {
    "one request": (lazy(), answers(count=8.0), LONG),
    "not long enough": (lazy(), answers(), replace(LONG, calm=Calm(SOON - 599, {"p0": 7.0}))),
    "a new leader": (lazy(), answers(), None),
    "nobody counts": (lazy(), {**answers(), COUNTED: Answer(SOON, trouble="Prometheus is away")}, LONG),
    "one pod is not counted": (lazy(pods=2), answers(), LONG),
    "a pod is to come": (lazy(of=2), answers(), LONG),
    "old news": (lazy(), answers(at=SOON - 61), LONG),
    "another metric is not known": (lazy(RATE, QUEUE), answers(), LONG),
    "a query that keeps it awake": (
        lazy(RATE, QUEUE),
        answers() | {own("q", "demo", "churn"): Answer(SOON, number=3)},
        LONG,
    ),
    "one pod at least": (lazy(minReplicas=1), answers(), LONG),
    "only observing": (lazy(mode="Observe"), answers(), LONG),
}


@pytest.mark.parametrize("case", AWAKE.values(), ids=AWAKE)
def test_it_stays_awake_while_somebody_asks_or_nobody_knows(case: tuple[Deployment, Any, Memory | None]) -> None:
    """What is not known is never taken for nothing."""
    told, known, memory = case

    assert found(told, known, memory).replicas >= 1


def test_it_stays_awake_while_another_version_is_judged() -> None:
    """Both must answer to be compared."""
    assert found(lazy(), answers(), rolls=True).replicas == 1


def test_a_request_starts_the_time_anew() -> None:
    """It counts from the look that saw it."""
    memory = found(lazy(), answers(count=8.0)).memory

    assert memory.calm == Calm(SOON, {"p0": 8.0})


def test_a_query_within_its_activation_lets_it_sleep() -> None:
    """Two of a queue are not worth a pod, as its owner says."""
    quiet = answers() | {own("q", "demo", "churn"): Answer(SOON, number=2)}

    assert found(lazy(RATE, QUEUE), quiet).replicas == 0


def asleep(*metrics: dict[str, Any], **spec: Any) -> Deployment:
    """Tell a deployment that sleeps."""
    return lazy(*metrics, pods=0, **spec)


def test_a_sleep_that_the_status_does_not_tell_is_told() -> None:
    """The pods went, and the write of the status was lost."""
    told = {"wanted": 1, "sentence": "begins with 1", "at": "2026-01-01T00:00:00Z"}

    scaling = found(asleep().knowing(status={"scaling": told}), {})

    assert scaling.fields["sentence"] == "sleeps; the next request wakes it"


def test_it_sleeps_until_a_request_comes() -> None:
    """The router says for which sleep it has one; one of an earlier sleep wakes nobody."""
    token = f"{asleep().revision(1)}.4"

    assert found(asleep(), {}, None).replicas == 0
    assert found(asleep().knowing(traffic=asking("x.3")), {}, None).replicas == 0
    woken = found(asleep().knowing(traffic=asking(token)), {}, None)
    assert (woken.replicas, woken.fields["sentence"]) == (1, "0 -> 1: a request came")


def test_a_rollout_wakes_it() -> None:
    """A candidate is judged beside what serves."""
    scaling = found(asleep(), {}, None, rolls=True)

    assert (scaling.replicas, scaling.fields["sentence"]) == (1, "0 -> 1: another version is to be judged beside it")


def test_a_query_above_its_activation_wakes_as_many_as_it_asks_for() -> None:
    """Eleven of five each: three pods."""
    scaling = found(asleep(QUEUE), {own("q", "demo", "churn"): Answer(SOON, number=11)}, None)

    assert (scaling.replicas, scaling.fields["sentence"]) == (3, "0 -> 3: the query returned 11 against 5 per pod")


def decided(told: Deployment) -> Decided[ServingIntent]:
    """Return what is decided."""
    return deployment.decide(told.done(), ROUTED, NOW)


def test_a_woken_deployment_is_scaled_and_its_route_says_so() -> None:
    """Through the planner of everything: pods, and what the router is told."""
    token = f"{asleep().revision(1)}.4"
    sleeping, woken = decided(asleep()), decided(asleep().knowing(traffic=asking(token)))

    assert [i.replicas for i in woken.intents if isinstance(i, ScaleVariant)] == [1]
    routes = [i.route for decision in (sleeping, woken) for i in decision.intents if isinstance(i, ShareTraffic)]
    assert [(route.wakes, route.sleep) for route in routes if route] == [(True, token), (False, "")]
    assert sleeping.status.summary.startswith("churn-v1 sleeps (spec.autoscaling.minReplicas is 0); the first request")


def test_a_new_version_wakes_what_sleeps() -> None:
    """The stable one gets its pod for the comparison, the candidate one of its own."""
    decision = decided(asleep().candidate(2, ready=0, of=1))

    assert [i.replicas for i in decision.intents if isinstance(i, ScaleVariant)] == [1]


@pytest.mark.parametrize(
    "told, sentence",
    [
        (lazy().asking(traffic={"provider": "Service"}), "nothing wakes a deployment of no pods; the router does"),
        (lazy().asking(runtime={"type": "Container", "container": {"image": "own:1"}}), "set minReplicas to 1"),
    ],
)
def test_what_would_never_wake_or_never_sleep_is_refused(told: Deployment, sentence: str) -> None:
    """With the way out."""
    with pytest.raises(InvalidSpecError, match=sentence):
        decided(told)


OFFICE = {"name": "office", "cron": "0 8 * * *", "duration": "10h", "minReplicas": 3}
PEAK = {"name": "peak", "cron": "30 11 * * *", "duration": "1h", "minReplicas": 5}


def test_a_floor_wakes_and_lifts() -> None:
    """It is noon; of two that last the larger counts."""
    assert found(asleep(floors=[OFFICE]), {}, None).fields["sentence"] == "0 -> 3: floor office asks for at least 3"
    lifted = found(lazy(floors=[OFFICE, PEAK]), answers())
    assert (lifted.replicas, lifted.fields["sentence"]) == (5, "1 -> 5: floor peak asks for at least 5")


def test_a_floor_ends_with_its_time() -> None:
    """At six the deployment may sleep again."""
    told = lazy(floors=[OFFICE])

    for hours, replicas in ((5, 3), (6, 0)):
        now = NOW + timedelta(hours=hours)
        at = now.timestamp() - 1
        calm = Memory((Wish(at - 1000, 3),), calm=Calm(at - 600, {"p0": 7.0}))
        scaling = scale(told.knowing(answers=answers(at=at), memory=calm).done(), now)
        assert scaling is not None
        assert scaling.replicas == replicas


def test_a_floor_goes_by_its_time_zone() -> None:
    """Noon in London is nine in the evening in Tokyo."""
    assert found(asleep(floors=[OFFICE | {"timeZone": "Asia/Tokyo"}]), {}, None).replicas == 0


def test_a_floor_that_never_begins_is_refused() -> None:
    """With the field."""
    with pytest.raises(InvalidSpecError, match=r"spec.autoscaling.floors\[never\].cron"):
        decided(lazy(floors=[{"name": "never", "cron": "0 0 31 2 *", "duration": "1h", "minReplicas": 1}]))
