"""Who has which core, and what CPU time other processes spend.

CPU time is read from the kernel's clock of each process, which counts in nanoseconds. The figures in /proc/PID/stat are
cut off to hundredths of a second, twice: of half a second they may lack a twenty-fifth part.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OF_PROCESS: Final = 2
"""CPUCLOCK_SCHED: the clock of all threads of a process, those that have ended as well."""


@contextmanager
def one_core() -> Iterator[int]:
    """Take a core for what is measured: who asks it, and all else that is started meanwhile, is on the others.

    Where there is only one core, they share it.
    """
    before = os.sched_getaffinity(0)
    first, *others = sorted(before)
    os.sched_setaffinity(0, others or before)
    try:
        yield first
    finally:
        os.sched_setaffinity(0, before)


def pin(pid: int, core: int) -> None:
    """Let all threads of a process run on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


class Spent:
    """CPU seconds, user and system, that a process and those it has started spend from now on."""

    def __init__(self, pid: int) -> None:
        self._clocks = [(~one << 3) | _OF_PROCESS for one in _family(pid)]  # as clock_getcpuclockid(3) makes them
        self._before = self._now()

    @property
    def seconds(self) -> float:
        """What they have spent since this was made."""
        return (self._now() - self._before) / 1e9

    def _now(self) -> int:
        return sum(time.clock_gettime_ns(clock) for clock in self._clocks)


def _family(pid: int) -> Iterator[int]:
    """A process and its children, and theirs."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from _family(int(child))
