"""Rows are counted once a span is over, and whoever waits for them is woken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from mlwright.controller.drift_meter import AGAIN, SETTLE, DriftMeter
from mlwright.controller.tallies import Tallies
from mlwright.errors import MetricsError
from mlwright.plan.drift_counts import Tallied, Wanted
from mlwright.plan.measuring import Selection, Series
from mlwright.plan.resources import Key
from tests.support.clocks import HandClock

AT = 1_800_000_000.0
KEY = Key("DriftMonitor", "shop", "churn")
POD = "churn-0a1b2c3d-x-1"
WANTED = Wanted("shop", "churn", "0a1b2c3d", AT, AT + 60)


class Store:
    """Holds the profile and one counter of one pod."""

    def __init__(self, *, profile: bool = True) -> None:
        self.profile = profile
        self.away = False
        self.asked: list[Selection] = []

    async def samples(self, selection: Selection, _now: float) -> tuple[Series, ...]:
        """Return what matches."""
        self.asked.append(selection)
        if self.away:
            raise MetricsError("Prometheus is away")
        if selection.metric == "mlwright_profile_info":
            labels = {"pod": POD, "surface": "feature", "name": "age", "counts": "0:5,1:5"}
            return (Series(labels, ((AT, 1.0),)),) if self.profile else ()
        return (Series({"pod": POD, "feature": "age", "bin": "1"}, ((AT - 5, 10.0), (AT + 55, 17.0))),)

    async def number(self, _query: str, _now: float) -> float | None:
        """Nobody asks for numbers here."""
        raise AssertionError

    async def numbers(self, _query: str, _now: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Nobody asks for numbers here."""
        raise AssertionError


def rounds(store: Store | None, *moments: float, wanted: Wanted = WANTED) -> tuple[Tallied | None, list[Key]]:
    """Return what is known after a round at each of the moments, and who was woken."""
    tallies, woken, clock = Tallies(), list[Key](), HandClock(0.0)
    tallies.want(KEY, wanted)
    meter = DriftMeter(store, clock, tallies, woken.append)
    for moment in moments:
        clock.at = moment
        asyncio.run(meter.round())
    return tallies.tallied(KEY), woken


def test_nothing_is_asked_before_the_span_is_over() -> None:
    """What was scraped last must have arrived."""
    store = Store()

    assert rounds(store, AT + 60 + SETTLE - 1) == (None, [])
    assert store.asked == []


def test_rows_are_counted_once_and_the_monitor_is_woken_once() -> None:
    """A second round asks nothing: what is counted is counted."""
    store = Store()

    found, woken = rounds(store, AT + 70, AT + 71, AT + 700)

    assert found == Tallied(WANTED, {"feature:age": {"0": 5, "1": 5}}, {"feature:age": {"1": 7}})
    assert (woken, len(store.asked)) == ([KEY], 2)


def test_a_training_that_is_recorded_is_not_asked_for_again() -> None:
    """So a deployment without pods can still be counted: it had no rows."""
    store = Store(profile=False)
    known = Wanted("shop", "churn", "0a1b2c3d", AT, AT + 60, known=("feature:age",))

    found, _ = rounds(store, AT + 70, wanted=known)

    assert found == Tallied(known, {}, {"feature:age": {"1": 7}})


def test_what_failed_is_tried_again_and_told_once() -> None:
    """Prometheus is away for an hour: it is asked every half minute, and the monitor hears of it once."""
    store = Store()
    store.away = True

    found, woken = rounds(store, AT + 70, AT + 71, AT + 70 + AGAIN, AT + 70 + 2 * AGAIN)

    assert (found, woken) == (Tallied(WANTED, trouble="Prometheus is away"), [KEY])
    assert len(store.asked) == 3


def test_pods_without_a_profile_are_asked_again() -> None:
    """They may not have been scraped yet; the monitor says what it waits for."""
    found, woken = rounds(Store(profile=False), AT + 70, AT + 70 + AGAIN)

    assert (found, woken) == (Tallied(WANTED), [KEY])


def test_an_installation_without_prometheus_says_so() -> None:
    """With the value of the chart that is missing."""
    found, _ = rounds(None, AT + 70)

    assert found is not None
    assert "set prometheus.url" in found.trouble


@pytest.mark.parametrize("other", [None, Wanted("shop", "churn", "0a1b2c3d", AT + 60, AT + 120)])
def test_what_is_not_wanted_any_more_is_forgotten(other: Wanted | None) -> None:
    """A monitor that was deleted, or that goes on to the next span."""
    tallies = Tallies()
    tallies.want(KEY, WANTED)
    tallies.remember(KEY, Tallied(WANTED))
    tallies.want(KEY, other)

    assert tallies.tallied(KEY) is None
    assert not tallies.remember(KEY, Tallied(WANTED))
