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


class Story:
    """Time that goes on, a clock on a machine that may be wrong, and API servers that answer."""

    def __init__(self, *, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead
        """How far the machine's clock is ahead."""
        self.true = NOW
        self.clock = SystemClock(lambda: self.true + self.ahead)

    @property
    def error(self) -> timedelta:
        """How far the clock is ahead of the truth."""
        return self.clock.now() - self.true

    def hears(self, *servers: timedelta, seconds: int) -> list[timedelta]:
        """Let servers that are so far ahead answer in turn every 2 s; return the errors of the clock after each."""
        errors = list[timedelta]()
        for turn in range(seconds // 2 + 1):
            self.clock.heard(dated(self.true + servers[turn % len(servers)]), 0.1)
            errors.append(self.error)
            self.true += 2 * SECOND
        return errors


RIGHT = timedelta(0)
QUARTER = timedelta(minutes=15)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was told."""
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("ahead", [QUARTER, -QUARTER])
def test_the_time_of_the_api_server_counts_where_the_machine_is_wrong(ahead: timedelta) -> None:
    """A deadline of ten minutes would be over as soon as a pod is made."""
    story = Story(ahead=ahead)
    story.hears(RIGHT, seconds=30)

    assert abs(story.error) <= SECOND


def test_a_machine_that_is_ahead_is_corrected_by_the_first_answer() -> None:
    """A leader decides at once, and what it rejects for a deadline stays rejected."""
    story = Story(ahead=QUARTER)
    errors = story.hears(RIGHT, seconds=30)

    assert max(errors) <= SECOND


def test_a_machine_that_is_behind_waits_until_answers_agree() -> None:
    """The first answer may come from a server that is wrong; deadlines that are found late do no harm."""
    story = Story(ahead=-QUARTER)

    assert set(story.hears(RIGHT, seconds=28)) == {-QUARTER}


@pytest.mark.parametrize("lie", [QUARTER, -QUARTER])
def test_a_single_answer_that_lies_changes_nothing(lie: timedelta, caplog: pytest.LogCaptureFixture) -> None:
    """Not after the truth was heard: later answers deny it."""
    story = Story()
    errors = story.hears(RIGHT, seconds=4) + story.hears(lie, seconds=0) + story.hears(RIGHT, seconds=60)

    assert set(errors) == {RIGHT}
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("lie", [QUARTER, -QUARTER])
def test_a_lie_that_is_heard_first_is_over_with_the_next_answer(lie: timedelta) -> None:
    """Time never goes forward by it, and is the machine's again as soon as a server agrees with that."""
    story = Story()
    first = story.hears(lie, seconds=0)
    later = story.hears(RIGHT, seconds=60)

    assert max(first) <= SECOND
    assert set(later) == {RIGHT}


@pytest.mark.parametrize("wrong", [QUARTER, -QUARTER])
def test_time_does_not_jump_between_control_planes_that_disagree(
    wrong: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    """One of three is wrong: the machine, which agrees with the others, goes on to count, and that is told once."""
    story = Story()
    errors = story.hears(RIGHT, RIGHT, wrong, seconds=600)

    assert set(errors) == {RIGHT}
    told = (
        "answers of the API server are dated 900 s apart; until they agree for 10 min the time that counted"
        " before goes on to count; set the clocks of the control planes right"
    )
    assert warnings(caplog) == [told]


def test_a_correction_outlasts_control_planes_that_disagree() -> None:
    """What counted goes on to count, also where it is not the machine's time."""
    story = Story(ahead=QUARTER)
    corrected = story.hears(RIGHT, seconds=30)[-1]

    assert set(story.hears(2 * QUARTER, RIGHT, seconds=600)) == {corrected}


def test_who_answers_alone_for_a_while_is_not_believed_after_a_contradiction() -> None:
    """A kept connection leads to the same API server for minutes."""
    story = Story()
    story.hears(RIGHT, QUARTER, RIGHT, seconds=4)

    assert set(story.hears(QUARTER, seconds=300)) == {RIGHT}
    assert abs(story.hears(QUARTER, seconds=400)[-1] - QUARTER) <= SECOND


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
    story = Story(ahead=QUARTER)
    story.hears(RIGHT, seconds=30)
    corrections = set()
    for _ in range(20):
        story.clock.heard(dated(story.true), 0.1)
        corrections.add(story.error)
        story.true += SECOND / 3

    assert len(corrections) == 1


def test_the_machine_counts_again_when_its_clock_was_set_right(caplog: pytest.LogCaptureFixture) -> None:
    """Both changes are told, once each."""
    story = Story(ahead=QUARTER)
    story.hears(RIGHT, seconds=40)
    story.ahead = RIGHT
    story.hears(RIGHT, seconds=40)

    assert story.clock.now() == story.true
    assert warnings(caplog) == [
        "the machine's clock is 900 s ahead of the API server's, whose time counts; set the machine's clock right",
        "the machine's clock and the API server's agree again",
    ]


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Jan 2026 12:00:00 GMT"])
def test_what_is_no_date_says_nothing(date: str) -> None:
    """Somebody stands between that writes none."""
    clock = a_clock(ahead=timedelta(0))
    clock.heard(date, 0.1)

    assert clock.now() == NOW
