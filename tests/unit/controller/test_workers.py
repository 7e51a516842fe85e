"""How a look ends decides when the next one is."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, cast

import pytest

from mlwright.controller import workers
from mlwright.controller.cycle import Cycle, Outcome, Result
from mlwright.controller.metrics import Metrics
from mlwright.controller.queue import WorkQueue
from mlwright.plan.resources import Key
from tests.support.virtual_time import virtually

KEY = Key("Model", "demo", "m")


class Asked:
    """Stands for a queue and notes what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self.calls.append((name, *args[1:], *options.values()))


OUTCOMES: dict[str, tuple[Outcome, list[Any]]] = {
    "done": (Outcome(Result.DONE), [("forgive",)]),
    "done for now": (Outcome(Result.DONE, 5.0), [("forgive",), ("add_after", 5.0)]),
    "done but for its status": (Outcome(Result.DONE, retells=True), [("forgive",), ("retell", 0.0)]),
    "gone": (Outcome(Result.GONE), [("forgive",)]),
    "an impossible spec waits for its author": (Outcome(Result.INVALID), [("forgive",)]),
    "the world moved on": (Outcome(Result.SUPERSEDED), [("retry", True, 0.0)]),
    "the server is busy": (Outcome(Result.UNAVAILABLE, 7.0), [("retry", False, 7.0)]),
    "refused": (Outcome(Result.REFUSED), [("retry", False, 0.0)]),
    "a taken name": (Outcome(Result.NAME_CONFLICT), [("retry", False, 0.0)]),
    "a defect": (Outcome(Result.ERROR), [("retry", False, 0.0)]),
}


@pytest.mark.parametrize("row", OUTCOMES.values(), ids=OUTCOMES.keys())
def test_the_next_look_follows_from_the_outcome(row: tuple[Outcome, list[Any]]) -> None:
    """Nothing that failed is forgotten, and nothing that is settled is repeated."""
    outcome, expected = row
    asked = Asked()

    workers.schedule(cast("WorkQueue", asked), KEY, outcome)

    assert asked.calls == expected


class Slow:
    """A cycle whose looks take a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.finished: list[Key] = []

    async def look(self, key: Key) -> Outcome:
        """Look slowly."""
        await asyncio.sleep(self.seconds)
        self.finished.append(key)
        return Outcome(Result.DONE)


@pytest.mark.parametrize("seconds, finished", [(3.0, [KEY]), (100.0, [])], ids=["short", "long"])
def test_a_stop_lets_looks_finish_that_are_short(seconds: float, finished: list[Key]) -> None:
    """What needs longer than the grace is ended; its writes are safe to be cut off."""

    async def story() -> tuple[list[Key], float]:
        loop, queue, cycle = asyncio.get_running_loop(), WorkQueue(Random(1)), Slow(seconds)  # noqa: S311  # seeded
        tasks = [asyncio.create_task(workers.work(queue, cast("Cycle", cycle), Metrics()))]
        queue.add(KEY)
        await asyncio.sleep(0.1)
        begun = loop.time()
        await workers.stop(queue, tasks, 6.0)
        return cycle.finished, loop.time() - begun

    done, took = virtually(story())

    assert done == finished
    assert took <= 6.0


class Settled:
    """A cycle of which every look finds that nothing is to do."""

    def __init__(self) -> None:
        self.looks = 0

    async def look(self, _key: Key) -> Outcome:
        """Look without asking anybody."""
        self.looks += 1
        return Outcome(Result.DONE)


def test_looks_that_ask_nobody_leave_room_for_others() -> None:
    """Thousands of them after a restart or a resync must not keep the leader from renewing its Lease."""

    async def story() -> list[int]:
        queue, cycle, seen = WorkQueue(Random(1)), Settled(), []  # noqa: S311  # seeded
        for number in range(100):
            queue.add(Key("Model", "demo", f"m{number}"))
        tasks = [asyncio.create_task(workers.work(queue, cast("Cycle", cycle), Metrics()))]
        while cycle.looks < 100:
            await asyncio.sleep(0)
            seen.append(cycle.looks)
        await workers.stop(queue, tasks, 6.0)
        return seen

    assert virtually(story())[:5] == [1, 2, 3, 4, 5]
