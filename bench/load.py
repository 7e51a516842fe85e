"""The load: creates runs at a rate or in a burst, and sees when their Jobs are there."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Final, Self

from bench import subjects
from mlwright.plan.resources import JOB
from tests.support.kube import Kube

NAMESPACE: Final = "bench"
PIPELINES: Final = 1000
"""One per run, as a pipeline has one run at a time."""
CREATORS: Final = 16


class Load:
    """Runs, their pipelines, and a watch of Jobs."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self._seen: dict[str, float] = {}
        self._news = asyncio.Event()
        self._number = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.kube.accepted("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        left = iter(range(PIPELINES))

        async def creator() -> None:
            for number in left:
                await self.kube.create(subjects.pipeline(f"p{number}"), NAMESPACE)

        await asyncio.gather(*(creator() for _ in range(CREATORS)))
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        async for event in self.kube.changes(JOB, NAMESPACE):
            if event is not None and event.type == "ADDED":
                self._seen[event.object["metadata"]["labels"]["mlwright.dev/owner"]] = time.perf_counter()
                self._news.set()

    def _next(self) -> str:
        self._number += 1
        return f"run-{self._number}"

    async def _create(self, name: str) -> float:
        begun = time.perf_counter()
        await self.kube.create(subjects.run(name, f"p{self._number % PIPELINES}"), NAMESPACE)
        return begun

    async def answered(self, names: list[str], seconds: float = 120.0) -> None:
        """Wait until every run has its Job."""
        async with asyncio.timeout(seconds):
            while not all(name in self._seen for name in names):
                self._news.clear()
                await self._news.wait()

    async def warm_up(self, number: int = 20) -> None:
        """Let some runs pass unmeasured."""
        names = [self._next() for _ in range(number)]
        for name in names:
            await self._create(name)
        await self.answered(names)

    async def at_rate(self, number: int, per_second: float) -> list[float]:
        """Create runs at a rate; return for each the seconds until its Job was seen."""
        names, begun = [self._next() for _ in range(number)], {}
        start = time.perf_counter()

        async def one(index: int, name: str) -> None:
            await asyncio.sleep(max(0.0, start + index / per_second - time.perf_counter()))
            begun[name] = await self._create(name)

        await asyncio.gather(*(one(index, name) for index, name in enumerate(names)))
        await self.answered(names)
        return [self._seen[name] - begun[name] for name in names]

    async def burst(self, number: int) -> float:
        """Create runs as fast as it goes; return the seconds until all Jobs were seen."""
        names = [self._next() for _ in range(number)]
        left, start = iter(names), time.perf_counter()

        async def creator() -> None:
            for name in left:
                await self._create(name)

        await asyncio.gather(*(creator() for _ in range(CREATORS)))
        await self.answered(names)
        return max(self._seen[name] for name in names) - start
