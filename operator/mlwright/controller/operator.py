"""The operator: one replica, from standing by to the end of its term.

One event loop holds one operator: kopf, when it ends, ends every task that began after it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from random import Random
from typing import Any

from mlwright.controller.election import Election
from mlwright.controller.health import Pulse
from mlwright.controller.leader import Gauges, Leader, end, first
from mlwright.controller.metrics import Metrics
from mlwright.controller.reconciler import Reconciler
from mlwright.controller.resync import served
from mlwright.plan.resources import KINDS, ResourceKind
from mlwright.ports.outside import Outside
from mlwright.settings import Settings


async def run(
    outside: Outside,
    settings: Settings,
    reconcilers: Iterable[Reconciler[Any]],
    stop: asyncio.Event,
    *,
    gauges: Gauges | None = None,
    kinds: Iterable[ResourceKind] = KINDS,
) -> None:
    """Stand by, lead, and end within ten seconds after `stop` is set.

    Standing by counts as ready, and begins when every kind is served: an upgrade whose definitions are missing then
    waits for them, while the replica that it would replace goes on leading.

    Args:
        outside: the ports; tests wrap them.
        settings: of the installation.
        reconcilers: the kinds that are looked after.
        stop: belongs to the running event loop.
        gauges: metrics and pulse to feed; own ones when None.
        kinds: what is listed and watched.

    Raises:
        LeadershipLostError: another replica may act; nothing more was done here.
        WatchingEndedError: events do not come any more.
        RefusedError: a list is forbidden.
    """
    gauges = gauges or Gauges(Metrics(), Pulse(outside.clock))
    random = Random()  # noqa: S311  # spreads load, guards nothing
    # a container that is started again has the name of its pod, but must not continue the term of its predecessor
    identity = f"{settings.identity or socket.gethostname()}_{random.getrandbits(40):010x}"
    election = Election(outside.leases, outside.clock, identity, random)
    stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait(), name="stop")
    beating = asyncio.create_task(gauges.pulse.beat(), name="pulse")
    kinds = tuple(kinds)
    finding = asyncio.create_task(served(outside.cluster, kinds), name="definitions")
    try:
        if await first((stopping, finding)) is stopping:
            return
        gauges.pulse.ready = True
        if not settings.leader_election:
            leader = Leader(outside, settings, reconcilers, gauges=gauges, kinds=kinds, fence=_let_pass)
            await leader.run((stopping,))
            return
        acquiring = asyncio.create_task(election.acquire(), name="acquire")
        if await first((stopping, acquiring)) is acquiring:
            await _lead(
                election,
                stopping,
                Leader(outside, settings, reconcilers, gauges=gauges, kinds=kinds, fence=election.fence),
            )
        await end(acquiring)
    finally:
        await end(stopping, beating, finding)


async def _lead(election: Election, stopping: asyncio.Task[Any], leader: Leader) -> None:
    holding = asyncio.create_task(election.hold(), name="lease")
    try:
        await leader.run((stopping, holding))
    finally:
        await end(holding)
        await election.release()


def _let_pass() -> None:
    """Without election nobody else acts."""
