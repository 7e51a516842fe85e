"""Asks the store of metrics how rows fell into bins, once a span of time is over, and wakes the monitor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from mlwright.controller.tallies import Tallies
from mlwright.errors import MetricsError
from mlwright.plan.drift_counts import Tallied, Wanted
from mlwright.plan.measuring import Series
from mlwright.plan.resources import Key
from mlwright.planners.drift_counts import counted, names_of, profile_of, questions, surfaces_of
from mlwright.ports.clock import Clock
from mlwright.ports.metrics import NO_STORE, MetricsStore

TICK: Final = 1.0
SETTLE: Final = 10.0
"""Seconds after which what was scraped before the end of a span can be asked for."""
AGAIN: Final = 30.0
"""Seconds after which what failed is tried again."""


class DriftMeter:
    """Counts for one term of leading."""

    def __init__(self, store: MetricsStore | None, clock: Clock, tallies: Tallies, wake: Callable[[Key], None]) -> None:
        self._store = store
        self._clock = clock
        self._tallies = tallies
        self._wake = wake
        self._tried: dict[Key, tuple[tuple[str, float, float], float]] = {}

    async def run(self) -> None:
        """Count what is wanted, for ever; one monitor after the other, for none is in a hurry."""
        while True:
            await self.round()
            await asyncio.sleep(TICK)

    async def round(self) -> None:
        """Count what is due."""
        due = [(key, wanted) for key, wanted in self._tallies.open if self._is_due(key, wanted)]
        for key, wanted in due:
            self._tried[key] = wanted.span, self._clock.monotonic()
            if self._tallies.remember(key, await self._tallied(wanted)):
                self._wake(key)
        self._tried = {key: tried for key, tried in self._tried.items() if key in dict(self._tallies.open)}

    def _is_due(self, key: Key, wanted: Wanted) -> bool:
        span, at = self._tried.get(key, (None, 0.0))
        if span == wanted.span and self._clock.monotonic() - at < AGAIN:
            return False
        return self._clock.now().timestamp() >= wanted.until + SETTLE

    async def _tallied(self, wanted: Wanted) -> Tallied:
        if self._store is None:
            return Tallied(wanted, trouble=NO_STORE)
        try:
            return await self._asked(self._store, wanted)
        except MetricsError as error:
            return Tallied(wanted, trouble=str(error))

    async def _asked(self, store: MetricsStore, wanted: Wanted) -> Tallied:
        now = self._clock.now().timestamp()
        told: Sequence[Series] = ()
        if not wanted.known:
            told = await store.samples(profile_of(wanted, now), now)
        reference = surfaces_of(wanted, told)
        found: list[Series] = []
        for question in questions(wanted, wanted.known or reference):
            found.extend(await store.samples(question, wanted.until))
        return Tallied(wanted, reference, counted(wanted, found), names=names_of(wanted, told))
