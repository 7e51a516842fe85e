"""Places for messages that arrive over gRPC: who takes their time gives way to those that wait."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mlwright.server.admission import overloaded

# What a message may take of others' time to arrive, and what they wait at most: longer than that by which those that
# are silent give way.
ARRIVAL_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 3.0


class Room:
    """So many messages arrive at once, so many calls wait for that; used by the event loop alone."""

    def __init__(self, places: int, waiting: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._max_waiting = waiting
        self._waiting = 0
        self._unhurried: deque[tuple[asyncio.Timeout, float]] = deque()  # and since when, the oldest first

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place: as long as nobody waits for it, and then for ARRIVAL_SECONDS in all.

        Raises:
            RefusedError: (429) too many wait, or no place became free in WAIT_SECONDS, or this one had to be given up.
        """
        if self._places.locked():
            self._hurry_the_oldest()
        await self._wait()
        now = asyncio.get_running_loop().time()
        limit = asyncio.timeout_at(now + ARRIVAL_SECONDS if self._waiting else None)
        held = (limit, now)
        try:
            async with limit:
                if limit.when() is None:
                    self._unhurried.append(held)
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise overloaded("other messages wait, and this one did not arrive") from None
        finally:
            if held in self._unhurried:
                self._unhurried.remove(held)
            self._places.release()

    async def _wait(self) -> None:
        if self._waiting >= self._max_waiting and self._places.locked():
            raise overloaded("too many messages arrive")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise overloaded("the messages before this one take too long to arrive") from None
        finally:
            self._waiting -= 1

    def _hurry_the_oldest(self) -> None:
        if self._unhurried:
            limit, since = self._unhurried.popleft()
            limit.reschedule(max(asyncio.get_running_loop().time(), since + ARRIVAL_SECONDS))
