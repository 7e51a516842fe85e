"""What breaks suddenly: ten minutes beside the same hour of such days, once it is learnt what is usual there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.drift_live import HOUR, MINUTES, SETTINGS, Live, spec
from bench.drift_traffic import DAY, SAME, Change, Counts, Population, independent
from mlwright.api.conditions import written
from mlwright.api.drift import DriftMonitorSpec, FastWindow
from mlwright.builders.drift import renderer, usuals
from mlwright.plan.drift import NoteSeen
from mlwright.plan.drift_counts import Block, Hours, Reference, Usual
from mlwright.plan.drift_intents import ForgetRecord, KeepUsual, Note
from mlwright.plan.writes import Create
from mlwright.planners.drift import decide
from mlwright.planners.drift_usual import Fast, teaches, with_hour
from mlwright.stats.wobble import still

SEED = 20_261_123
FEATURES = 3
DAYS = 4
BEGINS = 3 * DAY
FAR = Change(2.0)
SHORT: dict[str, Any] = {"slow": {}, "fast": {"baseline": "48h"}}
"""Two days of learning instead of a week."""


@cache
def of_users(change: Change = FAR) -> Counts:
    """Return what forty users with fifty rows each let count by ten minutes; one feature changes after three days."""
    chance, people = np.random.default_rng(SEED), Population()
    changes = [change, *[SAME] * (FEATURES - 1)]
    return np.stack([people.feature(chance, DAYS * DAY, BEGINS, one) for one in changes], axis=1)


@cache
def learned_of_users() -> Counts:
    """Return the distributions of a training with rows of such users."""
    chance = np.random.default_rng(SEED + 1)
    return np.stack([Population().reference(chance, 20_000) for _ in range(FEATURES)])


def watching(windows: Iterable[Any], **more: Any) -> Live:
    """Return a monitor after some windows of ten minutes."""
    live = Live(spec(["DataDrift"], **{"windows": SHORT, **more}), learned_of_users())
    for counts in windows:
        live.minutes(counts)
    return live


@cache
def before_the_break() -> Live:
    """Return a monitor that has watched for three days."""
    return watching(of_users()[:BEGINS])


def copied(live: Live) -> Live:
    """Return a monitor that goes on by itself."""
    other = Live(live.seen.spec, learned_of_users())
    other.seen, other.now, other.passed, other.verdicts = live.seen, live.now, [*live.passed], live.verdicts
    return other


def test_a_sudden_break_is_found_within_an_hour() -> None:
    """A mean that moves by two standard deviations: long windows of a day have not seen it by then."""
    live = copied(before_the_break())
    for counts in of_users()[BEGINS : BEGINS + 6]:
        live.minutes(counts)

    found = live.told("Drifted")

    assert live.sudden(FEATURES) == [True, False, False]
    assert live.drifted(FEATURES) == [False] * FEATURES
    assert (found.status, found.reason) == ("True", "Drifted")
    assert "> 0.1 from what is usual at this hour in " in found.message
    assert " windows of 10m; " in found.message


def test_a_day_of_users_who_come_and_go_is_no_break() -> None:
    """Each hour of the day is other than the training, and than the hour before, and each user sends much the same."""
    live = watching(of_users(SAME)[:BEGINS])

    told = [live.sudden(FEATURES)]
    for counts in of_users(SAME)[BEGINS:]:
        live.minutes(counts)
        told.append(live.sudden(FEATURES))

    assert not any(any(now) for now in told)
    assert live.told("Drifted").message.count("in the newest 10m") == 1


def test_while_it_is_learnt_what_is_usual_nothing_is_judged_and_the_monitor_says_how_far_it_is() -> None:
    """Two hours of the two days that were asked for."""
    live = watching(of_users()[:12])

    told = live.seen.status["fast"]

    assert (told["learned"], told["needed"]) == (2, 48)
    assert {one["verdict"] for one in told["features"]} == {"NotEnoughData"}
    assert "2 of 48 hours of what is usual are learnt" in live.told("Drifted").message


def writes_of(live: Live, windows: Iterable[Counts]) -> int:
    """Return how often the status was written while some windows of ten minutes passed."""
    before = live.writes
    for counts in windows:
        live.minutes(counts)
    return live.writes - before


def test_ten_minutes_that_say_what_those_before_said_write_no_status() -> None:
    """Ten quiet looks, and an hour ends in between: the long windows tell of it, and of the newest minutes as well."""
    live = copied(before_the_break())

    writes = writes_of(live, of_users(SAME)[BEGINS : BEGINS + 10])

    assert live.now % HOUR
    assert live.seen.status["fast"]["until"] == written(live.now - live.now % HOUR - MINUTES)
    assert writes == 1


def test_nights_in_which_few_ask_write_no_status_every_ten_minutes() -> None:
    """Each time other rows are too few to tell: that they are is told, and how many they are is not."""
    live, chance = copied(before_the_break()), np.random.default_rng(SEED)
    nights = [independent(chance, rows, [SAME] * FEATURES, 1)[0] for rows in range(20, 180, 10)]
    writes_of(live, nights[:6])

    writes = writes_of(live, nights[6:])

    assert "(0: fewer than 200 rows came in 10m)" in live.told("Drifted").message
    assert writes == 1


def test_what_is_strange_is_told_every_ten_minutes() -> None:
    """A break: its distance, and in how many windows it was seen, is what people look at."""
    live = copied(before_the_break())

    assert writes_of(live, of_users()[BEGINS : BEGINS + 5]) == 5


def test_what_is_kept_is_bounded() -> None:
    """Spans of a day and an hour while it is learnt; of five windows when it is; one record of what is usual."""
    young, grown = watching(of_users()[: DAY + 30]), before_the_break()

    assert len(minutes_of(young)) == 151
    assert len(minutes_of(grown)) == 5
    assert (len(young.seen.usual), len(grown.seen.usual)) == (1, 1)
    assert {one.learned for one in grown.seen.usual[0].hours.values()} == {48}


def minutes_of(live: Live) -> list[Block]:
    """Return the spans of ten minutes that are recorded."""
    return [one for one in live.seen.blocks if one.until - one.since == MINUTES]


def test_a_record_of_all_features_is_far_from_what_a_cluster_takes() -> None:
    """Twenty-four distributions of 23 slots with a million rows in each slot of each hour: half a mebibyte."""
    slots = tuple(f"slot{n}" for n in range(23))
    wobble = replace(still(23), pairs=1000, sums=(-123.456789,) * 276)
    one = Hours(slots, 168, dict.fromkeys(range(48), (1000000,) * 23), wobble)
    write = renderer(watching([]).seen)(
        KeepUsual(Usual("r", HOUR, MINUTES, {f"feature:{'x' * 60}{n}": one for n in range(24)}))
    )

    assert isinstance(write, Create)
    assert len(json.dumps(write.body)) < 500_000


def test_what_was_recorded_of_it_is_read_again() -> None:
    """In a record of its own that is named after the revision and the end of the hour."""
    known = Hours(("0", "1"), 3, {0: (5, 7), 23: (1, 2)}, replace(still(2), pairs=3, sums=(1.23456789, -2.0, 0.5)))
    write = renderer(watching([]).seen)(KeepUsual(Usual("r", HOUR, MINUTES, {"feature:age": known})))

    assert isinstance(write, Create)
    write.body["metadata"]["uid"] = "uid"
    (found,) = usuals([json.loads(json.dumps(write.body))])
    rounded = replace(known, wobble=replace(known.wobble, sums=(1.234568, -2.0, 0.5)))
    assert found == Usual("r", HOUR, MINUTES, {"feature:age": rounded}, write.body["metadata"]["name"], "uid")


LEARNED = Reference("r", {"feature:age": {"0": 500, "1": 500}, "feature:hour": {"0": 500, "1": 500}})
ROWS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=6, max_size=6)


def hour_of(rows: Iterable[tuple[int, int]], begin: int = 0) -> list[Block]:
    """Return spans of ten minutes, one after the other."""
    return [
        Block("r", begin + MINUTES * n, begin + MINUTES * (n + 1), _counted(few, many))
        for n, (few, many) in enumerate(rows)
    ]


def _counted(few: int, many: int) -> dict[str, dict[str, int]]:
    return {"feature:age": {"0": few, "1": many}, "feature:hour": {"0": 1}}


def fast(blocks: Iterable[Block], usual: Usual | None = None) -> Fast:
    """Return what is known of the newest minutes."""
    return Fast(FastWindow(), tuple(blocks), usual)


@given(ROWS, ROWS)
def test_an_hour_adds_its_rows_to_those_of_the_same_hour_of_other_days(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    """Whatever was counted: the sum of all of its spans, and a pair of spans for each that lie a day apart."""
    one, other = hour_of(first), hour_of(second, 24 * HOUR)
    usual = with_hour(fast(one[:-1]), one[-1], LEARNED, ())

    found = with_hour(fast([*one, *other[:-1]], usual), other[-1], LEARNED, ())

    age = found.hours.get("feature:age", Hours(("0", "1"), 0, {}, still(2)))
    few, many = (sum(rows) for rows in zip(*first, *second, strict=True))
    asked = [bool(sum(map(sum, rows))) for rows in (first, second)]
    assert (age.learned, dict(age.counts)) == (sum(asked), {0: (few, many)} if any(asked) else {})
    assert age.wobble.pairs == sum(bool(sum(a) and sum(b)) for a, b in zip(first, second, strict=True))


def test_hours_of_the_day_are_learnt_apart() -> None:
    """What is asked at night says nothing of noon."""
    night, noon = hour_of([(9, 1)] * 6), hour_of([(1, 9)] * 6, 12 * HOUR)
    usual = with_hour(fast(night[:-1]), night[-1], LEARNED, ())

    found = with_hour(fast([*night, *noon[:-1]], usual), noon[-1], LEARNED, ())

    assert dict(found.hours["feature:age"].counts) == {0: (54, 6), 12: (6, 54)}


def test_working_days_and_weekends_are_learnt_apart() -> None:
    """The first day of 1970 was a Thursday: the same hour two days later is one of a weekend."""
    thursday, saturday = hour_of([(9, 1)] * 6), hour_of([(1, 9)] * 6, 48 * HOUR)
    usual = with_hour(fast(thursday[:-1]), thursday[-1], LEARNED, ())

    found = with_hour(fast([*thursday, *saturday[:-1]], usual), saturday[-1], LEARNED, ())

    assert dict(found.hours["feature:age"].counts) == {0: (54, 6), 24: (6, 54)}


@pytest.mark.parametrize("day, pairs", [(1, 6), (2, 0), (3, 6), (4, 0), (5, 6)])
def test_how_much_minutes_differ_is_learnt_of_days_of_one_kind(day: int, pairs: int) -> None:
    """A Saturday is other than the Friday before, and a Monday than the Sunday: that is no chance."""
    before, newest = hour_of([(9, 1)] * 6, (day - 1) * 24 * HOUR), hour_of([(1, 9)] * 6, day * 24 * HOUR)

    found = with_hour(fast([*before, *newest[:-1]]), newest[-1], LEARNED, ())

    assert found.hours["feature:age"].wobble.pairs == pairs


def test_an_hour_is_learnt_once_by_its_last_span() -> None:
    """What was recorded before a span, and not the span, is there after a crash between the two."""
    spans = hour_of([(1, 1)] * 6)
    usual = with_hour(fast(spans[:-1]), spans[-1], LEARNED, ())

    assert [teaches(fast(()), one, LEARNED) for one in spans] == [False] * 5 + [True]
    assert not teaches(fast(spans[:-1], usual), spans[-1], LEARNED)


def test_a_suspect_teaches_nothing_and_takes_longer() -> None:
    """Its drift would become usual."""
    spans = hour_of([(1, 1)] * 6)

    usual = with_hour(fast(spans[:-1]), spans[-1], LEARNED, {"feature:age"})

    assert {name: one.learned for name, one in usual.hours.items()} == {"feature:hour": 1}
    assert fast((), usual).learned(LEARNED.surfaces) == 0


def test_when_it_is_learnt_nothing_more_is() -> None:
    """What comes slowly must not become usual; a feature that took longer still learns."""
    done = Hours(("0", "1"), 168, {0: (1, 1)}, still(2))
    spans = hour_of([(1, 1)] * 6)
    both = Usual("r", 0, MINUTES, {"feature:age": done, "feature:hour": done})
    one = Usual("r", 0, MINUTES, {"feature:age": done, "feature:hour": replace(done, learned=167)})

    assert not teaches(fast(spans[:-1], both), spans[-1], LEARNED)
    assert teaches(fast(spans[:-1], one), spans[-1], LEARNED)
    found = with_hour(fast(spans[:-1], one), spans[-1], LEARNED, ())
    assert {name: hours.learned for name, hours in found.hours.items()} == {"feature:age": 168, "feature:hour": 168}


def test_another_version_learns_what_is_usual_anew() -> None:
    """What was learnt of the one before it goes, and its newest minutes with it."""
    live = before_the_break()
    assert live.seen.served is not None
    served = replace(live.seen.served, revision="s", since=datetime.fromtimestamp(live.now, UTC))

    found = decide(replace(live.seen, served=served, tallied=None), SETTINGS, moment(live))

    gone = {one.uid for one in found.intents if isinstance(one, ForgetRecord)}
    assert gone >= {one.uid for one in live.seen.usual} | {one.uid for one in minutes_of(live)}
    assert found.status.fields["fast"]["learned"] == 0


def test_without_the_field_nothing_of_it_is_kept() -> None:
    """Somebody does not want it any more: neither spans nor what is usual stay."""
    live = before_the_break()

    found = decide(replace(live.seen, spec=spec(["DataDrift"])), SETTINGS, moment(live))

    gone = {one.uid for one in found.intents if isinstance(one, ForgetRecord)}
    assert gone == {one.uid for one in live.seen.usual} | {one.uid for one in minutes_of(live)}
    assert found.status.fields["fast"] is None


def test_a_shorter_baseline_is_enough_at_once() -> None:
    """Three days are learnt of what is usual, and two are asked for from now on."""
    live = before_the_break()
    (usual,) = live.seen.usual
    more = replace(usual, hours={name: replace(one, learned=72) for name, one in usual.hours.items()})

    found = decide(replace(live.seen, usual=(more,)), SETTINGS, moment(live))

    assert {one["verdict"] for one in found.status.fields["fast"]["features"]} <= {"Stable", "Inconclusive"}
    assert "hours of what is usual are learnt" not in found.status.summary


def moment(live: Live) -> datetime:
    """Return when it is for a monitor."""
    return datetime.fromtimestamp(live.now + 20, UTC)


def test_of_what_is_over_the_long_span_is_counted_first() -> None:
    """Who begins to watch a deployment of yesterday is told of its day first, then of its minutes."""
    live = watching([])
    later = datetime.fromtimestamp(live.now, UTC) + timedelta(hours=30)

    wanted = decide(live.seen, SETTINGS, later).wanted

    assert wanted is not None
    assert wanted.until - wanted.since == HOUR


def test_until_an_hour_is_over_its_minutes_are_counted() -> None:
    """A quarter of an hour after the version took over."""
    live = watching([])
    later = datetime.fromtimestamp(live.now, UTC) + timedelta(minutes=15)

    wanted = decide(live.seen, SETTINGS, later).wanted

    assert wanted is not None
    assert (wanted.since, wanted.until) == (live.now, live.now + MINUTES)


AGAIN: dict[str, Any] = {
    "name": "again",
    "when": ["DataDrift"],
    "type": "Retrain",
    "retrain": {"pipelineRef": {"name": "flights"}},
}


TELL: dict[str, Any] = {
    "name": "tell",
    "when": ["DataDrift"],
    "type": "Notify",
    "notify": {"url": "https://hooks.example.com/"},
}


@cache
def broken() -> Live:
    """Return a monitor that has seen fifty minutes of a break."""
    live = copied(before_the_break())
    for counts in of_users()[BEGINS : BEGINS + 5]:
        live.minutes(counts)
    assert live.sudden(FEATURES) == [True, False, False]
    return live


def test_no_run_is_asked_for_because_of_minutes_alone() -> None:
    """An outage of an hour is over before a run has read it, and each revision asks for one run."""
    asked = DriftMonitorSpec.model_validate({**dumped(broken().seen.spec), "actions": [AGAIN]})

    found = decide(replace(broken().seen, spec=asked, pipelines={"flights": frozenset()}), SETTINGS, moment(broken()))

    assert found.records == ()
    assert next(one.status for one in found.status.conditions if one.type == "Drifted") == "True"


def test_somebody_is_told_of_minutes_that_the_decision_names() -> None:
    """Until when it was seen is the end of the minutes, not that of a day that has not seen it."""
    asked = DriftMonitorSpec.model_validate({**dumped(broken().seen.spec), "actions": [TELL]})
    settings = replace(SETTINGS, outside_hosts="https://hooks.example.com", trainer_image="mlwright:1")

    (record,) = decide(replace(broken().seen, spec=asked), settings, moment(broken())).records

    assert isinstance(record, Note)
    assert record.evidence["until"] == written(broken().now)
    assert [one["name"] for one in record.evidence["sudden"]] == ["0"]
    assert "from what is usual at this hour" in record.sentence


def test_a_second_break_within_a_long_span_is_told_again() -> None:
    """Somebody was told half an hour ago, and nothing was found when the status was written since."""
    asked = DriftMonitorSpec.model_validate({**dumped(broken().seen.spec), "actions": [TELL]})
    settings = replace(SETTINGS, outside_hosts="https://hooks.example.com", trainer_image="mlwright:1")
    before = written(broken().now - 3 * MINUTES)
    note = NoteSeen("flights-notify-1", "uid", "tell", "flights-v1", "r", before, "it had drifted", {})

    (record,) = decide(replace(broken().seen, spec=asked, notes=(note,)), settings, moment(broken())).records

    assert isinstance(record, Note)
    assert record.name != note.name


def test_a_break_is_over_when_no_minutes_say_so_any_more_and_the_day_denies_it() -> None:
    """It lasted fifty minutes, and then so few ask that no ten minutes say anything for hours."""
    live = copied(broken())
    for counts in of_users(SAME)[BEGINS + 5 : BEGINS + 30]:
        live.minutes(counts // 20)

    assert {one["windows"] for one in live.seen.status["fast"]["features"]} == {0}
    assert live.sudden(FEATURES) == [False] * FEATURES
    assert live.told("Drifted").status == "False"


def test_minutes_of_another_length_learn_anew() -> None:
    """Users send thrice as many rows in half an hour: how much such spans differ is not known."""
    live = before_the_break()
    longer = spec(["DataDrift"], windows={"slow": {}, "fast": {"length": "30m", "baseline": "48h"}})

    found = decide(replace(live.seen, spec=longer), SETTINGS, moment(live))

    gone = {one.uid for one in found.intents if isinstance(one, ForgetRecord)}
    assert gone >= {one.uid for one in live.seen.usual}
    assert found.status.fields["fast"]["learned"] == 0


def test_hours_in_which_nobody_asks_teach_nothing() -> None:
    """A version that nobody asks in its first days learns what is usual when somebody does."""
    nobody = np.zeros_like(of_users()[0])
    live = watching([nobody] * 12)
    assert live.seen.usual == ()

    for counts in of_users()[:6]:
        live.minutes(counts)

    assert live.seen.status["fast"]["learned"] == 1


def test_features_that_nobody_watches_hold_nothing_up() -> None:
    """Nothing is learnt of them, and nothing is waited for."""
    live = watching(of_users()[:6], features={"exclude": ["1"]})

    assert set(live.seen.usual[0].hours) == {"feature:0", "feature:2"}
    assert live.seen.status["fast"]["learned"] == 1


def dumped(asked: DriftMonitorSpec) -> dict[str, Any]:
    """Return a spec as people write it."""
    found: dict[str, Any] = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found


@pytest.mark.parametrize("rows, verdicts", [(100, {"NotEnoughData"}), (2000, {"Stable", "Inconclusive"})])
def test_minutes_with_too_few_rows_say_nothing(rows: int, verdicts: set[str]) -> None:
    """At night nobody asks; what is told of a day stays as it is."""
    chance = np.random.default_rng(SEED)
    live = watching(independent(chance, rows, [SAME] * FEATURES, 2 * DAY + 6), independentRows=True)

    assert {one["verdict"] for one in live.seen.status["fast"]["features"]} <= verdicts
    assert live.told("Drifted").status == "False"
