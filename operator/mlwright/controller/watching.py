"""Runs kopf for its events, on sessions that begin where our own lists ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import kopf

from mlwright.controller import shell
from mlwright.controller.handover import Handover, Served, session
from mlwright.controller.intake import Intake
from mlwright.errors import MlwrightError
from mlwright.plan.resources import ResourceKind
from mlwright.ports.access import Access

STARTED: Final = 30.0
"""Seconds after which the API server must have answered the watch of every kind."""
ENDED: Final = 3.0
"""Seconds that kopf gets to end."""
_IDENTITY: Final = "mlwright"
"""Given, because kopf would look for the name of a user, and the user of our image has none; only peering reads it."""


class WatchingEndedError(MlwrightError):
    """Events do not come (any more); a new process must begin anew."""


class Watching:
    """The watch streams of all kinds."""

    def __init__(
        self, kinds: Iterable[ResourceKind], access: Access, namespace: str, intake: Intake, relist: Relist
    ) -> None:
        self._kinds = tuple(kinds)
        self._namespace = namespace
        self._stop = asyncio.Event()
        self._fresh = {kind.name for kind in self._kinds}
        self._relist = relist
        self._intake = intake
        served = Served.of(access.server, self._kinds, namespace)
        self._handover = Handover(session(access), served, self._list, intake.cache.knows)
        self._registry = shell.registry(self._kinds, intake, access.server, self._handover)

    async def _list(self, kind: ResourceKind) -> int:
        """Answer kopf's first list with the one that filled the cache, later ones with a new one."""
        if kind.name in self._fresh:
            self._fresh.discard(kind.name)
            return self._intake.cache.list_version(kind)
        return await self._relist(kind)

    async def run(self) -> None:
        """Watch until stopped.

        Raises:
            WatchingEndedError: kopf gave up, for the reason that is its cause.
        """
        try:
            await kopf.operator(
                registry=self._registry,
                settings=shell.settings(self._kinds),
                memories=shell.Forgetful(),
                standalone=True,
                identity=_IDENTITY,  # type: ignore[arg-type]  # kopf keeps the name of its text type to itself
                clusterwide=not self._namespace,
                namespaces=[self._namespace] if self._namespace else [],
                stop_flag=self._stop,
            )
        except Exception as error:
            raise WatchingEndedError(f"watching ended: {error}") from error
        finally:
            await self._handover.close()
        if not self._stop.is_set():
            raise WatchingEndedError("watching ended")

    async def check(self) -> None:
        """Make sure that every kind is watched; never returns.

        Raises:
            WatchingEndedError: some kind is not.
        """
        names = {kind.name for kind in self._kinds}
        try:
            async with asyncio.timeout(STARTED):
                while names - self._handover.watched:
                    self._handover.changed.clear()
                    await self._handover.changed.wait()
        except TimeoutError as error:
            missing = ", ".join(sorted(names - self._handover.watched))
            raise WatchingEndedError(f"no events of {missing}: does the API server serve them?") from error
        await asyncio.Event().wait()

    async def stop(self, task: asyncio.Task[None]) -> None:
        """End the task that runs `run`."""
        self._stop.set()
        await asyncio.wait([task], timeout=ENDED)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


Relist = Callable[[ResourceKind], Awaitable[int]]
