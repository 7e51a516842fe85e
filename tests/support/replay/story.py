"""Stories: what people do one after the other; and their repetition with a fault at each write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.invariants import watch
from tests.support.replay.moments import Rests, comparable, resumed
from tests.support.replay.operator import Fault, Mode, Operator
from tests.support.replay.world import World


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that people do, or that happens; then the world comes to rest."""

    name: str
    do: Callable[[World, Surroundings], Any]
    within: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The world at the beginning of an act, and the writes tried until then."""

    act: Act
    world: World
    around: Surroundings
    written: int
    ends: int
    """Writes tried until the act came to rest."""
    of_status: frozenset[int]
    """Which of its writes are of a status."""
    rest: str
    """The world then, in comparable form."""


@dataclass(slots=True)
class Story:
    """Acts in their order."""

    name: str
    acts: tuple[Act, ...]
    around: Surroundings = field(default_factory=Surroundings)

    def tell(self) -> tuple[Operator, list[Checkpoint]]:
        """Play the story without faults; return its end and where each act begins."""
        world = World()
        operator = Operator(world, Actors(copy_of(self.around)))
        watch(operator)
        points = []
        for act in self.acts:
            before, around, written = world.fork(), copy_of(operator.actors.around), operator.written
            act.do(world, operator.actors.around)
            operator.settle(act.within)
            of_status = frozenset(operator.of_status)
            points.append(Checkpoint(act, before, around, written, operator.written, of_status, comparable(world)))
        return operator, points


def copy_of(around: Surroundings) -> Surroundings:
    """Return surroundings that change on their own."""
    return replace(
        around,
        claims=set(around.claims),
        secrets=set(around.secrets),
        bad_images=set(around.bad_images),
        broken=set(around.broken),
        unsigned=set(around.unsigned),
        slow=set(around.slow),
        silent=set(around.silent),
        endless=set(around.endless),
        crashes=dict(around.crashes),
        lasts=dict(around.lasts),
    )


def divergences(points: list[Checkpoint], mode: Mode) -> Iterator[str]:
    """Repeat every act with a fault at each of its writes; return where the world then rests in another way.

    Every act begins in the world in which the fault-free story begins it: an act that ended alike goes on alike. A
    status is written at the version that was judged, so one that comes late or again has no effect.
    """
    for point in points:
        beginnings, rests = _rehearsed(point)
        for at in range(point.written + 1, point.ends + 1):
            if at in point.of_status and mode in {Mode.LATE, Mode.TWICE}:
                continue
            written, beginning = next(one for one in beginnings if one[0] < at)
            operator = resumed(beginning, Fault(mode, at), written)
            watch(operator)
            if (found := rests.after(operator)) != point.rest:
                yield f"{point.act.name}, write {at - point.written} {mode}: {difference(point.rest, found)}"


def _rehearsed(point: Checkpoint) -> tuple[list[tuple[int, bytes]], Rests]:
    """Repeat an act without a fault; return its moments, the last first, each with the writes tried until then."""
    operator = Operator(point.world.fork(), Actors(copy_of(point.around)), written=point.written)
    watch(operator)
    point.act.do(operator.world, operator.actors.around)
    rests = Rests(operator.world.now + point.act.within + timedelta(seconds=30))
    beginnings: list[tuple[int, bytes]] = []
    rests.after(operator, lambda now: beginnings.append((operator.written, now)))
    return beginnings[::-1], rests


def difference(one: str, other: str) -> str:
    """Return the lines that only one of two worlds has."""
    left, right = one.splitlines(), other.splitlines()
    gone = [f"- {line.strip()}" for line in left if line not in right]
    come = [f"+ {line.strip()}" for line in right if line not in left]
    return "; ".join([*gone, *come][:8])
