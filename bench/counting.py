"""What mlwright asks of the API server: writes for one thing that happened, and calls when nothing happens."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final

from bench.load import NAMESPACE, Load, kubelet, run_pods
from bench.servers import Audit, audited, writes
from bench.subjects import Process, settled
from cluster.apiserver import ApiServer
from mlwright.plan.resources import JOB, MODEL_DEPLOYMENT, TRAINING_RUN
from tests.support.apiserver import Json
from tests.support.flows import deployment, version
from tests.support.kube import Kube

MODULE: Final = "mlwright.main"
RUNS: Final = 1000
IDLE_SECONDS: Final = 60.0
SAMPLES: Final = 5
OF_A_RUN: Final = ("trainingruns", "controllerrevisions", "jobs")


async def count(log: Path) -> dict[str, float]:
    """Count, on an API server that writes down every call."""
    with audited() as (running, audit):
        async with Kube(running) as kube, Load(kube, 100) as load:
            with Process(MODULE, running.kubeconfig, log) as process:
                await settled()
                figures = await _per_occasion(kube, load, audit)
                await load.grow(RUNS - SAMPLES)
                await run_pods(kube, RUNS)
                figures |= await _idle(process, audit)
                process.end()
            figures["writes_restart"] = await _after_restart(running, audit, log)
    return figures


async def _per_occasion(kube: Kube, load: Load, audit: Audit) -> dict[str, float]:
    figures: dict[str, float] = {}
    names = []
    audit.since_last()
    new: Counter[str] = Counter()
    for _ in range(SAMPLES):
        names += await load.grow(1)
        await settled()
        new += audit.since_last()
    figures["writes_new_cr"] = _of_runs(writes(new)) / SAMPLES
    figures["writes_new_cr_pipeline"] = writes(new).total() / SAMPLES - figures["writes_new_cr"]
    figures["events_new_cr"] = sum(n for what, n in new.items() if what.endswith(" events")) / SAMPLES
    figures["writes_child_status"] = await _child_status(kube, names, audit)
    figures["writes_noop"] = await _nothing_new(kube, names, audit)
    return figures | await _deployment(kube, audit)


def _of_runs(found: Counter[str]) -> int:
    return sum(number for what, number in found.items() if what.split()[1].split("/")[0] in OF_A_RUN)


async def _child_status(kube: Kube, names: list[str], audit: Audit) -> float:
    for name in names:
        status = {"active": 1, "startTime": "2026-01-02T03:04:05Z"}
        await kube.merge(JOB, NAMESPACE, f"{name}-validate-0", {"status": status}, subresource="/status")
        await settled()
    return _of_runs(writes(audit.since_last())) / len(names)


async def _nothing_new(kube: Kube, names: list[str], audit: Audit) -> float:
    for name in names:
        await kube.merge(TRAINING_RUN, NAMESPACE, name, {"metadata": {"annotations": {"example.com/note": "seen"}}})
        await settled()
    return writes(audit.since_last()).total() / len(names)


async def _deployment(kube: Kube, audit: Audit) -> dict[str, float]:
    """A deployment up to Ready, and an edit of its spec afterwards."""
    model = {"apiVersion": MODEL_DEPLOYMENT.api_version, "kind": "Model", "metadata": {"name": "churn"}, "spec": {}}
    async with kubelet(kube, finished=False):
        await kube.create(model, NAMESPACE)
        await kube.create(version(1), NAMESPACE)
        await settled()
        audit.since_last()
        await kube.create(deployment(), NAMESPACE)
        await _until_ready(kube)
        await settled()
        ready = writes(audit.since_last()).total()
    # nobody plays the pods any more: what follows is the answer to the edit alone, not to what comes of it
    await kube.merge(MODEL_DEPLOYMENT, NAMESPACE, "churn", {"spec": {"replicas": 3}})
    await settled()
    edited = writes(audit.since_last())
    return {"writes_deployment_ready": ready, "writes_spec_edit": edited.total()}


async def _until_ready(kube: Kube) -> None:
    while True:
        body: Json = await kube.read(MODEL_DEPLOYMENT, NAMESPACE, "churn") or {}
        conditions: list[Any] = (body.get("status") or {}).get("conditions") or []
        if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            return
        await asyncio.sleep(0.1)


async def _idle(process: Process, audit: Audit) -> dict[str, float]:
    """Calls and processor time of a minute in which nothing happens."""
    await settled()
    await asyncio.sleep(2.0)
    audit.since_last()
    cpu = process.cpu_seconds
    await asyncio.sleep(IDLE_SECONDS)
    used, calls = process.cpu_seconds - cpu, audit.since_last()
    print(f"  idle: {dict(calls)}")
    known = sum(number for what, number in calls.items() if what.startswith("watch ") or what.endswith(" leases"))
    return {
        "idle_requests_per_minute": (calls.total() - known) * 60 / IDLE_SECONDS,
        "idle_watches_and_renewals_per_minute": known * 60 / IDLE_SECONDS,
        "idle_cpu_share": used / IDLE_SECONDS,
    }


async def _after_restart(running: ApiServer, audit: Audit, log: Path) -> float:
    audit.since_last()
    with Process(MODULE, running.kubeconfig, log):
        await settled()
    return writes(audit.since_last()).total()
