"""The figures of training.

    python -m bench.training [overhead] [start] [checks]

Without arguments everything is measured. Prints a table and writes build/bench/training.json, one flat object. What was
not measured in this run is not in it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import overhead, training_data
from bench.figures import FOLDER, Benchmark, Figures

LOG: Final = FOLDER / "training.log"

GOALS: Final = {
    "step_overhead_p99_seconds": 1,
    "start_to_first_row_seconds": 3,
    "checks_1e6x20_seconds": 5,
    "checks_1e6x20_peak_mb": 400,
}
"""At most."""

BENCHMARK: Final = Benchmark("training", "none: the goals are absolute", GOALS)


def _overhead() -> Figures:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return asyncio.run(overhead.measure(LOG))


def _start() -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        return training_data.start_to_first_row(Path(folder))


def _checks() -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        return training_data.checks(Path(folder))


PHASES: Final[dict[str, Callable[[], Figures]]] = {"overhead": _overhead, "start": _start, "checks": _checks}


def main(wanted: list[str]) -> int:
    """Measure, print, write; returns 1 when a goal is missed."""
    return BENCHMARK.run(PHASES, wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
