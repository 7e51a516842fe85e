"""Messages that arrive at once: so many, and none for long while others wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest

from mlwright.server import arrivals
from mlwright.server.arrivals import Room
from mlwright.server.problems import RefusedError

PLACES = 2


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give silent messages and those that wait less time."""
    monkeypatch.setattr(arrivals, "PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(arrivals, "ARRIVAL_SECONDS", 0.05)
    monkeypatch.setattr(arrivals, "WAIT_SECONDS", 0.12)


async def arrive(room: Room, seconds: float) -> str:
    """Return how a message ends that takes so long."""
    try:
        async with room.place():
            await asyncio.sleep(seconds)
    except RefusedError as refusal:
        return f"{refusal.status}: {refusal}"
    return "arrived"


async def begun(*messages: Coroutine[Any, Any, str]) -> list[asyncio.Task[str]]:
    """Return messages that have begun, in this order."""
    tasks = [asyncio.create_task(message) for message in messages]
    await asyncio.sleep(0)
    return tasks


async def test_a_slow_message_may_take_its_time_while_nobody_waits() -> None:
    """A client far away with a large message harms nobody."""
    assert await arrive(Room(PLACES, 9), 0.2) == "arrived"


async def test_the_oldest_gives_way_to_who_waits() -> None:
    """One place is asked for, so one is given up, and the other message comes to its end."""
    room = Room(PLACES, 9)
    oldest, other = await begun(arrive(room, 9), arrive(room, 0.2))

    assert await arrive(room, 0) == "arrived"
    assert await oldest == "429: overloaded: other messages wait, and this one did not arrive; try again shortly"
    assert await other == "arrived"


async def test_many_that_come_at_once_are_all_taken_in() -> None:
    """A burst of messages that are here already is no overload."""
    room = Room(PLACES, 60)

    ends = Counter(await asyncio.gather(*(arrive(room, 0) for _ in range(60))))

    assert ends == {"arrived": 60}


async def test_nobody_waits_for_long() -> None:
    """Behind more silent ones than give way in time, a call is told to come back."""
    room = Room(PLACES, 60)
    silent = await begun(*(arrive(room, 9) for _ in range(12)))

    assert "the messages before this one take too long to arrive" in await arrive(room, 0)
    for task in silent:
        task.cancel()


async def test_half_of_those_that_are_slow_come_to_their_end() -> None:
    """Large messages share a link, and more calls come all the time: some arrive, not all of them a part."""
    room = Room(4, 60)
    slow = await begun(*(arrive(room, 0.2) for _ in range(4)))
    more = await begun(*(arrive(room, 9) for _ in range(8)))

    ends = [end.partition(":")[0] for end in await asyncio.gather(*slow)]
    for task in more:
        task.cancel()

    assert ends == ["429", "429", "arrived", "arrived"]


async def test_who_was_hurried_takes_its_time_when_nobody_waits_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that waited found another place."""
    monkeypatch.setattr(arrivals, "ARRIVAL_SECONDS", 0.5)
    monkeypatch.setattr(arrivals, "WAIT_SECONDS", 5.0)
    room = Room(PLACES, 9)
    oldest, other = await begun(arrive(room, 0.7), arrive(room, 0.1))

    assert await arrive(room, 0) == "arrived"
    assert await other == "arrived"
    assert await oldest == "arrived"


async def test_one_too_many_is_refused_at_once_and_finds_a_place_soon() -> None:
    """Where none may wait, who is refused is one for whom a silent one gives way all the same."""
    room = Room(PLACES, 0)
    await begun(arrive(room, 9), arrive(room, 9))

    refused = await arrive(room, 0)
    await asyncio.sleep(0.06)

    assert refused == "429: overloaded: too many messages arrive; try again shortly"
    assert await arrive(room, 0) == "arrived"
