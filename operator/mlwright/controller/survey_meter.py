"""Asks the store of metrics for what experiments want counted, and wakes the deployments that wait for it.

What it holds can be forgotten: up to when was counted stands in the status of the deployment, and only there.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from mlwright.controller.cache import Cache
from mlwright.controller.known_pods import KnownPods
from mlwright.controller.reading import Reader
from mlwright.errors import MetricsError
from mlwright.plan.experiments import Survey, Surveyed
from mlwright.plan.measuring import Measure, Measured
from mlwright.plan.resources import Key
from mlwright.planners.surveying import end, selections, surveyed
from mlwright.planners.tallying import Tallied, tallied
from mlwright.ports.clock import Clock
from mlwright.ports.metrics import MetricsStore

EVERY: Final = 15.0
"""Seconds between two questions about one experiment; a scrape every 15 s is the usual."""
TICK: Final = 1.0


@dataclass(slots=True)
class _Asked:
    """What is known of the questions about one experiment."""

    experiment: str
    at: float = -math.inf
    pods: KnownPods = field(default_factory=KnownPods)


class SurveyMeter:
    """Counts for experiments, for one term of leading."""

    def __init__(self, store: MetricsStore | None, clock: Clock, cache: Cache, wake: Callable[[Key], None]) -> None:
        self._reader = Reader(store, clock)
        self._clock = clock
        self._cache = cache
        self._wake = wake
        self._asked: dict[Key, _Asked] = {}

    async def run(self) -> None:
        """Count what is wanted, for ever."""
        while True:
            await self.round()
            await asyncio.sleep(TICK)

    async def round(self) -> None:
        """Count what is due, several experiments at a time."""
        wanted = {key: survey for key, survey in self._cache.wanted.items() if isinstance(survey, Survey)}
        self._asked = {key: self._known(key, survey) for key, survey in wanted.items()}
        now = self._clock.monotonic()
        due = [key for key, asked in self._asked.items() if now - asked.at >= EVERY]
        await asyncio.gather(*(self._count(key, wanted[key], self._asked[key]) for key in due))

    def _known(self, key: Key, survey: Survey) -> _Asked:
        asked = self._asked.get(key)
        if asked is None or asked.experiment != survey.experiment:
            asked = _Asked(survey.experiment)
        asked.pods.learn(*survey.sides)
        return asked

    async def _count(self, key: Key, survey: Survey, asked: _Asked) -> None:
        until = max(survey.since, end(survey, self._clock.now().timestamp()))
        if until == survey.since and not survey.guards:
            return
        asked.at = self._clock.monotonic()
        whole = replace(survey, sides=tuple(asked.pods.whole(side) for side in survey.sides))
        found = await self._surveyed(whole, until)
        guarded = tuple([await self._guarded(guard, asked) for guard in survey.guards])
        self._cache.remember(key, replace(found, survey=survey, guarded=guarded))
        self._wake(key)

    async def _guarded(self, guard: Measure, asked: _Asked) -> Measured:
        whole = asked.pods.both(guard)
        return Measured(guard, {check.name: await self._reader.reading(whole, check) for check in guard.checks})

    async def _surveyed(self, survey: Survey, until: float) -> Surveyed:
        try:
            store = self._reader.there()
            found = {one.metric: await store.samples(one, until) for one in selections(survey)}
            told = await _told(store, survey, until)
        except MetricsError as error:
            return Surveyed(survey, survey.since, trouble=str(error))
        return surveyed(survey, found, until, told)


async def _told(store: MetricsStore, survey: Survey, until: float) -> Tallied | None:
    """Return what counters of somebody's own tell; None where feedback does."""
    if survey.tally is None:
        return None
    trials, successes = [await store.samples(one, until) for one in (survey.tally.trials, survey.tally.successes)]
    return tallied(survey.tally, trials, successes, survey.since, until)
