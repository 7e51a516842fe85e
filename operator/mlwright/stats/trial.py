"""One check of a rollout, judged over all of its looks: is the candidate proven worse, proven good enough, or neither?

Two tolerances on purpose: each proof is slow near its own bound, and between the bounds either answer is right. A proof
that the candidate is worse counts whenever it was reached, over all steps. A proof that it is good enough counts as it
stands now, from this step alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from mlwright.stats.guard import BINOMIAL, STRENGTH_WEIGHTS, STRENGTHS, Blocks, block_factors
from mlwright.stats.rates import RATIO_WEIGHTS, RATIOS, SMALLER, SMALLER_WEIGHTS, Counts, Line, factors
from mlwright.stats.wealth import Wealth, opened, staked

FIRST_STAKE: Final = 0.7
STEP_STAKE: Final = 0.3
LATER_STAKE: Final = 0.01
"""What is staked at the first look, the first of a later step, and any other: most faults show at once, some late."""

GUARDED: Final = 0.8
"""Part of the budget for what both counting and the guard must prove."""
DISASTER: Final = 0.2
"""Difference of rates that needs no guard, with the rest of the budget, where two looks in a row show it."""

FEWEST_BAD: Final = 5
"""Nobody believes a rollback for fewer; it can only delay one."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was counted from one instant to the next, within one step."""

    step: int
    end: float
    """Seconds since the step's first look began."""
    counts: Counts


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a check.

    Attributes:
        worse: Rollback needs proof that the candidate is above this line.
        fine: A step needs proof that the candidate is below this line.
        alpha: Chance that a candidate which is no worse than allowed is ever called worse.
        beta: Chance that a candidate at or above the line `fine` is called good enough in a step.
        block: Seconds of the guard's blocks; 0 for none.
    """

    worse: Line
    fine: Line
    alpha: float
    beta: float = 0.05
    block: int = BINOMIAL


@dataclass(frozen=True, slots=True)
class Trial:
    """How far a check is.

    Attributes:
        worse: Proven worse than allowed, at some look up to now.
        proven_at: Number of the look that proved it, from 0.
        fine: Proven good enough for this step, as of now.
        against: Evidence that it is worse, in multiples of what a rollback needs; at its highest. 1 is enough.
        for_it: Evidence that it is good enough, in multiples of what a pass needs; now. 1 is enough.
        step: What was counted in this step.
        total: What was counted in all steps.
    """

    worse: bool
    fine: bool
    proven_at: int | None
    against: float
    for_it: float
    step: Counts
    total: Counts


_NOTHING: Final = Counts(0, 0)
_NO_BLOCKS: Final = Blocks()


@dataclass(frozen=True, slots=True)
class _Bets:
    """The bets on one line: by counting and by blocks, and the highest that each has been."""

    counting: Wealth
    blocks: Wealth
    seen: Blocks = _NO_BLOCKS
    counting_peak: float = 1.0
    blocks_peak: float = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check is, look by look."""

    worse: _Bets
    fine: _Bets
    disaster: Wealth
    number: int = 0
    """Looks so far."""
    step: int = -1
    looks: int = 0
    """Used looks of this step."""
    end: float = 0.0
    pending: Counts = _NOTHING
    """Counted while the other side was silent: waits for it."""
    block: Counts = _NOTHING
    in_step: Counts = _NOTHING
    total: Counts = _NOTHING
    bad_looks: int = 0
    """Looks in a row that showed a disaster."""
    peak: float = 0.0
    """Highest evidence that it is worse, in multiples of what is needed."""
    proven_at: int | None = None
    fresh: bool = True
    """Nothing was staked on the guard in this step yet."""


def judge(question: Question, looks: Iterable[Look]) -> Trial:
    """Judge all looks of a check, in their order.

    Worked example: with 10 requests a second to the candidate and 90 to stable, 1 % of them bad, a candidate of 2 % is
    proven worse than stable after some 3 minutes, and one of 1 % good enough within one point after 2 to 3 minutes.
    """
    progress = begun()
    for look in looks:
        progress = advanced(question, progress, look)
    return verdict(question, progress)


def begun() -> Progress:
    """Return the progress before any look."""
    return Progress(_opened(len(RATIOS)), _opened(len(SMALLER)), opened(len(RATIOS)))


def advanced(question: Question, progress: Progress, look: Look) -> Progress:
    """Take in one look."""
    after = replace(_advanced(question, progress, look), number=progress.number + 1)
    return replace(after, proven_at=progress.number) if after.proven_at is None and _worse(after) else after


def _opened(alternatives: int) -> _Bets:
    return _Bets(opened(alternatives), opened(len(STRENGTHS)))


def _advanced(question: Question, state: Progress, look: Look) -> Progress:
    if look.step != state.step:
        state = _next_step(state, look.step)
    counts = state.pending + _plausible(look.counts)
    if not question.worse.tells(counts):
        return replace(state, pending=counts, end=look.end)
    state = _counted(question, state, counts)
    if question.block:
        state = _blocked(question, replace(state, block=state.block + counts), look.end)
    return replace(
        state,
        peak=max(state.peak, _against(question, state)),
        looks=state.looks + 1,
        end=look.end,
        pending=_NOTHING,
        in_step=state.in_step + counts,
        total=state.total + counts,
    )


def _next_step(state: Progress, step: int) -> Progress:
    """Begin a step: the proof that it is good enough starts anew, and what was not used yet is dropped."""
    return replace(
        state,
        fine=_opened(len(SMALLER)),
        step=step,
        looks=0,
        end=0.0,
        pending=_NOTHING,
        block=_NOTHING,
        in_step=_NOTHING,
        bad_looks=0,
        fresh=True,
    )


def _plausible(counts: Counts) -> Counts:
    """Take no more requests as bad than there were: two counters may be read at slightly different times."""
    bad, stable_bad = min(counts.candidate_bad, counts.candidate), min(counts.stable_bad, counts.stable)
    return Counts(counts.candidate, bad, counts.stable, stable_bad)


def _counted(question: Question, state: Progress, counts: Counts) -> Progress:
    stake = _stake(first=state.total == _NOTHING, of_step=state.looks == 0)
    worse = staked(state.worse.counting, stake, RATIO_WEIGHTS, factors(counts, question.worse, RATIOS))
    whole = 1.0 if state.looks == 0 else 0.0
    fine = staked(state.fine.counting, whole, SMALLER_WEIGHTS, factors(counts, question.fine, SMALLER))
    state = replace(
        state,
        worse=replace(state.worse, counting=worse, counting_peak=max(state.worse.counting_peak, worse.total)),
        fine=replace(state.fine, counting=fine),
    )
    return _disaster(question, state, counts, stake) if question.block else state


def _disaster(question: Question, state: Progress, counts: Counts, stake: float) -> Progress:
    line = replace(question.worse, difference=max(DISASTER, question.worse.difference))
    bad_looks = state.bad_looks + 1 if line.excess(counts) > 0 else 0
    wealth = staked(state.disaster, stake, RATIO_WEIGHTS, factors(counts, line, RATIOS))
    return replace(state, disaster=wealth, bad_looks=bad_looks)


def _blocked(question: Question, state: Progress, end: float) -> Progress:
    """Bet on a block when it is over."""
    if int(end // question.block) == int(state.end // question.block):
        return state
    seen, won = block_factors(state.worse.seen, question.worse.excess(state.block))
    stake = _stake(first=state.worse.seen.number == 0, of_step=state.fresh)
    worse = staked(state.worse.blocks, stake, STRENGTH_WEIGHTS, won)
    fine_seen, fine_won = block_factors(state.fine.seen, -question.fine.excess(state.block))
    fine = staked(state.fine.blocks, 1.0 if state.fresh else 0.0, STRENGTH_WEIGHTS, fine_won)
    return replace(
        state,
        worse=replace(state.worse, blocks=worse, seen=seen, blocks_peak=max(state.worse.blocks_peak, worse.total)),
        fine=replace(state.fine, blocks=fine, seen=fine_seen),
        block=_NOTHING,
        fresh=False,
    )


def _stake(*, first: bool, of_step: bool) -> float:
    if first:
        return FIRST_STAKE
    return STEP_STAKE if of_step else LATER_STAKE


def _against(question: Question, state: Progress) -> float:
    """Return the evidence that it is worse, in multiples of what a rollback needs."""
    counting, blocks = state.worse.counting_peak, state.worse.blocks_peak
    if not question.block:
        return counting * question.alpha
    proven = min(counting, blocks) * GUARDED * question.alpha
    obvious = state.disaster.total * (1 - GUARDED) * question.alpha if state.bad_looks >= 2 else 0.0  # noqa: PLR2004
    return max(proven, obvious)


def _worse(state: Progress) -> bool:
    return state.peak >= 1 and state.total.candidate_bad >= FEWEST_BAD


def verdict(question: Question, state: Progress) -> Trial:
    """Return the judgement after the looks so far."""
    evidence = min(state.fine.counting.total, state.fine.blocks.total) if question.block else state.fine.counting.total
    for_it = evidence * question.beta if state.looks else 0.0
    return Trial(
        worse=state.proven_at is not None,
        proven_at=state.proven_at,
        fine=for_it >= 1,
        against=state.peak,
        for_it=for_it,
        step=state.in_step,
        total=state.total,
    )
