"""Slots of schedules, against a model that looks at every minute of the days around a change of clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlwright.api.triggers import Schedule
from mlwright.errors import InvalidSpecError
from mlwright.planners import cron

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHANGES = {
    "Europe/Berlin": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    "Africa/Cairo": (datetime(2026, 4, 23, 22, tzinfo=UTC), datetime(2026, 10, 29, 21, tzinfo=UTC)),
    "Pacific/Apia": (datetime(2011, 12, 30, 10, tzinfo=UTC),),
    "UTC": (datetime(2026, 3, 29, 1, tzinfo=UTC),),
}
"""When clocks change: by an hour, by half an hour, at midnight, and by a whole day."""


def schedule(text: str, zone: str = "UTC", **more: str) -> Schedule:
    """Return a schedule."""
    return Schedule.model_validate({"name": "s", "cron": text, "timeZone": zone, **more})


def between(one: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """Return the slots in (after, until]."""
    return list(takewhile(lambda slot: slot <= until, cron.slots(one, after)))


def by_the_wall(after: datetime, until: datetime, zone: str, fits: Callable[[datetime], bool]) -> list[datetime]:
    """Return when the wall clock shows each fitting time first; of one that it skips, the end of what it skips."""
    tz = ZoneInfo(zone)
    wall = (after - timedelta(days=2)).astimezone(tz).replace(tzinfo=None, second=0, microsecond=0)
    end = (until + timedelta(days=2)).astimezone(tz).replace(tzinfo=None)
    found = set()
    while wall < end:
        if fits(wall):
            found.add(_shown_first(wall, tz))
        wall += MINUTE
    return sorted(slot for slot in found if after < slot <= until)


def _shown_first(wall: datetime, tz: ZoneInfo) -> datetime:
    while wall.replace(tzinfo=tz).astimezone(UTC).astimezone(tz).replace(tzinfo=None) != wall:
        wall += MINUTE
    return wall.replace(tzinfo=tz, fold=0).astimezone(UTC)


def in_real_time(after: datetime, until: datetime, zone: str, fits: Callable[[datetime], bool]) -> list[datetime]:
    """Return the minutes at which the wall clock shows a fitting time, as often as it does."""
    minutes = int((until - after) / MINUTE)
    moments = (after.replace(second=0, microsecond=0) + MINUTE * n for n in range(minutes + 2))
    return [at for at in moments if after < at <= until and fits(at.astimezone(ZoneInfo(zone)))]


@st.composite
def spans(draw: st.DrawFn) -> tuple[str, datetime, datetime]:
    """Return a zone, and a span of time around one of its changes that may begin or end at any second."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = draw(st.sampled_from(CHANGES[zone]))
    before, length = draw(st.integers(-3 * 3600, 30 * 3600)), draw(st.integers(0, 60 * 3600))
    after = change - timedelta(seconds=before)
    return zone, after, after + timedelta(seconds=length)


few = st.sets(st.integers(0, 59), min_size=1, max_size=3)
hours = st.sets(st.integers(0, 23), min_size=1, max_size=4) | st.just({0, 1, 2, 3})


def listed(numbers: set[int]) -> str:
    """Write numbers as a field of an expression."""
    return ",".join(map(str, sorted(numbers)))


@given(spans(), few, hours)
@example(("Europe/Berlin", *(CHANGES["Europe/Berlin"][0] + timedelta(hours=h) for h in (-9, 9))), {0, 30}, {2})
@example(("Europe/Berlin", *(CHANGES["Europe/Berlin"][1] + timedelta(hours=h) for h in (0, 9))), {0, 30}, {2})
def test_a_time_of_day_counts_once_a_day(span: tuple[str, datetime, datetime], m: set[int], h: set[int]) -> None:
    """In the hour that comes twice the first time, in the one that is skipped at its end: none is lost or doubled."""
    zone, after, until = span
    wanted = by_the_wall(after, until, zone, lambda wall: wall.minute in m and wall.hour in h)

    assert between(schedule(f"{listed(m)} {listed(h)} * * *", zone), after, until) == wanted


@given(spans(), st.sampled_from([1, 7, 15, 30]), few)
def test_every_so_many_minutes_goes_by_real_time(span: tuple[str, datetime, datetime], step: int, m: set[int]) -> None:
    """An hour that comes twice has its slots twice: nothing pauses for an hour."""
    zone, after, until = span

    for text, minutes in ((f"*/{step} * * * *", set(range(0, 60, step))), (f"{listed(m)} * * * *", m)):
        wanted = in_real_time(after, until, zone, lambda at, known=minutes: at.minute in known)  # type: ignore[misc]
        assert between(schedule(text, zone), after, until) == wanted


@given(spans(), few, hours, st.sampled_from([7, 15, 20]))
@example(("Australia/Lord_Howe", datetime(2026, 4, 4, 12, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC)), {5}, {2}, 20)
def test_a_star_counts_real_time_also_beside_a_time(
    span: tuple[str, datetime, datetime], m: set[int], h: set[int], step: int
) -> None:
    """Where clocks go back by half an hour, a step of whole hours would miss what the rest of the hour holds."""
    zone, after, until = span
    by_minute = in_real_time(after, until, zone, lambda at: at.minute % step == 0 and at.hour in h)
    by_hour = in_real_time(after, until, zone, lambda at: at.minute in m and at.hour % 2 == 0)

    assert between(schedule(f"*/{step} {listed(h)} * * *", zone), after, until) == by_minute
    assert between(schedule(f"{listed(m)} */2 * * *", zone), after, until) == by_hour


def test_a_star_on_a_seldom_day_finds_it() -> None:
    """Clocks change many times until then."""
    one = schedule("*/30 2 29 2 *", "Europe/Berlin")

    assert between(one, NOW, datetime(2029, 1, 1, tzinfo=UTC)) == [
        datetime(2028, 2, 29, 1, tzinfo=UTC),
        datetime(2028, 2, 29, 1, 30, tzinfo=UTC),
    ]


TEXTS = ["30 2 * * *", "0,30 1-3 * * *", "*/15 * * * *", "0 0 * * *", "5 * * * *", "*/20 2 * * *", "5 */2 * * *"]


@given(spans(), st.sampled_from(TEXTS))
def test_slots_do_not_depend_on_who_asks_from_when(span: tuple[str, datetime, datetime], text: str) -> None:
    """A restart at any instant finds the same slots."""
    zone, after, until = span
    one = schedule(text, zone)
    middle = after + (until - after) / 2

    assert between(one, after, until) == between(one, after, middle) + between(one, middle, until)


@given(spans(), st.sampled_from(["* * * * *", "30 2 * * *", "*/15 2 * * *", "0 0 1 * *", "0 9 * * MON#1"]))
def test_the_newest_slot_is_the_last_of_all(span: tuple[str, datetime, datetime], text: str) -> None:
    """However far it lies back."""
    zone, after, until = span
    one = schedule(text, zone)
    found = between(one, after, until)

    assert cron.newest(one, after, until) == (found[-1] if found else None)
    assert cron.count(one, after, until, 10_000) == len([slot for slot in found if slot < until])


def test_a_slot_that_is_years_ago_is_found_without_counting_minutes() -> None:
    """The operator looks at every pipeline again and again."""
    leap_day = schedule("0 0 29 2 *")

    assert cron.newest(leap_day, datetime(1990, 1, 1, tzinfo=UTC), NOW) == datetime(2024, 2, 29, tzinfo=UTC)
    assert cron.following(leap_day, NOW) == datetime(2028, 2, 29, tzinfo=UTC)
    assert cron.count(schedule("* * * * *"), datetime(1990, 1, 1, tzinfo=UTC), NOW, 101) == 101


@pytest.mark.parametrize(
    "wrong, says",
    [
        (
            {"cron": "0 0 31 2 *"},
            (
                "spec.triggers.schedules[s].cron: '0 0 31 2 *' has no slots (bad day-of-month); write minute, hour, day"
                " of the month, month and day of the week so that some day has them all, such as 30 3 * * MON-FRI"
            ),
        ),
        (
            {"cron": "61 * * * *"},
            (
                "spec.triggers.schedules[s].cron: '61 * * * *' has no slots (bad minute); write minute, hour, day"
                " of the month, month and day of the week so that some day has them all, such as 30 3 * * MON-FRI"
            ),
        ),
        (
            {"cron": "0 0 * 2 MON#5,TUE#5", "timeZone": "Europe/Berln"},
            (
                "spec.triggers.schedules[s].timeZone: there is no time zone 'Europe/Berln'; write a name of the IANA"
                " database, such as Europe/Berlin or UTC"
            ),
        ),
        (
            {"timeZone": "Europe"},
            (
                "spec.triggers.schedules[s].timeZone: there is no time zone 'Europe'; write a name of the IANA"
                " database, such as Europe/Berlin or UTC"
            ),
        ),
    ],
    ids=["31 February", "minute 61", "a zone that does not exist", "a continent"],
)
def test_a_schedule_that_never_fires_is_refused(wrong: dict[str, str], says: str) -> None:
    """With the field, and what to write."""
    with pytest.raises(InvalidSpecError) as refused:
        cron.check([Schedule.model_validate({"name": "s", "cron": "0 0 * * *", **wrong})], NOW)

    assert str(refused.value) == says


def test_time_zones_come_with_the_operator() -> None:
    """A slim image has no zones of its own: the package brings them."""
    assert (files("tzdata") / "zoneinfo" / "Europe" / "Berlin").is_file()
