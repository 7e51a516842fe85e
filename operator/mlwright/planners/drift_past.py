"""What each of the newest windows said, from what was recorded: the verdicts of a monitor, told at length. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.drift import Block, Reference, Surfaces
from mlwright.planners.drift import Clockwork
from mlwright.planners.drift_batch import stored_blocks
from mlwright.planners.drift_quality import Flaw, flaws
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
    """

    windows: tuple[Window, ...] = ()
    learned: Surfaces | None = None
    traced: tuple[Traced, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    broken: tuple[TracedFlaw, ...] = ()


def past(
    spec: DriftMonitorSpec, status: Mapping[str, Any], blocks: Iterable[Block], references: Iterable[Reference]
) -> Past:
    """Return what the windows said, as the monitor judges them.

    Worked example: five windows were counted and age was over in the last three -> five shifts of age, and that it has
    drifted.

    Args:
        spec: What is watched.
        status: What was told: the revision, and what had drifted before.
        blocks: What was counted, by their ends; of all revisions.
        references: What was learned; of all revisions.
    """
    revision, clock = str(status.get("revision") or ""), Clockwork.of(spec)
    own = next((one for one in references if one.revision == revision), None)
    if spec.target.batch is not None:
        newest = windows(stored_blocks(spec, revision, blocks), 1, longest(spec))
    else:
        newest = windows(clock.resting(revision, blocks), clock.several, longest(spec))
    if own is None or not newest:
        return Past(newest, own.surfaces if own else None)
    earlier = [findings(spec, own, newest[:end], {}) for end in range(1, len(newest))]
    shifts = [{(one.check, one.name): one.shift for one in window} for window in earlier]
    traced = tuple(_traced(one, shifts) for one in findings(spec, own, newest, status))
    return Past(newest, own.surfaces, traced, own.names, _broken(spec, status, own.surfaces, newest))


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
