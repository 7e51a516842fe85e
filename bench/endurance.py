"""Memory, restarts, fail-over, repairs, and what a hundred thousand looks leave behind."""

from __future__ import annotations

import asyncio
import signal
import time
from functools import partial
from pathlib import Path
from typing import Final

from bench.load import NAMESPACE, Load, kubelet, run_pods, spread
from bench.servers import server
from bench.subjects import HEALTH_PORT, Process, known, metrics, settled
from cluster.apiserver import ApiServer
from mlwright.plan.resources import MODEL_VERSION, SERVICE, TRAINING_RUN
from tests.support.flows import deployment, version
from tests.support.kube import Kube
from tests.support.objects import changed

MODULE: Final = "mlwright.main"
PIPELINE_RUNS: Final = 10
"""Runs per pipeline: what is kept of its history."""
DEPLOYMENTS: Final = 50
LOOKS: Final = 100_000
RESYNC: Final = "2"


async def memory_and_restart(number: int, log: Path, *, finished: bool) -> dict[str, float]:
    """Let so many runs be there, finished or waiting for their first Job, and start a new process on them."""
    figures: dict[str, float] = {}
    with server() as running:
        async with Kube(running) as kube, Load(kube, number // PIPELINE_RUNS) as load:
            with Process(MODULE, running.kubeconfig, log) as process:
                await settled()
                figures["rss_base_mb"] = process.rss_mb
                await load.grow(number)
                await (_finish(kube, number) if finished else run_pods(kube, number))
                await settled()
                figures["rss_mb"] = process.rss_mb
                process.end()
            figures |= await _restart(running, log)
    return figures


async def _finish(kube: Kube, number: int) -> None:
    """Play all Jobs until every run has its version."""
    async with kubelet(kube) as actor:
        await known(MODEL_VERSION.name, number, actor.complain)
        await settled()


async def _restart(running: ApiServer, log: Path) -> dict[str, float]:
    with Process(MODULE, running.kubeconfig, log) as process:
        seconds = await settled() - process.begun
        return {
            "restart_seconds": seconds,
            "rss_restart_mb": process.rss_mb,
            "cpu_restart_seconds": process.cpu_seconds,
        }


async def failover(number: int, log: Path) -> float:
    """Kill the leader at so many runs; return the seconds until the other replica's next decision."""
    with server() as running:
        async with Kube(running) as kube, Load(kube, number // PIPELINE_RUNS) as load:
            with Process(MODULE, running.kubeconfig, log) as leader:
                await load.grow(number)
                await settled()
                port = str(HEALTH_PORT + 1)
                with Process(MODULE, running.kubeconfig, log, MLWRIGHT_HEALTH_PORT=port):
                    await asyncio.sleep(5.0)
                    leader.end(signal.SIGKILL)
                    begun = time.monotonic()
                    await load.grow(1)
                    return time.monotonic() - begun


async def repairs(log: Path) -> float:
    """Edit and delete Services of deployments; return the 99th percentile of seconds until they are right again."""
    with server() as running:
        async with Kube(running) as kube, Load(kube, 1), kubelet(kube):
            with Process(MODULE, running.kubeconfig, log):
                await _deployments(kube)
                names = [f"churn-{number}" for number in range(DEPLOYMENTS)]
                times: list[float] = []
                for damage in (_edit, _delete):
                    await settled()
                    await spread(partial(_damaged, kube, name, damage, times) for name in names)
                return sorted(times)[int(len(times) * 0.99)]


async def _deployments(kube: Kube) -> None:
    model = {"apiVersion": TRAINING_RUN.api_version, "kind": "Model", "metadata": {"name": "churn"}, "spec": {}}
    await kube.create(model, NAMESPACE)
    await kube.create(version(1), NAMESPACE)
    for number in range(DEPLOYMENTS):
        await kube.create(changed(deployment(rollout={}), {"metadata.name": f"churn-{number}"}), NAMESPACE)
    while not all([await _right(kube, f"churn-{number}") for number in range(DEPLOYMENTS)]):  # noqa: ASYNC110  # in another process
        await asyncio.sleep(0.5)


async def _right(kube: Kube, name: str) -> bool:
    service = await kube.read(SERVICE, NAMESPACE, name)
    return service is not None and len(service["spec"]["selector"].get("mlwright.dev/revision", "")) > 1


async def _edit(kube: Kube, name: str) -> None:
    await kube.merge(SERVICE, NAMESPACE, name, {"spec": {"selector": {"mlwright.dev/revision": "x"}}})


async def _delete(kube: Kube, name: str) -> None:
    await kube.delete(SERVICE, NAMESPACE, name)


async def _damaged(kube: Kube, name: str, damage: object, times: list[float]) -> None:
    begun = time.monotonic()
    await damage(kube, name)  # type: ignore[operator]
    while not await _right(kube, name):  # noqa: ASYNC110  # in another process
        await asyncio.sleep(0.02)
    times.append(time.monotonic() - begun)


async def slope(log: Path) -> float:
    """Return the megabytes that a hundred thousand looks add, lists of everything included."""
    with server() as running:
        async with Kube(running) as kube, Load(kube, 100) as load:
            with Process(MODULE, running.kubeconfig, log, MLWRIGHT_RESYNC_SECONDS=RESYNC) as process:
                await load.grow(1000)
                await _looked(LOOKS // 5)
                begun, before = process.rss_mb, metrics()["mlwright_reconciles_total"]
                await _looked(before + LOOKS)
                looks = metrics()["mlwright_reconciles_total"] - before
                return (process.rss_mb - begun) * LOOKS / looks


async def _looked(number: float) -> None:
    while (await asyncio.to_thread(metrics)).get("mlwright_reconciles_total", 0.0) < number:  # noqa: ASYNC110  # in another process
        await asyncio.sleep(2.0)
