"""Two operators and one Lease: whenever the leader is lost, everything is made once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mlwright.adapters.kube.client import collection
from mlwright.plan.resources import BY_NAME
from tests.support.campaign import Lab, Run, attempt, baseline
from tests.support.flows import SERVING, TRAINING
from tests.support.operators import SETTINGS
from tests.support.schedules import KillAt, StuckAt

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWO = replace(SETTINGS, leader_election=True)


@pytest.mark.timeout(600)
async def test_the_replica_that_stood_by_leads_on(lab: Lab) -> None:
    """The leader dies at a write; after the Lease ran out the other goes on, and nothing is made twice."""
    flows, points = (TRAINING, SERVING), (KillAt(6, "after"), KillAt(16, "before"))
    endings = await asyncio.gather(*(baseline(lab, flow) for flow in flows))
    runs = (
        attempt(lab, flow, point, expected, standby=True, settings=TWO)
        for flow, point, (expected, _) in zip(flows, points, endings, strict=True)
    )
    found = await asyncio.gather(*runs)

    assert [line for lines in found for line in lines] == []
    assert all(point.struck for point in points)


@pytest.mark.timeout(600)
async def test_what_a_lost_leader_decides_late_has_been_decided(lab: Lab) -> None:
    """A promotion that was stuck on its way arrives after the new leader's own: it is there already."""
    point = StuckAt("Decision", 2)
    async with Run(lab, SERVING, await lab.namespace(), point, {"settings": TWO}, standby=True) as run:
        await run.through()
        stuck = point.stuck
        assert stuck is not None
        late = await lab.kube.request("POST", collection(BY_NAME[stuck.kind], run.namespace), stuck.body)

        assert late.status == 409
        assert len(run.space.of("Decision")) == 2
