"""Simulated experiments: how often a variant that is not the best is declared the winner."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.stats import norm

from bench.canary_rules import Floats
from bench.figures import Figures
from mlwright.stats.experiment import Arm, shares_alarm, winner

ALPHA: Final = 0.05
LOOKS: Final = 240
USERS: Final = 250
"""Users of each variant between two looks."""


def experiments(runs: int) -> Figures:
    """Variants that are equal, tied or differ; rewards that are rates, and amounts of which few are large."""
    chance = np.random.default_rng(20_261_123)
    pairs = {
        "rate": [_bought(chance, runs, 0.05) for _ in range(2)],
        "amount": [_spent(chance, runs) for _ in range(2)],
    }
    four = [_bought(chance, runs, rate) for rate in (0.05, 0.05, 0.045, 0.04)]
    false = {name: _winners(sides, effect=0.005 if name == "rate" else 0.05) for name, sides in pairs.items()}
    tied = _winners(four, effect=0.005)
    better = _winners([_bought(chance, runs // 4, rate) for rate in (0.05, 0.06)], effect=0.01)
    return {
        "ab_false_winner_rate": float(
            max(np.mean([found is not None for found in all_]) for all_ in (*false.values(), tied))
        ),
        "ab_false_winner_rate_naive": _naive(pairs["rate"]),
        "ab_better_found_share": float(np.mean([found == "1" for found in better])),
        "ab_worse_winner_share": float(np.mean([found == "0" for found in better])),
        "shares_false_alarm_rate": _alarms(chance, runs, (0.5, 0.5)),
        "shares_48_to_52_found_share": _alarms(chance, runs // 4, (0.48, 0.52)),
    }


Side = tuple[Floats, Floats, Floats]
"""Sums, sums of squares and users with a reward, up to each look (runs x looks)."""


def _bought(chance: np.random.Generator, runs: int, rate: float) -> Side:
    events = chance.binomial(USERS, rate, (runs, LOOKS)).cumsum(axis=1).astype(float)
    return events, events, events


def _spent(chance: np.random.Generator, runs: int) -> Side:
    """One user in twenty buys, for amounts whose logarithm is normal with a spread of one and a half."""
    runs = min(runs, 400)
    events = chance.binomial(USERS, 0.05, (runs, LOOKS))
    sums, squares = np.zeros(events.shape), np.zeros(events.shape)
    for look in range(LOOKS):
        amounts = chance.lognormal(0.0, 1.5, (runs, int(events[:, look].max())))
        amounts *= np.arange(amounts.shape[1]) < events[:, look, None]
        sums[:, look], squares[:, look] = amounts.sum(axis=1), (amounts**2).sum(axis=1)
    return sums.cumsum(axis=1), squares.cumsum(axis=1), events.cumsum(axis=1).astype(float)


def _winners(sides: list[Side], effect: float) -> list[str | None]:
    """The winner that each experiment would have declared first, looking at every fifth look."""
    runs = sides[0][0].shape[0]
    return [_first(sides, run, effect) for run in range(runs)]


def _first(sides: list[Side], run: int, effect: float) -> str | None:
    for look in range(4, LOOKS, 5):
        users = USERS * (look + 1)
        arms = {str(place): Arm(users, *(float(part[run, look]) for part in side)) for place, side in enumerate(sides)}
        if (found := winner(arms, effect=effect, alpha=ALPHA)) is not None:
            return found
    return None


def _naive(sides: list[Side]) -> float:
    """Share of equal pairs in which the usual two-sided test is significant at one look at least."""
    users = USERS * np.arange(4, LOOKS + 1, dtype=float)
    first, second = (side[0][:, 3:] for side in sides)
    pooled = (first + second) / (2 * users)
    z = (first - second) / users / np.sqrt(pooled * (1 - pooled) * 2 / users)
    return float(np.mean((np.abs(z) > norm.isf(ALPHA / 2)).any(axis=1)))


def _alarms(chance: np.random.Generator, runs: int, shares: tuple[float, float]) -> float:
    """Share of experiments in which an assignment that should be even is called uneven."""
    first = chance.binomial(2 * USERS, shares[0], (runs, LOOKS)).cumsum(axis=1)
    total = 2 * USERS * np.arange(1, LOOKS + 1)
    alarmed = [
        any(
            shares_alarm((float(n), float(all_ - n)), (0.5, 0.5))
            for n, all_ in zip(row[4::5], total[4::5], strict=True)
        )
        for row in first
    ]
    return float(np.mean(alarmed))
