"""How a look at stored rows stands: from its Job and from what its pods said. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from mlwright.api.conditions import timestamp
from mlwright.plan.drift import LookSeen
from mlwright.plan.drift_counts import Block
from mlwright.plan.jobs import JobState
from mlwright.plan.pods import holdup, is_silent, plain
from mlwright.planners.drift_shards import Merged, merged
from mlwright.planners.results import parse_result
from mlwright.planners.steps import HEARD, PODLESS


class LookState(StrEnum):
    """Where a look stands."""

    RUNNING = "Running"
    WAITING = "Waiting"
    """Its pods do not start."""
    COUNTED = "Counted"
    UNCHANGED = "Unchanged"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest look as it stands."""

    look: LookSeen
    state: LookState
    sentence: str
    counted: Merged = field(default_factory=Merged)
    again: timedelta | None = None


def stand(look: LookSeen, blocks: Sequence[Block], now: datetime) -> Standing:
    """Return how a look stands.

    Worked example: its Job is complete and all of its three pods told what they counted -> Counted, with the sum; the
    rows are those of the newest block -> Unchanged.

    Args:
        look: The look.
        blocks: What was counted before and of it, by their ends.
        now: The time.
    """
    if look.state is JobState.ACTIVE:
        return _working(look, now)
    if look.state is JobState.FAILED:
        return _failed(look, now)
    block = next((block for block in blocks if block.token == look.token), None)
    if block is not None:
        rows = max((sum(counts.values()) for counts in block.counts.values()), default=0)
        return Standing(look, LookState.COUNTED, f"{rows:,} rows were counted", Merged(rows=rows, data=block.data))
    found = merged(look)
    if isinstance(found, str):
        if (left := _unheard(look, now)) is not None:
            return Standing(look, LookState.RUNNING, _progress(look), again=left)
        return Standing(look, LookState.FAILED, found)
    if blocks and blocks[-1].data == found.data:
        since = timestamp(datetime.fromtimestamp(blocks[-1].until, UTC))
        return Standing(look, LookState.UNCHANGED, f"the stored rows are those that were counted at {since}", found)
    if not found.rows:
        return Standing(look, LookState.UNCHANGED, "there is no stored row to count", found)
    return Standing(look, LookState.COUNTED, f"{found.rows:,} rows were counted", found)


def _progress(look: LookSeen) -> str:
    return f"stored rows are counted, {look.done} of {look.shards} shards are done"


def _working(look: LookSeen, now: datetime) -> Standing:
    sentence = _progress(look)
    trouble = holdup(look.pods, now)
    if trouble is not None:
        state = LookState.RUNNING if trouble.slow else LookState.WAITING
        return Standing(look, state, f"{sentence}; {trouble.sentence}")
    if look.pods:
        return Standing(look, LookState.RUNNING, sentence, again=PODLESS if is_silent(look.pods) else None)
    if now - look.started > PODLESS:
        why = f"its pods could not be made yet, kubectl describe job/{look.name} says why"
        return Standing(look, LookState.WAITING, f"{sentence}; {why}")
    return Standing(look, LookState.RUNNING, sentence, again=PODLESS)


def _failed(look: LookSeen, now: datetime) -> Standing:
    if (left := _unheard(look, now)) is not None:
        return Standing(look, LookState.RUNNING, _progress(look), again=left)
    told_by_pods = [result for pod in look.pods if (result := parse_result(pod.exit_message)) is not None]
    bad = [result for result in told_by_pods if result.outcome != "Succeeded"]
    if not bad:
        return Standing(look, LookState.FAILED, f"{plain(look.message) or 'the Job failed'}; job/{look.name} says more")
    mend = next((result for result in bad if result.outcome == "UserError"), bad[-1])
    field, remedy = f"{mend.field}: " if mend.field else "", f"; {mend.remedy}" if mend.remedy else ""
    return Standing(look, LookState.FAILED, f"{field}{mend.sentence}{remedy}")


def _unheard(look: LookSeen, now: datetime) -> timedelta | None:
    """Return how long to wait for what pods said before they ended; None when it will not be heard any more."""
    said = [pod for pod in look.pods if pod.exit_code is not None]
    if look.ended is None or abs(now - look.ended) >= HEARD or len(said) >= look.shards:
        return None
    return HEARD


def shown(standing: Standing) -> dict[str, Any]:
    """Return what the status tells of a look."""
    look = standing.look
    return {
        "job": look.name,
        "state": str(standing.state),
        "slot": timestamp(look.slot),
        "progress": f"{look.done}/{look.shards}",
        "rows": standing.counted.rows,
        "startedAt": timestamp(look.started),
        "finishedAt": timestamp(look.ended) if look.ended else None,
        "sentence": standing.sentence,
    }
