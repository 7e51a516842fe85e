"""Trials and successes by two counters of somebody's own: each increase once, for the version that it names."""

from __future__ import annotations

import math
from typing import Final

import pytest

from mlwright.api.experiments import QueriesGoal
from mlwright.plan.experiments import Arm, Tally
from mlwright.plan.measuring import Series
from mlwright.planners.tallying import Tallied, tallied, tally

T0: Final = 1_800_000_000.0
ARMS: Final = (Arm("stable", "churn-v7", "old"), Arm("b", "churn-v8", "new"))
GOAL: Final = QueriesGoal.model_validate(
    {
        "effect": 0.02,
        "trials": {"metric": "shop_offers_total", "labels": [{"name": "app", "value": "shop"}]},
        "successes": {"metric": "shop_orders_total"},
    }
)


def asked() -> Tally:
    """Return what an experiment of two versions asks for."""
    return tally(GOAL, "demo", ARMS, T0)


def series(version: str, *samples: tuple[float, float], **labels: str) -> Series:
    """Return a counter of the shop; times are seconds after the beginning."""
    named = {"job": "shop", "pod": "shop-1", "model_version": version} | labels
    return Series(named, tuple((T0 + at, value) for at, value in samples))


def counted(*trials: Series, successes: tuple[Series, ...] = (), since: float = 0.0, until: float = 60.0) -> Tallied:
    """Return what is counted between two instants, seconds after the beginning."""
    return tallied(asked(), trials, successes, T0 + since, T0 + until)


def test_only_the_namespace_and_the_versions_are_asked_about() -> None:
    """Whatever other series there are: counters of another namespace are not ours to read."""
    found = asked()

    assert found.trials.labels == {"app": ("shop",), "namespace": ("demo",), "model_version": ("7", "8")}
    assert (found.trials.metric, found.successes.metric) == ("shop_offers_total", "shop_orders_total")
    assert found.trials.since < T0


def test_no_label_of_the_goal_leads_to_another_namespace() -> None:
    """Whatever the label that tells versions apart is called."""
    goal = GOAL.model_copy(update={"version_label": "namespace"})

    assert tally(goal, "demo", ARMS, T0).trials.labels["namespace"] == ("demo",)


def test_each_side_gets_what_was_counted_for_its_version() -> None:
    """Of all programs that count, and of no other version."""
    found = counted(
        series("7", (-15, 100), (15, 130)),
        series("7", (-15, 5), (15, 10), pod="shop-2"),
        series("8", (-15, 40), (15, 60)),
        series("6", (-15, 0), (15, 900)),
        successes=(series("8", (-15, 4), (15, 9)),),
    )

    assert found == Tallied({"old": 35.0, "new": 20.0}, {"old": 0.0, "new": 5.0})


def test_nothing_counts_twice() -> None:
    """What lies between two instants counts in one of two looks that meet there."""
    one = series("7", (-15, 100), (15, 130), (45, 150))
    first, second = counted(one, until=30), counted(one, since=30)

    assert (first.trials["old"], second.trials["old"]) == (30.0, 20.0)


def test_a_program_that_began_anew_loses_nothing_but_what_nobody_saw() -> None:
    """A counter that falls counts from nothing."""
    assert counted(series("7", (-15, 100), (15, 130), (45, 8))).trials["old"] == 38.0


def test_a_series_that_is_born_with_its_first_order_counts_it() -> None:
    """Its program was scraped before."""
    offers = series("7", (-30, 90), (-15, 100), (15, 101))

    assert counted(offers, successes=(series("7", (15, 1)),)).successes["old"] == 1.0


@pytest.mark.parametrize("late", [15, 30], ids=["at once", "one scrape later"])
def test_a_program_that_is_new_only_begins_the_count(late: float) -> None:
    """Its first trials were seen by nobody; the orders that they led to must not count alone."""
    offers = series("7", (15, 1000), (30, 1010), (45, 1020))

    found = counted(offers, successes=(series("7", (late, 100), (45, 102)),))

    assert (found.trials["old"], found.successes["old"]) == (20.0, 2.0)


def test_two_servers_of_a_pair_count_once() -> None:
    """They differ by the label that each adds."""
    pair = [series("7", (-15, 100), (15, 130), prometheus_replica=replica) for replica in ("a", "b")]

    assert counted(*pair).trials["old"] == 30.0


def test_a_server_of_a_pair_that_was_away_counts_nothing_anew() -> None:
    """It remembers less than the other, and what it has first is no birth of a counter."""
    whole = series("7", (-45, 1_000_000), (-15, 1_000_010), (15, 1_000_020), (45, 1_000_030), prometheus_replica="b")
    back = series("7", (30, 1_000_025), (50, 1_000_031), prometheus_replica="a")

    found = counted(back, whole, successes=(back, whole))

    assert (found.trials["old"], found.successes["old"]) == (20.0, 20.0)


@pytest.mark.parametrize(
    "samples",
    [((0, 5.0), (15, -1.0)), ((0, math.nan),), ((0, math.inf),), ((15, 5.0), (0, 6.0))],
    ids=["negative", "no number", "infinite", "out of order"],
)
def test_what_no_counter_has_spoils_the_reading(samples: tuple[tuple[float, float], ...]) -> None:
    """Of one of the two: who lies once is not believed."""
    honest, forged = series("7", (0, 1), (15, 2)), series("8", *samples)

    assert "samples of shop_offers_total that no counter has" in counted(honest, forged).trouble
    assert "samples of shop_orders_total that no counter has" in counted(honest, successes=(forged,)).trouble


def test_a_counter_that_nobody_exports_is_named_with_its_labels() -> None:
    """And with what is to be corrected; successes may be none for long."""
    absent = counted(successes=(series("7", (0, 1)),))

    assert absent.trouble == (
        "Prometheus has no series of shop_offers_total with app='shop', namespace='demo' whose label model_version is"
        " 7 or 8: correct spec.experiment.goal.queries, or let the program that counts be scraped"
    )
    assert counted(series("7", (0, 1))).trouble == ""
