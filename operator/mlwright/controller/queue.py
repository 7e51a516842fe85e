"""The work queue: which objects wait to be looked at.

Invariants: a key waits at most once; one key is never worked on twice at the same time (what is added meanwhile
waits until it is done); of several appointments of a key the earliest stands. First come, first served, in two lanes:
looks that act, and looks that only retell what was done, which let those go ahead that come up to `HEAD_START` seconds
after them. So of a thousand runs that are started at once each gets its Job before the others' statuses are told, and
nobody waits for ever.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from random import Random
from typing import Final

from mlwright.plan.resources import Key

FIRST_DELAY: Final = 0.2
"""Seconds before the first repetition after a failure; doubled each time."""
LAST_DELAY: Final = 60.0
"""Seconds between repetitions at most: what has been mended is noticed within a minute."""
LATER: Final = 0.2
"""Seconds after which those look who only retell: who gets on says several things within a moment. Up to half as much
is added by chance, so that what comes in step is not retold in step with what comes next."""
HEAD_START: Final = 5.0
"""Seconds by which a look that acts is ahead of one that retells."""
AT_ONCE: Final = 5
"""Repetitions in a row without any delay, for conflicts that a second look settles."""


class WorkQueue:
    """Hands keys to workers. All methods belong to the thread of the event loop."""

    def __init__(self, random: Random, waited: Callable[[float], None] = lambda _: None) -> None:
        self._random = random
        self._waited = waited
        """Is told how many seconds each key waited for a worker."""
        self._loop = asyncio.get_running_loop()
        self._waiting = asyncio.Semaphore(0)
        self._acting: OrderedDict[Key, float] = OrderedDict()
        """Since when each key waits that acts."""
        self._retelling: OrderedDict[Key, float] = OrderedDict()
        """Since when each key waits that retells."""
        self._working: set[Key] = set()
        self._again: dict[Key, bool] = {}
        """What was added while it was worked on, and whether it only retells."""
        self._appointments: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._stopped = False

    def __len__(self) -> int:
        return len(self._acting) + len(self._retelling)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is worked on; appointments do not count."""
        return not len(self) and not self._working

    def add(self, key: Key) -> None:
        """Let a key be looked at as soon as possible."""
        self._add(key, retells=False)

    def retell(self, key: Key, seconds: float = LATER) -> None:
        """Let a key that has only something to retell be looked at after some seconds, behind those that act."""
        self._add_after(key, seconds * self._random.uniform(1.0, 1.5), retells=True)

    def _add(self, key: Key, *, retells: bool) -> None:
        if key in self._working:
            self._again[key] = retells and self._again.get(key, True)
        elif key in self._retelling:
            if not retells and self._loop.time() < self._retelling[key] + HEAD_START:
                del self._retelling[key]
                self._acting[key] = self._loop.time()
        elif key not in self._acting and not self._stopped:
            (self._retelling if retells else self._acting)[key] = self._loop.time()
            self._waiting.release()

    def add_after(self, key: Key, seconds: float) -> None:
        """Let a key be looked at after some seconds, or earlier if it is asked for earlier."""
        self._add_after(key, seconds, retells=False)

    def _add_after(self, key: Key, seconds: float, *, retells: bool) -> None:
        due = self._loop.time() + max(0.0, seconds)
        known = self._appointments.get(key)
        if self._stopped or (known is not None and known.when() <= due):
            return
        if known is not None:
            known.cancel()
        self._appointments[key] = self._loop.call_at(due, self._keep_appointment, key, retells)

    def _keep_appointment(self, key: Key, retells: bool) -> None:  # noqa: FBT001  # the loop passes no names
        del self._appointments[key]
        self._add(key, retells=retells)

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
        await self._waiting.acquire()
        if self._stopped:
            self._waiting.release()  # for the next worker
            return None
        key, since = self._first().popitem(last=False)
        self._waited(self._loop.time() - since)
        self._working.add(key)
        appointment = self._appointments.pop(key, None)
        if appointment is not None:  # this look decides anew when to look again
            appointment.cancel()
        return key

    def _first(self) -> OrderedDict[Key, float]:
        """Return the lane whose turn it is."""
        if not self._acting or not self._retelling:
            return self._acting or self._retelling
        acting, retelling = (next(iter(lane.values())) for lane in (self._acting, self._retelling))
        return self._acting if acting <= retelling + HEAD_START else self._retelling

    def done(self, key: Key) -> None:
        """Give a key back; it waits again if it was added meanwhile."""
        self._working.discard(key)
        if key in self._again:
            self._add(key, retells=self._again.pop(key))

    def stop(self) -> None:
        """Hand out no more keys. What is being worked on may end."""
        self._stopped = True
        for appointment in self._appointments.values():
            appointment.cancel()
        self._appointments.clear()
        self._waiting.release()
