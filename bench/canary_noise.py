"""Simulated errors of a service: independent ones, and the ways in which real ones are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from bench.canary_rules import Floats, Traffic
from mlwright.stats.guard import noise


@dataclass(frozen=True, slots=True)
class Errors:
    """How errors come.

    Attributes:
        own: Coefficient of variation of each side's own rate, which changes every minute; 0 for a steady rate.
        memory: Correlation of that rate with the one a minute before.
        burst: Errors that come together, in the mean; 1 for single ones.
    """

    own: float = 0.0
    memory: float = 0.0
    burst: int = 1

    def draw(self, chance: Generator, mean: float, runs: int, looks: int, seconds: float) -> Floats:
        """Return bad requests (runs x looks) of one side.

        Args:
            chance: Source of chance.
            mean: Bad requests of one look, in the mean.
            runs: Number of rollouts.
            looks: Number of looks.
            seconds: Length of a look.
        """
        means = mean * self._swings(chance, runs, looks, seconds)
        if self.burst == 1:
            return chance.poisson(means).astype(float)
        bursts = chance.poisson(means / self.burst)
        more = chance.negative_binomial(np.maximum(1, bursts), 1 / self.burst)
        return np.where(bursts > 0, bursts + more, 0).astype(float)

    def _swings(self, chance: Generator, runs: int, looks: int, seconds: float) -> Floats:
        if not self.own:
            return np.ones((runs, looks))
        minutes = int(np.ceil(looks * seconds / 60))
        spread = np.sqrt(np.log1p(self.own**2))
        state = chance.standard_normal(runs)
        columns = []
        for _ in range(minutes):
            columns.append(np.exp(spread * state - spread**2 / 2))
            state = self.memory * state + np.sqrt(1 - self.memory**2) * chance.standard_normal(runs)
        return np.repeat(np.stack(columns, axis=1), round(60 / seconds), axis=1)[:, :looks]


INDEPENDENT = Errors()


@dataclass(frozen=True, slots=True)
class Service:
    """A service under a rollout: requests a second of both sides, the candidate's share, and how errors come."""

    rate: float
    share: float
    stable_bad: float
    candidate_bad: float
    errors: Errors = INDEPENDENT

    def traffic(self, chance: Generator, runs: int, looks: int, seconds: float) -> Traffic:
        """Return simulated rollouts."""
        own, rest = self.rate * self.share * seconds, self.rate * (1 - self.share) * seconds
        return Traffic(
            own,
            np.minimum(own, self.errors.draw(chance, own * self.candidate_bad, runs, looks, seconds)),
            rest,
            np.minimum(rest, self.errors.draw(chance, rest * self.stable_bad, runs, looks, seconds)),
            seconds,
        )

    def blocks(self, chance: Generator, runs: int, hours: int = 6) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Return the guard that the operator chooses for each rollout, from stable's minutes before it."""
        requests = self.rate * 60
        history = self.errors.draw(chance, requests * self.stable_bad, runs, 60 * hours, 60.0)
        return np.array([noise([(requests, float(bad)) for bad in row]).block for row in history])
