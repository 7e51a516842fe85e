"""Raw samples become rows by bin: exact, whatever happens to pods and scrapes."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.errors import MetricsError
from mlwright.plan.drift_counts import Wanted
from mlwright.plan.measuring import Series
from mlwright.planners.drift_counts import (
    MOST_SAMPLES,
    SCRAPE,
    SLOTS,
    counted,
    names_of,
    profile_of,
    questions,
    surfaces_of,
)

NOW = 1_800_000_000.0
HOUR = 3600.0
WANTED = Wanted("demo", "flights", "0a1b2c3d", NOW, NOW + HOUR, born=(("flights-0a1b2c3d-x-1", NOW - 9 * HOUR),))
POD = "flights-0a1b2c3d-x-1"


def series(*samples: tuple[float, float], pod: str = POD, slot: str = "0", **labels: str) -> Series:
    """Return a counter with samples at seconds after the beginning of the span."""
    own = {"pod": pod, "bin": slot, **(labels or {"feature": "age"})}
    return Series(own, tuple((NOW + at, value) for at, value in samples))


def rows(*several: Series, wanted: Wanted = WANTED) -> int:
    """Return the rows of the one bin."""
    return sum(sum(counts.values()) for counts in counted(wanted, several).values())


def test_what_was_counted_before_and_after_is_left_out() -> None:
    """The last scrape before each end of the span tells what had been counted then."""
    assert rows(series((-20, 90), (-5, 100), (10, 120), (3595, 700), (3610, 999))) == 600


def test_a_process_that_began_anew_counts_from_zero() -> None:
    """A container that restarted forgets its counts, not its rows."""
    assert rows(series((-5, 100), (10, 120), (25, 7), (40, 9))) == 20 + 9


def test_a_pod_that_was_created_in_the_span_counts_from_its_first_row() -> None:
    """Its counters exist at zero before it is ready."""
    young = Wanted("demo", "flights", "0a1b2c3d", NOW, NOW + HOUR, born=((POD, NOW + 600),))

    assert rows(series((640, 30), (655, 50)), wanted=young) == 50


def test_a_pod_that_appears_after_a_gap_counts_from_its_first_sample() -> None:
    """Prometheus was away: what the pod had counted in nine hours is not what it counted in this one."""
    assert rows(series((640, 70_000), (655, 70_020))) == 20


def test_a_pod_that_went_in_the_span_counts_until_then() -> None:
    """Its series end; what it counted stays counted."""
    assert rows(series((-5, 100), (10, 120)), series((-5, 10), (3590, 40), pod="flights-0a1b2c3d-x-2")) == 50


def test_the_servers_of_a_pair_are_not_counted_twice() -> None:
    """Two Prometheus servers scrape the same pod, told apart by a label of their own."""
    one = series((-5, 0), (10, 5), feature="age", replica="a")
    other = series((-5, 0), (12, 6), feature="age", replica="b")

    assert rows(one, other) == 5


@pytest.mark.parametrize("pod", ["stranger", "flights-ffffffff-x-1", "flights", ""])
def test_pods_of_others_do_not_count(pod: str) -> None:
    """Whoever claims to serve the model without being one of its pods is not believed."""
    assert rows(series((-5, 0), (10, 5), pod=pod)) == 0


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_who_lies_once_is_not_believed(value: float) -> None:
    """No counter is negative or infinite."""
    with pytest.raises(MetricsError, match="cannot be one"):
        rows(series((-5, 0), (10, value)))


@given(st.lists(st.integers(0, 50), min_size=240, max_size=240), st.integers(0, 2**32))
def test_spans_that_meet_lose_no_row_and_count_none_twice(gains: list[int], seed: int) -> None:
    """However a pod restarts, the rows of two half hours are those of the hour."""
    chance, value, samples = random.Random(seed), 1000, [(-5.0, 1000.0)]  # noqa: S311  # draws restarts
    for place, gain in enumerate(gains):
        value = gain if chance.random() < 0.05 else value + gain
        samples.append((15.0 * place + 3, float(value)))
    halves = [Wanted("demo", "flights", "0a1b2c3d", NOW + s, NOW + s + 1800) for s in (0, 1800)]

    assert sum(rows(series(*samples), wanted=half) for half in halves) == rows(series(*samples))


def test_the_training_is_told_by_any_pod_of_the_revision() -> None:
    """Bins are read from the one series of a feature; what is not of that form is left out."""
    good = {"pod": POD, "surface": "feature", "name": "age", "counts": "0:52,1:50,missing:3"}
    odd = {"pod": POD, "surface": "feature", "name": "odd", "counts": "0:x"}
    other = {**good, "pod": "stranger", "name": "weight"}

    found = surfaces_of(WANTED, [Series(labels, ((NOW, 1.0),)) for labels in (good, odd, other)])

    assert found == {"feature:age": {"0": 52, "1": 50, "missing": 3}}


@pytest.mark.parametrize("bad", ["", "18 to 22", "[1, 2]", '{"0": "18"}', "[" * 100_000], ids=str)
def test_names_of_bins_are_read_where_they_are_told(bad: str) -> None:
    """Pods of an older release tell none, and rubbish is none."""
    good = {"pod": POD, "surface": "feature", "name": "age", "bins": '["18 to 22", "22 to 40"]'}
    odd = {"pod": POD, "surface": "feature", "name": "odd", "bins": bad}

    found = names_of(WANTED, [Series(labels, ((NOW, 1.0),)) for labels in (good, odd)])

    assert found == {"feature:age": ("18 to 22", "22 to 40")}


def test_questions_are_cut_so_that_no_answer_is_too_long() -> None:
    """An hour of twenty pods is asked feature by feature; a minute of one pod at once."""
    names = [f"feature:f{place}" for place in range(20)] + ["output:label"]
    many = Wanted("demo", "flights", "0a1b2c3d", NOW, NOW + HOUR, born=tuple((f"p{n}", NOW) for n in range(20)))
    few = Wanted("demo", "flights", "0a1b2c3d", NOW, NOW + 60, born=((POD, NOW),))

    assert (len(questions(many, names)), len(questions(few, names))) == (21, 2)
    assert SLOTS * HOUR / SCRAPE * 10 < MOST_SAMPLES


def test_the_training_is_asked_for_as_it_is_now() -> None:
    """Pods that are gone need not be asked what they learned."""
    selection = profile_of(WANTED, NOW + 50_000)

    assert (selection.labels["revision"], selection.since) == (("0a1b2c3d",), NOW + 50_000 - 300)
