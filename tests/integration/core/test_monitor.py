"""A monitor on a real API server: what it records, what it tells, and what it does not do with broken values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from cluster.apiserver import ApiServer
from mlwright.api.conditions import find
from mlwright.plan.resources import CONTROLLER_REVISION, DECISION, DRIFT_MONITOR, Body
from tests.support.clocks import ShiftedClock
from tests.support.drift_store import DriftStore
from tests.support.flows import deployment, version
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.manifests import monitor
from tests.support.objects import MODEL, PIPELINE
from tests.support.operators import SETTINGS, InProcess
from tests.support.scripts import Stories, Story, user_error
from tests.support.waiting import answered as eventually

AT_ONCE = {"persistence": {"required": 1, "of": 1}}
CHECKS = [
    {"name": "data", "type": "DataDrift", "dataDrift": AT_ONCE},
    {"name": "whole", "type": "Quality", "quality": AT_ONCE},
]
AGAIN = {"name": "again", "when": ["DataDrift"], "type": "Retrain", "retrain": {"pipelineRef": {"name": "churn"}}}
BROKEN = {"0": 350, "1": 345, "missing": 305}
OLDER = {"0": 100, "1": 895, "missing": 5}
LATER = 60.0
"""Seconds in which windows of ten are over, and were counted ten later."""
WAIT = 60.0


@pytest.fixture
def store() -> DriftStore:
    """What the pods counted."""
    return DriftStore()


@pytest.fixture
def clock() -> ShiftedClock:
    """The operator's clock."""
    return ShiftedClock()


@pytest.fixture
async def operator(
    apiserver: ApiServer, namespace: str, store: DriftStore, clock: ShiftedClock
) -> AsyncIterator[InProcess]:
    """An operator that can ask for it."""
    running = InProcess(apiserver, replace(SETTINGS, namespace=namespace), store=store, clock=clock).start()
    yield running
    running.kill()
    await running.ended()


@pytest.mark.usefixtures("operator")
async def test_a_run_is_asked_for_when_broken_values_are_whole_again(
    kube: Kube, namespace: str, store: DriftStore, clock: ShiftedClock
) -> None:
    """Rows without their age are told as such and start nothing; older customers do."""
    store.shares = BROKEN
    stories = Stories()
    stories.tell(namespace, Story())
    async with Kubelet(kube, stories, namespace):
        for body in (MODEL, version(1), deployment(), _watching(), _paused_pipeline()):
            await kube.create(body, namespace)
        await eventually(lambda: _told(kube, namespace, "Ready", "True"), "it is watched", WAIT)
        clock.advance(LATER)
        broken = await eventually(lambda: _told(kube, namespace, "QualityDegraded", "True"), "it is told", WAIT)
        held = await _status(kube, namespace)
        before = await _asked(kube, namespace)
        store.shares = OLDER
        clock.advance(LATER)
        decision = await eventually(lambda: _asked(kube, namespace), "a run is asked for", WAIT)

    assert broken.startswith("churn-v1 is asked with broken values: age: 30 % [")
    assert "pipeline churn is not asked for a run, which would learn from broken values" in held["summary"]
    assert (find(held, "Drifted") or {})["status"] == "True"
    assert before == {}
    assert decision["evidence"]["features"][0]["name"] == "age"
    assert await _records(kube, namespace) >= {"learned", "counted"}


@pytest.mark.usefixtures("operator")
async def test_stored_rows_are_judged_when_somebody_asks(kube: Kube, namespace: str) -> None:
    """A Job counts them and its pod says what; they are judged as requests are, and a look that fails is told."""
    stories, story = Stories(), Story(stored=(250, 700, 50))
    stories.tell(namespace, story)
    async with Kubelet(kube, stories, namespace):
        for body in (MODEL, version(1), deployment(), _stored()):
            await kube.create(body, namespace)
        await eventually(lambda: _told(kube, namespace, "Ready", "True"), "it is watched", WAIT)
        await _ask(kube, namespace, "once")
        drifted = await eventually(lambda: _told(kube, namespace, "Drifted", "True"), "drift is told", WAIT)
        found = await _status(kube, namespace)
        story.steps = {
            "count": [user_error("count", "spec.target.batch.dataset.uri", "there is no file", "put it there")]
        }
        await _ask(kube, namespace, "again")
        failed = await eventually(lambda: _told(kube, namespace, "DataAvailable", "False"), "it is told", WAIT)
        after = await _status(kube, namespace)

    assert drifted.startswith("churn-v1 has drifted: age: 0.")
    assert found["window"]["rows"] == 1_000
    assert found["lastLook"]["state"] == "Counted"
    assert failed == "spec.target.batch.dataset.uri: there is no file; put it there"
    assert (find(after, "Drifted") or {})["status"] == "True"
    assert await _records(kube, namespace) >= {"learned", "counted"}


def _stored() -> Body:
    """Return a monitor of stored rows whose slot is far away."""
    target = {
        "deploymentRef": {"name": "churn"},
        "dataset": {"uri": "pvc://lake/customers.parquet"},
        "schedule": {"cron": "0 0 1 1 *"},
    }
    body: Body = monitor("churn", target={"type": "Batch", "batch": target}, checks=CHECKS)
    return body


async def _ask(kube: Kube, namespace: str, value: str) -> None:
    """Ask for a look."""
    change = {"metadata": {"annotations": {"mlwright.dev/run": value}}}
    await kube.merge(DRIFT_MONITOR, namespace, "churn", change)


def _watching() -> Body:
    body: Body = monitor(
        "churn",
        windows={"slow": {"length": "10s", "every": "10s"}},
        checks=CHECKS,
        independentRows=True,
        actions=[AGAIN],
    )
    return body


def _paused_pipeline() -> Body:
    """Return the pipeline; it starts no run, which is none of this test's matter."""
    return {**PIPELINE, "metadata": {"name": "churn"}, "spec": {**PIPELINE["spec"], "paused": True}}


async def _status(kube: Kube, namespace: str) -> Any:
    return ((await kube.read(DRIFT_MONITOR, namespace, "churn")) or {}).get("status") or {}


async def _told(kube: Kube, namespace: str, type_: str, status: str) -> str:
    found = find(await _status(kube, namespace), type_)
    return str(found["message"]) if found and found["status"] == status else ""


async def _asked(kube: Kube, namespace: str) -> Body:
    """Return the Decision that asks for a run; nothing while there is none."""
    found = (body["spec"] for body in await kube.list(DECISION, namespace))
    return next((dict(spec) for spec in found if spec["type"] == "Retrain"), {})


async def _records(kube: Kube, namespace: str) -> set[str]:
    """Return what the monitor's records hold."""
    found = await kube.list(CONTROLLER_REVISION, namespace)
    return {name for body in found for name in body["data"] or {}}
