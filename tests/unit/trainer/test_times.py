"""Times and time ranges."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlwright.trainer.errors import UserError
from mlwright.trainer.step import TimeRange, UntilType
from mlwright.trainer.times import Range, comparable, order_of, parse_times, resolve, time_text, within

FIELD = "spec.dataset.timeColumn"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _micros(*moments: datetime) -> list[int]:
    return [int(moment.timestamp() * 1_000_000) for moment in moments]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array(["2026-01-31T12:00:00Z"]), id="a text in UTC"),
        pytest.param(pa.array(["2026-01-31 12:00:00"]), id="a text without a zone"),
        pytest.param(pa.array(["2026-01-31T14:00:00+02:00"]), id="a text in another zone"),
        pytest.param(pa.array([datetime(2026, 1, 31, 12)], pa.timestamp("s")), id="seconds"),  # noqa: DTZ001
        pytest.param(pa.array([NOON], pa.timestamp("ns", "UTC")), id="nanoseconds in UTC"),
        pytest.param(pa.array([NOON], pa.timestamp("ms", "Europe/Berlin")), id="milliseconds in a zone"),
    ],
)
def test_a_time_is_the_same_however_it_is_written(column: Any) -> None:
    """Microseconds since 1970; without a zone it is UTC."""
    assert parse_times("ts", column, FIELD).tolist() == _micros(NOON)
    assert comparable(column).to_pylist() == _micros(NOON)


def test_a_date_is_its_first_moment() -> None:
    """Midnight, UTC."""
    midnight = datetime(2026, 1, 31, tzinfo=UTC)

    assert parse_times("ts", pa.array([date(2026, 1, 31)]), FIELD).tolist() == _micros(midnight)


@pytest.mark.parametrize(
    "column,sentence",
    [
        pytest.param(pa.array(["2026-01-31", "soon", None]), "column 'ts' holds no readable time in 2 rows", id="soon"),
        pytest.param(pa.array([NOON, None]), "column 'ts' holds no readable time in 1 row", id="a gap"),
        pytest.param(
            pa.array(["2026-01-31", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+01:00"]),
            "column 'ts' holds no readable time in 2 rows",
            id="never and always",
        ),
        pytest.param(
            pa.array([0, 253_402_300_800, -62_135_596_801], pa.timestamp("s")),
            "column 'ts' holds no readable time in 2 rows",
            id="the years 0 and 10000",
        ),
        pytest.param(pa.array([True]), "column 'ts' holds bool, not times", id="booleans"),
        pytest.param(pa.array([7]), "column 'ts' holds int64, not times", id="numbers"),
    ],
)
def test_what_is_no_time_is_told_by_kind_and_count(column: Any, sentence: str) -> None:
    """Never by its value."""
    with pytest.raises(UserError) as caught:
        parse_times("ts", column, FIELD)

    assert (caught.value.field, caught.value.sentence) == (FIELD, sentence)


def test_numbers_can_say_an_order() -> None:
    """A year or a sequence number is enough to tell what is newer."""
    assert order_of("year", pa.array([2013, 2011]), FIELD).tolist() == [2013, 2011]


def test_an_order_needs_every_row() -> None:
    """A row without a time belongs to neither side."""
    with pytest.raises(UserError, match="column 'year' holds no time in 2 rows"):
        order_of("year", pa.array([2013.0, None, np.nan]), FIELD)


def test_a_missing_time_compares_like_itself() -> None:
    """The digest of the data does not need every time to be there."""
    assert comparable(pa.array([None, 7])).to_pylist()[1] == 7.0
    assert comparable(pa.array([None, NOON])).to_pylist()[0] == np.iinfo(np.int64).min


@pytest.mark.parametrize(
    "until,time,triggered,expected",
    [
        pytest.param(UntilType.NEWEST, None, None, NOON, id="the newest row"),
        pytest.param(UntilType.TIME, NOON - HOUR, None, NOON - HOUR, id="a given time"),
        pytest.param(UntilType.TRIGGER, None, NOON + HOUR, NOON + HOUR, id="when the run was asked for"),
    ],
)
def test_a_range_ends_where_the_pipeline_says(
    until: UntilType, time: datetime | None, triggered: datetime | None, expected: datetime
) -> None:
    """And begins its length before that."""
    times = np.array(_micros(NOON - 5 * HOUR, NOON))

    assert resolve(TimeRange("ts", 2 * HOUR, until, time), times, triggered) == Range(expected - 2 * HOUR, expected)


def test_a_range_begins_with_the_first_year_at_the_earliest() -> None:
    """However long it is: no row lies before it."""
    last, first = timedelta(days=365_000_000), datetime.min.replace(tzinfo=UTC)

    assert resolve(TimeRange("ts", last, UntilType.NEWEST, None), np.array(_micros(NOON)), None) == Range(first, NOON)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"])
def test_the_last_and_the_first_time_are_times(text: str) -> None:
    """Also where a float came near them, which has fewer digits."""
    (micros,) = parse_times("ts", pa.array([text]), FIELD).tolist()

    assert time_text(micros) == text
    assert time_text(int(1.001 * micros)) == text


def test_a_range_up_to_the_trigger_needs_a_trigger() -> None:
    """Which the operator always gives; a person on a laptop may forget it."""
    with pytest.raises(UserError, match=r"run.triggeredAt: is not given"):
        resolve(TimeRange("ts", HOUR, UntilType.TRIGGER, None), np.array(_micros(NOON)), None)


def test_a_range_holds_its_end_but_not_its_begin() -> None:
    """So ranges that follow each other share no row."""
    times = np.array(_micros(NOON - HOUR, NOON - HOUR + timedelta(seconds=1), NOON, NOON + timedelta(seconds=1)))

    assert within(times, Range(NOON - HOUR, NOON)).tolist() == [False, True, True, False]


def test_a_range_is_reported_in_utc() -> None:
    """As the result of the step shows it."""
    assert Range(NOON - HOUR, NOON).to_document() == {"from": "2026-01-31T11:00:00Z", "until": "2026-01-31T12:00:00Z"}
