"""The API server refuses, is busy, or its answers get lost, once for every call: the flows end as ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.campaign import Lab, attempt, baseline
from tests.support.flows import FLOWS
from tests.support.schedules import BusyOnce, ConflictOnce, LostAnswerOnce, Once

LEAST = 3
"""Calls that failed in each flow: what is new to the operator costs three writes."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("schedule", [ConflictOnce, BusyOnce, LostAnswerOnce], ids=lambda kind: kind.__name__)
async def test_every_call_failing_once_changes_nothing(
    lab: Lab, schedule: type[Once], tell: Callable[[object], None]
) -> None:
    """The same objects with the same content, nothing made twice, no error logged."""
    used = [schedule() for _ in FLOWS]
    endings = await asyncio.gather(*(baseline(lab, flow) for flow in FLOWS))
    found = await asyncio.gather(
        *(attempt(lab, flow, one, expected) for flow, one, (expected, _) in zip(FLOWS, used, endings, strict=True))
    )
    tell(f"{schedule.__name__}: {sum(one.failures for one in used)} failures, {len(FLOWS)} flows")

    assert [f"{flow.name}: {line}" for flow, lines in zip(FLOWS, found, strict=True) for line in lines] == []
    assert all(one.failures >= LEAST for one in used)
