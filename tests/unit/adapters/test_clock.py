"""The clock of decisions: the machine's, unless the API server's says something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mlwright.adapters.clock import SystemClock

NOW = datetime(2026, 1, 2, 12, 0, 0, 700_000, UTC)
SECOND = timedelta(seconds=1)


def dated(at: datetime) -> str:
    """Return a Date header as servers write it: with the second that has begun."""
    return format_datetime(at.replace(microsecond=0), usegmt=True)


def a_clock(*, ahead: timedelta) -> SystemClock:
    """Return a clock on a machine that is so far ahead of the API server, at whose NOW it is read."""
    return SystemClock(lambda: NOW + ahead)


@pytest.mark.parametrize("minutes", [15, -15])
def test_the_time_of_the_api_server_counts_where_the_machine_is_wrong(minutes: int) -> None:
    """A deadline of ten minutes would be over as soon as a pod is made."""
    clock = a_clock(ahead=timedelta(minutes=minutes))
    clock.heard(dated(NOW), 0.1)

    assert abs(clock.now() - NOW) <= SECOND


@pytest.mark.parametrize("seconds", [-9.0, 0.0, 9.0])
def test_small_differences_change_nothing(seconds: float) -> None:
    """Time that jumps to and fro is worse than time that is a little wrong."""
    clock = a_clock(ahead=timedelta(seconds=seconds))
    clock.heard(dated(NOW), 0.1)

    assert clock.now() == NOW + timedelta(seconds=seconds)


def test_an_answer_that_took_long_says_little() -> None:
    """It was dated at its beginning, and read half a minute later."""
    clock = a_clock(ahead=timedelta(seconds=30))
    clock.heard(dated(NOW), 30.0)

    assert clock.now() == NOW + timedelta(seconds=30)


def test_a_correction_stays_until_it_is_wrong_itself() -> None:
    """Headers tell whole seconds: to follow each of them would let time jump."""
    since = [timedelta(0)]
    clock = SystemClock(lambda: NOW + timedelta(minutes=15) + since[0])
    corrections = set()
    for _ in range(20):
        clock.heard(dated(NOW + since[0]), 0.1)
        corrections.add(clock.now() - NOW - since[0])
        since[0] += SECOND / 3

    assert len(corrections) == 1


def test_the_machine_counts_again_when_its_clock_was_set_right(caplog: pytest.LogCaptureFixture) -> None:
    """Both changes are told, once each."""
    off = [timedelta(minutes=15)]
    clock = SystemClock(lambda: NOW + off[0])
    for later in range(3):
        clock.heard(dated(NOW + later * SECOND), 0.1)
    off[0] = timedelta(0)
    for later in range(3, 6):
        clock.heard(dated(NOW + later * SECOND), 0.1)

    assert clock.now() == NOW
    assert [record.getMessage() for record in caplog.records] == [
        "the machine's clock is 900 s ahead of the API server's, whose time counts; set the machine's clock right",
        "the machine's clock and the API server's agree again",
    ]


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Jan 2026 12:00:00 GMT"])
def test_what_is_no_date_says_nothing(date: str) -> None:
    """Somebody stands between that writes none."""
    clock = a_clock(ahead=timedelta(0))
    clock.heard(date, 0.1)

    assert clock.now() == NOW
