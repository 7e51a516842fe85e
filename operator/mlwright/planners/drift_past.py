"""What each of the newest windows said, from what was recorded: the verdicts of a monitor, told at length. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.drift import Block, Reference, Surfaces
from mlwright.planners.drift import Clockwork
from mlwright.planners.drift_verdicts import Finding, findings, longest
from mlwright.planners.drift_windows import Window, windows
from mlwright.stats.drift import Shift


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
class Past:
    """What is known of the revision that is watched.

    Attributes:
        windows: The windows on which verdicts rest, the oldest first.
        learned: What it learned.
        traced: Features and outputs, the one that is farthest away first.
    """

    windows: tuple[Window, ...] = ()
    learned: Surfaces | None = None
    traced: tuple[Traced, ...] = ()


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
    learned = next((one.surfaces for one in references if one.revision == revision), None)
    newest = windows(clock.resting(revision, blocks), clock.several, longest(spec))
    if learned is None or not newest:
        return Past(newest, learned)
    earlier = [findings(spec, learned, newest[:end], {}) for end in range(1, len(newest))]
    shifts = [{(one.check, one.name): one.shift for one in window} for window in earlier]
    kinds = {check.name: "output" if check.type == "PredictionDrift" else "feature" for check in spec.checks}
    last = findings(spec, learned, newest, status)
    return Past(newest, learned, tuple(_traced(f"{kinds[one.check]}:{one.name}", one, shifts) for one in last))


def _traced(surface: str, last: Finding, earlier: Iterable[Mapping[tuple[str, str], Shift]]) -> Traced:
    return Traced(surface, last, (*(window[last.check, last.name] for window in earlier), last.shift))
