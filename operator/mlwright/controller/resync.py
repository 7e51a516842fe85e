"""Lists: whether there can be any, the first ones, before anything is decided, and those that repeat, because
correctness must never depend on an event arriving.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Final

from mlwright.controller.intake import Intake
from mlwright.errors import ClusterError, NotFoundError, UnavailableError
from mlwright.plan.resources import ResourceKind
from mlwright.ports.cluster import Cluster

FIRST_PAUSE: Final = 0.2
LAST_PAUSE: Final = 5.0
"""Seconds between attempts to list a kind for the first time."""

logger = logging.getLogger(__name__)

Listed = Callable[[str], None]
"""Is told the name of every kind that was listed."""


async def fill(intake: Intake, cluster: Cluster, kinds: Iterable[ResourceKind], listed: Listed) -> None:
    """List every kind once; patient with an API server that is away and with definitions that are not installed yet.

    Raises:
        RefusedError: a list is forbidden; no patience helps.
    """
    for kind in kinds:
        await _patiently(kind, lambda kind=kind: intake.relist(kind, cluster))  # type: ignore[misc]
        listed(kind.name)


async def served(cluster: Cluster, kinds: Iterable[ResourceKind]) -> None:
    """Wait until every kind is served: who leads without that waits, and whoever could have led is gone by then.

    Raises:
        RefusedError: a list is forbidden; no patience helps.
    """
    for kind in kinds:
        await _patiently(kind, lambda kind=kind: cluster.probe(kind))  # type: ignore[misc]


async def _patiently(kind: ResourceKind, ask: Callable[[], Awaitable[object]]) -> None:
    pause = FIRST_PAUSE
    while not await _attempt(kind, ask):
        await asyncio.sleep(pause)
        pause = min(LAST_PAUSE, pause * 2)


async def _attempt(kind: ResourceKind, ask: Callable[[], Awaitable[object]]) -> bool:
    try:
        await ask()
    except NotFoundError:
        name = f"{kind.plural}.{kind.group}"
        logger.error("definition missing: install the CRDs of mlwright", extra={"definition": name})  # noqa: TRY400
        return False
    except UnavailableError as error:
        logger.warning("list failed", extra={"kind": kind.name, "error": str(error)})
        return False
    return True


async def resync(
    intake: Intake, cluster: Cluster, kinds: Iterable[ResourceKind], listed: Listed, every: float, random: Random
) -> None:
    """List every kind and look at everything again, for ever, every so many seconds give or take a tenth."""
    while True:
        await asyncio.sleep(every * random.uniform(0.9, 1.1))
        for kind in kinds:
            try:
                await intake.relist(kind, cluster)
            except ClusterError as error:
                logger.warning("list failed", extra={"kind": kind.name, "error": str(error)})
            else:
                listed(kind.name)
        intake.wake_all()
