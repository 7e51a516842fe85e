"""A leader that was stalled: it decides on what it saw then, and writes into the world as it is now.

What keeps it from harm is what its writes carry: names that lock, uids, and the versions that were seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from mlwright.controller.kinds import RECONCILERS
from mlwright.plan.resources import Body
from mlwright.plan.writes import Apply, Create, Write
from tests.support.replay.actors import Actors
from tests.support.replay.invariants import watch
from tests.support.replay.moments import Rests, comparable
from tests.support.replay.operator import SETTINGS, Operator
from tests.support.replay.story import Story, copy_of, difference
from tests.support.replay.world import AliasTaken, NameTaken, Refusal, World


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of all the leaders that woke up late."""

    views: int
    writes: int
    divergences: list[str]


def stalled_leaders(story: Story) -> Replayed:
    """Play a story; then let a leader wake up for every moment of it, and compare where the world rests."""
    views, operator = _views(story)
    rest, writes, found = comparable(operator.world), 0, []
    rests = Rests(operator.world.now + timedelta(minutes=1))
    for number, view in enumerate(views):
        after = Operator(operator.world.fork(), Actors(copy_of(operator.actors.around)))
        watch(after)
        writes += sum(1 for _ in _wake(view, after.world))
        if (now := rests.after(after)) != rest:
            found.append(f"view {number} of {len(views)}: {difference(rest, now)}")
    return Replayed(len(views), writes, found)


def _views(story: Story) -> tuple[list[World], Operator]:
    views: list[World] = []
    operator = Operator(World(), Actors(copy_of(story.around)))
    for act in story.acts:
        act.do(operator.world, operator.actors.around)
        operator.settle(act.within, each_round=lambda: views.append(operator.world.fork()))
    return views, operator


def _wake(view: World, world: World) -> Iterator[Write]:
    """Decide on a view of the past and write into the present; return the writes that were sent."""
    for reconciler in RECONCILERS:
        for body in view.all(reconciler.kind.name):
            live = world.objects.get(reconciler.kind.name, {}).get(body["metadata"]["name"])
            if live is None or live["metadata"]["uid"] != body["metadata"]["uid"]:
                continue
            plan = reconciler.plan(reconciler.gather(body, view), SETTINGS, world.now)
            try:
                for write in view.needed((*plan.records, *plan.writes), body):
                    yield write
                    world.perform(_as_sent(write, view, world), live)
            except (Refusal, NameTaken, AliasTaken):
                continue


def _as_sent(write: Write, view: World, world: World) -> Write:
    """Refuse what the API server would: a name that is taken, and an apply to what is not as it was seen."""
    if not isinstance(write, Create | Apply):
        return write
    seen, live = (_named(write.body, where) for where in (view, world))
    if seen is None and live is not None:
        raise Refusal("it appeared meanwhile")
    if seen is not None and (
        live is None or live["metadata"]["resourceVersion"] != seen["metadata"]["resourceVersion"]
    ):
        raise Refusal("it changed meanwhile")
    return write


def _named(body: Body, where: World) -> Body | None:
    return where.objects.get(body["kind"], {}).get(body["metadata"]["name"])
