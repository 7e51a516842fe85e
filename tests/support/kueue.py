"""A stand-in for Kueue on a real kube-apiserver: it suspends, admits and evicts Jobs that name a queue.

Kueue suspends a Job in a webhook when it is made; the script does so a moment later.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from mlwright.constants import LABEL_QUEUE
from mlwright.plan.resources import JOB
from tests.support.apiserver import Json
from tests.support.kube import Kube
from tests.support.waiting import over


class Queue:
    """All queues of one namespace; an asynchronous context manager."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._open = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await over([self._task], "the queue has ended after it was cancelled")

    async def let(self, *, admitted: bool) -> None:
        """Admit all Jobs, or take their room back."""
        self._open = admitted
        for job in await self._kube.list(JOB, self._namespace, labelSelector=LABEL_QUEUE):
            await self._settle(job)

    async def _follow(self) -> None:
        async for event in self._kube.changes(JOB, self._namespace, labelSelector=LABEL_QUEUE):
            if event is not None and event.type != "DELETED":
                await self._settle(event.object)

    async def _settle(self, job: Json) -> None:
        ended = {c["type"] for c in (job.get("status") or {}).get("conditions") or () if c["status"] == "True"}
        if ended & {"Complete", "Failed"} or bool(job["spec"].get("suspend")) is not self._open:
            return
        await self._kube.merge(JOB, self._namespace, job["metadata"]["name"], {"spec": {"suspend": not self._open}})
