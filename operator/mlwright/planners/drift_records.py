"""What is recorded of a monitor's counts, and what nothing rests on any more. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.drift import MonitorSeen, ServedSeen
from mlwright.plan.drift_counts import Block
from mlwright.plan.drift_intents import DriftIntent, ForgetRecord
from mlwright.planners.drift_truth import after, bet_of, least
from mlwright.planners.drift_usual import newest_usual


def with_bet(spec: DriftMonitorSpec, served: ServedSeen, block: Block, blocks: Sequence[Block]) -> Block:
    """Return a block with what is known of late labels after it, where a check asks for them.

    Args:
        spec: What is watched.
        served: What answered.
        block: What was counted now.
        blocks: What was counted before, by their ends.
    """
    floor = least(spec, served)
    if floor <= 0:
        return block
    before = [one for one in blocks if one.until <= block.since]
    return replace(block, bet=after(bet_of(before, floor), block))


def outdated(seen: MonitorSeen, served: ServedSeen, blocks: Sequence[Block]) -> tuple[DriftIntent, ...]:
    """Return the removal of records of other revisions and of blocks on which nothing rests any more.

    Args:
        seen: The monitor.
        served: What is watched.
        blocks: Those on which something rests.
    """
    kept = {block.uid for block in blocks}
    counted = (ForgetRecord(block.object, block.uid) for block in seen.blocks if block.uid not in kept)
    learned = (ForgetRecord(one.object, one.uid) for one in seen.references if one.revision != served.revision)
    own = [one for one in seen.varied if one.revision == served.revision]
    older = (ForgetRecord(one.object, one.uid) for one in seen.varied if one not in own[-1:])
    usual = newest_usual(seen.spec, served.revision, seen.usual)
    young = (ForgetRecord(one.object, one.uid) for one in seen.usual if one is not usual)
    return (*counted, *learned, *older, *young)
