"""The meter: asks the store of metrics for what plans want counted, and wakes the objects that wait for it.

What it holds can be forgotten: counts are in the store, and a new leader asks for all of them again. Only pods that are
gone are known here alone; what they counted is lost to a rollout that a new leader takes over.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mlwright.controller.cache import Cache
from mlwright.controller.known_pods import KnownPods
from mlwright.controller.reading import Reader
from mlwright.errors import MetricsError
from mlwright.plan.measuring import Measure, Measured
from mlwright.plan.resources import Key
from mlwright.planners.counting import recent
from mlwright.planners.minutes import COUNTED, before, chosen, minutes, pace, total
from mlwright.ports.clock import Clock
from mlwright.ports.metrics import MetricsStore
from mlwright.stats.guard import Noise

logger = logging.getLogger(__name__)

EVERY: Final = 10.0
"""Seconds between two questions about one object; a scrape every 15 s is the usual."""
TICK: Final = 0.5
ATTEMPTS: Final = 3
"""Failed readings of stable's history after which the rollout is judged without it."""


@dataclass(slots=True)
class _Asked:
    """What is known of the questions about one object."""

    phase: tuple[str, int, float]
    at: float = -math.inf
    pods: KnownPods = field(default_factory=KnownPods)
    noise: Noise | None = None
    unread: int = 0
    """How often stable's history could not be read."""
    pasts: Mapping[str, tuple[float, float]] | None = None


class Meter:
    """Measures for one term of leading."""

    def __init__(self, store: MetricsStore | None, clock: Clock, cache: Cache, wake: Callable[[Key], None]) -> None:
        self._reader = Reader(store, clock)
        self._clock = clock
        self._cache = cache
        self._wake = wake
        self._asked: dict[Key, _Asked] = {}

    async def run(self) -> None:
        """Measure what is wanted, for ever; several objects at a time."""
        while True:
            await self.round()
            await asyncio.sleep(TICK)

    async def round(self) -> None:
        """Measure what is due."""
        wanted = {key: asked for key, asked in self._cache.wanted.items() if isinstance(asked, Measure)}
        self._asked = {key: self._known(key, measure) for key, measure in wanted.items()}
        now = self._clock.monotonic()
        due = [key for key, asked in self._asked.items() if now - asked.at >= EVERY]
        await asyncio.gather(*(self._measure(key, wanted[key], self._asked[key]) for key in due))

    def _known(self, key: Key, measure: Measure) -> _Asked:
        """Return what is known; another step is asked about at once, another candidate from the start."""
        phase = (measure.candidate.revision, measure.phases[-1].step, measure.phases[-1].since)
        asked = self._asked.get(key)
        if asked is None or asked.phase[0] != phase[0]:
            asked = _Asked(phase)
        elif asked.phase != phase:
            asked.phase, asked.at, asked.pasts = phase, -math.inf, None
        asked.pods.learn(measure.candidate, measure.stable)
        return asked

    async def _measure(self, key: Key, measure: Measure, asked: _Asked) -> None:
        asked.at = self._clock.monotonic()
        whole = asked.pods.both(measure)
        if measure.ahead:
            await self._look_ahead(key, whole, asked, measure)
            return
        if measure.noise_wanted and asked.noise is None:
            asked.noise = await self._noise(whole, asked)
        if measure.bake and asked.pasts is None:
            rows = await self._minutes(whole)
            asked.pasts = None if rows is None else {name: total(minutes_) for name, minutes_ in rows.items()}
        newest = recent(whole, self._clock.now().timestamp())
        readings = {check.name: await self._reader.reading(newest, check) for check in measure.checks}
        self._cache.remember(key, Measured(measure, readings, asked.noise, asked.pasts or {}))
        self._wake(key)

    async def _look_ahead(self, key: Key, whole: Measure, asked: _Asked, measure: Measure) -> None:
        """Look once at what stable did before a rollout; it is only told, so what cannot be read is asked again."""
        rows = await self._minutes(whole)
        if rows is None:
            return
        asked.at = math.inf
        paces = {name: pace(minutes_) for name, minutes_ in rows.items()}
        self._cache.remember(key, Measured(measure, {}, chosen(tuple(rows.items())), paces=paces))
        self._wake(key)

    async def _noise(self, measure: Measure, asked: _Asked) -> Noise | None:
        """Return how stable's bad requests were spread; what cannot be read at all is judged carefully."""
        rows = await self._minutes(measure)
        if rows is None:
            asked.unread += 1
            return chosen(()) if asked.unread >= ATTEMPTS else None
        return chosen(tuple(rows.items()))

    async def _minutes(self, measure: Measure) -> dict[str, tuple[tuple[float, float], ...]] | None:
        """Return what stable did in each minute of its history, by check; None while nobody can tell."""
        history = before(measure)
        try:
            return {
                check.name: minutes(history, check, (await self._reader.found(history, check))[0])
                for check in measure.checks
                if check.type in COUNTED
            }
        except MetricsError as error:
            logger.warning("the history of stable cannot be read", extra={"error": str(error)})
            return None
