"""The bare floor: the least that any operator in Python must do to answer a new TrainingRun with its first Job.

kopf's event handler, a queue, workers, and three calls by aiohttp: the frozen template, the Job, the status, with the
bodies that mlwright sends. No cache, no planning, no comparison, no election. What mlwright takes longer than this is
the price of what it does more.

    KUBECONFIG=... python -m bench.floor
"""

from __future__ import annotations

import asyncio
import copy
import os
from typing import Any

from mlwright.controller.handover import session  # first: it keeps kopf from importing more here than in mlwright

# isort: split
import aiohttp
import kopf

from bench.subjects import STAND_IN, template
from mlwright.adapters.kube.connect import connect
from mlwright.plan.resources import CONTROLLER_REVISION, JOB, TRAINING_RUN
from mlwright.settings import Settings

WORKERS = Settings().workers

Body = dict[str, Any]


class Floor:
    """Answers new runs."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session = session
        self._server = server
        self._queue: asyncio.Queue[Body] = asyncio.Queue()
        self._revision, self._job, self._status = template()

    async def seen(self, event: Any, **_: object) -> None:
        """Queue a run that has no status yet."""
        if event["type"] != "DELETED" and not event["object"].get("status"):
            self._queue.put_nowait(event["object"])

    async def work(self) -> None:
        """Answer runs for ever."""
        while True:
            run = await self._queue.get()
            namespace = run["metadata"]["namespace"]
            base = f"{self._server}{{root}}/namespaces/{namespace}/{{plural}}"
            for kind, body in ((CONTROLLER_REVISION, self._revision), (JOB, self._job)):
                await self._send("POST", base.format(root=kind.root, plural=kind.plural), _for_run(body, run))
            url = f"{base.format(root=TRAINING_RUN.root, plural=TRAINING_RUN.plural)}/{run['metadata']['name']}/status"
            await self._send("PUT", url, {**run, "status": self._status})

    async def _send(self, method: str, url: str, body: Body) -> None:
        async with self._session.request(method, url, json=body) as answer:
            content = await answer.json()
            if not answer.ok:
                raise RuntimeError(f"{method} {url}: {content}")


def _for_run(body: Body, run: Body) -> Body:
    made, name = copy.deepcopy(body), run["metadata"]["name"]
    metadata = made["metadata"]
    metadata["namespace"] = run["metadata"]["namespace"]
    metadata["name"] = metadata["name"].replace(STAND_IN, name)
    metadata["labels"]["mlwright.dev/owner"] = name
    metadata["ownerReferences"][0] |= {"name": name, "uid": run["metadata"]["uid"]}
    return made


async def main() -> None:
    """Run until killed."""
    transport, access = await connect(os.environ, 1, lambda *_: None)
    await transport.close()
    async with session(access, limit=WORKERS) as working:
        floor = Floor(working, access.server)
        registry = kopf.OperatorRegistry()
        kopf.on.event(TRAINING_RUN.group, TRAINING_RUN.version, TRAINING_RUN.plural, registry=registry)(floor.seen)

        @kopf.on.login(registry=registry)
        async def login(**_: object) -> kopf.AiohttpSession:
            return kopf.AiohttpSession(server=access.server, aiohttp_session=session(access))

        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.scanning.disabled = True
        tasks = [asyncio.create_task(floor.work()) for _ in range(WORKERS)]
        await kopf.operator(registry=registry, settings=settings, standalone=True, clusterwide=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
