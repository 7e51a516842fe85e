"""The figures of training.

    python -m bench.training [overhead] [start] [checks]

Without arguments everything is measured. Prints a table and writes build/bench/training.json, one flat object. What was
not measured in this run is not in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench import overhead, training_data

FOLDER: Final = Path(__file__).parents[1] / "build" / "bench"

LOG: Final = FOLDER / "training.log"

GOALS: Final = {
    "step_overhead_p99_seconds": 1,
    "start_to_first_row_seconds": 3,
    "checks_1e6x20_seconds": 5,
    "checks_1e6x20_peak_mb": 400,
}
"""At most."""


def _overhead() -> dict[str, float]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return asyncio.run(overhead.measure(LOG))


def _start() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return training_data.start_to_first_row(Path(folder))


def _checks() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return training_data.checks(Path(folder))


PHASES: Final[dict[str, Callable[[], dict[str, float]]]] = {"overhead": _overhead, "start": _start, "checks": _checks}


def main(wanted: list[str]) -> int:
    """Measure, print, write; returns 1 when a goal is missed."""
    figures: dict[str, Any] = {}
    skipped = [phase for phase in PHASES if wanted and phase not in wanted]
    for phase, measure in PHASES.items():
        if phase in skipped:
            continue
        begun = time.monotonic()
        print(f"{phase} ...")
        figures |= {name: round(value, 4) for name, value in measure().items()}
        print(f"{phase}: {time.monotonic() - begun:.0f} s")
    _print(figures)
    if skipped:
        print(f"skipped: {', '.join(skipped)}; what is written holds only what was measured")
    figures["reference"] = "none: the goals are absolute"
    figures["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "training.json").write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(figures.get(name, 0) > goal for name, goal in GOALS.items()))


def _print(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        goal = GOALS.get(name)
        verdict = "" if goal is None else f"  goal <= {goal:g}  {'ok' if value <= goal else 'MISSED'}"
        print(f"  {name:<40} {value:>10.3f}{verdict}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
