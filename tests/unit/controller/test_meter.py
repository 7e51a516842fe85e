"""The meter: what plans want is counted, objects are woken, and nothing that goes wrong is data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from mlwright.api.analysis import Check
from mlwright.controller.cache import Cache
from mlwright.controller.meter import EVERY, Meter
from mlwright.errors import MetricsError
from mlwright.plan.analysis import Counted, Failed
from mlwright.plan.measuring import Measure, Measured, Phase, Selection, Series, Side, Watched
from mlwright.plan.resources import Key
from mlwright.ports.metrics import MetricsStore
from tests.support.clocks import HandClock

T0 = 1_800_000_000.0
KEY = Key("ModelDeployment", "shop", "churn")
ERRORS = Check.model_validate({"name": "errors", "type": "ErrorRate"})
QUERY = Check.model_validate(
    {
        "name": "gpu",
        "type": "Query",
        "query": {"promql": "load{ns='${namespace}',r='${candidate}'}", "max": 1, "failures": 2},
    }
)
MEASURE = Measure(
    "shop",
    "churn",
    candidate=Side("new", (Watched("n1", T0 - 900),)),
    stable=Side("old", (Watched("o1", T0 - 900),)),
    phases=(Phase(0, T0),),
    checks=(ERRORS,),
    warmup=timedelta(0),
)


class Store:
    """A store of metrics in which every pod of both sides answers ten requests a scrape; some fail."""

    def __init__(self) -> None:
        self.asked: list[Selection] = []
        self.queries: list[tuple[str, float]] = []
        self.pods = {"n1": "new", "o1": "old"}
        self.failure: MetricsError | None = None

    async def samples(self, selection: Selection, now: float) -> tuple[Series, ...]:
        """Return counters that grow with every scrape."""
        if self.failure:
            raise self.failure
        self.asked.append(selection)
        times = [selection.since + 15 * n for n in range(int((now - selection.since) / 15) + 1)]
        return tuple(
            Series(
                {"pod": pod, "revision": revision, "code": code}, tuple((at, amount * n) for n, at in enumerate(times))
            )
            for pod, revision in self.pods.items()
            for code, amount in (("200", 10.0), ("500", 1.0))
        )

    async def numbers(self, query: str, now: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Nobody asks for the load here."""
        raise AssertionError(query, now)

    async def number(self, query: str, now: float) -> float | None:
        """Return a half."""
        self.queries.append((query, now))
        return 0.5


class Scene:
    """A meter with all around it."""

    def __init__(self, store: MetricsStore | None) -> None:
        self.clock = HandClock(T0 + 600)
        self.cache = Cache()
        self.woken: list[Key] = []
        self.meter = Meter(store, self.clock, self.cache, self.woken.append)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


async def test_what_is_wanted_is_counted_and_the_object_woken(scene: Scene) -> None:
    """The next look of the object finds looks of both sides."""
    scene.cache.want(KEY, MEASURE)
    await scene.meter.round()

    found = scene.cache.measured(KEY)
    assert isinstance(found, Measured)
    assert found.measure == MEASURE
    reading = found.readings["errors"]
    assert isinstance(reading, Counted)
    assert len(reading.looks) == 39
    assert scene.woken == [KEY]


async def test_it_is_asked_for_now_and_then(scene: Scene, store: Store) -> None:
    """Once in ten seconds, and at once when a new step begins."""
    scene.cache.want(KEY, MEASURE)
    for _ in range(5):
        await scene.meter.round()
    assert len(store.asked) == 1

    scene.clock.at += EVERY
    await scene.meter.round()
    scene.cache.want(KEY, replace(MEASURE, phases=(*MEASURE.phases, Phase(1, T0 + 500))))
    await scene.meter.round()
    assert len(store.asked) == 3


async def test_before_a_rollout_begins_the_past_is_looked_at_once(scene: Scene, store: Store) -> None:
    """It is only told; when somebody has a share, counting begins at once."""
    begins = replace(MEASURE, phases=(Phase(-1, T0),), ahead=True)
    scene.cache.want(KEY, begins)
    for _ in range(3):
        await scene.meter.round()
        scene.clock.at += EVERY
    found = scene.cache.measured(KEY)
    assert isinstance(found, Measured)
    assert (found.readings, found.paces["errors"].seconds) == ({}, 600.0)
    assert found.noise is not None
    assert (len(store.asked), len(scene.woken)) == (1, 1)

    scene.cache.want(KEY, MEASURE)
    await scene.meter.round()
    assert len(store.asked) == 2


async def test_a_past_that_cannot_be_read_is_asked_for_again(scene: Scene, store: Store) -> None:
    """Nothing is told meanwhile, and nobody waits for it."""
    store.failure = MetricsError("Prometheus did not answer within 10 s")
    scene.cache.want(KEY, replace(MEASURE, phases=(Phase(-1, T0),), ahead=True))
    await scene.meter.round()
    assert scene.cache.measured(KEY) is None

    store.failure = None
    scene.clock.at += EVERY
    await scene.meter.round()
    assert scene.cache.measured(KEY) is not None


async def test_what_is_not_wanted_any_more_is_forgotten(scene: Scene, store: Store) -> None:
    """A rollout that ended asks nothing."""
    scene.cache.want(KEY, MEASURE)
    await scene.meter.round()
    scene.cache.want(KEY, None)
    scene.clock.at += EVERY
    await scene.meter.round()

    assert scene.cache.measured(KEY) is None
    assert len(store.asked) == 1


async def test_a_store_that_fails_is_a_failed_reading(scene: Scene, store: Store) -> None:
    """With its own words; and when it answers again, so does the meter."""
    store.failure = MetricsError("Prometheus did not answer within 10 s")
    scene.cache.want(KEY, MEASURE)
    await scene.meter.round()
    found = scene.cache.measured(KEY)
    assert isinstance(found, Measured)
    assert found.readings == {"errors": Failed("Prometheus did not answer within 10 s")}

    store.failure = None
    scene.clock.at += EVERY
    await scene.meter.round()
    found = scene.cache.measured(KEY)
    assert isinstance(found, Measured)
    assert isinstance(found.readings["errors"], Counted)


async def test_without_a_prometheus_the_remedy_is_told() -> None:
    """An installation that names none judges nobody."""
    scene = Scene(None)
    scene.cache.want(KEY, MEASURE)
    await scene.meter.round()

    found = scene.cache.measured(KEY)
    assert isinstance(found, Measured)
    assert found.readings == {
        "errors": Failed("this installation names no Prometheus: set prometheus.url of the chart")
    }


async def test_pods_that_are_gone_are_remembered(scene: Scene, store: Store) -> None:
    """What a pod answered before it ended still counts."""
    store.pods["n0"] = "new"
    both = replace(MEASURE.candidate, pods=(Watched("n0", T0 - 900), Watched("n1", T0 - 900)))
    scene.cache.want(KEY, replace(MEASURE, candidate=both))
    await scene.meter.round()
    scene.cache.want(KEY, MEASURE)
    scene.clock.at += EVERY
    await scene.meter.round()

    found = scene.cache.measured(KEY)
    assert isinstance(found, Measured)
    reading = found.readings["errors"]
    assert isinstance(reading, Counted)
    assert reading.looks[0].counts.candidate == 22


async def test_how_errors_were_spread_is_looked_at_once(scene: Scene, store: Store) -> None:
    """Six hours of stable's own, before the first phase, and only where it is wished."""
    old = Side("old", (Watched("o1", T0 - 90_000),))
    scene.cache.want(KEY, replace(MEASURE, stable=old, noise_wanted=True))
    await scene.meter.round()
    scene.clock.at += EVERY
    await scene.meter.round()

    found = scene.cache.measured(KEY)
    assert isinstance(found, Measured)
    assert found.noise is not None
    assert found.noise.block == 0
    assert "one by one" in found.noise.sentence
    assert len(store.asked) == 3
    assert store.asked[0].since < T0 - 6 * 3600


async def test_a_history_that_cannot_be_read_is_replaced_by_care(scene: Scene, store: Store) -> None:
    """After three failures blocks of a minute are chosen, so that a rollout is not held up for ever."""
    store.failure = MetricsError("Prometheus answered with more than 32 MB")
    scene.cache.want(KEY, replace(MEASURE, noise_wanted=True))
    found = []
    for _ in range(3):
        await scene.meter.round()
        found.append(scene.cache.measured(KEY))
        scene.clock.at += EVERY

    assert [one.noise.block if isinstance(one, Measured) and one.noise else None for one in found] == [None, None, 60]


async def test_a_query_is_asked_as_of_its_last_looks(scene: Scene, store: Store) -> None:
    """How often it failed in a row is asked of the store, not remembered."""
    scene.cache.want(KEY, replace(MEASURE, checks=(QUERY,)))
    await scene.meter.round()

    assert store.queries == [("load{ns='shop',r='new'}", T0 + 585), ("load{ns='shop',r='new'}", T0 + 600)]
    found = scene.cache.measured(KEY)
    assert isinstance(found, Measured)
    assert found.readings["gpu"] == Counted(values=(0.5, 0.5))


async def test_a_round_of_a_large_rollout_is_quick(scene: Scene, store: Store) -> None:
    """An hour of forty pods is counted in less than a second: the operator has other things to do."""
    pods = tuple(Watched(f"o{n}", T0 - 9000) for n in range(39))
    store.pods = {"n1": "new"} | {pod.name: "old" for pod in pods}
    scene.clock.at = T0 + 3600
    scene.cache.want(KEY, replace(MEASURE, stable=Side("old", pods)))
    begun = time.process_time()
    await scene.meter.round()

    assert time.process_time() - begun < 1.0
