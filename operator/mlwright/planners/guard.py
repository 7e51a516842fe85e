"""What keeps runs from starting by themselves too often: a pause, a number for each day, failures in a row.

Invariants: a person's request is never held; nothing is forgotten because runs were deleted. What the runs tell is
folded into the status, run by run in the order of their numbers; without that status it is told by the runs that exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.api.fields import parse_duration
from mlwright.api.reasons import Reason
from mlwright.api.runs import Trigger
from mlwright.api.triggers import Guard
from mlwright.plan.pipelines import PipelineSeen, RunBrief
from mlwright.plan.pods import moment
from mlwright.planners.runs import GOING, goes_on

DAY: Final = timedelta(hours=24)
MOST: Final = 100
"""Starts that are remembered, which is as many as a day may have."""
WAY_OUT: Final = "to run now, set the annotation mlwright.dev/run"


@dataclass(frozen=True, slots=True)
class Memory:
    """What the runs so far say."""

    run: int = 0
    """Number of the newest run that ended and is counted."""
    failures: int = 0
    """How many ended badly since one ended well or was asked for by a person."""
    ended: datetime | None = None
    """When the newest one ended."""
    starts: Mapping[int, datetime] | None = None
    """When runs started by themselves in the last day, by their numbers."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why a run does not start although it is due."""

    reason: Reason
    sentence: str
    until: datetime | None = None
    """None when time alone does not help."""


def held(seen: PipelineSeen, trigger: Trigger, now: datetime) -> Held | None:
    """Return why a run may not start now, or None.

    Worked example: cooldown is 30m, the newest run ended at 12:00, a slot comes at 12:10 -> held until 12:30.
    """
    guard = seen.spec.guard
    if guard is None or trigger.type == "Request":
        return None
    known = memory(seen, now)
    return next((found for rule in _RULES if (found := rule(guard, known, trigger, now)) is not None), None)


def _failing(guard: Guard, known: Memory, trigger: Trigger, _: datetime) -> Held | None:
    """Too many runs failed in a row. A changed spec may be what mends them."""
    most = guard.max_consecutive_failures
    if most is None or known.failures < most or trigger.type == "SpecChange":
        return None
    runs = "the last run" if known.failures == 1 else f"the last {known.failures} runs"
    return Held(
        Reason.REPEATED_FAILURES,
        f"{runs} failed and spec.guard.maxConsecutiveFailures is {most}: mend the cause; {WAY_OUT}, and runs start by"
        " themselves again",
    )


def _busy(guard: Guard, known: Memory, _: Trigger, now: datetime) -> Held | None:
    """As many runs as a day may have started by themselves in the last 24 hours."""
    most = guard.max_runs_per_day
    recent = sorted(at for at in (known.starts or {}).values() if abs(now - at) < DAY)
    if most is None or len(recent) < most:
        return None
    until = recent[-most] + DAY
    started = "1 run" if len(recent) == 1 else f"{len(recent)} runs"
    return Held(
        Reason.DAILY_LIMIT,
        f"{started} started by themselves in the last 24 hours and spec.guard.maxRunsPerDay is {most}: the next may"
        f" start at {timestamp(until)}; {WAY_OUT}",
        until,
    )


def _cooling(guard: Guard, known: Memory, _: Trigger, now: datetime) -> Held | None:
    """The newest run ended only just now."""
    if guard.cooldown is None or known.ended is None:
        return None
    pause = parse_duration(guard.cooldown)
    if abs(now - known.ended) >= pause:  # an end to come was told by a clock that was wrong
        return None
    until = known.ended + pause
    return Held(
        Reason.COOLDOWN,
        f"the newest run ended at {timestamp(known.ended)} and spec.guard.cooldown is {guard.cooldown}: the next may"
        f" start at {timestamp(until)}; {WAY_OUT}",
        until,
    )


_RULES: Final[tuple[Callable[[Guard, Memory, Trigger, datetime], Held | None], ...]] = (_failing, _busy, _cooling)


def memory(seen: PipelineSeen, now: datetime) -> Memory:
    """Return what the status remembers, and what the runs after that say."""
    told = seen.status.get("guard") or {}
    stored: int = told.get("run", 0)
    counted, failures = stored, told.get("failures", 0)
    for run in _after(seen, stored):
        if goes_on(run) and run.number:
            break  # those behind it have not ended in their order
        failures = _counted(run, failures)
        counted = max(counted, run.number)
    over = [run for run in seen.runs if run.ended is not None and not run.replaced]
    if over and _clears(over[-1]):  # also one that was counted as a failure and was repaired since
        failures = 0
    ends = [moment(told["endedAt"])] if told.get("endedAt") else []
    ends += [run.ended for run in over if run.ended is not None]
    return Memory(counted, failures, max(ends, default=None), _starts(seen, told, now))


def _after(seen: PipelineSeen, number: int) -> tuple[RunBrief, ...]:
    place = max((place for place, run in enumerate(seen.runs) if 0 < run.number <= number), default=-1)
    return seen.runs[place + 1 :]


def _counted(run: RunBrief, failures: int) -> int:
    if run.replaced or run.state in GOING:
        return failures
    return 0 if _clears(run) else failures + 1


def _clears(run: RunBrief) -> bool:
    """Tell whether failures before a run count no longer: it ended well, or a person asked for it."""
    return run.asked or run.state in {"Succeeded", "Rejected"}


def _starts(seen: PipelineSeen, told: Mapping[str, Any], now: datetime) -> dict[int, datetime]:
    """Return the starts of the last day; those that are older go only when another comes."""
    stored = {entry["run"]: moment(entry["at"]) for entry in told.get("starts") or ()}
    own = (run for run in seen.runs if run.number > told.get("run", 0) and not run.asked)
    more = {run.number: run.created for run in own if run.number not in stored and abs(now - run.created) < DAY}
    if not more:
        return stored
    recent = {number: at for number, at in (stored | more).items() if abs(now - at) < DAY}
    return {number: recent[number] for number in sorted(recent)[-MOST:]}


def shown(seen: PipelineSeen, now: datetime) -> dict[str, Any] | None:
    """Return what the status remembers for the guard; nothing without one."""
    if seen.spec.guard is None:
        return None
    known = memory(seen, now)
    starts = [{"run": number, "at": timestamp(at)} for number, at in (known.starts or {}).items()]
    ended = {"endedAt": timestamp(known.ended)} if known.ended else {}
    return {"run": known.run, "failures": known.failures, **ended, **({"starts": starts} if starts else {})}
