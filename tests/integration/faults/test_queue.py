"""A queue suspends, admits and evicts the Jobs of a run: a script plays Kueue on the real API server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlwright.plan.resources import JOB
from tests.support.apiserver import Json
from tests.support.campaign import Lab
from tests.support.flows import create, pipeline, trained
from tests.support.kueue import Queue
from tests.support.podstates import Running
from tests.support.scripts import Story
from tests.support.world import Space

pytestmark = pytest.mark.asyncio(loop_scope="session")


def stands(step: str, state: str, evictions: int) -> Callable[[Space], bool]:
    """Tell whether a step stands like that."""

    def holds(space: Space) -> bool:
        run = space.get("TrainingRun", "churn-1") or {}
        found: Json = next((s for s in (run.get("status") or {}).get("steps") or () if s["name"] == step), {})
        return (found.get("state"), found.get("evictions", 0) >= evictions) == (state, True)

    return holds


async def test_a_run_goes_through_a_queue(lab: Lab) -> None:
    """Queued, admitted, evicted while it trains, queued again, admitted: one Job for each step, all at attempt 0."""
    namespace = await lab.namespace(Story(steps={"validate": [Running()]}))
    operator = lab.operator(namespace)
    async with Queue(lab.kube, namespace) as queue:
        await create(pipeline(policy={"queueName": "team-a"}))(lab.kube, namespace)
        await lab.world.until(namespace, stands("validate", "Queued", 0), "validate is queued")
        queued = lab.world.space(namespace).condition("TrainingRun", "churn-1", "Reconciling")
        await lab.retell(namespace, Story(steps={"train": [Running()]}))
        await queue.let(admitted=True)
        await lab.world.until(namespace, stands("train", "Running", 0), "train is at work")
        await queue.let(admitted=False)
        space = await lab.world.until(namespace, stands("train", "Queued", 1), "train is queued again")
        said = space.summary("TrainingRun", "churn-1")
        await lab.retell(namespace, Story())
        await queue.let(admitted=True)
        await lab.world.until(namespace, trained("churn-1", "Succeeded"), "the run made a version")
    jobs = await lab.kube.list(JOB, namespace)

    assert queued == "True/Queued"
    assert said.startswith("train is queued again: Job churn-1-train-0 was evicted after it had started")
    assert sorted(job["metadata"]["name"] for job in jobs) == [
        "churn-1-evaluate-0",
        "churn-1-train-0",
        "churn-1-validate-0",
    ]
    assert [write for write in operator.ledger.writes if write.kind == "Job" and write.verb != "create"] == []
