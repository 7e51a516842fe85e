"""The work queue: which objects wait to be looked at.

Invariants: a key waits at most once; one key is never worked on twice at the same time (what is added meanwhile
waits until it is done); first come, first served; of several appointments of a key the earliest stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from mlwright.plan.resources import Key

FIRST_DELAY: Final = 0.2
"""Seconds before the first repetition after a failure; doubled each time."""
LAST_DELAY: Final = 60.0
"""Seconds between repetitions at most: what has been mended is noticed within a minute."""
AT_ONCE: Final = 5
"""Repetitions in a row without any delay, for conflicts that a second look settles."""


class WorkQueue:
    """Hands keys to workers. All methods belong to the thread of the event loop."""

    def __init__(self, random: Random, waited: Callable[[float], None] = lambda _: None) -> None:
        self._random = random
        self._waited = waited
        """Is told how many seconds each key waited for a worker."""
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[Key | None] = asyncio.Queue()
        self._since: dict[Key, float] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._appointments: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._stopped = False

    def __len__(self) -> int:
        return len(self._since)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is worked on; appointments do not count."""
        return not self._since and not self._working

    def add(self, key: Key) -> None:
        """Let a key be looked at as soon as possible."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._since and not self._stopped:
            self._since[key] = self._loop.time()
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Let a key be looked at after some seconds, or earlier if it is asked for earlier."""
        due = self._loop.time() + max(0.0, seconds)
        known = self._appointments.get(key)
        if self._stopped or (known is not None and known.when() <= due):
            return
        if known is not None:
            known.cancel()
        self._appointments[key] = self._loop.call_at(due, self._keep_appointment, key)

    def _keep_appointment(self, key: Key) -> None:
        del self._appointments[key]
        self.add(key)

    def retry(self, key: Key, *, at_once: bool = False, at_least: float = 0.0) -> None:
        """Let a key that failed be looked at again: at once if that may help, else after a growing delay."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        if at_once and failures <= AT_ONCE:
            self.add(key)
            return
        delay = min(LAST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 30))
        self.add_after(key, max(at_least, delay * self._random.uniform(0.5, 1.0)))

    def forgive(self, key: Key) -> None:
        """Forget the failures of a key that succeeded."""
        self._failures.pop(key, None)

    async def get(self) -> Key | None:
        """Wait for the next key; None when the queue is stopped. Every key must be given back by `done`."""
        key = await self._ready.get()
        if key is None or self._stopped:
            self._ready.put_nowait(None)  # for the next worker
            return None
        self._waited(self._loop.time() - self._since.pop(key))
        self._working.add(key)
        appointment = self._appointments.pop(key, None)
        if appointment is not None:  # this look decides anew when to look again
            appointment.cancel()
        return key

    def done(self, key: Key) -> None:
        """Give a key back; it waits again if it was added meanwhile."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def stop(self) -> None:
        """Hand out no more keys. What is being worked on may end."""
        self._stopped = True
        for appointment in self._appointments.values():
            appointment.cancel()
        self._appointments.clear()
        self._ready.put_nowait(None)
