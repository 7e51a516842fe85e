"""The meter of experiments: counts what is wanted, wakes the deployment, and says what it could not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from mlwright.api.analysis import Check
from mlwright.controller.cache import Cache
from mlwright.controller.survey_meter import EVERY, SurveyMeter
from mlwright.errors import MetricsError
from mlwright.plan.analysis import Counted
from mlwright.plan.experiments import Survey, Surveyed, Tally
from mlwright.plan.measuring import Measure, Phase, Selection, Series, Side, Watched
from mlwright.plan.resources import Key
from mlwright.planners.selections import REQUESTS
from tests.support.clocks import HandClock

T0: Final = 1_800_000_000.0
KEY: Final = Key("ModelDeployment", "shop", "churn")


def survey(since: float = T0, pods: tuple[str, ...] = ("n1",)) -> Survey:
    """Return what an experiment wants."""
    new = Side("new", tuple(Watched(pod, T0 - 900) for pod in pods))
    return Survey("pricing", "shop", "churn", (Side("old", (Watched("o1", T0 - 900),)), new), since)


class Store:
    """Every pod answers a request a second."""

    def __init__(self) -> None:
        self.asked: list[tuple[Selection, float]] = []
        self.failure: MetricsError | None = None

    async def samples(self, selection: Selection, now: float) -> tuple[Series, ...]:
        """Return counters that grow."""
        if self.failure:
            raise self.failure
        self.asked.append((selection, now))
        if selection.metric != REQUESTS:
            return ()
        times = range(int(selection.since), int(now) + 1, 15)
        grown = tuple((float(at), float(at - int(T0) + 900)) for at in times)
        return tuple(Series({"pod": pod, "revision": r}, grown) for pod, r in (("o1", "old"), ("n1", "new")))

    async def number(self, query: str, now: float) -> float | None:
        """Nobody asks for one number here."""
        raise AssertionError(query, now)

    async def numbers(self, query: str, now: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Nobody asks for the load here."""
        raise AssertionError(query, now)


class Scene:
    """A meter, and what it sees and wakes."""

    def __init__(self) -> None:
        self.cache, self.clock, self.store = Cache(), HandClock(T0 + 60), Store()
        self.woken: list[Key] = []
        self.meter = SurveyMeter(self.store, self.clock, self.cache, self.woken.append)
        self.cache.want(KEY, survey())

    def found(self) -> Surveyed:
        """Return what was counted."""
        found = self.cache.measured(KEY)
        assert isinstance(found, Surveyed)
        return found


async def test_what_is_wanted_is_counted_and_who_waits_is_woken() -> None:
    """Up to what can be read by now."""
    scene = Scene()
    await scene.meter.round()

    assert (scene.found().until, scene.woken) == (T0 + 50, [KEY])
    assert scene.found().sums["new"].requests == 45


async def test_counters_of_ones_own_are_asked_instead_of_feedback() -> None:
    """One that does not count what it should is told, and nothing is counted then."""
    scene = Scene()
    offers, orders = (Selection(name, {"namespace": ("shop",)}, T0 - 300) for name in ("offers_total", "orders_total"))
    scene.cache.want(KEY, replace(survey(), tally=Tally(offers, orders, "model_version", {"2": "new"})))
    await scene.meter.round()

    assert [one.metric for one, _ in scene.store.asked] == [REQUESTS, "offers_total", "orders_total"]
    assert scene.found().trouble.startswith("Prometheus has no series of offers_total with namespace='shop'")
    assert (scene.found().until, scene.found().sums) == (T0, {})


async def test_it_is_asked_seldom() -> None:
    """Although what is wanted changes with each count."""
    scene = Scene()
    await scene.meter.round()
    scene.cache.want(KEY, survey(T0 + 50))
    await scene.meter.round()
    asked = len(scene.store.asked)
    scene.clock.at += EVERY
    await scene.meter.round()

    assert (asked, len(scene.store.asked)) == (4, 8)
    assert scene.found().survey.since == T0 + 50


async def test_what_a_pod_counted_that_is_gone_counts() -> None:
    """It is known as long as the experiment goes on."""
    scene = Scene()
    await scene.meter.round()
    scene.cache.want(KEY, survey(pods=()))
    scene.clock.at += EVERY
    await scene.meter.round()

    assert scene.found().survey == survey(pods=())
    assert scene.found().sums["new"].requests == 60


async def test_what_cannot_be_read_is_told_and_counts_nothing() -> None:
    """Then the same time is asked about again."""
    scene = Scene()
    scene.store.failure = MetricsError("Prometheus does not answer")
    await scene.meter.round()
    without = SurveyMeter(None, scene.clock, scene.cache, scene.woken.append)
    told = scene.found()
    await without.round()

    assert (told.until, told.trouble) == (T0, "Prometheus does not answer")
    assert "names no Prometheus" in scene.found().trouble


async def test_nothing_is_asked_before_there_is_something_to_count() -> None:
    """Counting begins when rewards may come."""
    scene = Scene()
    scene.cache.want(KEY, survey(T0 + 3600))
    await scene.meter.round()

    assert scene.store.asked == []


async def test_guardrails_are_counted_beside() -> None:
    """For each variant, and also before rewards may come."""
    scene = Scene()
    check = Check.model_validate({"name": "errors", "type": "ErrorRate"})
    old, new = survey().sides
    guard = Measure("shop", "churn", new, old, (Phase(0, T0),), (check,), timedelta(0))
    scene.cache.want(KEY, replace(survey(T0 + 3600), guards=(guard,)))
    await scene.meter.round()
    [guarded] = scene.found().guarded
    reading = guarded.readings["errors"]

    assert (scene.found().until, guarded.measure) == (T0 + 3600, guard)
    assert isinstance(reading, Counted)
    assert sum(look.counts.candidate for look in reading.looks) == 45
