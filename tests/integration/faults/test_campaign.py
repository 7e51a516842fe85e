"""The campaign itself: what it waits for."""

from __future__ import annotations

import pytest

from mlwright.plan.resources import KINDS
from tests.support.campaign import Lab, Run
from tests.support.flows import TRAINING
from tests.support.operators import FaultFree
from tests.support.waiting import soon

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_a_dead_operator_left_is_waited_for_at_its_successor(lab: Lab) -> None:
    """The keys in the queue of a dead operator never go away; the one that follows is asked."""
    async with Run(lab, TRAINING, await lab.namespace(), FaultFree()) as run:
        first = run.operators[0]
        await soon(lambda: first.ledger.calls >= len(KINDS), "the first operator works")
        first.kill()

        await run.quiet()

        assert run.operators[-1] is not first
