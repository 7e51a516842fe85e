"""Which pods a Prometheus of ours should scrape, told over HTTP in the form of its service discovery.

Debian's Prometheus cannot ask the API server, and the operator knows best which pods it made: whatever claims to serve
and is not a child of a deployment is never in the list.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import to_json

from mlwright.constants import LABEL_PREFLIGHT, LABEL_REVISION, ROUTER, ROUTER_METRICS_PORT, ROUTER_NAME, SERVER_PORT
from mlwright.controller.cache import Cache
from mlwright.plan.resources import DEPLOYMENT, MODEL_DEPLOYMENT, POD, SERVICE, Body, Key

EVERY: Final = 2.0
"""Seconds between two looks; a new pod is scraped a few seconds after it has an address."""
INTEREST: Final = 60.0
"""Seconds without a question after which nobody is taken to listen, and nothing is looked up."""


class Targets:
    """The list as it is told; None while this replica does not lead, or nobody has asked yet."""

    def __init__(self) -> None:
        self._body: bytes | None = None
        self._asked = -math.inf

    def told(self) -> bytes | None:
        """Return the list to somebody who asks; may be called on any thread."""
        self._asked = time.monotonic()
        return self._body

    def tell(self, body: bytes | None) -> None:
        """Set the list."""
        self._body = body

    @property
    def wanted(self) -> bool:
        """Whether somebody asked lately."""
        return time.monotonic() - self._asked < INTEREST


async def keep(targets: Targets, cache: Cache) -> None:
    """Keep the list as the cache says, for ever; in the end this replica knows nothing any more."""
    try:
        while True:
            targets.tell(to_json(list(found(cache))) if targets.wanted else None)
            await asyncio.sleep(EVERY)
    finally:
        targets.tell(None)


def found(cache: Cache) -> Iterator[dict[str, Any]]:
    """Yield an entry for each running pod of each deployment and router, with the labels by which the operator asks."""
    for namespace, name in cache.everywhere(MODEL_DEPLOYMENT):
        owner = Key(MODEL_DEPLOYMENT.name, namespace, name)
        served = (pod for pod in cache.children(POD, owner) if not _asks(pod))
        pods = [(pod, address) for pod in served if (address := _address(pod))]
        schemes = {_revision(body): _scheme(body) for body in cache.children(DEPLOYMENT, owner)} if pods else {}
        for pod, address in pods:
            labels = {"namespace": namespace, "pod": pod["metadata"]["name"]}
            yield {"targets": [address], "labels": labels | {"__scheme__": schemes.get(_revision(pod), "http")}}
    yield from _routers(cache)


def _routers(cache: Cache) -> Iterator[dict[str, Any]]:
    """Yield an entry for each running pod of each router."""
    for namespace in sorted({namespace for namespace, name in cache.everywhere(SERVICE) if name == ROUTER_NAME}):
        for pod, address in routers(cache, namespace):
            yield {"targets": [address], "labels": {"namespace": namespace, "pod": pod, "__scheme__": "http"}}


def routers(cache: Cache, namespace: str) -> Iterator[tuple[str, str]]:
    """Yield name and address of each running pod of the router of a namespace."""
    for pod in cache.children(POD, Key(ROUTER, namespace, ROUTER_NAME)):
        if address := _address(pod, ROUTER_METRICS_PORT):
            yield pod["metadata"]["name"], address


def _asks(pod: Body) -> bool:
    """Tell whether it is the pod of a preflight, which serves nobody."""
    return LABEL_PREFLIGHT in (pod["metadata"].get("labels") or {})


def _revision(body: Body) -> str:
    return str((body["metadata"].get("labels") or {}).get(LABEL_REVISION, ""))


def _scheme(deployment: Body) -> str:
    """Return how the pods of a revision are asked: as the kubelet asks whether they are ready."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    probes = ((container.get("readinessProbe") or {}).get("httpGet") or {} for container in containers)
    return next((str(probe["scheme"]).lower() for probe in probes if probe.get("scheme")), "http")


def _address(pod: Body, port: int = SERVER_PORT) -> str:
    """Return where a pod answers; nothing for one that does not run."""
    status = pod.get("status") or {}
    address = str(status.get("podIP") or "")
    if status.get("phase") != "Running" or not address:
        return ""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
