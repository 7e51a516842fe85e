"""The figures of training.

    python -m bench.training [overhead] [start] [checks] [tuning]

Without arguments everything is measured, `tuning` only where the local cluster is up and holds the images. Prints a
table and writes build/bench/training.json, one flat object. What was not measured in this run is not in it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import on_cluster, overhead, training_data, tuning
from bench.figures import FOLDER, Benchmark, Figures

LOG: Final = FOLDER / "training.log"

GOALS: Final = {
    "step_overhead_p99_seconds": 1,
    "start_to_first_row_seconds": 3,
    "checks_1e6x20_seconds": 5,
    "checks_1e6x20_peak_mb": 400,
}
"""At most."""
LEAST: Final = {"tuning_efficiency": 0.85}
"""At least."""

BENCHMARK: Final = Benchmark("training", "of tuning: bare Optuna in the same run; else none", GOALS, LEAST)


def _overhead() -> Figures:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return asyncio.run(overhead.measure(LOG))


def _start() -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        return training_data.start_to_first_row(Path(folder))


def _checks() -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        return training_data.checks(Path(folder))


PHASES: Final[dict[str, Callable[[], Figures]]] = {
    "overhead": _overhead,
    "start": _start,
    "checks": _checks,
    "tuning": tuning.measure,
}


def main(wanted: list[str]) -> int:
    """Measure, print, write; returns 1 when a goal is missed."""
    return BENCHMARK.run(PHASES, wanted or _possible())


def _possible() -> list[str]:
    """Return what can be measured here: a tuning takes pods."""
    return [phase for phase in PHASES if phase != "tuning" or on_cluster.is_up()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
