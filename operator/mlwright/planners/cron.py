"""When the slots of a schedule are: a cron expression in a time zone.

Invariants: slots are moments in UTC, each later than the one before; the same schedule has the same slots whenever it
is asked. A schedule whose minute or hour begins with a star counts real time. Any other goes by the wall clock: in the
hour that comes twice a slot counts once, the first time; slots in the hour that is skipped fall on its end, as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from mlwright.api.triggers import Schedule
from mlwright.errors import InvalidSpecError

SECOND: Final = timedelta(seconds=1)
FIRST_WINDOW: Final = timedelta(minutes=5)
"""The newest slot is looked for in the last 5 minutes first, then in ever longer spans: most schedules are seldom."""


def check(schedules: Iterable[Schedule], now: datetime) -> None:
    """Refuse what has no slots.

    Raises:
        InvalidSpecError: as `check_one`.
    """
    for schedule in schedules:
        check_one(schedule, f"spec.triggers.schedules[{schedule.name}]", now)


def check_one(schedule: Schedule, where: str, now: datetime) -> None:
    """Refuse a schedule that has no slots.

    Args:
        schedule: the schedule.
        where: the field in which it stands.
        now: the time.

    Raises:
        InvalidSpecError: its expression cannot be read or never fires, or its zone does not exist; it names the field.
    """
    _check_zone(schedule, where)
    try:
        found = following(schedule, now)
    except CronSimError as error:
        raise InvalidSpecError(
            f"{where}.cron",
            f"{schedule.cron!r} has no slots ({str(error).lower()}); write minute, hour, day of the month, month"
            " and day of the week so that some day has them all, such as 30 3 * * MON-FRI",
        ) from error
    if found is None:
        raise InvalidSpecError(f"{where}.cron", f"{schedule.cron!r} has no slot in 50 years; no such day comes")


def _check_zone(schedule: Schedule, where: str) -> None:
    try:
        zone(schedule)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        sentence = f"there is no time zone {schedule.time_zone!r}; write a name of the IANA database, such as"
        raise InvalidSpecError(f"{where}.timeZone", f"{sentence} Europe/Berlin or UTC") from error


def zone(schedule: Schedule) -> tzinfo:
    """Return the time zone of a schedule."""
    return UTC if schedule.time_zone == "UTC" else ZoneInfo(schedule.time_zone)


def slots(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Return the slots after a moment, in UTC."""
    tz = zone(schedule)
    minute_and_hour = schedule.cron.split()[:2]
    if tz is not UTC and any(field.startswith("*") for field in minute_and_hour):
        return _in_real_time(schedule.cron, tz, after.astimezone(UTC).replace(microsecond=0))
    return _by_the_wall(schedule.cron, tz, after)


def _by_the_wall(text: str, tz: tzinfo, after: datetime) -> Iterator[datetime]:
    """Return the slots of an expression that goes by the wall clock.

    What the library finds may lie before: in the hour that comes twice it names wall-clock times of the first one.
    """
    last = after
    for found in CronSim(text, after.astimezone(tz)):
        slot = found.astimezone(UTC)
        if slot > last:
            last = slot
            yield slot


def _in_real_time(text: str, tz: tzinfo, after: datetime) -> Iterator[datetime]:
    """Return the slots of an expression that counts real time.

    The library steps over whole hours of real time, which a change of clocks by half an hour throws out of step. So it
    is asked for one stretch without a change after the other.
    """
    change: datetime | None = after + SECOND
    while change is not None:
        begin, offset, change = change - SECOND, _offset(tz, change), None
        for found in CronSim(text, (begin + offset).replace(tzinfo=None)):
            slot = found.replace(tzinfo=UTC) - offset
            change = _change(tz, offset, begin, slot)
            if change is not None:
                break
            begin = slot
            yield slot


def _offset(tz: tzinfo, moment: datetime) -> timedelta:
    return moment.astimezone(tz).utcoffset() or timedelta(0)


def _change(tz: tzinfo, known: timedelta, after: datetime, until: datetime) -> datetime | None:
    """Return the first second in (after, until] of which the offset is not the known one, None if there is none.

    No clock is changed and changed back within a day.
    """
    begin = after + SECOND
    while begin < until:
        end = min(begin + timedelta(days=1), until)
        if _offset(tz, end) != known:
            return _bisected(tz, known, begin, end)
        begin = end
    return None


def _bisected(tz: tzinfo, known: timedelta, begin: datetime, end: datetime) -> datetime:
    while end - begin > SECOND:
        middle = begin + (end - begin) // 2 // SECOND * SECOND
        begin, end = (middle, end) if _offset(tz, middle) == known else (begin, middle)
    return end


def following(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the next slot after a moment; None when there is none in 50 years."""
    return next(slots(schedule, after), None)


def newest(schedule: Schedule, after: datetime, until: datetime) -> datetime | None:
    """Return the last slot in (after, until], None when there is none."""
    window = FIRST_WINDOW
    while after < until:
        begin = max(after, until - window)
        found = list(takewhile(lambda slot: slot <= until, slots(schedule, begin)))
        if found or begin == after:
            return found[-1] if found else None
        window *= 8
    return None


def count(schedule: Schedule, after: datetime, before: datetime, most: int) -> int:
    """Return the number of slots strictly between two moments, at most `most`."""
    return sum(1 for _ in islice(takewhile(lambda slot: slot < before, slots(schedule, after)), most))
