"""What the routers see makes pods before Prometheus knows of it; it never takes any away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf, log
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.autoscaling import Autoscaling
from mlwright.plan.loads import Answer, Bounds, Glance
from mlwright.plan.pods import PodSeen
from mlwright.plan.scaling import Memory, Wish
from mlwright.plan.serving import DeploymentSeen, ScaleVariant
from mlwright.plan.traffic import Provider, TrafficSeen
from mlwright.planners import deployment
from mlwright.planners.autoscaling import Scaling, scale
from mlwright.planners.load_questions import REQUESTS, SECONDS
from mlwright.planners.rush import bounds, rushes
from tests.unit.planners.given import NOW, SETTINGS, a_deployment

RATE = {"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}
BUSY = {"name": "busy", "type": "Concurrency", "concurrency": {"target": 10}}
SLOW = {"name": "slow", "type": "Latency", "latency": {"bound": "50ms"}}
AT = NOW.timestamp()
KNOWN = AT - 7
ROUTED = TrafficSeen(Provider.ROUTER)
ROUTING = replace(SETTINGS, router_image="router:1")
SIZED = Memory((Wish(AT - 400, 1),), judged=KNOWN)
"""What is remembered when the last answers of Prometheus were judged."""


def deployed(*metrics: Mapping[str, Any], pods: int = 1, traffic: TrafficSeen = ROUTED, **spec: Any) -> DeploymentSeen:
    """Return a deployment of which Prometheus knew a while ago that its pods carry what they should."""
    asked = {"metrics": list(metrics) or [BUSY], "minReplicas": 1, "maxReplicas": 20, **spec}
    there = tuple(PodSeen(f"p{n}", "Running", ready=True, deleting=False, labels={}, created=NOW) for n in range(pods))
    paused = bool(asked.pop("paused", False))
    by = {"provider": "Router" if traffic.provider is Provider.ROUTER else "Service"}
    told = a_deployment().asking(replicas=1, autoscaling=asked, paused=paused, traffic=by)
    told = told.stable(1, ready=pods, of=pods, pods=there)
    carried = Answer(KNOWN, {("demo", pod.name): 10.0 for pod in there})
    return told.knowing(answers={REQUESTS: carried, SECONDS: carried}, memory=SIZED, traffic=traffic).done()


def seeing(seen: DeploymentSeen, *under_way: float, came: float = 0.0, age: float = 0.0) -> DeploymentSeen:
    """Return a deployment of which routers saw so many requests under way, a second apart, and as many come each."""
    last = AT - age
    glances = (
        Glance(last - back, n, came, 1.0) for back, n in zip(range(len(under_way))[::-1], under_way, strict=True)
    )
    return replace(seen, glances=tuple(glances))


def found(seen: DeploymentSeen) -> Scaling:
    """Return what is found."""
    scaling = scale(seen, NOW)
    assert scaling is not None
    return scaling


def test_requests_under_way_make_pods_between_two_answers_of_prometheus() -> None:
    """The sentence says who saw it."""
    scaling = found(seeing(deployed(), 30, 31, 32))

    assert scaling.replicas == 4
    assert scaling.fields["sentence"] == "1 -> 4: busy: 31 requests under way at the routers against 10 per pod"


def test_requests_that_come_make_pods_although_pods_cannot_count_them() -> None:
    """A pod counts what it answers; what comes beyond that only the routers know."""
    scaling = found(seeing(deployed(RATE), 0, 0, 0, came=48))

    assert scaling.fields["sentence"] == "1 -> 5: load: 48 requests/s at the routers against 10 per pod"


def test_the_deployment_is_scaled_by_the_one_planner() -> None:
    """And the routers are watched on."""
    decision = deployment.decide(seeing(deployed(), 30, 31, 32), ROUTING, NOW)

    assert [intent.replicas for intent in decision.intents if isinstance(intent, ScaleVariant)] == [4]
    assert decision.bounds == Bounds(under_way=11.0)


def test_one_step_of_ten_times_the_load_is_seen_at_the_first_glance() -> None:
    """Two glances before it do not hide it."""
    assert found(seeing(deployed(), 8, 8, 80)).replicas == 4


@pytest.mark.parametrize(
    "seen",
    [
        seeing(deployed(traffic=TrafficSeen(Provider.SERVICE)), 90, 90, 90),
        seeing(deployed(SLOW), 90, 90, 90, came=90),
        seeing(deployed(), 90, 90, 90, age=6),
        seeing(deployed(), 14, 15, 16),
        seeing(deployed(pods=4), 0, 0, 0),
        seeing(deployed(paused=True), 90, 90, 90),
        seeing(deployed(maxReplicas=1), 90, 90, 90),
        seeing(deployed(behavior={"scaleUp": {"selectPolicy": "Disabled"}}), 90, 90, 90),
    ],
    ids=["no router", "no such metric", "old", "may be chance", "calm", "paused", "as many as may be", "not allowed"],
)
def test_anything_else_moves_nothing(seen: DeploymentSeen) -> None:
    """Least of all down, and nothing of it is remembered."""
    here = max(variant.wanted for variant in seen.variants)

    assert (found(seen).replicas, found(seen).memory) == (here, SIZED)


def test_policies_and_limits_hold_for_a_rush() -> None:
    """What `behavior` allows in its period is allowed once, whoever asks."""
    first = found(seeing(deployed(), 300, 300, 300))
    again = found(replace(seeing(deployed(pods=5), 300, 300, 300), memory=first.memory))

    assert first.fields["sentence"] == (
        "1 -> 5: busy: 300 requests under way at the routers against 10 per pod; 30 are wanted, its policies allow no"
        " more for now"
    )
    assert again.replicas == 5


def test_a_window_for_growth_holds_a_rush_back() -> None:
    """Of what was wanted in it the lowest number counts."""
    patient = deployed(behavior={"scaleUp": {"stabilizationWindowSeconds": 60}})
    calm = Memory((Wish(AT - 30, 1),), judged=KNOWN)

    assert found(replace(seeing(patient, 90, 90, 90), memory=calm)).replicas == 1


def test_a_rush_counts_while_prometheus_is_away() -> None:
    """It needs nobody else, and the condition goes on to say what is missing."""
    seen = seeing(deployed(), 30, 31, 32)
    scaling = found(replace(seen, answers={SECONDS: Answer(KNOWN, trouble="Prometheus did not answer")}))

    assert scaling.replicas == 4
    assert (scaling.verdicts[0].status, scaling.verdicts[0].message[:16]) == ("False", "busy: Prometheus")


def test_the_mean_of_a_minute_takes_back_nothing_while_the_rush_lasts() -> None:
    """What Prometheus knows is older than the pods that came."""
    eager = deployed(pods=4, behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    late = Answer(AT - 1, {("demo", f"p{number}"): 2.5 for number in range(4)})
    calm = replace(eager, answers={SECONDS: late})

    assert found(seeing(calm, 1, 1, 1)).replicas == 1
    assert found(seeing(calm, 80, 80, 80)).replicas == 8


def test_an_answer_of_prometheus_is_judged_although_a_rush_came_after_it_was_asked() -> None:
    """The two take turns without hiding each other."""
    rushed = found(seeing(deployed(), 30, 31, 32))
    asked = Answer(AT - 1, {("demo", "p0"): 60.0})
    seen = replace(deployed(pods=4), answers={SECONDS: asked}, memory=rushed.memory)

    assert found(seen).memory.judged == AT - 1


@pytest.mark.parametrize(
    "seen, wanted",
    [
        (deployed(pods=3), Bounds(under_way=33.0)),
        (deployed(RATE, pods=2), Bounds(rate=22.0)),
        (deployed(pods=3, maxReplicas=3), Bounds()),
        (deployed(pods=0, minReplicas=0), None),
        (deployed(SLOW), None),
        (deployed(traffic=TrafficSeen(Provider.SERVICE)), None),
    ],
    ids=["under way", "come", "as many as may be", "sleeps", "no such metric", "no router"],
)
def test_routers_are_watched_where_they_can_say_something(seen: DeploymentSeen, wanted: Bounds | None) -> None:
    """Where no more pods may be they are listened to, so that Prometheus takes none away in a rush."""
    watched = found(seen).bounds

    assert (watched is None) == (wanted is None)
    if watched and wanted:
        assert [watched.under_way, watched.rate] == pytest.approx([wanted.under_way, wanted.rate])


LOADS = st.lists(st.floats(0, 400), max_size=3)


@given(under_way=LOADS, came=st.floats(0, 400), known=st.floats(0, 60), pods=st.integers(1, 6))
def test_what_routers_say_never_makes_the_number_smaller(
    under_way: list[float], came: float, known: float, pods: int
) -> None:
    """With any glance there are at least as many pods as without it, on any answer of Prometheus."""
    eager = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    answer = Answer(AT - 1, {("demo", f"p{number}"): known for number in range(pods)})
    seen = replace(deployed(RATE, BUSY, pods=pods, behavior=eager), answers={REQUESTS: answer, SECONDS: answer})

    assert found(seeing(seen, *under_way, came=came)).replicas >= found(seen).replicas


@given(under_way=st.floats(0, 400), came=st.floats(0, 400), heard=st.floats(0, 1), pods=st.integers(1, 6))
def test_a_router_that_was_not_heard_makes_no_pods(under_way: float, came: float, heard: float, pods: int) -> None:
    """A part of what comes asks for no more than the whole."""
    seen = deployed(RATE, BUSY, pods=pods)
    part = seeing(seen, *[under_way * heard] * 3, came=came * heard)

    assert pods <= found(part).replicas <= found(seeing(seen, *[under_way] * 3, came=came)).replicas


def test_a_small_rise_is_proven_by_the_requests_of_more_seconds() -> None:
    """A quarter above what ten pods should carry: too little for three seconds to prove, enough for twelve."""
    seen = deployed(RATE, pods=10)

    assert found(seeing(seen, 0, 0, 0, came=125)).replicas == 10
    assert found(seeing(seen, *[0] * 12, came=125)).fields["sentence"] == (
        "10 -> 13: load: 125 requests/s at the routers against 10 per pod"
    )


def test_requests_under_way_prove_no_more_in_more_seconds() -> None:
    """In part they are the same requests, counted again."""
    seen = deployed(BUSY, pods=2)

    assert found(seeing(seen, *[31] * 12)).replicas == found(seeing(seen, *[31] * 3)).replicas == 2


@pytest.mark.parametrize("age, pods", [(4.0, 13), (6.0, 10)])
def test_when_the_routers_fall_silent_what_they_said_soon_means_nothing(age: float, pods: int) -> None:
    """All of it is as old as the newest."""
    assert found(seeing(deployed(RATE, pods=10), *[0] * 12, came=130, age=age)).replicas == pods


def poisson(chance: Random, mean: float) -> float:
    """Return how many come in a time in which `mean` come on the average: as many as exponential gaps fit in."""
    left, count = mean, -1
    while left >= 0:
        left += log(1.0 - chance.random())
        count += 1
    return float(count)


def test_chance_makes_no_pods_where_the_naive_rule_makes_them_every_minute() -> None:
    """Pods that carry just what they should, for twenty thousand seconds."""
    chance, pods = Random(7), 3  # noqa: S311  # seeded
    allowed = bounds(policy(), pods)
    counts = [poisson(chance, 10.0 * pods) for _ in range(20_000)]
    windows = [[Glance(0.0, n) for n in counts[end - 3 : end]] for end in range(3, len(counts))]

    naive = sum(sum(glance.under_way for glance in window) > 3 * allowed.under_way for window in windows)

    assert naive > len(windows) / 60
    assert sum(rushes(allowed, window) for window in windows) == 0
    assert allowed.rate == inf


def test_chance_makes_next_to_no_pods_of_the_requests_of_twelve_seconds() -> None:
    """The same pods, scaled by their rate, for twenty thousand seconds: less than once in an hour."""
    chance, pods = Random(8), 3  # noqa: S311  # seeded
    spec = deployed(RATE).spec.autoscaling
    assert spec is not None
    counts = [poisson(chance, 10.0 * pods) for _ in range(20_000)]
    windows = ([Glance(0.0, 0, n, 1.0) for n in counts[end - 12 : end]] for end in range(12, len(counts)))

    assert sum(rushes(bounds(spec, pods), window) for window in windows) < 20_000 / 3600


def policy() -> Autoscaling:
    """Return the policy of a deployment."""
    spec = deployed().spec.autoscaling
    assert spec is not None
    return spec
