"""What each of the newest windows said, from what was recorded: the verdicts of a monitor, told at length. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.drift_counts import Block, Reference, Surfaces, Usual
from mlwright.planners.drift_batch import stored_blocks
from mlwright.planners.drift_quality import Flaw, flaws
from mlwright.planners.drift_spans import Clockwork, fast_known
from mlwright.planners.drift_sudden import sudden
from mlwright.planners.drift_usual import Fast, newest_usual
from mlwright.planners.drift_verdicts import Finding, findings, longest
from mlwright.planners.drift_windows import Window, windows
from mlwright.stats.drift import Shift
from mlwright.stats.shares import Share


@dataclass(frozen=True, slots=True)
class Traced:
    """One feature or output over the windows.

    Attributes:
        surface: What its rows are recorded as, such as feature:age.
        last: What is known of it.
        shifts: What each window says, the oldest first.
    """

    surface: str
    last: Finding
    shifts: tuple[Shift, ...]


@dataclass(frozen=True, slots=True)
class TracedFlaw:
    """One kind of broken values of one feature over the windows.

    Attributes:
        last: What is known of it.
        shares: What each window says, the oldest first.
    """

    last: Flaw
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the revision that is watched.

    Attributes:
        windows: The windows on which verdicts rest, the oldest first.
        learned: What it learned.
        traced: Features and outputs, the one that is farthest away first.
        names: What the numbered bins hold, in words, of those of which it is known.
        broken: Broken values, what is broken most first.
        fast: The newest minutes, and what is usual; None where they are not looked at.
        sudden: What the newest minutes say of features and outputs, the one that is farthest away first.
    """

    windows: tuple[Window, ...] = ()
    learned: Surfaces | None = None
    traced: tuple[Traced, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    broken: tuple[TracedFlaw, ...] = ()
    fast: Fast | None = None
    sudden: tuple[Traced, ...] = ()


def past(
    spec: DriftMonitorSpec,
    status: Mapping[str, Any],
    blocks: Collection[Block],
    references: Iterable[Reference],
    usuals: Iterable[Usual] = (),
) -> Past:
    """Return what the windows said, as the monitor judges them.

    Worked example: five windows were counted and age was over in the last three -> five shifts of age, and that it has
    drifted.

    Args:
        spec: What is watched.
        status: What was told: the revision, and what had drifted before.
        blocks: What was counted, by their ends; of all revisions.
        references: What was learned; of all revisions.
        usuals: What is usual at each hour, the newest last; of all revisions.
    """
    revision, clock = str(status.get("revision") or ""), Clockwork.of(spec)
    own = next((one for one in references if one.revision == revision), None)
    if spec.target.batch is not None:
        newest = windows(stored_blocks(spec, revision, blocks), 1, longest(spec))
    else:
        newest = windows(clock.resting(revision, blocks), clock.several, longest(spec))
    if own is None:
        return Past(newest)
    usual = newest_usual(spec, revision, usuals)
    fast = fast_known(spec, own, (one for one in blocks if one.revision == revision), usual)
    slow = findings(spec, own, newest, status) if newest else ()
    minutes = _sudden(spec, status, own.surfaces, fast, slow) if fast else ()
    if not newest:
        return Past((), own.surfaces, fast=fast, sudden=minutes)
    earlier = [findings(spec, own, newest[:end], {}) for end in range(1, len(newest))]
    shifts = [{(one.check, one.name): one.shift for one in window} for window in earlier]
    traced = tuple(_traced(one, shifts) for one in slow)
    broken = _broken(spec, status, own.surfaces, newest)
    return Past(newest, own.surfaces, traced, own.names, broken, fast, minutes)


def _sudden(
    spec: DriftMonitorSpec, status: Mapping[str, Any], learned: Surfaces, fast: Fast, slow: Iterable[Finding]
) -> tuple[Traced, ...]:
    first = max(0, len(fast.blocks) - longest(spec))
    earlier = [
        sudden(spec, learned, replace(fast, blocks=fast.blocks[first:end]), {})
        for end in range(first + 1, len(fast.blocks))
    ]
    shifts = [{(one.check, one.name): one.shift for one in window} for window in earlier]
    return tuple(_traced(one, shifts) for one in sudden(spec, learned, fast, status, slow))


def _broken(
    spec: DriftMonitorSpec, status: Mapping[str, Any], learned: Surfaces, newest: tuple[Window, ...]
) -> tuple[TracedFlaw, ...]:
    earlier = [flaws(spec, learned, newest[:end], {}) for end in range(1, len(newest))]
    shares = [{(one.check, one.name, one.values): one.share for one in window} for window in earlier]
    return tuple(
        TracedFlaw(one, (*(window[one.check, one.name, one.values] for window in shares), one.share))
        for one in flaws(spec, learned, newest, status)
    )


def _traced(last: Finding, earlier: Iterable[Mapping[tuple[str, str], Shift]]) -> Traced:
    return Traced(last.surface, last, (*(window[last.check, last.name] for window in earlier), last.shift))
