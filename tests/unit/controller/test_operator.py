"""From the start of the process to the Lease, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlwright.controller import operator
from mlwright.controller.health import Pulse
from mlwright.controller.leader import Gauges
from mlwright.controller.metrics import Metrics
from mlwright.errors import NotFoundError, RefusedError
from mlwright.plan.resources import MODEL, SERVICE, TRAINING_RUN
from mlwright.ports.leases import Record
from mlwright.ports.outside import Outside
from mlwright.settings import Settings
from tests.support.memory_cluster import MemoryCluster
from tests.support.virtual_time import virtually

KINDS = (TRAINING_RUN, SERVICE, MODEL)
MISSING = NotFoundError("list Model: the server could not find the requested resource")


@dataclass
class Start:
    """One replica that comes where another one leads."""

    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    asked: int = 0
    """How often the Lease was read."""

    async def read(self) -> Record:
        """Tell the Lease of one who renews it each time."""
        self.asked += 1
        return Record("the old leader", 15, 0, "2026-01-01T00:00:00.000000Z", str(self.asked))

    async def story(self, *seconds: float) -> list[tuple[bool, bool]]:
        """Return whether it was ready and had asked for the Lease after each pause; then it is stopped."""
        stop, clock = asyncio.Event(), SimpleNamespace(monotonic=asyncio.get_running_loop().time)
        outside = cast("Outside", SimpleNamespace(cluster=self.cluster, clock=clock, leases=self))
        gauges = Gauges(Metrics(), Pulse(cast("Any", clock)))
        running = asyncio.create_task(operator.run(outside, Settings(), (), stop, gauges=gauges, kinds=KINDS))
        seen = []
        for pause in seconds:
            await asyncio.sleep(pause)
            seen.append((gauges.pulse.ready, self.asked > 0))
        stop.set()
        await running
        return seen


def test_who_cannot_lead_is_not_ready_and_asks_for_no_lease(caplog: pytest.LogCaptureFixture) -> None:
    """A new image whose definitions are not there yet: the rollout waits, and the old leader goes on."""
    start = Start()
    start.cluster.failures["list Model"] = [MISSING] * 5

    before, after = virtually(start.story(3.0, 60.0))

    assert (before, after) == ((False, False), (True, True))
    assert "definition missing: install the CRDs of mlwright" in caplog.text
    assert {vars(record)["definition"] for record in caplog.records if "definition" in vars(record)} == {
        "models.mlwright.dev"
    }


def test_a_stop_ends_the_wait_for_definitions() -> None:
    """Nobody has to kill a pod that could never lead."""
    start = Start()
    start.cluster.failures["list Model"] = [MISSING] * 1000

    assert virtually(start.story(60.0)) == [(False, False)]


def test_a_kind_that_may_not_be_listed_ends_the_start() -> None:
    """The sentence of the API server helps, and no patience."""
    start = Start()
    start.cluster.failures["list Service"] = [RefusedError("list Service: forbidden")]

    with pytest.raises(RefusedError, match="forbidden"):
        virtually(start.story(60.0))
