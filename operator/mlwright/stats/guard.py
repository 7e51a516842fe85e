"""A guard for services whose errors come in bursts or swings: requests are not independent then, and counting misleads.

One bet for each block of time, on the sign of one number: how many more bad requests the candidate had than the line
allows. It is fair when that sign is a fair coin given the number's size, whatever the size and spread of the bursts;
only blocks must be independent and symmetric. A block can at most double the money: nothing is decided in a minute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

STRENGTHS: Final = (0.3, 0.7, 1.5, 4.0)
STRENGTH_WEIGHTS: Final = (0.25, 0.25, 0.25, 0.25)

BINOMIAL: Final = 0
"""Seconds of a block where no guard is needed."""
SHORT: Final = 60
LONG: Final = 300
"""Where one minute resembles the next."""
ENOUGH_MINUTES: Final = 360
ENOUGH_BAD: Final = 20
_DISPERSION: Final = 1.4
_RESEMBLANCE: Final = 0.12
"""Bounds of what 360 minutes without swings or bursts show by chance."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The sizes of the blocks so far: their sum of squares and their number."""

    squares: float = 0.0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Noise:
    """How the errors of stable were spread over its own minutes.

    Attributes:
        block: Seconds of the blocks of the guard; 0 where counting requests is enough.
        sentence: Why.
    """

    block: int
    sentence: str


def block_factors(blocks: Blocks, excess: float) -> tuple[Blocks, tuple[float, ...]]:
    """Bet on the sign of one block's excess, measured in the usual size of blocks up to and with this one."""
    seen = Blocks(blocks.squares + excess * excess, blocks.number + 1)
    scale = math.sqrt(seen.squares / seen.number)
    size = excess / scale if scale else 0.0
    return seen, tuple(1 + math.tanh(strength * size) for strength in STRENGTHS)


def noise(minutes: Sequence[tuple[float, float]]) -> Noise:
    """Choose the guard from stable's own minutes, before the rollout starts.

    Args:
        minutes: Requests and bad ones of each minute, in order.
    """
    total, bad = sum(n for n, _ in minutes), sum(k for _, k in minutes)
    if len(minutes) < ENOUGH_MINUTES or bad < ENOUGH_BAD:
        sentence = (
            f"stable shows {len(minutes)} minutes with {bad:g} bad requests, too few to tell how they are spread"
            f" ({ENOUGH_MINUTES} with {ENOUGH_BAD} are needed): judged by blocks of a minute"
        )
        return Noise(SHORT, sentence)
    rate = bad / total
    dispersion, resemblance = _dispersion(minutes, rate), _resemblance([k - rate * n for n, k in minutes])
    shown = f"dispersion {dispersion:.2f}, resemblance of neighbouring minutes {resemblance:.2f}"
    if resemblance > _RESEMBLANCE:
        return Noise(LONG, f"stable's bad requests come in long swings ({shown}): judged by blocks of five minutes")
    if dispersion > _DISPERSION:
        return Noise(SHORT, f"stable's bad requests come in bursts ({shown}): judged by blocks of a minute")
    return Noise(BINOMIAL, f"stable's bad requests come one by one ({shown}): judged by counting")


def _dispersion(minutes: Sequence[tuple[float, float]], rate: float) -> float:
    """Pearson's chi-squared for each degree of freedom: 1 for independent requests, more for bursts and swings."""
    busy = [(n, k) for n, k in minutes if n > 0]
    return sum((k - rate * n) ** 2 / (rate * n) for n, k in busy) / max(1, len(busy) - 1)


def _resemblance(residuals: Sequence[float]) -> float:
    """Correlation of each minute with the one before it."""
    power = sum(value * value for value in residuals)
    return sum(a * b for a, b in pairwise(residuals)) / power if power else 0.0
