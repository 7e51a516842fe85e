"""From requests at a real router to pods on a real API server, without a Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cluster.apiserver import ApiServer
from mlwright.adapters.routers import RouterPods
from mlwright.plan.loads import Passing
from mlwright.plan.resources import DEPLOYMENT as DEPLOYMENTS
from mlwright.plan.resources import MODEL_DEPLOYMENT
from tests.support.apiserver import Client
from tests.support.flows import deployment, version
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.objects import MODEL
from tests.support.operators import SETTINGS, InProcess
from tests.support.routing import Running, ask
from tests.support.scripts import Story
from tests.support.waiting import answered

SCALING = {
    "minReplicas": 1,
    "maxReplicas": 9,
    "metrics": [{"name": "busy", "type": "Concurrency", "concurrency": {"target": 10}}],
}
MODEL_NAME = "churn"
REQUESTS = 31


class Here(RouterPods):
    """Asks the one router of the test, wherever the API server says that it is."""

    def __init__(self, port: int) -> None:
        super().__init__(seconds=30.0)  # other tests keep the machine busy
        self._address = f"127.0.0.1:{port}"

    async def passing(self, address: str) -> Mapping[str, Passing]:
        """Return what it says."""
        del address
        return await super().passing(self._address)


async def test_requests_that_a_router_holds_make_pods(
    apiserver: ApiServer, client: Client, namespace: str, tmp_path: Path
) -> None:
    """The agent tells them, the operator asks it, and the number is written with the sentence of the planner."""
    del client  # it installs the definitions
    settings = replace(SETTINGS, namespace=namespace, router_image="example/router:1")
    async with Running(tmp_path) as running, Kube(apiserver) as kube, Kubelet(kube, Story(), namespace):
        running.scene.route({"r": [(0, 9999)]}, MODEL_NAME)
        await running.follows()
        held = [asyncio.ensure_future(ask(running, f"/v2/models/{MODEL_NAME}/infer")) for _ in range(REQUESTS)]
        operator = InProcess(apiserver, settings, routers=lambda: Here(running.place.metrics_port)).start()
        try:
            spec = {"replicas": 1, "autoscaling": SCALING, "traffic": {"provider": "Router"}}
            for thing in (MODEL, version(1), deployment(**spec)):
                await kube.create(thing, namespace)

            why = await answered(lambda: told(kube, namespace, "at the routers"), "the reason is told", 50)
            await answered(lambda: pods(kube, namespace, 4), "four pods are asked for", 50)
        finally:
            operator.kill()
            await operator.ended()
            for request in held:
                request.cancel()
            await asyncio.gather(*held, return_exceptions=True)

    assert why == f"1 -> 4: busy: {REQUESTS} requests under way at the routers against 10 per pod"


async def pods(kube: Kube, namespace: str, count: int) -> bool:
    """Tell whether the Deployment of the version is to have so many pods."""
    found = await kube.list(DEPLOYMENTS, namespace)
    return any(body["metadata"]["name"].startswith("churn-") and body["spec"]["replicas"] == count for body in found)


async def told(kube: Kube, namespace: str, part: str) -> str:
    """Return the sentence of the last move, if it holds a part."""
    body = await kube.read(MODEL_DEPLOYMENT, namespace, "churn") or {}
    sentence = str(((body.get("status") or {}).get("scaling") or {}).get("sentence", ""))
    return sentence if part in sentence else ""
