"""Routers are asked every second, no more of them than a second has room for, and a rush wakes its deployment once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from mlwright.builders.routers import router_labels
from mlwright.constants import ROUTER_NAME
from mlwright.controller.cache import Cache
from mlwright.controller.rush_meter import AWAY, EVERY, KNOWN, MOST, RushMeter
from mlwright.errors import MetricsError
from mlwright.plan.loads import Bounds, Glance, Passing, Question
from mlwright.plan.resources import Key
from mlwright.planners.rush import AGAIN
from tests.support.clocks import HandClock

AT = 1_800_000_000.0
RATE = Question("rate")
TEN = Bounds(under_way=10.0)
CHURN = Key("ModelDeployment", "shop", "churn")


class Pods:
    """Pods of routers that say what a test lets them say, and note what they are asked."""

    def __init__(self) -> None:
        self.say: dict[str, dict[str, Passing]] = {}
        self.asked: list[str] = []

    async def passing(self, address: str) -> Mapping[str, Passing]:
        """Return what the pod says; one that says nothing is away."""
        self.asked.append(address)
        if address not in self.say:
            raise MetricsError(f"the router at {address} does not answer")
        return self.say[address]


class Watch:
    """A meter, what it is told, and what comes of it."""

    def __init__(self) -> None:
        self.pods, self.clock, self.cache, self.woken = Pods(), HandClock(AT), Cache(), list[Key]()
        self.meter = RushMeter(self.pods, self.clock, self.cache, self.woken.append)

    def router(self, number: int, namespace: str = "shop") -> str:
        """Let a pod of a router run, and return where it tells its load."""
        address = f"10.{number // 250}.0.{number % 250 + 1}"
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{ROUTER_NAME}-{number}",
                "namespace": namespace,
                "resourceVersion": "1",
                "labels": router_labels(),
            },
            "status": {"phase": "Running", "podIP": address},
        }
        self.cache.put(body)
        return f"{address}:8405"

    def want(self, key: Key = CHURN, bounds: Bounds | None = TEN) -> None:
        """Let a deployment watch its routers."""
        self.cache.loads.want(key, (RATE,), None, bounds)

    def seconds(self, count: int = 1) -> None:
        """Let so many rounds pass."""
        for _ in range(count):
            self.clock.at += EVERY
            asyncio.run(self.meter.round())


def test_what_all_pods_of_a_router_say_is_one_glance() -> None:
    """Requests under way are added up, and those that came since the second before."""
    watch = Watch()
    one, other = watch.router(1), watch.router(2)
    watch.want()
    watch.pods.say = {one: {"churn": Passing(3, 100)}, other: {"churn": Passing(4, 200), "other": Passing(9, 9)}}
    watch.seconds()
    watch.pods.say = {one: {"churn": Passing(1, 105)}, other: {"churn": Passing(1, 207)}}
    watch.seconds()

    assert watch.cache.glances(CHURN) == (Glance(AT + 1, 7.0), Glance(AT + 2, 2.0, 12.0, 1.0))
    assert watch.woken == []


def test_a_rush_wakes_its_deployment_and_no_other_and_not_every_second() -> None:
    """A look costs more than a glance, and policies may allow nothing yet."""
    watch = Watch()
    calm = Key("ModelDeployment", "shop", "calm")
    watch.want()
    watch.want(calm)
    watch.pods.say = {watch.router(1): {"churn": Passing(90, 0), "calm": Passing(1, 0)}}

    watch.seconds(int(AGAIN))
    first = list(watch.woken)
    watch.seconds()

    assert (first, watch.woken) == ([CHURN], [CHURN, CHURN])


def test_counters_that_began_anew_bring_nobody() -> None:
    """A HAProxy that was started again counts from 0."""
    watch = Watch()
    address = watch.router(1)
    watch.want(bounds=Bounds(rate=1.0))
    for came in (5000, 3):
        watch.pods.say = {address: {"churn": Passing(0, came)}}
        watch.seconds()

    assert watch.cache.glances(CHURN)[-1] == Glance(AT + 2, 0.0, 0.0, 1.0)


def test_what_a_pod_counted_before_it_was_heard_first_brings_nobody() -> None:
    """A pod that was away for a while must not look like a rush when it is back."""
    watch = Watch()
    one, other = watch.router(1), watch.router(2)
    watch.want(bounds=Bounds(rate=10.0))
    watch.pods.say = {one: {"churn": Passing(0, 10)}}
    watch.seconds()
    watch.pods.say = {one: {"churn": Passing(0, 12)}, other: {"churn": Passing(0, 90_000)}}
    watch.seconds(int(AWAY) + 1)

    assert watch.woken == []
    assert watch.pods.asked.count(other) > 1


def test_a_pod_that_is_away_is_left_alone_for_a_while_and_the_others_count() -> None:
    """All that it costs is its part of the fast path."""
    watch = Watch()
    one, away = watch.router(1), watch.router(2)
    watch.want()
    watch.pods.say = {one: {"churn": Passing(90, 0)}}
    watch.seconds(int(AWAY))

    assert (watch.pods.asked.count(one), watch.pods.asked.count(away)) == (int(AWAY), 1)
    assert watch.woken == [CHURN] * 2


def test_a_router_of_which_nobody_is_heard_is_not_known() -> None:
    """No glance is not a glance of nothing."""
    watch = Watch()
    watch.router(1)
    watch.want()
    watch.seconds(2)

    assert watch.cache.glances(CHURN) == ()


def test_nobody_is_asked_for_whom_nobody_watches() -> None:
    """A deployment that sleeps, has no router or no such metric costs nothing."""
    watch = Watch()
    address = watch.router(1)
    watch.pods.say = {address: {}}
    watch.want()
    watch.seconds()
    watch.want(bounds=None)
    watch.seconds()

    assert (watch.pods.asked, watch.cache.glances(CHURN)) == ([address], ())


def test_pods_that_come_and_go_are_followed() -> None:
    """Within some seconds, without a look at all pods in each of them."""
    watch = Watch()
    first = watch.router(1)
    watch.want()
    watch.pods.say = {first: {}}
    watch.seconds()
    second = watch.router(2)
    watch.pods.say[second] = {}
    watch.seconds(int(KNOWN))
    watch.pods.asked.clear()
    watch.seconds()

    assert sorted(watch.pods.asked) == [first, second]


def test_of_too_many_routers_each_has_its_turn() -> None:
    """The work of a second has a bound; with twice as many every other second is theirs."""
    watch = Watch()
    names = [f"n{number}" for number in range(2 * MOST)]
    addresses = [watch.router(number, name) for number, name in enumerate(names)]
    for name in names:
        watch.want(Key("ModelDeployment", name, "churn"))
    watch.pods.say = {address: {} for address in addresses}

    watch.seconds()
    first = list(watch.pods.asked)
    watch.seconds()

    assert len(first) == MOST
    assert sorted(watch.pods.asked) == sorted(addresses)
