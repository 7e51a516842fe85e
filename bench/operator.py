"""The operator's figures, on a real kube-apiserver, beside the bare floor of the same run.

    python -m bench.operator [compare] [count] [memory] [restart] [failover] [repair] [slope]

Without arguments everything is measured. Prints a table and writes build/bench/operator.json. Ratios and counts decide;
milliseconds and seconds only inform, as machines differ.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final

from bench import endurance
from bench.compare import compare
from bench.counting import count
from bench.figures import FOLDER, Benchmark, Figures

LOG: Final = FOLDER / "operator.log"
ROUNDS: Final = 3

GOALS: Final = {
    "ratio_floor_p50": 1.5,
    "ratio_floor_p99": 2.0,
    "ratio_floor_burst": 1.5,
    "writes_new_cr": 3,
    "writes_spec_edit": 2,
    "writes_child_status": 1,
    "writes_noop": 0,
    "writes_restart": 0,
    "idle_requests_per_minute": 0,
    "idle_cpu_share": 0.005,
    "rss_base_mb": 85,
    "rss_per_1000_mb": 15,
    "restart_1000_seconds": 3,
    "restart_5000_seconds": 8,
    "failover_5000_seconds": 25,
    "repair_p99_seconds": 5,
    "memory_slope_mb_per_100k": 1,
}
"""At most. A slope of less than a megabyte cannot be told from the noise of the allocator."""

BENCHMARK: Final = Benchmark(
    "operator", "bare floor: kopf on.event, queue and aiohttp, with the same bodies and calls", GOALS
)


async def _memory() -> Figures:
    found = await endurance.memory_and_restart(1000, LOG, finished=True)
    return {
        "rss_base_mb": found["rss_base_mb"],
        "rss_per_1000_mb": found["rss_mb"] - found["rss_base_mb"],
        "rss_1000_after_restart_mb": found["rss_restart_mb"],
        "restart_1000_seconds": found["restart_seconds"],
        "restart_1000_cpu_seconds": found["cpu_restart_seconds"],
    }


async def _restart() -> Figures:
    found = await endurance.memory_and_restart(5000, LOG, finished=False)
    return {
        "restart_5000_seconds": found["restart_seconds"],
        "restart_5000_cpu_seconds": found["cpu_restart_seconds"],
        "rss_5000_mb": found["rss_mb"],
        "rss_5000_after_restart_mb": found["rss_restart_mb"],
    }


async def _failover() -> Figures:
    return {"failover_5000_seconds": await endurance.failover(5000, LOG)}


async def _repair() -> Figures:
    return {"repair_p99_seconds": await endurance.repairs(LOG)}


async def _slope() -> Figures:
    return {"memory_slope_mb_per_100k": await endurance.slope(LOG)}


PHASES: Final[dict[str, Callable[[], Coroutine[None, None, Figures]]]] = {
    "compare": lambda: compare(ROUNDS, LOG),
    "count": lambda: count(LOG),
    "memory": _memory,
    "restart": _restart,
    "failover": _failover,
    "repair": _repair,
    "slope": _slope,
}


def main(wanted: list[str]) -> int:
    """Measure, print, write; returns 1 when a goal is missed."""
    return BENCHMARK.run({name: partial(_measured, measure) for name, measure in PHASES.items()}, wanted)


def _measured(measure: Callable[[], Coroutine[None, None, Figures]]) -> Figures:
    return asyncio.run(measure())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
