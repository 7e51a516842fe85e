"""Places for messages that arrive over gRPC: who takes their time gives way to those that wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mlwright.server.admission import overloaded

# How long a call waits before a message gives way to it, what a message that does may take in all, and what a call
# waits at most: longer than the two together.
PATIENCE_SECONDS: Final = 0.5
ARRIVAL_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 3.0


class Room:
    """So many messages arrive at once, so many calls wait for that; used by the event loop alone.

    Nobody knows whether a message that does not come to its end is silent or large. So at most half of those that
    arrive give way at a time: the others come to their end, were the link to all of them slow.
    """

    def __init__(self, places: int, waiting: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._max_waiting = waiting
        self._max_hurried = max(1, places // 2)
        self._waiting = 0
        self._unhurried: dict[asyncio.Timeout, float] = {}  # since when, the oldest first
        self._hurried: dict[asyncio.Timeout, float] = {}

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place: as long as nobody waits for it, and then perhaps for ARRIVAL_SECONDS in all.

        Raises:
            RefusedError: (429) too many wait, or no place became free in WAIT_SECONDS, or this one had to be given up.
        """
        await self._wait()
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._take(limit)
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise overloaded("other messages wait, and this one did not arrive") from None
        finally:
            self._unhurried.pop(limit, None)
            self._hurried.pop(limit, None)
            self._places.release()

    async def _wait(self) -> None:
        if not self._places.locked():
            await self._places.acquire()  # at once
            return
        if self._waiting >= self._max_waiting:
            self._hurry_the_oldest()
            raise overloaded("too many messages arrive")
        impatient = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._hurry_the_oldest)
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise overloaded("the messages before this one take too long to arrive") from None
        finally:
            impatient.cancel()
            self._waiting -= 1
            if not self._waiting:
                self._hurry_nobody()

    def _take(self, limit: asyncio.Timeout) -> None:
        """Know a message that arrives; one for whose place another waits already gives way, not those before it."""
        self._unhurried[limit] = asyncio.get_running_loop().time()
        if self._waiting:
            self._hurry(limit)

    def _hurry_the_oldest(self) -> None:
        if self._unhurried:
            self._hurry(next(iter(self._unhurried)))

    def _hurry(self, limit: asyncio.Timeout) -> None:
        if len(self._hurried) < self._max_hurried:
            since = self._hurried[limit] = self._unhurried.pop(limit)
            limit.reschedule(max(asyncio.get_running_loop().time(), since + ARRIVAL_SECONDS))

    def _hurry_nobody(self) -> None:
        """Let all take their time again, except who has been told already to go."""
        for limit in [limit for limit in self._hurried if not limit.expired()]:
            limit.reschedule(None)
            self._unhurried[limit] = self._hurried.pop(limit)
        self._unhurried = dict(sorted(self._unhurried.items(), key=lambda held: held[1]))
