"""What the one replica does that may act: fill the cache, then watch, work and resync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from mlwright.controller import workers
from mlwright.controller.announcer import Announcer
from mlwright.controller.cache import Cache
from mlwright.controller.cycle import Cycle
from mlwright.controller.drift_meter import DriftMeter
from mlwright.controller.health import Pulse
from mlwright.controller.intake import Intake
from mlwright.controller.load_meter import LoadMeter
from mlwright.controller.looks import Looks
from mlwright.controller.meter import Meter
from mlwright.controller.metrics import Metrics
from mlwright.controller.queue import WorkQueue
from mlwright.controller.reconciler import Reconciler
from mlwright.controller.resync import fill, resync
from mlwright.controller.rush_meter import RushMeter
from mlwright.controller.survey_meter import SurveyMeter
from mlwright.controller.targets import Targets, keep
from mlwright.controller.watching import Watching
from mlwright.plan.resources import DRIFT_MONITOR, ResourceKind
from mlwright.ports.outside import Outside
from mlwright.settings import Settings

GRACE: Final = 6.0
"""Seconds that running looks get to end after a stop."""
FLUSH: Final = 1.0
"""Seconds for Events that were not told yet."""

Task = asyncio.Task[Any]


@dataclass(frozen=True, slots=True)
class Gauges:
    """What shows how the operator is."""

    metrics: Metrics
    pulse: Pulse
    targets: Targets = field(default_factory=Targets)
    looks: Looks = field(default_factory=Looks)


class Leader:
    """One term of leading."""

    def __init__(
        self,
        outside: Outside,
        settings: Settings,
        reconcilers: Iterable[Reconciler[Any]],
        *,
        gauges: Gauges,
        kinds: Iterable[ResourceKind],
        fence: Callable[[], None],
    ) -> None:
        looked_after = tuple(gauges.looks.over(reconciler) for reconciler in reconcilers)
        self._outside = outside
        self._settings = settings
        self._gauges = gauges
        self._kinds = tuple(kinds)
        self._random = Random()  # noqa: S311  # spreads load, guards nothing
        self._queue = WorkQueue(self._random, gauges.metrics.waited)
        self._cache = Cache(self._kinds)
        self._intake = Intake(
            self._cache,
            self._queue.add,
            self._queue.retell,
            (reconciler.kind.name for reconciler in looked_after),
        )
        self._announcer = Announcer(outside.events, lambda: self._queue.idle, gauges.metrics.dropped)
        self._meter = Meter(outside.metrics, outside.clock, self._cache, self._queue.add)
        self._survey_meter = SurveyMeter(outside.metrics, outside.clock, self._cache, self._queue.add)
        self._load_meter = LoadMeter(outside.metrics, outside.clock, self._cache.loads, self._queue.add)
        self._drift_meter = DriftMeter(outside.metrics, outside.clock, self._cache.tallies, self._queue.add)
        self._cycle = Cycle(
            looked_after,
            outside,
            self._intake,
            settings=settings,
            tell=self._announcer.tell,
            fence=fence,
        )

    async def run(self, until: Iterable[Task]) -> None:
        """Lead until one of the tasks in `until` ends.

        Raises:
            Exception: that of the task that ended, or what made watching, working or resync impossible.
        """
        ends = tuple(until)
        metrics, pulse = self._gauges.metrics, self._gauges.pulse
        pulse.ready = False
        metrics.lead(leading=True)
        metrics.watch(lambda: len(self._queue), self._cache.holdings, lambda: self._cache.bodies(DRIFT_MONITOR))
        try:
            filling = asyncio.create_task(self._fill(), name="fill")
            if await first((filling, *ends)) is filling:
                pulse.ready = True
                await self._work(ends)
            await end(filling)
        finally:
            metrics.lead(leading=False)

    async def _fill(self) -> None:
        await fill(self._intake, self._outside.cluster, self._kinds, self._gauges.metrics.listed)
        self._intake.wake_all()

    async def _work(self, ends: tuple[Task, ...]) -> None:
        workers_ = [self._task(self._worker(), f"worker {number}") for number in range(self._settings.workers)]
        watching = Watching(self._kinds, self._outside.access, self._settings.namespace, self._intake, self._relist)
        beside = [
            self._task(self._resync(), "resync"),
            self._task(self._announcer.run(), "events"),
            self._task(watching.check(), "watching"),
            self._task(self._meter.run(), "meter"),
            self._task(self._survey_meter.run(), "survey meter"),
            self._task(keep(self._gauges.targets, self._cache), "targets"),
            self._task(self._load_meter.run(), "load meter"),
            self._task(self._drift_meter.run(), "drift meter"),
            *self._at_the_routers(),
        ]
        kopf = self._task(watching.run(), "kopf")  # the last: it ends every task that began after it
        try:
            await first((*ends, *workers_, *beside, kopf))
            await workers.stop(self._queue, workers_, GRACE)
            await watching.stop(kopf)
            await end(*beside)
            await self._announcer.flush(FLUSH)
        finally:
            await end(*workers_, *beside, kopf)

    def _at_the_routers(self) -> list[Task]:
        routers = self._outside.routers
        if routers is None:
            return []
        meter = RushMeter(routers, self._outside.clock, self._cache, self._queue.add)
        return [self._task(meter.run(), "rush meter")]

    def _task(self, work: Any, name: str) -> Task:
        return asyncio.create_task(work, name=name)

    async def _worker(self) -> None:
        await workers.work(self._queue, self._cycle, self._gauges.metrics)

    async def _resync(self) -> None:
        cluster, every = self._outside.cluster, self._settings.resync_seconds
        await resync(self._intake, cluster, self._kinds, self._gauges.metrics.listed, every, self._random)

    async def _relist(self, kind: ResourceKind) -> int:
        version = await self._intake.relist(kind, self._outside.cluster)
        self._gauges.metrics.listed(kind.name)
        return version


async def first(tasks: Iterable[Task]) -> Task:
    """Wait for the first task that ends and return it; an exception in any that ended is raised."""
    wanted = tuple(tasks)
    done, _ = await asyncio.wait(wanted, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return next(task for task in wanted if task in done)


async def end(*tasks: Task) -> None:
    """Cancel tasks and wait until they ended, whatever they still have to say."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
