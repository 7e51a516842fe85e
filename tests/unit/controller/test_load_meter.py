"""The load is asked for once, however many deployments want to know it, and whoever asked is woken."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

from bench.autoscale_many import KINDS, many
from mlwright.controller.load_meter import LoadMeter
from mlwright.controller.loads import Loads
from mlwright.errors import MetricsError
from mlwright.plan.loads import Answer, Question
from mlwright.plan.measuring import Selection, Series
from mlwright.plan.resources import Key
from mlwright.plan.scaling import Memory, Wish
from tests.support.clocks import HandClock

AT = 1_800_000_000.0
RATE, OWN, BROKEN = Question("rate"), Question("own", whole=True), Question("broken")
KEYS = [Key("ModelDeployment", "shop", f"m{number}") for number in range(3)]


class Store:
    """A store of metrics that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def samples(self, selection: Selection, now: float) -> tuple[Series, ...]:
        """Nobody asks for samples here."""
        raise AssertionError(selection, now)

    async def number(self, query: str, _now: float) -> float | None:
        """Return a number."""
        self.asked.append(query)
        return 7.0

    async def numbers(self, query: str, _now: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Return a number for a pod, and numbers that no counter gives."""
        self.asked.append(query)
        if query == "broken":
            raise MetricsError("Prometheus is away")
        pods = {"p0": 5.0, "p1": math.nan, "p2": -1.0, "p3": math.inf}
        return tuple(({"namespace": "shop", "pod": pod}, value) for pod, value in pods.items())


def asked(store: Store | None, *questions: Question) -> tuple[Loads, list[Key]]:
    """Return what is known after one round in which three deployments asked, and who was woken."""
    loads, woken = Loads(), list[Key]()
    for key in KEYS:
        loads.want(key, questions, None)
    asyncio.run(LoadMeter(store, HandClock(AT), loads, woken.append).round())
    return loads, woken


def test_a_question_of_many_is_asked_once() -> None:
    """A thousand deployments must not mean a thousand questions."""
    store = Store()
    loads, woken = asked(store, RATE, OWN)

    assert sorted(store.asked) == ["own", "rate"]
    assert woken == KEYS
    assert loads.answer(OWN) == Answer(AT, number=7.0)


def test_numbers_that_no_counter_gives_are_none() -> None:
    """Their pods count as unknown, as if they had not been scraped."""
    loads, _ = asked(Store(), RATE)

    assert loads.answer(RATE) == Answer(AT, pods={("shop", "p0"): 5.0})


def test_one_question_without_an_answer_spoils_no_other() -> None:
    """Its trouble is its answer."""
    loads, _ = asked(Store(), BROKEN, OWN)

    assert loads.answer(BROKEN) == Answer(AT, trouble="Prometheus is away")
    assert loads.answer(OWN) == Answer(AT, number=7.0)


def test_an_installation_without_prometheus_says_so() -> None:
    """And names the remedy."""
    loads, woken = asked(None, RATE)

    assert loads.answer(RATE) == Answer(
        AT, trouble="this installation names no Prometheus: set prometheus.url of the chart"
    )
    assert woken == KEYS


def test_who_asks_no_more_is_forgotten() -> None:
    """With all that was remembered for it."""
    loads = Loads()
    loads.want(KEYS[0], (RATE,), Memory((Wish(AT, 3),)))
    assert loads.memory(KEYS[0]) is not None

    loads.want(KEYS[0], (), None)

    assert (loads.asked, loads.memory(KEYS[0])) == (frozenset(), None)


def test_deployments_ask_together() -> None:
    """One query for each kind of metric, however many scale by it; what changes nothing leads to no look."""
    figures = many(count=7, rounds=2)

    assert (figures["queries_per_period"], figures["looks_per_period"], figures["writes_when_nothing_moves"]) == (
        KINDS,
        0,
        0,
    )
