"""Floors: times that come again and again, in which there are at least so many pods. Pure.

Each is a slot of a schedule and the time after it; where several overlap the largest counts.
"""

from __future__ import annotations

from datetime import datetime

from mlwright.api.autoscaling import Autoscaling, Floor
from mlwright.api.fields import parse_duration
from mlwright.api.triggers import Schedule
from mlwright.planners import cron


def check(spec: Autoscaling, now: datetime) -> None:
    """Refuse a floor that never begins.

    Raises:
        InvalidSpecError: its expression cannot be read or never fires, or its zone does not exist.
    """
    for floor in spec.floors:
        cron.check_one(_schedule(floor), f"spec.autoscaling.floors[{floor.name}]", now)


def highest(spec: Autoscaling, now: datetime) -> Floor | None:
    """Return the floor that counts now, None when there is none.

    Worked example: `0 8 * * *` for 10h in UTC, at 17:59 -> that floor; at 18:00 -> None.
    """
    lasting = (floor for floor in spec.floors if _lasts(floor, now))
    return max(lasting, key=lambda floor: floor.min_replicas, default=None)


def _lasts(floor: Floor, now: datetime) -> bool:
    return cron.newest(_schedule(floor), now - parse_duration(floor.duration), now) is not None


def _schedule(floor: Floor) -> Schedule:
    return Schedule(name=floor.name, cron=floor.cron, time_zone=floor.time_zone)
