"""A thousand deployments that scale by their load: what Prometheus is asked, and what one look costs the operator."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bench.figures import Figures
from mlwright.controller.cache import Cache
from mlwright.controller.kinds import RECONCILERS
from mlwright.controller.load_meter import EVERY, LoadMeter
from mlwright.plan.measuring import Selection, Series
from mlwright.plan.resources import MODEL_DEPLOYMENT, Body, Key
from tests.support.clocks import HandClock
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import SETTINGS, Operator
from tests.support.replay.world import NAMESPACE, World

DEPLOYMENTS: Final = 1000
PODS: Final = 3
ROUNDS: Final = 3
RECONCILER: Final = next(reconciler for reconciler in RECONCILERS if reconciler.kind is MODEL_DEPLOYMENT)
POLICY: Final[dict[str, Any]] = {
    "minReplicas": 1,
    "maxReplicas": 20,
    "metrics": [
        {"name": "load", "type": "RequestRate", "requestRate": {"target": 10}},
        {"name": "busy", "type": "Concurrency", "concurrency": {"target": 4}},
        {"name": "slow", "type": "Latency", "latency": {"bound": "50ms"}},
    ],
}
KINDS: Final = 3
"""Questions that these metrics are found from: requests, seconds, and answers within 50 ms."""


class Store:
    """A Prometheus that counts what it is asked, and says that every pod carries what it should."""

    def __init__(self, pods: list[tuple[str, str]]) -> None:
        self._pods = pods
        self.asked = 0

    async def samples(self, selection: Selection, now: float) -> tuple[Series, ...]:
        """Nobody asks for samples here."""
        raise AssertionError(selection, now)

    async def number(self, query: str, now: float) -> float | None:
        """Nobody asks a question of their own here."""
        raise AssertionError(query, now)

    async def numbers(self, query: str, _now: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Return a number for each pod."""
        self.asked += 1
        value = 3.5 if "seconds_sum" in query else 9.8
        return tuple(({"namespace": namespace, "pod": pod}, value) for namespace, pod in self._pods)


def many(count: int = DEPLOYMENTS, rounds: int = ROUNDS) -> Figures:
    """Let so many deployments look at their load for some periods."""
    bodies, at = served()
    cache = Cache()
    names = [f"shop-{number}" for number in range(count)]
    for name in names:
        for body in _elsewhere(bodies, name):
            cache.put(body)
    pods = [
        body["metadata"]["name"] for body in bodies if body["kind"] == "Pod" and "flights" in body["metadata"]["name"]
    ]
    store, clock = Store([(name, pod) for name in names for pod in pods]), HandClock(at.timestamp())
    woken: list[Key] = []
    meter = LoadMeter(store, clock, cache.loads, woken.append)
    for name in names:  # as after a start: all are looked at, which lets their questions be asked
        _look(cache, Key("ModelDeployment", name, "flights"), clock.now())
    spent, looks, moved = 0.0, 0, 0
    for number in range(rounds + 1):
        clock.at += EVERY
        woken.clear()
        begun = time.process_time()
        asyncio.run(meter.round())
        moved += sum(_look(cache, key, clock.now()) for key in woken)
        if number:  # the first answers are news, and are told
            spent += time.process_time() - begun
            looks += len(woken)
    return {
        "queries_per_period": store.asked / (rounds + 1),
        "queries_per_kind": store.asked / (rounds + 1) / KINDS,
        "looks_per_period": looks / rounds,
        "writes_when_nothing_moves": moved,
        "answers_cpu_ms": 1000 * spent / rounds / count,
        "look_cpu_ms": _look_cpu_ms(cache, names, clock),
        "core_share_of_1000": spent / rounds / count * DEPLOYMENTS / EVERY,
    }


def _look_cpu_ms(cache: Cache, names: list[str], clock: HandClock) -> float:
    """Return what a whole look costs, to which an answer leads that changes anything."""
    begun = time.process_time()
    for name in names:
        _look(cache, Key("ModelDeployment", name, "flights"), clock.now())
    return 1000 * (time.process_time() - begun) / len(names)


def served() -> tuple[list[Body], datetime]:
    """Return the objects of a deployment that serves with three pods and has nothing to do."""
    world = World()
    operator = Operator(world, Actors(Surroundings()))
    world.add(people.model())
    world.add(people.version(1))
    world.add(people.deployment(replicas=PODS, autoscaling=POLICY))
    operator.settle()
    return list(world.everything()), world.now


def _elsewhere(bodies: list[Body], namespace: str) -> list[Body]:
    """Return copies of all objects in another namespace."""
    text = json.dumps(bodies).replace(f'"namespace": "{NAMESPACE}"', f'"namespace": "{namespace}"')
    found: list[Body] = json.loads(text)
    return found


def _look(cache: Cache, key: Key, now: datetime) -> int:
    """Look at a deployment as the cycle does, and return how many pods would be moved."""
    body = cache.get(MODEL_DEPLOYMENT, key.namespace, key.name)
    assert body is not None  # noqa: S101  # it was put there
    plan = RECONCILER.plan(RECONCILER.gather(body, cache), SETTINGS, now)
    cache.loads.want(key, plan.questions, plan.memory, plan.bounds, plan.standing)
    return sum(type(write).__name__ == "Scale" for write in plan.writes)
