"""What the operator reads of the load at a real HAProxy and its agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mlwright.adapters.routers import RouterPods
from mlwright.errors import MetricsError
from mlwright.plan.loads import Passing
from tests.support.routing import Running, ask, split
from tests.support.waiting import answered

WHOLE = {"old": [(0, 9999)]}
PATIENT = 30.0
"""Seconds for an answer, on a machine that is busy with other tests."""


@asynccontextmanager
async def asking(running: Running) -> AsyncIterator[tuple[RouterPods, str]]:
    """Give what asks pods of routers, and the address of this one."""
    pods = RouterPods(seconds=PATIENT)
    try:
        yield pods, f"127.0.0.1:{running.place.metrics_port}"
    finally:
        await pods.close()


async def test_requests_under_way_and_those_that_came_are_told_by_deployment(tmp_path: Path) -> None:
    """Of all its revisions together, on one connection that is kept."""
    async with Running(tmp_path) as running, asking(running) as (pods, address):
        gate = asyncio.Event()
        for name in ("old", "new"):
            running.scene.ready(name, [await running.pod(name, gate=gate)])
        running.scene.route(split(5000))
        await running.follows()
        answers = [asyncio.ensure_future(ask(running)) for _ in range(12)]

        async def all_are_under_way() -> bool:
            return await pods.passing(address) == {"flights": Passing(12, 12)}

        await answered(all_are_under_way, "12 requests are under way")
        gate.set()
        await asyncio.gather(*answers)

        assert await pods.passing(address) == {"flights": Passing(0, 12)}


async def test_a_request_that_waits_for_a_pod_is_under_way(tmp_path: Path) -> None:
    """Those are the ones that need a pod most."""
    async with Running(tmp_path) as running, asking(running) as (pods, address):
        running.scene.route(WHOLE)
        await running.follows()
        answers = [asyncio.ensure_future(ask(running)) for _ in range(3)]

        async def all_wait() -> bool:
            return await pods.passing(address) == {"flights": Passing(3, 3)}

        await answered(all_wait, "three requests wait")
        running.scene.ready("old", [await running.pod("old")])
        await running.follows()

        assert [answer.status for answer in await asyncio.gather(*answers)] == [200, 200, 200]


async def test_a_router_that_is_away_is_an_error_and_asked_again_on_a_new_connection(tmp_path: Path) -> None:
    """The fast path ends and begins with it, and nothing else."""
    async with Running(tmp_path) as running, asking(running) as (pods, address):
        running.scene.route(WHOLE)
        await running.follows()
        await pods.passing(address)

        running.kill_haproxy()
        with pytest.raises(MetricsError, match="does not answer"):
            await pods.passing(address)
        running.start_haproxy()
        await running.follows()

        assert await pods.passing(address) == {"flights": Passing(0, 0)}
