"""Events come late, twice, in another order or not at all: the flows end as ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.campaign import Lab, attempt, baseline
from tests.support.flows import FLOWS
from tests.support.operators import SETTINGS, FaultFree
from tests.support.watchproxy import Mischief, WatchProxy

pytestmark = pytest.mark.asyncio(loop_scope="session")

STALE = Mischief(late=1.0, longest=2.0)
"""Every event comes one to two seconds late, and others overtake it."""
SLOPPY = Mischief(seed=11, lost=0.2, repeated=0.2, late=0.3, longest=1.0)
"""A fifth is lost, a fifth comes twice, the second time late; some are overtaken."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mischief", [STALE, SLOPPY], ids=["stale", "sloppy"])
async def test_mischief_with_events_changes_nothing(
    lab: Lab, mischief: Mischief, tell: Callable[[object], None]
) -> None:
    """The same objects with the same content, nothing made twice; lists make up for what was lost."""
    endings = await asyncio.gather(*(baseline(lab, flow) for flow in FLOWS))
    settings = replace(SETTINGS, resync_seconds=2.0)
    async with WatchProxy(lab.kube, mischief) as proxy:
        options = {"access": proxy.access, "settings": settings}
        runs = (
            attempt(lab, flow, FaultFree(), expected, **options)
            for flow, (expected, _) in zip(FLOWS, endings, strict=True)
        )
        found = await asyncio.gather(*runs)
        tell(f"{proxy.events} events, {mischief}")

    assert [f"{flow.name}: {line}" for flow, lines in zip(FLOWS, found, strict=True) for line in lines] == []
    assert proxy.events > 100
