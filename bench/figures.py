"""What the benchmarks share: phases that are measured in turn, goals, the table, and the file of figures.

Each benchmark writes build/bench/NAME.json, one flat object with its figures, their `reference` and the `machine`.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

FOLDER: Final = Path(__file__).parents[1] / "build" / "bench"

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A named set of figures.

    `goals` are upper bounds by the figure's name, `least` lower ones; a figure without a goal informs. `reference` says
    what the ratios are measured against.
    """

    name: str
    reference: str
    goals: Mapping[str, float]
    least: Mapping[str, float] = field(default_factory=dict)

    def run(self, phases: Mapping[str, Callable[[], Figures]], wanted: Sequence[str]) -> int:
        """Measure the wanted phases, all of them when none is named; returns 1 when a goal is missed.

        Who is told to end by SIGTERM ends what it has started as well, as after an error.
        """
        signal.signal(signal.SIGTERM, _leave)
        figures: Figures = {}
        skipped = [phase for phase in phases if wanted and phase not in wanted]
        for phase, measure in phases.items():
            if phase not in skipped:
                begun = time.monotonic()
                print(f"{phase} ...", flush=True)
                figures |= {name: round(value, 4) for name, value in measure().items()}
                print(f"{phase}: {time.monotonic() - begun:.0f} s", flush=True)
        return self.report(figures, skipped)

    def report(self, figures: Figures, skipped: Sequence[str] = ()) -> int:
        """Print the figures beside their goals and write them; returns 1 when a goal is missed."""
        for name, value in figures.items():
            print(f"  {name:<40} {value:>10.3f}{self._verdict(name, value)}")
        if skipped:
            print(f"skipped: {', '.join(skipped)}; what is written holds only what was measured")
        FOLDER.mkdir(parents=True, exist_ok=True)
        written = {**figures, "reference": self.reference, "machine": _machine()}
        (FOLDER / f"{self.name}.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
        return int(any(self._missed(name, value) for name, value in figures.items()))

    def _missed(self, name: str, value: float) -> bool:
        return value > self.goals.get(name, value) or value < self.least.get(name, value)

    def _verdict(self, name: str, value: float) -> str:
        verdict = "MISSED" if self._missed(name, value) else "ok"
        if name in self.goals:
            return f"  goal <= {self.goals[name]:g}  {verdict}"
        return f"  goal >= {self.least[name]:g}  {verdict}" if name in self.least else ""


def _leave(number: int, frame: object) -> NoReturn:
    del frame
    raise SystemExit(128 + number)


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"
