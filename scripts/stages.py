"""Run make targets one after the other and say how long each took.

The first target prepares the ground: when it fails nothing else is tried. Any other failure lets the rest run, so
that one run shows everything that is broken. The exit code is 0 only when every stage passed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a stage ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Stage:
    """One finished make target, its wall time in seconds."""

    name: str
    outcome: Outcome
    seconds: float


def run(target: str) -> Stage:
    """Run one make target with its output passed through."""
    print(f"\n=== {target} ===", flush=True)
    started = time.monotonic()
    code = subprocess.run(["make", target], check=False).returncode
    seconds = time.monotonic() - started
    outcome = Outcome.PASSED if code == 0 else Outcome.FAILED
    print(f"--- {target} {outcome} {seconds:.1f} s", flush=True)
    return Stage(target, outcome, seconds)


def run_all(targets: list[str]) -> list[Stage]:
    """Run the targets in order; only a failure of the first one stops the rest."""
    first = run(targets[0])
    if first.outcome is Outcome.FAILED:
        return [first, *(Stage(name, Outcome.NOT_RUN, 0.0) for name in targets[1:])]
    return [first, *map(run, targets[1:])]


def report(stages: list[Stage]) -> str:
    """Return the closing table; its last line counts what passed and names what did not."""
    width = max(len(stage.name) for stage in stages)
    rows = [f"  {stage.name:<{width}}  {stage.outcome:<7}  {stage.seconds:8.1f} s" for stage in stages]
    total = sum(stage.seconds for stage in stages)
    bad = [stage.name for stage in stages if stage.outcome is not Outcome.PASSED]
    closing = [f"did not pass: {', '.join(bad)}"] if bad else []
    count = f"stages: {len(stages) - len(bad)} passed, {len(bad)} failed"
    return "\n".join(["", *rows, f"  {'total':<{width}}  {'':<7}  {total:8.1f} s", *closing, count])


def main(targets: list[str]) -> int:
    """Run the named targets; returns the exit code."""
    if not targets:
        print("usage: stages.py TARGET...", file=sys.stderr)
        return 2
    stages = run_all(targets)
    print(report(stages), flush=True)
    return int(any(stage.outcome is not Outcome.PASSED for stage in stages))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
