"""Few users who send many rows: how much they vary is learnt, and what chance does is not called drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pytest

from bench.drift_live import HOUR, SETTINGS, Live, lived, spec
from bench.drift_traffic import DAY, SAME, Change, Counts, Population
from mlwright.api.drift import DriftMonitorSpec
from mlwright.builders.drift import renderer, variations
from mlwright.plan.drift import MonitorSeen
from mlwright.plan.drift_counts import Block, Reference, Variation, Varied
from mlwright.plan.drift_intents import KeepBlock, KeepVaried
from mlwright.plan.writes import Create
from mlwright.planners import drift_verdicts
from mlwright.planners.drift import decide
from mlwright.planners.drift_variation import varied
from mlwright.planners.drift_verdicts import findings, suspected, told_suspects
from mlwright.planners.drift_windows import Window, spans_of_a_day, windows
from mlwright.stats.wobble import still

SEED = 20_261_122
HOURS = 6
"""Windows of simulated traffic in an hour."""
FEATURES = 3
DAYS = 5
FAR = Change(1.0)


@cache
def hours_of_users(change: Change = SAME, begins: int = 3) -> Counts:
    """Return what forty users with fifty rows each let count by hour; one feature changes after some days."""
    chance, people = np.random.default_rng(SEED), Population()
    changes = [change, *[SAME] * (FEATURES - 1)]
    windows = np.stack([people.feature(chance, DAYS * DAY, begins * DAY, one) for one in changes], axis=1)
    found: Counts = windows.reshape(-1, HOURS, *windows.shape[1:]).sum(axis=1)
    return found


@cache
def learned_of_users() -> Counts:
    """Return the distributions of a training with rows of such users."""
    chance = np.random.default_rng(SEED + 1)
    return np.stack([Population().reference(chance, 20_000) for _ in range(FEATURES)])


def asked(**more: Any) -> DriftMonitorSpec:
    """Return a monitor of distributions."""
    return spec(["DataDrift"], **more)


def test_few_users_who_send_many_rows_are_no_drift() -> None:
    """Days of users that come and go, of whom each always sends much the same."""
    hours = hours_of_users()

    told = list(lived(asked(), learned_of_users(), hours))

    assert not any(any(now) for now in told)


def test_the_same_rows_told_to_be_independent_are_called_drift() -> None:
    """So it is the correction that keeps them quiet."""
    hours = hours_of_users()[:48]

    told = list(lived(asked(independentRows=True), learned_of_users(), hours))

    assert any(any(now) for now in told)


def test_a_feature_that_moves_far_is_found_among_them() -> None:
    """One standard deviation after three days, within a day; the others stay quiet."""
    hours = hours_of_users(FAR)

    told = list(lived(asked(), learned_of_users(), hours))

    first = next(place for place, now in enumerate(told) if now[0])
    assert 3 * 24 < first <= 4 * 24
    assert not any(any(now[1:]) for now in told)


def test_before_it_is_learnt_nothing_is_called_drift_and_the_monitor_says_what_it_waits_for() -> None:
    """A day, then twenty-four pairs of hours a day apart."""
    live, hours = Live(asked(), learned_of_users()), hours_of_users(FAR, begins=0)
    for counts in hours[:30]:
        live.hour(counts)

    found = live.told("Drifted")

    assert (found.status, found.reason) == ("False", "Steady")
    assert "18 pairs of spans that lie a day apart are missing" in found.message
    assert "spec.independentRows" in found.message


@pytest.mark.parametrize("every, spans", [("1h", 24), ("30m", 48), ("6h", 4), ("10s", 0), ("24h", 0), ("7h", 0)])
def test_spans_teach_where_a_day_has_neither_too_few_nor_too_many(every: str, spans: int) -> None:
    """The records of a day are kept, and a week of pairs must be enough."""
    slow = {"length": every, "every": every}

    assert spans_of_a_day(asked(windows={"slow": slow})) == spans


def test_independent_rows_teach_nothing() -> None:
    """Who knows that they are needs no day to find out."""
    assert spans_of_a_day(asked(independentRows=True)) == 0


EARLIER = Block("r", 0, HOUR, {"feature:age": {"0": 60, "1": 40}})
LATER = Block("r", 24 * HOUR, 25 * HOUR, {"feature:age": {"0": 40, "1": 60}})
LEARNED = Reference("r", {"feature:age": {"0": 500, "1": 500}})


def test_two_spans_a_day_apart_are_a_pair() -> None:
    """A fifth of the rows moved, in two spans of a hundred rows: 50 * 0.2 * 0.2 of variance."""
    found = varied(asked(), LATER, [EARLIER], LEARNED, ())

    assert found is not None
    assert found.variation["feature:age"].slots == ("0", "1")
    assert found.variation["feature:age"].wobble.pairs == 1
    assert found.variation["feature:age"].wobble.sums == pytest.approx((2, -2, 2))


def test_a_pair_is_learnt_once() -> None:
    """What was recorded before a span, and not the span, is there after a crash between the two."""
    known = replace(LEARNED, varied_until=LATER.until)

    assert varied(asked(), LATER, [EARLIER], known, ()) is None


def test_a_span_without_one_a_day_before_teaches_nothing() -> None:
    """Such as after hours in which Prometheus was away."""
    other = replace(EARLIER, since=HOUR, until=2 * HOUR)

    assert varied(asked(), LATER, [other], LEARNED, ()) is None


def test_after_a_week_nothing_more_is_learnt() -> None:
    """Drift that comes slowly must not become usual."""
    full = Variation(("0", "1"), replace(still(2), pairs=7 * 24))
    known = replace(LEARNED, variation={"feature:age": full})

    assert varied(asked(), LATER, [EARLIER], known, ()) is None


def test_a_feature_that_has_drifted_teaches_nothing() -> None:
    """Its drift would make the law wider, and hide itself."""
    live = Live(asked(), learned_of_users())
    for counts in hours_of_users(FAR):
        live.hour(counts)

    pairs = {name: one.wobble.pairs for name, one in live.seen.references[0].variation.items()}

    assert pairs["feature:0"] < pairs["feature:1"] == (DAYS - 1) * 24


def test_what_is_suspected_is_what_the_verdicts_say() -> None:
    """At each hour of days in which one feature moves, by less work than the verdicts."""
    live = Live(asked(), learned_of_users())
    seen: set[str] = set()
    for counts in hours_of_users(FAR)[:84]:
        live.hour(counts)
        found = suspected(live.seen.spec, live.seen.references[0], newest_of(live), live.seen.status)
        told = findings(live.seen.spec, live.seen.references[0], newest_of(live), live.seen.status)
        assert found == {one.surface for one in told if one.known and (one.lasting or one.votes.over)}
        assert found == told_of(live, live.seen.status)
        seen |= found

    assert "feature:0" in seen


def told_of(live: Live, status: Mapping[str, Any]) -> frozenset[str] | None:
    """Return what is suspected by what was told of the newest windows."""
    return told_suspects(live.seen.spec, live.seen.references[0], live.seen.blocks[-1].until, status)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"window": None}, id="lost"),
        pytest.param({"window": {"until": "2026-01-01T00:00:00Z"}}, id="of another window"),
        pytest.param({"revision": "another"}, id="of another version"),
        pytest.param({"features": []}, id="not of all features"),
    ],
)
def test_a_status_that_tells_something_else_tells_no_suspects(change: dict[str, Any]) -> None:
    """Then windows are asked, from the records."""
    live = Live(asked(), learned_of_users())
    for counts in hours_of_users()[:3]:
        live.hour(counts)

    assert told_of(live, live.seen.status) == frozenset()
    assert told_of(live, {**live.seen.status, **change}) is None


def edited() -> tuple[Live, MonitorSeen]:
    """Return a monitor that allowed all of a drift, and as it is seen with one more hour when that was edited."""
    generous = spec(["DataDrift"], checks=[{"name": "x", "type": "DataDrift", "dataDrift": {"maxDistance": 0.9}}])
    strict = spec(["DataDrift"], checks=[{"name": "x", "type": "DataDrift", "dataDrift": {"maxDistance": 0.1}}])
    live = Live(generous, learned_of_users())
    hours = hours_of_users(FAR)
    for counts in hours[:84]:
        live.hour(counts)
    assert told_of(live, live.seen.status) == frozenset()
    status = {**live.seen.status, "observedGeneration": 1}
    return live, replace(live.counted(hours[84]), spec=strict, generation=2, status=status)


def test_after_an_edit_suspects_are_those_of_the_spec_as_it_is() -> None:
    """What was told before says who was far away from what was allowed then."""
    live, seen = edited()

    found = decide(seen, SETTINGS, datetime.fromtimestamp(live.now + 20, UTC))

    (more,) = [record.varied.variation for record in found.records if isinstance(record, KeepVaried)]
    before = live.seen.references[0].variation
    taught = {name for name, one in more.items() if one.wobble.pairs > before[name].wobble.pairs}
    assert taught == {"feature:1", "feature:2"}


def test_what_was_told_before_an_edit_is_of_no_window_when_the_edit_was_seen() -> None:
    """A look that only records tells it again, and from then on the status is one of the new spec."""
    live, seen = edited()

    found = decide(seen, SETTINGS, datetime.fromtimestamp(live.now + 20, UTC))

    assert found.records
    assert found.status.fields["features"] == live.seen.status["features"]
    assert told_of(live, found.status.fields) is None


def newest_of(live: Live) -> tuple[Window, ...]:
    """Return the newest five windows of a day."""
    return windows(live.seen.blocks, 24, 5)


def test_an_hour_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look that records it judges nothing: what it says is judged by the next one, from the record."""
    live = Live(asked(), learned_of_users())
    judged: list[object] = []
    for counts in hours_of_users()[:30]:
        live.hour(counts)
    seen = live.counted(hours_of_users()[30])
    monkeypatch.setattr(drift_verdicts, "judge", lambda *asked: judged.append(asked))

    found = decide(seen, SETTINGS, datetime.fromtimestamp(live.now + 20, UTC))

    assert [type(record) for record in found.records] == [KeepVaried, KeepBlock]
    assert judged == []
    assert found.status.summary == live.seen.status["summary"]


def test_what_was_recorded_of_it_is_read_again() -> None:
    """With six decimal places, in a record of its own that is named after the revision and the end of the span."""
    known = Variation(("0", "1"), replace(still(2), pairs=3, sums=(1.23456789, -2.0, 0.5)))
    write = renderer(Live(asked(), learned_of_users()).seen)(KeepVaried(Varied("r", HOUR, {"feature:age": known})))

    assert isinstance(write, Create)
    write.body["metadata"]["uid"] = "uid"
    (found,) = variations([write.body])
    assert (found.revision, found.until) == ("r", HOUR)
    assert found.variation["feature:age"].wobble.sums == (1.234568, -2.0, 0.5)
