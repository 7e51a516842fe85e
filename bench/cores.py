"""Who has which core, and what CPU time other processes spend.

CPU time is read from the kernel's clock of each process, which counts in nanoseconds. The figures in /proc/PID/stat are
cut off to hundredths of a second, twice: of half a second they may lack a twenty-fifth part.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
        self._pid = pid
        self._family = frozenset(_family(pid))
        self._before = self._now()

    @property
    def seconds(self) -> float:
        """What those have spent that were there when this was made; cheap enough to be asked after each request.

        Raises:
            SystemExit: One of them has ended.
        """
        try:
            return (self._now() - self._before) / 1e9
        except OSError:
            self.check()
            raise

    def check(self) -> None:
        """Look, when all is measured, whether there was anybody else.

        Raises:
            SystemExit: There are other processes than at the beginning, and what these spent is not known.
        """
        family = frozenset(_family(self._pid))
        if family != self._family:
            more, fewer = len(family - self._family), len(self._family - family)
            raise SystemExit(
                f"processes of {self._pid} started or ended while it was measured: {more} more, {fewer} fewer; what"
                " these spent is not known, and the figure would mean nothing: measure again when all have started"
            )

    def _now(self) -> int:
        clocks = ((~one << 3) | _OF_PROCESS for one in self._family)  # as clock_getcpuclockid(3) makes them
        return sum(time.clock_gettime_ns(clock) for clock in clocks)


def _family(pid: int) -> Iterator[int]:
    """A process and its children, and theirs; of those that end while this looks only some."""
    with suppress(FileNotFoundError, ProcessLookupError):
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        yield pid
        for thread in threads:
            with suppress(FileNotFoundError, ProcessLookupError):
                for child in (thread / "children").read_text().split():
                    yield from _family(int(child))
