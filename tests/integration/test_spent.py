"""What benchmarks read of the CPU time of other processes: of all of them, or nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.cores import Spent

FAMILY = """
import subprocess, sys
children = []
print("ready", flush=True)
for line in sys.stdin:
    if line == "start\\n":
        children.append(subprocess.Popen(["sleep", "60"]))
    elif line == "end\\n":
        child = children.pop()
        child.kill()
        child.wait()
    else:
        sum(range(3_000_000))
    print("done", flush=True)
"""


class Family:
    """A process that starts and ends children when it is told."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._heard()

    def tell(self, word: str) -> None:
        """Let it do something; it is done."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        self._heard()

    def _heard(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline()


@pytest.fixture
def family() -> Iterator[Family]:
    """One with a child."""
    found = Family()
    found.tell("start")
    yield found
    found.tell("end")
    with found.process:
        found.process.kill()


def test_what_a_family_spends_that_stays_as_it_is_is_told(family: Family) -> None:
    """Its work takes CPU time."""
    spent = Spent(family.process.pid)

    family.tell("work")
    spent.check()

    assert spent.seconds > 0


def test_a_child_that_starts_meanwhile_makes_the_figure_none(family: Family) -> None:
    """What it spends would be missing."""
    spent = Spent(family.process.pid)
    family.tell("start")

    with pytest.raises(SystemExit, match="started or ended while it was measured: 1 more, 0 fewer"):
        spent.check()

    family.tell("end")


def test_a_child_that_ends_meanwhile_makes_the_figure_none(family: Family) -> None:
    """What it has spent is not known any more."""
    spent = Spent(family.process.pid)
    family.tell("end")

    with pytest.raises(SystemExit, match="started or ended while it was measured: 0 more, 1 fewer"):
        _ = spent.seconds

    family.tell("start")
