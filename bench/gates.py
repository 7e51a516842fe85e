"""Measure the champion gate: how often it promotes a worse model, beside the rule "at least as good a figure".

    python -m bench.gates            # full size, a minute or two
    python -m bench.gates --quick    # a tenth of the runs

Counts of simulated comparisons, seeded; no time is measured. `worse` is a model exactly one point worse, `equal` one
that is as good; the tolerance is one point and the confidence 95 %, so `tango_worse` must be at most 0.05,
within four standard errors of the simulation.
"""

from __future__ import annotations

import math
import sys
from itertools import product

import numpy as np

from bench.figures import Benchmark, Figures
from mlwright.stats.paired import tango

MARGIN = 0.01
ALPHA = 0.05
RUNS = 50_000
ROWS = (300, 1000, 5000)
DISCORDANT = (0.03, 0.1)
CASES = tuple(product(ROWS, DISCORDANT))


def promoted(rows: int, discordant: float, worse_by: float, runs: int) -> tuple[float, float]:
    """Return how often Tango's test and the naive rule promote a model that is worse by so much."""
    chance = np.random.default_rng(20_26)
    gained = (discordant - worse_by) / 2
    pairs = chance.multinomial(rows, [gained, gained + worse_by, 1 - discordant], size=runs)
    found, places = np.unique(pairs[:, :2], axis=0, return_inverse=True)
    passed = np.array([tango(int(won), int(lost), rows, MARGIN) <= ALPHA for won, lost in found])
    return float(passed[places.ravel()].mean()), float(np.mean(pairs[:, 0] >= pairs[:, 1]))


def main() -> int:
    """Simulate every case, print a table and write the figures; returns 1 when a goal is missed."""
    runs = RUNS // 10 if "--quick" in sys.argv[1:] else RUNS
    figures: Figures = {"runs": runs, "margin": MARGIN, "alpha": ALPHA}
    print(f"{'rows':>6} {'differ':>7} | {'worse: Tango':>12} {'naive':>7} | {'equal: Tango':>12} {'naive':>7}")
    for rows, discordant in CASES:
        worse, equal = (promoted(rows, discordant, by, runs) for by in (MARGIN, 0.0))
        case = _name(rows, discordant)
        figures |= {f"tango_worse_{case}": worse[0], f"naive_worse_{case}": worse[1]}
        figures |= {f"tango_equal_{case}": equal[0], f"naive_equal_{case}": equal[1]}
        shown = " | ".join(f"{tested:>12.3f} {naive:>7.3f}" for tested, naive in (worse, equal))
        print(f"{rows:>6} {discordant:>7.0%} | {shown}")
    goals = {f"tango_worse_{_name(*case)}": ALPHA + 4 * math.sqrt(ALPHA * (1 - ALPHA) / runs) for case in CASES}
    return Benchmark("gates", "the rule 'at least as good a figure' on the same draws", goals).report(figures)


def _name(rows: int, discordant: float) -> str:
    return f"{rows}_rows_{round(100 * discordant)}_percent"


if __name__ == "__main__":
    sys.exit(main())
