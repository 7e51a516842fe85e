"""The load: creates runs at a rate or in a burst, and sees when their Jobs are there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from bench import subjects
from mlwright.plan.resources import JOB, POD
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.podstates import Running
from tests.support.scripts import Stories, Story

NAMESPACE: Final = "bench"
AT_ONCE: Final = 16
"""Calls under way at the same time while things are created."""


def kubelet(kube: Kube, *, finished: bool = True) -> Kubelet:
    """Return the actor that makes all servers ready, and lets Jobs succeed, or run and run."""
    stories = Stories()
    stories.tell(NAMESPACE, Story() if finished else Story(steps={"validate": [Running()]}))
    return Kubelet(kube, stories, NAMESPACE)


async def run_pods(kube: Kube, number: int) -> None:
    """Give the first Job of so many runs a pod that runs."""
    async with kubelet(kube, finished=False) as actor:
        await subjects.known(POD.name, number, actor.complain)
        await subjects.settled()


async def spread(work: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Do many things, a few at a time."""
    left = iter(work)

    async def worker() -> None:
        for do in left:
            await do()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


class Load:
    """Pipelines and their runs, and a watch of Jobs; an asynchronous context manager."""

    def __init__(self, kube: Kube, pipelines: int) -> None:
        self._kube = kube
        self._pipelines = pipelines
        self._seen: dict[str, float] = {}
        self._news = asyncio.Event()
        self._number = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._kube.accepted("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        names = (f"p{number}" for number in range(self._pipelines))
        await spread(partial(self._kube.create, subjects.pipeline(name), NAMESPACE) for name in names)
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        async for event in self._kube.changes(JOB, NAMESPACE):
            if event is not None and event.type == "ADDED":
                self._seen.setdefault(event.object["metadata"]["labels"]["mlwright.dev/owner"], time.perf_counter())
                self._news.set()

    def names(self, number: int) -> list[str]:
        """Return names of runs that do not exist yet."""
        first = self._number
        self._number += number
        return [f"run-{first + index}" for index in range(number)]

    async def create(self, name: str) -> float:
        """Create a run; return the moment before."""
        begun = time.perf_counter()
        number = int(name.removeprefix("run-"))
        await self._kube.create(subjects.run(name, f"p{number % self._pipelines}"), NAMESPACE)
        return begun

    async def answered(self, names: list[str], seconds: float = 300.0) -> None:
        """Wait until every run has its first Job."""
        async with asyncio.timeout(seconds):
            while not all(name in self._seen for name in names):
                self._news.clear()
                await self._news.wait()

    async def grow(self, number: int) -> list[str]:
        """Create runs as fast as it goes; return their names when all have their first Job."""
        names = self.names(number)
        await spread(partial(self.create, name) for name in names)
        await self.answered(names)
        return names

    async def at_rate(self, number: int, per_second: float) -> list[float]:
        """Create runs at a rate; return for each the seconds until its Job was seen."""
        names, begun = self.names(number), dict[str, float]()
        start = time.perf_counter()

        async def one(index: int, name: str) -> None:
            await asyncio.sleep(max(0.0, start + index / per_second - time.perf_counter()))
            begun[name] = await self.create(name)

        await asyncio.gather(*(one(index, name) for index, name in enumerate(names)))
        await self.answered(names)
        return [self._seen[name] - begun[name] for name in names]

    async def burst(self, number: int) -> float:
        """Create runs as fast as it goes; return the seconds until all Jobs were seen."""
        start = time.perf_counter()
        names = await self.grow(number)
        return max(self._seen[name] for name in names) - start
