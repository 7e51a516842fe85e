"""The values of verdicts on a candidate: what was counted, and how it was judged.

A look is what was counted between two instants of one step. Looks are all that a verdict rests on, and they are kept
with the decision, so that anybody can compute the verdict again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlwright.stats.guard import Noise
from mlwright.stats.trial import Look


class Outcome(StrEnum):
    """How a check is judged now."""

    PASS = "Pass"  # noqa: S105  # no password
    FAIL = "Fail"
    HOLD = "Hold"
    """Counted, and neither proven worse nor proven good enough."""
    NO_DATA = "NoData"
    """Nothing could be counted yet."""
    ERROR = "Error"
    """Asking failed, or the answer cannot be true."""


class Stage(StrEnum):
    """Which part of the error budget a check draws on."""

    STEPS = "Steps"
    BAKE = "Bake"


@dataclass(frozen=True, slots=True)
class Spread:
    """How answers were distributed in one look: for each bin the counts of stable and of the candidate."""

    step: int
    pairs: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted for one check, in the order of time. Which of the fields is filled depends on its type."""

    looks: tuple[Look, ...] = ()
    spreads: tuple[Spread, ...] = ()
    values: tuple[float, ...] = ()
    """Answers to a query in this step, one for each look."""
    trouble: str = ""
    """Why nothing newer was counted, such as a pod that is not scraped; what was counted before still holds."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Asking failed, or the answer cannot be true."""

    sentence: str


Reading = Counted | Failed


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one check.

    Attributes:
        check: Its name.
        type: Its type.
        outcome: The judgement.
        sentence: The same in words, with its numbers.
        numbers: Counts, rates and evidence, for machines.
    """

    check: str
    type: str
    outcome: Outcome
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of all checks together: Fail if one fails, Pass if all pass, else what stands in the way."""

    outcome: Outcome
    sentence: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What a judgement rests on.

    Attributes:
        stage: Steps or bake.
        step: Number of the step that is judged now, from 0.
        noise: How stable's errors were spread before the rollout; fixed when it starts.
        readings: By name of the check; one that is missing has no data.
        pasts: In a bake, by name of the check: requests of the version before, and bad ones among them, up to the bake.
    """

    stage: Stage
    step: int
    noise: Noise
    readings: Mapping[str, Reading]
    pasts: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class Move(StrEnum):
    """What a judgement means for the rollout."""

    STAY = "Stay"
    ADVANCE = "Advance"
    ADVANCE_UNPROVEN = "AdvanceUnproven"
    ASK = "Ask"
    ROLL_BACK = "RollBack"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What follows from a judgement, and why."""

    move: Move
    sentence: str


Evidence = dict[str, Any]
"""A judgement with all that it was made of, as JSON."""
