"""Simulated traffic for the detection of drift: independent rows, and the rows of users who come and go all day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import norm

Counts = NDArray[np.int64]
"""Rows by window, feature and slot; of a reference by feature and slot."""
Floats = NDArray[np.float64]

BINS: Final = 20
SLOTS: Final = BINS + 1
"""Bins of equal mass, and one for what is missing."""
DAY: Final = 144
"""Windows of ten minutes in a day."""
WEEK: Final = 7
SATURDAY: Final = 5
"""Of the days of a week from Monday, 0, on: windows begin on one."""
MISSING: Final = 0.01


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to a feature: its mean moves by standard deviations, or more of its values are missing."""

    shift: float = 0.0
    missing: float = MISSING


SAME: Final = Change()


@dataclass(frozen=True, slots=True)
class Population:
    """Users who send rows: each always sends much the same, and many of them are still there in the next window.

    Attributes:
        users: Users in a window.
        each: Rows of each.
        alike: Part of the variance that is a user's own.
        stay: Chance that a user is still there in the next window.
        daily: Standard deviations by which the mean swings in a day.
        weekend: Standard deviations by which it is higher on the last two days of a week.
    """

    users: int = 40
    each: int = 50
    alike: float = 0.9
    stay: float = 0.8
    daily: float = 0.5
    weekend: float = 0.0

    def feature(self, chance: Generator, windows: int, begins: int, change: Change) -> Counts:
        """Counts (windows x slots) of one feature, which changes from a window on."""
        edges = self._edges()
        users, found = chance.standard_normal(self.users), np.zeros((windows, SLOTS), dtype=np.int64)
        for window in range(windows):
            gone = chance.random(self.users) > self.stay
            users = np.where(gone, chance.standard_normal(self.users), users)
            now = change if window >= begins else SAME
            rows = np.repeat(np.sqrt(self.alike) * users, self.each)
            rows = rows + np.sqrt(1 - self.alike) * chance.standard_normal(len(rows))
            rows += self._mean(window) + now.shift
            bins = np.bincount(np.searchsorted(edges, rows), minlength=BINS)
            lost = chance.binomial(bins, now.missing)
            found[window] = (*(bins - lost), lost.sum())
        return found

    def reference(self, chance: Generator, rows: int) -> Counts:
        """Counts of independent rows of whole days, as training data has them."""
        means = np.array([self._mean(window) for window in range(DAY)])
        values = chance.standard_normal(rows) + means[chance.integers(0, DAY, rows)]
        bins = np.bincount(np.searchsorted(self._edges(), values), minlength=BINS)
        lost = chance.binomial(bins, MISSING)
        return np.array((*(bins - lost), lost.sum()))

    def _mean(self, window: int) -> float:
        more = self.weekend if window // DAY % WEEK >= SATURDAY else 0.0
        return self.daily * float(np.sin(2 * np.pi * window / DAY)) + more

    def _edges(self) -> Floats:
        """Inner edges of bins of about equal mass over a day."""
        found: Floats = norm.ppf(np.linspace(0, 1, BINS + 1)[1:-1]) * float(np.sqrt(1 + self.daily**2 / 2))
        return found


def shares(change: Change = SAME) -> Floats:
    """Shares of the slots for a normal feature in the bins of equal mass that it had before it changed."""
    edges = norm.ppf(np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.diff(norm.cdf(edges, loc=change.shift), prepend=0.0, append=1.0)
    return np.append((1 - change.missing) * bins, change.missing)


def independent(chance: Generator, rows: int, changes: list[Change], windows: int) -> Counts:
    """Counts of windows of independent rows of features that have changed."""
    return np.stack([chance.multinomial(rows, shares(change), size=windows) for change in changes], axis=1)
