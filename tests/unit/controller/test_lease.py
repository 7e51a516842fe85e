"""The election: never two that act, under any delays, failures and stops."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.controller.lease import DEADLINE, DURATION, RETRY, Move, Sighting, claim, move, release
from mlwright.ports.leases import Record

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HELD = Record("other", 15, 3, "then", "7")

MOVES: dict[str, tuple[Sighting, float, Move]] = {
    "there is none": (Sighting(None, 0), 0.0, Move.TAKE),
    "it was given back": (Sighting(release(HELD), 0), 0.0, Move.TAKE),
    "somebody else holds it": (Sighting(HELD, 0), DURATION, Move.WAIT),
    "somebody else has not renewed for too long": (Sighting(HELD, 0), DURATION + 0.1, Move.TAKE),
    "somebody else asked for more time": (Sighting(replace(HELD, duration_seconds=60), 0), 59.0, Move.WAIT),
    "it is ours": (Sighting(replace(HELD, holder="me"), 0), 100.0, Move.RENEW),
}


@pytest.mark.parametrize("row", MOVES.values(), ids=MOVES.keys())
def test_the_move_follows_from_what_was_seen(row: tuple[Sighting, float, Move]) -> None:
    """Only one's own clock counts, from the moment of seeing."""
    sighting, now, expected = row

    assert move("me", sighting, now) is expected


def test_seeing_the_same_version_again_does_not_begin_the_wait_anew() -> None:
    """The wait ends although the Lease is read every two seconds."""
    sighting = Sighting(HELD, 5.0)

    assert sighting.then(HELD, 9.0).since == 5.0
    assert sighting.then(replace(HELD, version="8"), 9.0).since == 9.0


def test_taking_over_counts_the_change_of_holder() -> None:
    """People see how often it changed hands."""
    assert claim("me", HELD, NOW) == Record("me", 15, 4, "2026-01-02T00:00:00.000000Z", "7")


def test_renewing_changes_nothing_but_the_version() -> None:
    """The API server gives the new version."""
    mine = replace(HELD, holder="me")

    assert claim("me", mine, NOW) == mine


@dataclass
class Server:
    """The one Lease, which is written only at its current version."""

    record: Record | None = None
    versions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def write(self, record: Record) -> Record | None:
        """Take effect, or not when somebody was faster."""
        if record.version != (self.record.version if self.record else ""):
            return None
        self.record = replace(record, version=str(next(self.versions)))
        return self.record


@dataclass
class Candidate:
    """A replica with a clock of its own that runs as fast as all others but shows another time."""

    name: str
    offset: float
    sighting: Sighting = field(default_factory=Sighting)
    proven_until: float = float("-inf")
    """By the common clock, so that the test can compare."""
    dead: bool = False


class World:
    """Candidates take turns; every step of theirs may take arbitrarily long, fail, or take effect and seem to fail."""

    def __init__(self, random: Random, candidates: int) -> None:
        self.random = random
        self.now = 0.0
        self.server = Server()
        self.candidates = [Candidate(f"c{n}", random.uniform(-1e6, 1e6)) for n in range(candidates)]
        self.overlaps = 0
        self.terms = 0
        self._order = itertools.count()
        self._steps: list[tuple[float, int, Callable[[], None]]] = []
        for candidate in self.candidates:
            self.after(random.uniform(0, RETRY), lambda c=candidate: self.read(c))  # type: ignore[misc]

    def after(self, seconds: float, step: Callable[[], None]) -> None:
        """Let a step happen later."""
        heapq.heappush(self._steps, (self.now + seconds, next(self._order), step))

    def delay(self) -> float:
        """Mostly quick, sometimes longer than any limit."""
        return self.random.choice([0.01, 0.1, 1.0, self.random.uniform(0, 40)])

    def run(self, seconds: float) -> None:
        """Let time pass and count moments in which two act."""
        while self._steps and self.now < seconds:
            self.now, _, step = heapq.heappop(self._steps)
            step()
            acting = [c.name for c in self.candidates if self.now < c.proven_until]
            self.overlaps += len(acting) > 1

    def read(self, candidate: Candidate) -> None:
        """A read that is answered with what was true some time ago."""
        record, wait = self.server.record, self.delay()
        self.after(wait, lambda: self.seen(candidate, record))

    def seen(self, candidate: Candidate, record: Record | None) -> None:
        """The answer of a read arrives."""
        here = self.now + candidate.offset
        candidate.sighting = candidate.sighting.then(record, here)
        if move(candidate.name, candidate.sighting, here) is Move.WAIT:
            self.after(RETRY, lambda: self.read(candidate))
        else:
            self.write(candidate)

    def write(self, candidate: Candidate) -> None:
        """A write sets out."""
        begun, wanted = self.now, claim(candidate.name, candidate.sighting.record, NOW)
        arrives, returns = self.delay(), self.delay()
        if self.random.random() < 0.1:  # lost on the way there
            self.after(arrives + returns, lambda: self.failed(candidate))
            return
        self.after(arrives, lambda: self.arrived(candidate, wanted, begun, returns))

    def arrived(self, candidate: Candidate, wanted: Record, begun: float, returns: float) -> None:
        """A write takes effect, and its answer sets out."""
        written = self.server.write(wanted)
        if written is None or self.random.random() < 0.1:  # refused, or lost on the way back
            self.after(returns, lambda: self.failed(candidate))
        else:
            self.after(returns, lambda: self.written(candidate, written, begun))

    def failed(self, candidate: Candidate) -> None:
        """Nothing is known; look again."""
        self.after(RETRY, lambda: self.read(candidate))

    def written(self, candidate: Candidate, record: Record, begun: float) -> None:
        """The answer of a write arrives: a proof, counted from when the write set out."""
        candidate.sighting = candidate.sighting.then(record, self.now + candidate.offset)
        self.terms += self.now >= candidate.proven_until
        candidate.proven_until = begun + DEADLINE
        if self.random.random() < 0.05:
            self.gives_back(candidate, record)
        elif self.random.random() < 0.05:
            candidate.dead = True  # killed: it never comes back, and its proof runs out
        else:
            self.after(RETRY, lambda: self.write(candidate))

    def gives_back(self, candidate: Candidate, record: Record) -> None:
        """Stop acting, then give the Lease back."""
        candidate.proven_until = float("-inf")
        self.after(self.delay(), lambda: self.server.write(release(record)))  # type: ignore[arg-type]
        self.after(RETRY * 3, lambda: self.read(candidate))


@settings(max_examples=20)  # each simulates ten minutes
@given(st.integers(0, 2**32))
def test_never_do_two_act_at_the_same_time(seed: int) -> None:
    """Delays beyond every limit, lost answers, kills and give-backs notwithstanding."""
    world = World(Random(seed), candidates=3)  # noqa: S311  # seeded

    world.run(600)

    assert world.overlaps == 0


def test_the_simulation_elects_at_all() -> None:
    """The property above would hold for an election that elects nobody."""
    worlds = [World(Random(seed), candidates=3) for seed in range(20)]  # noqa: S311  # seeded
    for world in worlds:
        world.run(600)

    assert sum(world.terms for world in worlds) > 40


class Hasty(World):
    """Candidates that believe to have waited as soon as they see the Lease."""

    def seen(self, candidate: Candidate, record: Record | None) -> None:
        """Pretend that this version has been known for long."""
        candidate.sighting = Sighting(record, self.now + candidate.offset - DURATION - 1.0)
        super().seen(candidate, record)


def test_a_rule_without_the_wait_would_be_found() -> None:
    """The simulation has teeth: when nobody waits, two act at once."""
    worlds = [Hasty(Random(seed), candidates=3) for seed in range(50)]  # noqa: S311  # seeded
    for world in worlds:
        world.run(300)

    assert sum(world.overlaps for world in worlds) > 0
