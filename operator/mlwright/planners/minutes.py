"""How stable's bad requests were spread over its minutes before a rollout: what the choice of the guard rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mlwright.api.analysis import Check
from mlwright.plan.measuring import Measure, Pace, Phase
from mlwright.planners.counting import LOOK, Found, gains_of_stable
from mlwright.stats.guard import ENOUGH_MINUTES, Noise, noise

MINUTE: Final = 60.0
OF_LATE: Final = 10
"""Minutes of which the present traffic is told."""
HISTORY: Final = (ENOUGH_MINUTES + 10) * MINUTE
"""Seconds before the rollout that are looked at."""
COUNTED: Final = ("ErrorRate", "Latency", "Accuracy")
"""Types of checks whose bad requests are counted beside stable's own."""


def before(measure: Measure) -> Measure:
    """Return the measure of stable's history: up to the first phase, or up to the bake."""
    start = measure.phases[-1].since if measure.bake else min(phase.since for phase in measure.phases)
    return replace(measure, phases=(Phase(-1, start - HISTORY, start),))


def minutes(history: Measure, check: Check, found: Found) -> tuple[tuple[float, float], ...]:
    """Return requests and bad ones of stable for each minute in which it was scraped."""
    gains = gains_of_stable(history, check, found)
    if not gains:
        return ()
    start = min(at for at, _, _ in gains) - LOOK
    sums: dict[int, list[float]] = {}
    for at, whole, bad in gains:
        row = sums.setdefault(int((at - start) // MINUTE), [0.0, 0.0])
        row[0] += whole
        row[1] += bad
    return tuple((row[0], max(0.0, row[1])) for _, row in sorted(sums.items()))


def total(rows: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return requests and bad ones of all minutes together."""
    return sum(n for n, _ in rows), sum(k for _, k in rows)


def pace(rows: Sequence[tuple[float, float]]) -> Pace:
    """Return what stable did in its last minutes, which is what may be expected of the next ones."""
    of_late = rows[-OF_LATE:]
    return Pace(*total(of_late), len(of_late) * MINUTE)


def chosen(histories: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> Noise:
    """Return the most careful guard that any check asks for, and why."""
    found = [(name, noise(rows)) for name, rows in histories]
    if not found:
        return noise(())
    name, worst = max(found, key=lambda entry: entry[1].block)
    return Noise(worst.block, f"{name}: {worst.sentence}")
