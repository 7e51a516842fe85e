"""Comparing the variants of an experiment while it runs: a winner that may be looked for any time, and the shares.

The intervals hold at all times together, however often one looks (a normal mixture, Robbins): they rest on the central
limit theorem and so need some users before they mean anything. Exact is the check of shares, and that of guardrails,
which are questions of `mlwright.stats.trial`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

FEWEST_USERS: Final = 100
FEWEST_EVENTS: Final = 10
"""Users and rewarded users of each variant before the central limit theorem may be relied upon."""
_SHARPNESS: Final = 100.0
"""Weight of the prior on the intended shares: finds 52 to 48 in some 10,000 users."""
_TINY: Final = 1e-300
_ALARM: Final = 1000.0
"""Alarm by chance in one of a thousand experiments."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What the users of one variant brought: each user counts once, with the sum of his rewards.

    Attributes:
        users: Number of users.
        total: Sum of their rewards.
        squares: Sum of the squares of their rewards.
        events: Users with any reward.
    """

    users: float
    total: float
    squares: float
    events: float

    @property
    def mean(self) -> float:
        """Reward for each user."""
        return self.total / self.users if self.users else 0.0

    @property
    def variance(self) -> float:
        """Variance of the mean."""
        return max(0.0, self.squares / self.users - self.mean**2) / self.users if self.users else math.inf

    @property
    def tells(self) -> bool:
        """Whether there are enough users to compare."""
        return self.users >= FEWEST_USERS and self.events >= FEWEST_EVENTS


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more one variant brings than another: an interval that holds at all times together."""

    estimate: float
    width: float

    @property
    def low(self) -> float:
        """Lower end."""
        return self.estimate - self.width

    @property
    def high(self) -> float:
        """Upper end."""
        return self.estimate + self.width


def difference(better: Arm, other: Arm, *, effect: float, alpha: float) -> Difference:
    """Compare two variants.

    Args:
        better: The one whose gain is asked for.
        other: The one that it is compared with.
        effect: Smallest difference worth having; fixed beforehand, the interval is narrowest around it.
        alpha: Chance that the interval ever misses the truth.
    """
    estimate = better.mean - other.mean
    spread = better.variance + other.variance
    if not math.isfinite(spread):
        return Difference(estimate, math.inf)
    mixed = effect * effect
    rarity = 2 * math.log(1 / alpha) + math.log((spread + mixed) / max(spread, _TINY))
    width = spread * (spread + mixed) / mixed * rarity
    return Difference(estimate, math.sqrt(width))


def winner(arms: Mapping[str, Arm], *, effect: float, alpha: float) -> str | None:
    """Return the variant that is proven to bring more than every other, or None while there is none.

    The chance that a variant which is not the only best is ever named is at most alpha. No variant is named before all
    of them have enough users.
    """
    if len(arms) < 2 or not all(arm.tells for arm in arms.values()):  # noqa: PLR2004  # nothing to compare with
        return None
    each = alpha / (len(arms) - 1)
    for name, arm in arms.items():
        others = (other for key, other in arms.items() if key != name)
        if all(difference(arm, other, effect=effect, alpha=each).low > 0 for other in others):
            return name
    return None


def shares_differ(users: Sequence[float], shares: Sequence[float]) -> float:
    """Return the evidence that users were not assigned in the intended shares; from 1000 on it is an alarm.

    Counts users, not requests: the requests of one user all go one way and would raise a false alarm nearly always.

    Args:
        users: Assigned users of each variant.
        shares: Intended shares, which sum to 1.
    """
    total = sum(users)
    log = math.lgamma(_SHARPNESS) - math.lgamma(_SHARPNESS + total)
    for count, share in zip(users, shares, strict=True):
        prior = _SHARPNESS * share
        log += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return math.exp(min(700.0, log))


def shares_alarm(users: Sequence[float], shares: Sequence[float]) -> bool:
    """Return whether the shares are so far off that no winner may be named."""
    return shares_differ(users, shares) >= _ALARM


def users_needed(variance: float, effect: float, *, alpha: float, power: float) -> int:
    """Users of each of two variants until a true effect is found with the given power; about a fifth too many.

    Args:
        variance: Of the reward of one user.
        effect: True difference, above 0.
        alpha: Chance of a false winner.
        power: Chance of finding it by then, 0.5 up to below 1.
    """
    z = _normal_quantile(power)
    low, high = 1, 2
    while not _found(variance, effect, high, alpha, z):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _found(variance, effect, middle, alpha, z) else (middle, high)
    return high


def _found(variance: float, effect: float, users: int, alpha: float, z: float) -> bool:
    arm = Arm(users, 0.0, variance * users, users)
    width = difference(arm, arm, effect=effect, alpha=alpha).width
    return width + z * math.sqrt(2 * variance / users) <= effect


def _normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal, by halving."""
    low, high = -10.0, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(-middle / math.sqrt(2)) / 2 < probability else (low, middle)
    return (low + high) / 2
