"""From raw samples to looks: resets, restarts, warm-up, pairs of servers, gaps, forged pods and lies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.analysis import Check
from mlwright.plan.analysis import Counted, Failed, Reading
from mlwright.plan.measuring import Measure, Phase, Series, Side, Watched
from mlwright.planners.counting import count, recent
from mlwright.planners.selections import BUCKETS, COMPARED, DISAGREED, FAILED, FEEDBACK, OUTPUTS, REQUESTS, selections

T0 = 1_800_000_000.0
"""Now is ten minutes later; pods are scraped every 15 s."""
NOW = T0 + 600

ERRORS = Check.model_validate({"name": "errors", "type": "ErrorRate"})
SLOW = Check.model_validate({"name": "slow", "type": "Latency", "latency": {"bound": "100ms"}})
ANSWERS = Check.model_validate({"name": "answers", "type": "Disagreement", "disagreement": {"max": 0.05}})
TRUTH = Check.model_validate({"name": "truth", "type": "Accuracy"})
LABELS = Check.model_validate({"name": "labels", "type": "PredictionDrift"})

MEASURE = Measure(
    "shop",
    "churn",
    candidate=Side("new", (Watched("n1", T0 - 900),)),
    stable=Side("old", (Watched("o1", T0 - 9000), Watched("o2", T0 - 9000))),
    phases=(Phase(0, T0),),
    checks=(ERRORS,),
    warmup=timedelta(seconds=60),
)


def series(pod: str, per_scrape: float, *, start: float = T0 - 300, until: float = NOW, **labels: str) -> Series:
    """A counter that grows evenly, scraped every 15 s; o* pods belong to the old revision."""
    revision = "old" if pod.startswith("o") else "new"
    times = [start + 15 * n for n in range(int((until - start) / 15) + 1)]
    samples = tuple((time, 1000 + per_scrape * n) for n, time in enumerate(times))
    return Series({"namespace": "shop", "pod": pod, "revision": revision} | labels, samples)


def steady() -> list[Series]:
    """10 requests a scrape to n1, 1 of them an error; 45 to each old pod, 2 of them errors."""
    return [
        series("n1", 9, code="200"),
        series("n1", 1, code="500"),
        *(series(pod, 43, code="200") for pod in ("o1", "o2")),
        *(series(pod, 2, code="503") for pod in ("o1", "o2")),
    ]


def read(found: Iterable[Series], measure: Measure = MEASURE, check: Check = ERRORS, now: float = NOW) -> Reading:
    """The reading of one metric."""
    return count(measure, check, {selections(measure, check)[0].metric: list(found)}, now)


def totals(reading: Reading) -> tuple[float, ...]:
    """What all looks counted together: candidate, bad, stable, bad."""
    assert isinstance(reading, Counted), reading
    rows = [(c.candidate, c.candidate_bad, c.stable, c.stable_bad) for c in (look.counts for look in reading.looks)]
    return tuple(sum(row[place] for row in rows) for place in range(4))


SCRAPES = 39
"""From the second scrape after T0 to the one at NOW."""


def test_every_look_counts_what_both_sides_did() -> None:
    """Looks of 15 s from the second scrape on, each with one scrape of each pod."""
    found = read(steady())

    assert isinstance(found, Counted)
    assert not found.trouble
    assert len(found.looks) == SCRAPES
    assert {tuple(vars_of(look.counts)) for look in found.looks} == {(10.0, 1.0, 90.0, 4.0)}
    assert [look.end for look in found.looks[:3]] == [15.0, 30.0, 45.0]


def vars_of(counts: Any) -> tuple[float, ...]:
    """The four numbers."""
    return (counts.candidate, counts.candidate_bad, counts.stable, counts.stable_bad)


def test_rows_that_only_the_candidate_refuses_are_its_errors() -> None:
    """Rows with gaps that stable answers are lost with the candidate; what nobody could answer is no version's."""
    found = read(
        [
            series("n1", 6, code="200"),
            series("n1", 3, code="422"),
            series("n1", 1, code="400"),
            *(series(pod, 44, code="200") for pod in ("o1", "o2")),
            *(series(pod, 1, code="400") for pod in ("o1", "o2")),
        ]
    )

    assert totals(found) == (10 * SCRAPES, 3 * SCRAPES, 90 * SCRAPES, 0)


def test_what_was_before_the_weight_changed_does_not_count() -> None:
    """Samples before the phase, and up to the second scrape after it began, are another weight's."""
    early = read(steady(), replace(MEASURE, phases=(Phase(0, T0 + 300),)))

    assert totals(early)[0] == 10 * (SCRAPES - 20)


def test_phases_are_cut_where_weights_change() -> None:
    """Each step has its own looks; nothing is counted across the change."""
    found = read(steady(), replace(MEASURE, phases=(Phase(0, T0, T0 + 300), Phase(1, T0 + 310))))

    assert isinstance(found, Counted)
    assert [look.step for look in found.looks] == [0] * 19 + [1] * 18
    assert next(look.end for look in found.looks if look.step == 1) == 15.0


def test_a_counter_that_begins_anew_loses_nothing_but_what_nobody_saw() -> None:
    """After a restart of the container the new value counts in full."""
    whole = series("n1", 9, code="200")
    reset = replace(whole, samples=tuple((t, v if t < T0 + 300 else (t - T0 - 300) / 15 * 9) for t, v in whole.samples))

    found = read([reset, *steady()[1:]])

    assert totals(found)[0] == 10 * SCRAPES - 9


def test_a_series_that_is_born_with_its_first_error_counts_it() -> None:
    """A runtime that makes a series at its first error loses none of them."""
    born = Series({"pod": "n1", "revision": "new", "code": "500"}, ((T0 + 300, 1.0), (T0 + 315, 3.0), (NOW, 3.0)))

    found = read([steady()[0], born, *steady()[2:]])

    assert totals(found)[1] == 3


def test_a_store_that_lost_its_past_counts_no_past_twice() -> None:
    """When all series of a pod appear at once with large values, that is their past and not news."""
    late = [replace(one, samples=one.samples[-20:]) for one in steady()]

    assert totals(read(late))[0] == 10 * 18  # from the second of twenty scrapes on


def test_young_pods_are_left_out_until_they_are_warm() -> None:
    """A pod that joined later counts after its warm-up and does not hold up the others."""
    joined = replace(MEASURE.candidate, pods=(*MEASURE.candidate.pods, Watched("n2", T0 + 300)))
    young = series("n2", 10, start=T0 + 300, code="500")

    found = read([*steady(), young], replace(MEASURE, candidate=joined))

    scrapes_when_warm = 16
    assert totals(found)[1] == SCRAPES + 10 * scrapes_when_warm


def test_two_servers_of_a_pair_count_once() -> None:
    """The same series from two Prometheus servers is one series."""
    twice = [replace(one, labels={**one.labels, "replica": name}) for one in steady() for name in ("a", "b")]

    assert totals(read(twice)) == totals(read(steady()))


def test_pods_that_are_not_ours_do_not_count() -> None:
    """Whoever exports our metric names with our labels is heard only if the operator knows the pod."""
    forged = series("evil", 1000, code="500")

    assert totals(read([*steady(), forged])) == totals(read(steady()))


def test_a_pod_that_is_gone_still_counts_and_is_not_waited_for() -> None:
    """What it answered was answered."""
    gone = replace(MEASURE.candidate, pods=(Watched("n1", T0 - 900), Watched("n0", T0 - 900, gone=True)))
    old = series("n0", 10, until=T0 + 300, code="500")

    found = read([*steady(), old], replace(MEASURE, candidate=gone))

    assert totals(found)[1] > totals(read(steady()))[1]
    assert isinstance(found, Counted)
    assert not found.trouble


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_a_lie_spoils_the_reading(value: float) -> None:
    """No counter is negative, infinite or no number; the reading says whose it was."""
    lying = replace(steady()[0], samples=(*steady()[0].samples[:-1], (NOW, value)))

    found = read([lying, *steady()[1:]])

    assert isinstance(found, Failed)
    assert f"returned the value {value:g} for mlwright_requests_total of pod n1" in found.sentence


def test_a_lie_about_a_pod_that_is_not_ours_spoils_nothing() -> None:
    """Nobody can stop a rollout by exporting nonsense from elsewhere."""
    forged = Series({"pod": "evil", "revision": "new", "code": "500"}, ((T0, -5.0),))

    assert totals(read([*steady(), forged])) == totals(read(steady()))


def test_samples_out_of_order_spoil_the_reading() -> None:
    """Time runs forward."""
    first = steady()[0]

    assert isinstance(read([replace(first, samples=first.samples[::-1]), *steady()[1:]]), Failed)


def test_a_pod_that_is_not_scraped_any_more_is_told() -> None:
    """Looks end with its last sample, and after a while the reading says why."""
    silent = [
        series(one.labels["pod"], 1, until=T0 + 300, code="200") if one.labels["pod"] == "o2" else one
        for one in steady()
    ]

    found = read(silent)

    assert isinstance(found, Counted)
    assert len(found.looks) == 19
    assert found.trouble == "Prometheus has not scraped pod o2 for 300 s: nothing is decided without it"


def test_a_pod_that_was_never_scraped_is_told() -> None:
    """With the two reasons that there can be."""
    found = read([one for one in steady() if one.labels["pod"] != "n1"])

    assert isinstance(found, Counted)
    assert not found.looks
    assert found.trouble == (
        "Prometheus has no mlwright_requests_total of pod n1: it is not scraped, or its runtime does not count that"
    )


def test_an_empty_store_is_no_data_and_no_trouble_at_first() -> None:
    """Right after a weight change nothing is missed yet."""
    assert read([], now=T0 + 20) == Counted()


def test_slow_answers_are_those_above_the_edge() -> None:
    """All answers less those up to the bound; failed requests are not quick answers."""
    found = read(
        [
            series("n1", 10, code="200", le="+Inf"),
            series("n1", 7, code="200", le="0.1"),
            series("n1", 50, code="500", le="0.1"),
            series("n1", 50, code="500", le="+Inf"),
            *(series(pod, 20, code="200", le="+Inf") for pod in ("o1", "o2")),
            *(series(pod, 20, code="200", le="0.1") for pod in ("o1", "o2")),
        ],
        check=SLOW,
    )

    assert totals(found) == (10 * SCRAPES, 3 * SCRAPES, 40 * SCRAPES, 0)


def test_a_bound_that_is_no_edge_is_told() -> None:
    """Buckets without the bound count nothing; the sentence names the remedy."""
    found = read([series(pod, 10, code="200", le="+Inf") for pod in ("n1", "o1", "o2")], check=SLOW)

    assert isinstance(found, Failed)
    assert "counts no answers up to 100ms: let bound be an edge of mlwright_request_seconds" in found.sentence


def test_labels_count_for_the_revision_that_predicted() -> None:
    """A label may reach any pod; what counts is whose prediction it judges."""
    labels = [
        series("o1", 3, predicted_revision="new", correct="false"),
        series("o1", 7, predicted_revision="new", correct="true"),
        series("n1", 0, predicted_revision="new", correct="true"),
        series("o2", 20, predicted_revision="old", correct="true"),
        series("o2", 1, predicted_revision="older", correct="false"),
    ]

    assert totals(read(labels, check=TRUTH)) == (10 * SCRAPES, 3 * SCRAPES, 20 * SCRAPES, 0)


def test_copies_are_counted_by_the_pods_that_made_them() -> None:
    """Stable's pods compare; a copy that was not answered disagrees."""
    names = {COMPARED: 10, DISAGREED: 1, FAILED: 2}
    found = {
        name: [series(pod, amount, shadow_revision="new") for pod in ("o1", "o2")] for name, amount in names.items()
    }

    assert totals(count(MEASURE, ANSWERS, found, NOW)) == (24 * SCRAPES, 6 * SCRAPES, 0, 0)


def test_spreads_are_counted_by_the_minute() -> None:
    """For each label the answers of both sides."""
    labels = [
        *(series(pod, amount, output="label", bin="0") for pod, amount in (("n1", 8), ("o1", 40), ("o2", 40))),
        *(series(pod, amount, output="label", bin="1") for pod, amount in (("n1", 2), ("o1", 5), ("o2", 5))),
    ]

    found = read(labels, check=LABELS)

    assert isinstance(found, Counted)
    assert len(found.spreads) == SCRAPES // 4
    assert {spread.pairs for spread in found.spreads} == {((320.0, 32.0), (40.0, 8.0))}


@pytest.mark.parametrize(
    "check, metric, labels",
    [
        (ERRORS, REQUESTS, {"revision": ("new", "old")}),
        (SLOW, BUCKETS, {"revision": ("new", "old"), "le": ("0.1", "+Inf")}),
        (ANSWERS, COMPARED, {"shadow_revision": ("new",)}),
        (TRUTH, FEEDBACK, {"predicted_revision": ("new", "old")}),
        (LABELS, OUTPUTS, {"revision": ("new", "old"), "output": ("label",)}),
    ],
)
def test_a_check_asks_for_its_own_series_only(check: Check, metric: str, labels: Mapping[str, tuple[str, ...]]) -> None:
    """Of this deployment in this namespace, a little earlier than the first phase."""
    first = selections(MEASURE, check)[0]

    assert first.metric == metric
    assert first.labels == {"namespace": ("shop",), "deployment": ("churn",), **labels}
    assert first.since == T0 - 300


def test_an_edge_is_asked_for_in_both_spellings() -> None:
    """Runtimes write one second as 1 or as 1.0."""
    second = Check.model_validate({"name": "slow", "type": "Latency", "latency": {"bound": "1s"}})

    assert selections(MEASURE, second)[0].labels["le"] == ("1", "1.0", "+Inf")


def test_what_lies_more_than_six_hours_back_is_left_out() -> None:
    """Phases that ended before are gone, one that goes on begins later; for a quarter of an hour nothing moves."""
    long = replace(MEASURE, phases=(Phase(0, T0, T0 + 900), Phase(1, T0 + 900, T0 + 7200), Phase(2, T0 + 7200)))
    day = T0 + 86_400
    found = recent(long, day)

    assert [phase.step for phase in found.phases] == [2]
    assert found.phases[0].since == day - 6 * 3600
    assert recent(long, day + 800) == found
    assert recent(long, day + 1000) != found
    assert recent(long, T0 + 7300) == long


gaps = st.lists(st.booleans(), min_size=61, max_size=61)


@given(gaps, gaps)
def test_lost_scrapes_lose_no_request(kept: list[bool], kept_old: list[bool]) -> None:
    """Whatever scrapes fail, no request counts twice, and errors keep their share."""
    lossy = []
    for one in steady():
        keep = kept if one.labels["pod"] == "n1" else kept_old
        lossy.append(replace(one, samples=tuple(s for s, k in zip(one.samples, keep, strict=True) if k)))

    found = read(lossy)

    if isinstance(found, Counted):
        own, bad, stable, stable_bad = totals(found)
        assert own <= 10 * SCRAPES
        assert stable <= 90 * SCRAPES
        assert bad * 10 == pytest.approx(own)
        assert stable_bad * 22.5 == pytest.approx(stable)
