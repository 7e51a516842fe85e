"""mlwright beside the bare floor: how long until a new run has its Job, one by one and in a burst."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import subjects
from bench.load import Load
from bench.servers import server
from bench.subjects import Process, settled
from tests.support.kube import Kube

FLOOR: Final = "bench.floor"
MLWRIGHT: Final = "mlwright.main"

WARM_UP: Final = 20
SINGLE: Final = 300
PER_SECOND: Final = 20.0
BURST: Final = 1000
PODLESS: Final = 30.0
"""Seconds after which mlwright has told of the runs before that their Jobs get no pods; here nobody makes any."""


@dataclass(slots=True)
class Times:
    """What was measured of one subject in each round, in seconds.

    The middle of the rounds counts: one that something else on the machine disturbed decides nothing.
    """

    singles: list[list[float]] = field(default_factory=list)
    bursts: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Return a quantile of the times of single runs."""
        return statistics.median(_quantile(times, share) for times in self.singles)

    @property
    def burst(self) -> float:
        """Return the typical time of a burst."""
        return statistics.median(self.bursts)


def _quantile(times: Iterable[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def compare(rounds: int, log: Path) -> dict[str, float]:
    """Measure both in turns, each on a new API server, and return the figures and their ratios."""
    times = {FLOOR: Times(), MLWRIGHT: Times()}
    for number in range(rounds):
        for subject, found in times.items():
            await _round(subject, found, log)
            p50, p99 = (_quantile(found.singles[-1], share) * 1e3 for share in (0.5, 0.99))
            print(f"  round {number + 1} {subject}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, burst {found.bursts[-1]:.2f} s")
    floor, ours = times[FLOOR], times[MLWRIGHT]
    return {
        "floor_p50_ms": floor.quantile(0.5) * 1e3,
        "floor_p99_ms": floor.quantile(0.99) * 1e3,
        "floor_burst_seconds": floor.burst,
        "p50_ms": ours.quantile(0.5) * 1e3,
        "p99_ms": ours.quantile(0.99) * 1e3,
        "burst_seconds": ours.burst,
        "ratio_floor_p50": ours.quantile(0.5) / floor.quantile(0.5),
        "ratio_floor_p99": ours.quantile(0.99) / floor.quantile(0.99),
        "ratio_floor_burst": ours.burst / floor.burst,
    }


async def _round(subject: str, found: Times, log: Path) -> None:
    with server() as running:
        async with Kube(running) as kube, Load(kube, WARM_UP + SINGLE + BURST) as load:
            with Process(subject, running.kubeconfig, log) as process:
                await load.grow(WARM_UP)
                await _quiet(subject, process)
                found.singles.append(await load.at_rate(SINGLE, PER_SECOND))
                await _quiet(subject, process)
                found.bursts.append(await load.burst(BURST))


async def _quiet(subject: str, process: Process) -> None:
    if subject == MLWRIGHT:
        await settled()
    else:
        await subjects.resting(process)
    await asyncio.sleep(PODLESS)
