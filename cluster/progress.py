"""Short lines for the person who waits: what was done and how many seconds it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_WIDTH = 44


def say(line: str) -> None:
    """Print one indented line at once, also into a pipe."""
    print(f"  {line}", flush=True)


def warn(line: str) -> None:
    """Print one line about something that is odd but does not stop us."""
    print(f"  {line}", file=sys.stderr, flush=True)


@contextmanager
def stage(label: str, *, hint: str = "") -> Iterator[None]:
    """Time a stage and print ``label   seconds`` when it succeeded; ``hint`` is printed first."""
    if hint:
        say(f"{label}: {hint}")
    began = time.monotonic()
    yield
    say(f"{label:<{_WIDTH}}{time.monotonic() - began:7.1f} s")
