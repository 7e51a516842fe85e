"""Tells Kubernetes Events in the background, one at a time and after what matters more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from mlwright.errors import ClusterError
from mlwright.ports.events import Events, Notice

CAPACITY: Final = 1000
"""Events that may wait; further ones are dropped and counted. They are news, and old news is none."""
PATIENCE: Final = 0.05
"""Seconds between looks at whether the workers still have something to do."""
LONGEST: Final = 1.0
"""Seconds that one Event waits for the workers at most."""

logger = logging.getLogger(__name__)


class Announcer:
    """A bounded queue of Events and the task that tells them."""

    def __init__(self, events: Events, idle: Callable[[], bool], dropped: Callable[[], None]) -> None:
        self._events = events
        self._idle = idle
        self._dropped = dropped
        self._queue: asyncio.Queue[Notice] = asyncio.Queue(CAPACITY)

    def tell(self, notice: Notice) -> None:
        """Let an Event be told soon."""
        try:
            self._queue.put_nowait(notice)
        except asyncio.QueueFull:
            self._dropped()

    async def run(self) -> None:
        """Tell Events for ever."""
        while True:
            notice = await self._queue.get()
            await self._let_work_pass()
            await self._tell(notice)

    async def flush(self, seconds: float) -> None:
        """Tell what is left, as far as time allows."""
        try:
            async with asyncio.timeout(seconds):
                while not self._queue.empty():
                    await self._tell(self._queue.get_nowait())
        except TimeoutError:
            logger.info("events left untold", extra={"number": self._queue.qsize()})

    async def _let_work_pass(self) -> None:
        waited = 0.0
        while not self._idle() and waited < LONGEST:
            await asyncio.sleep(PATIENCE)
            waited += PATIENCE

    async def _tell(self, notice: Notice) -> None:
        try:
            await self._events.tell(notice)
        except ClusterError as error:
            self._dropped()
            logger.debug("event not told", extra={"error": str(error)})
