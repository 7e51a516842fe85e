"""The rules that send a candidate back, over many simulated rollouts at once: ours, and the ones that people use.

`ours` is the rule of `mlwright.stats.trial` written for arrays; the benchmark compares the two on some rollouts first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from mlwright.stats import trial
from mlwright.stats.guard import STRENGTHS
from mlwright.stats.rates import RATIO_WEIGHTS, RATIOS, Counts, Line
from mlwright.stats.trial import Look, Question

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEVER: Final = -1
IN_A_ROW: Final = 2


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of a look (one number) and bad ones (rollouts x looks) of both sides; looks are equally long."""

    candidate: float
    candidate_bad: Floats
    stable: float
    stable_bad: Floats
    seconds: float

    def looks(self, rollout: int) -> list[Look]:
        """Return the looks of one rollout, as the operator would judge them."""
        pairs = zip(self.candidate_bad[rollout], self.stable_bad[rollout], strict=True)
        return [
            Look(0, (place + 1) * self.seconds, Counts(self.candidate, float(bad), self.stable, float(stable_bad)))
            for place, (bad, stable_bad) in enumerate(pairs)
        ]


def ours(traffic: Traffic, *, allowed: float, alpha: float, blocks: Ints) -> Ints:
    """Return the look at which each rollout is sent back, or NEVER.

    Args:
        traffic: What was counted.
        allowed: Difference of the rates that is no matter.
        alpha: Budget.
        blocks: Seconds of the guard's blocks for each rollout; 0 for none.
    """
    runs, looks = traffic.candidate_bad.shape
    counting, disaster, guard = _Money(runs, RATIOS), _Money(runs, RATIOS), _Guard(runs, blocks, traffic.seconds)
    peak, seen, streak = np.zeros(runs), np.zeros(runs), np.zeros(runs)
    found = np.full(runs, NEVER)
    guarded = blocks > 0
    for look in range(looks):
        bad, stable_bad = traffic.candidate_bad[:, look], traffic.stable_bad[:, look]
        stake = trial.FIRST_STAKE if look == 0 else trial.LATER_STAKE
        counting.bet(stake, _factors(traffic, bad, stable_bad, allowed))
        worse_by = max(trial.DISASTER, allowed)
        disaster.bet(stake, _factors(traffic, bad, stable_bad, worse_by))
        excess = bad - traffic.candidate * (stable_bad / traffic.stable + allowed)
        streak = np.where(excess > traffic.candidate * (worse_by - allowed), streak + 1, 0)
        guard.look(look, excess)
        proven = np.minimum(counting.peak, guard.peak) * trial.GUARDED * alpha
        obvious = np.where(streak >= IN_A_ROW, disaster.total * (1 - trial.GUARDED) * alpha, 0.0)
        peak = np.maximum(peak, np.where(guarded, np.maximum(proven, obvious), counting.peak * alpha))
        seen += bad
        found = np.where((found == NEVER) & (peak >= 1) & (seen >= trial.FEWEST_BAD), look, found)
    return found


def by_the_operator(traffic: Traffic, rollout: int, *, allowed: float, alpha: float, block: int) -> int:
    """Return what the operator's own code says of one rollout."""
    question = Question(Line(allowed), Line(max(0.01, 2 * allowed)), alpha, block=block)
    found = trial.judge(question, traffic.looks(rollout)).proven_at
    return NEVER if found is None else found


class _Money:
    """Wealth of many rollouts on a grid of alternatives."""

    def __init__(self, runs: int, grid: tuple[float, ...]) -> None:
        self.parts = np.zeros((runs, len(grid)))
        self.cash = np.ones(runs)
        self.total = np.ones(runs)
        self.peak = np.ones(runs)
        self._weights = np.array(RATIO_WEIGHTS if grid == RATIOS else [1 / len(grid)] * len(grid))

    def bet(self, stake: float | Floats, factors: Floats) -> None:
        fresh = stake * self.cash
        self.parts = np.minimum(1e100, (self.parts + fresh[:, None] * self._weights) * factors)
        self.cash = self.cash - fresh
        self.total = self.parts.sum(axis=1) + self.cash
        self.peak = np.maximum(self.peak, self.total)


class _Guard:
    """The bets on blocks of many rollouts, whose blocks may differ in length."""

    def __init__(self, runs: int, blocks: Ints, seconds: float) -> None:
        self._money = _Money(runs, STRENGTHS)
        self._looks = np.maximum(1, np.round(blocks / seconds)).astype(int)
        self._sum, self._squares, self._number = np.zeros(runs), np.zeros(runs), np.zeros(runs)

    @property
    def peak(self) -> Floats:
        return self._money.peak

    def look(self, look: int, excess: Floats) -> None:
        self._sum += excess
        over = (look + 1) % self._looks == 0
        self._number += over
        self._squares += np.where(over, self._sum**2, 0.0)
        scale = np.sqrt(self._squares / np.maximum(1, self._number))
        size = np.divide(self._sum, scale, out=np.zeros_like(scale), where=scale > 0)
        factors = np.where(over[:, None], 1 + np.tanh(np.outer(size, STRENGTHS)), 1.0)
        first = np.where(self._number == 1, trial.FIRST_STAKE, trial.LATER_STAKE)
        self._money.bet(np.where(over, first, 0.0), factors)
        self._sum = np.where(over, 0.0, self._sum)


def _factors(traffic: Traffic, bad: Floats, stable_bad: Floats, allowed: float) -> Floats:
    psi = np.array(RATIOS)
    share = traffic.candidate / (traffic.candidate + traffic.stable)
    denominator = 1 - share + share * psi
    logs = np.outer(bad, np.log(psi)) - np.outer(bad + stable_bad, np.log(denominator))
    logs -= traffic.candidate * allowed * (psi / denominator - 1)
    return np.asarray(np.exp(np.minimum(230.0, logs)))


def fixed_threshold(traffic: Traffic, *, allowed: float) -> Ints:
    """Send back when one minute's rate is more than half above stable's and 0.5 points: the rule of thumb."""
    size = max(1, round(60 / traffic.seconds))
    bad, stable_bad = (_windows(counts, size) for counts in (traffic.candidate_bad, traffic.stable_bad))
    rate, stable_rate = bad / (traffic.candidate * size), stable_bad / (traffic.stable * size)
    return _first((rate > 1.5 * stable_rate + allowed) & (rate > stable_rate + 0.005 + allowed), size)


def repeated_z(traffic: Traffic, *, allowed: float, alpha: float) -> Ints:
    """Send back when the usual test of two rates over all requests so far is significant, at any look."""
    bad, stable_bad, n, m = _totals(traffic)
    pooled = (bad + stable_bad) / (n + m)
    spread = np.sqrt(np.maximum(1e-12, pooled * (1 - pooled)) * (1 / n + 1 / m))
    return _first((bad / n - stable_bad / m - allowed) / spread > norm.isf(alpha), 1)


def msprt(traffic: Traffic, *, allowed: float, alpha: float, effect: float = 0.005) -> Ints:
    """Send back by the mixture sequential test of normal means, one-sided by its sign, as in products for A/B tests."""
    bad, stable_bad, n, m = _totals(traffic)
    rate, stable_rate = bad / n, stable_bad / m
    spread = np.maximum(1e-15, rate * (1 - rate) / n + stable_rate * (1 - stable_rate) / m)
    gap = rate - stable_rate - allowed
    log = 0.5 * np.log(spread / (spread + effect**2)) + gap**2 * effect**2 / (2 * spread * (spread + effect**2))
    return _first((gap > 0) & (log >= np.log(1 / (2 * alpha))) & (bad + stable_bad > 0), 1)


def _totals(traffic: Traffic) -> tuple[Floats, Floats, Floats, Floats]:
    looks = np.arange(1, traffic.candidate_bad.shape[1] + 1, dtype=float)
    bad, stable_bad = traffic.candidate_bad.cumsum(axis=1), traffic.stable_bad.cumsum(axis=1)
    return bad, stable_bad, traffic.candidate * looks, traffic.stable * looks


def _windows(counts: Floats, size: int) -> Floats:
    kept = counts[:, : counts.shape[1] // size * size]
    return np.asarray(kept.reshape(kept.shape[0], -1, size).sum(axis=2))


def _first(crossed: NDArray[np.bool_], size: int) -> Ints:
    place = (crossed.argmax(axis=1) + 1) * size - 1
    return np.where(crossed.any(axis=1), place, NEVER)
