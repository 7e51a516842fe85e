"""The operator dies before and after each write of each flow; the next one ends where the fault-free run ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.campaign import Lab, crash_everywhere
from tests.support.flows import GRAPH, REFUSED, SERVING, SLOT, TRAINING, WORSE, Flow

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTH = 20
"""Runs at the same time: most of a run is waiting."""


LONG = (GRAPH, SLOT, WORSE)
"""Flows whose writes are for the most part those of the others: they are killed by `make test-faults` alone."""
CASES = (TRAINING, SERVING, REFUSED, *(pytest.param(flow, marks=pytest.mark.campaign) for flow in LONG))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("flow", CASES, ids=lambda flow: flow.name)
async def test_a_crash_at_any_write_changes_nothing(lab: Lab, flow: Flow, tell: Callable[[object], None]) -> None:
    """Wherever it died: the same objects with the same content, nothing made twice, no error logged."""
    report = await crash_everywhere(lab, flow, asyncio.Semaphore(WIDTH))
    tell(report)

    assert report.divergences == []
    # where even the last write is merged with another, there is nothing left at which to die
    assert {point.number for point in report.missed} <= {report.write_points}, str(report)
