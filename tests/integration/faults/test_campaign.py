"""The campaign itself: what it waits for."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from mlwright.plan.resources import KINDS
from tests.support import campaign
from tests.support.campaign import TRIES, Lab, Run
from tests.support.flows import TRAINING
from tests.support.operators import Call, FaultFree
from tests.support.schedules import KillAt
from tests.support.waiting import soon

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("writes, runs, missed", [(3, 6, []), (2, 4 + 2 * TRIES, [3, 3])])
async def test_a_point_that_a_run_ends_before_is_tried_again_and_named(
    monkeypatch: pytest.MonkeyPatch, writes: int, runs: int, missed: list[int]
) -> None:
    """Three writes are expected, and every run has as many as told here."""

    async def baseline(*_: object) -> tuple[None, list[int]]:
        return None, [1, 2, 3]

    async def attempt(_: object, __: object, point: KillAt, ___: object) -> list[str]:
        point.struck = Call("create", "Job", "a") if point.number <= writes else None
        return []

    monkeypatch.setattr(campaign, "baseline", baseline)
    monkeypatch.setattr(campaign, "attempt", attempt)
    report = await campaign.crash_everywhere(cast("Lab", None), TRAINING, asyncio.Semaphore(2))

    assert (report.runs, [point.number for point in report.missed]) == (runs, missed)
    assert str(report).endswith("before write 3, after write 3" if missed else "none")


async def test_what_a_dead_operator_left_is_waited_for_at_its_successor(lab: Lab) -> None:
    """The keys in the queue of a dead operator never go away; the one that follows is asked."""
    async with Run(lab, TRAINING, await lab.namespace(), FaultFree()) as run:
        first = run.operators[0]
        await soon(lambda: first.ledger.calls >= len(KINDS), "the first operator works")
        first.kill()

        await run.quiet()

        assert run.operators[-1] is not first
