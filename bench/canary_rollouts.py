"""Whole simulated rollouts, judged look by look with the operator's own code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import Final

import numpy as np

from bench.canary_noise import Service
from mlwright.api.analysis import Analysis
from mlwright.plan.analysis import Case, Stage
from mlwright.planners.questions import asked
from mlwright.stats.guard import Noise
from mlwright.stats.trial import advanced, begun, verdict

SECONDS: Final = 30.0
HOLD: Final = 600.0
MAX_HOLD: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A service, and the shares of the steps that a candidate goes through; each is held for ten minutes at least."""

    service: Service
    steps: tuple[float, ...] = (0.05, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Ends:
    """How many rollouts there were, and when those that were promoted were."""

    all: int
    promoted: int
    minutes: tuple[float, ...]

    @property
    def median_minutes(self) -> float:
        """Median of those that were promoted."""
        return median(self.minutes) if self.minutes else float("inf")


def rollouts(scenario: Scenario, analysis: Analysis, runs: int, seed: int) -> Ends:
    """Run rollouts until they are promoted, rolled back or stuck in a step for an hour."""
    chance = np.random.default_rng((seed, round(scenario.service.rate)))
    blocks = scenario.service.blocks(chance, runs)
    ends = [_rollout(scenario, analysis, int(block), chance) for block in blocks]
    minutes = tuple(at for end, at in ends if end == "promoted")
    return Ends(runs, len(minutes), minutes)


def _rollout(scenario: Scenario, analysis: Analysis, block: int, chance: np.random.Generator) -> tuple[str, float]:
    question = asked(analysis, analysis.checks[0], Case(Stage.STEPS, 0, Noise(block, ""), {})).question
    progress, gone = begun(), 0.0
    for step, share in enumerate(scenario.steps):
        traffic = replace(scenario.service, share=share).traffic(chance, 1, int(MAX_HOLD / SECONDS), SECONDS)
        for place, counted in enumerate(traffic.looks(0)):
            progress = advanced(question, progress, replace(counted, step=step))
            found = verdict(question, progress)
            if found.worse:
                return "rolled back", (gone + counted.end) / 60
            if found.fine and counted.end >= HOLD and found.step.candidate >= analysis.min_requests:
                break
            if place == len(traffic.candidate_bad[0]) - 1:
                return "inconclusive", (gone + counted.end) / 60
        gone += counted.end
    return "promoted", gone / 60
