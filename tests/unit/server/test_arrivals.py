"""Messages that arrive at once: so many, and none for long while others wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest

from mlwright.server.arrivals import ARRIVAL_SECONDS, PATIENCE_SECONDS, WAIT_SECONDS, Room
from mlwright.server.problems import RefusedError
from tests.support.virtual_time import virtually

PLACES = 2
LONG = 60.0
"""Seconds of a message that does not come to its end."""
LARGE = 8.0
"""Seconds of one that does, when it is let."""


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


def test_a_slow_message_may_take_its_time_while_nobody_waits() -> None:
    """A client far away with a large message harms nobody."""
    assert virtually(arrive(Room(PLACES, 9), LONG)) == "arrived"


def test_the_oldest_gives_way_to_who_waits() -> None:
    """One place is asked for, so one is given up, and the other message comes to its end."""

    async def story() -> list[str]:
        room = Room(PLACES, 9)
        slow = await begun(arrive(room, LONG), arrive(room, LARGE))
        return [await arrive(room, 0), *await asyncio.gather(*slow)]

    assert virtually(story()) == [
        "arrived",
        "429: overloaded: other messages wait, and this one did not arrive; try again shortly",
        "arrived",
    ]


def test_many_that_come_at_once_are_all_taken_in() -> None:
    """A burst of messages that are here already is no overload."""

    async def story() -> list[str]:
        room = Room(PLACES, 60)
        return await asyncio.gather(*(arrive(room, 0) for _ in range(60)))

    assert Counter(virtually(story())) == {"arrived": 60}


def test_nobody_waits_for_long() -> None:
    """Behind more silent ones than give way in time, a call is told to come back."""

    async def story() -> tuple[str, float]:
        loop, room = asyncio.get_running_loop(), Room(PLACES, 60)
        await begun(*(arrive(room, LONG) for _ in range(12)))
        since = loop.time()
        return await arrive(room, 0), loop.time() - since

    end, waited = virtually(story())

    assert "the messages before this one take too long to arrive" in end
    assert waited == WAIT_SECONDS


def test_half_of_those_that_are_slow_come_to_their_end() -> None:
    """Large messages share a link, and more calls come all the time: some arrive, not all of them a part."""

    async def story() -> list[str]:
        room = Room(4, 60)
        slow = await begun(*(arrive(room, LARGE) for _ in range(4)))
        await begun(*(arrive(room, LONG) for _ in range(8)))
        return await asyncio.gather(*slow)

    assert [end.partition(":")[0] for end in virtually(story())] == ["429", "429", "arrived", "arrived"]


def test_who_was_hurried_takes_its_time_when_nobody_waits_any_more() -> None:
    """The one that waited found another place."""

    async def story() -> list[str]:
        room = Room(PLACES, 9)
        soon = (PATIENCE_SECONDS + ARRIVAL_SECONDS) / 2
        slow = await begun(arrive(room, LARGE), arrive(room, soon))
        return [await arrive(room, 0), *await asyncio.gather(*slow)]

    assert virtually(story()) == ["arrived"] * 3


def test_one_too_many_is_refused_at_once_and_finds_a_place_soon() -> None:
    """Where none may wait, who is refused is one for whom a silent one gives way all the same."""

    async def story() -> list[str]:
        room = Room(PLACES, 0)
        await begun(arrive(room, LONG), arrive(room, LONG))
        refused = await arrive(room, 0)
        await asyncio.sleep(ARRIVAL_SECONDS + 0.1)
        return [refused, await arrive(room, 0)]

    assert virtually(story()) == ["429: overloaded: too many messages arrive; try again shortly", "arrived"]


def test_who_finds_a_place_at_once_costs_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly every message does."""

    async def story() -> list[float]:
        loop, timers, room = asyncio.get_running_loop(), list[float](), Room(PLACES, 9)
        call_at = loop.call_at

        def told(when: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
            timers.append(when)
            return call_at(when, *rest, **more)

        monkeypatch.setattr(loop, "call_at", told)
        async with room.place():
            pass
        return timers

    assert virtually(story()) == []
