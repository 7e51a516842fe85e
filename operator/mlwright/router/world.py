"""What the API server says: routes on Services, pods in EndpointSlices. The reading of both is pure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mlwright.constants import ANNOTATION_ROUTE, MANAGED_SELECTOR
from mlwright.router.kube import GONE, Body, Kube, KubeError
from mlwright.router.servers import Address, Endpoints, State

SERVICE_NAME: Final = "kubernetes.io/service-name"
"""Label of an EndpointSlice: whose endpoints it holds."""
PAUSE: Final = 1.0
"""Seconds before a watch that broke is begun again."""

logger = logging.getLogger("mlwright.router")


def texts_of(services: Iterable[Body]) -> dict[str, str]:
    """Return the route documents that Services carry, by the name of the Service."""
    found = ((body["metadata"]["name"], body["metadata"].get("annotations") or {}) for body in services)
    return {name: annotations[ANNOTATION_ROUTE] for name, annotations in found if ANNOTATION_ROUTE in annotations}


def endpoints_of(slices: Iterable[Body]) -> dict[str, Endpoints]:
    """Return the pods of each headless Service: ready ones, and those that go and still answer."""
    found: dict[str, dict[Address, State]] = {}
    for body in slices:
        service = body["metadata"]["labels"].get(SERVICE_NAME, "")
        if body.get("addressType") != "IPv4":  # HAProxy takes no other where pods come and go
            continue
        port = next((p["port"] for p in body.get("ports") or () if p.get("name") == "http" and p.get("port")), None)
        for endpoint in (body.get("endpoints") or ()) if port else ():
            state = _state(endpoint.get("conditions") or {})
            for ip in endpoint["addresses"] if state is not None else ():
                found.setdefault(service, {})[Address(ip, int(port or 0))] = state or State.DRAIN
    return dict(found)


def _state(conditions: Mapping[str, Any]) -> State | None:
    """Return how a pod is used; None when it cannot answer. An absent condition means yes, as the API says."""
    if conditions.get("terminating"):
        return State.DRAIN if conditions.get("serving") else None
    return State.READY if conditions.get("ready", True) in (True, None) else None


def pods_of(slices: Iterable[Body], service: str) -> frozenset[str]:
    """Return the names of the pods behind a Service, ready or not."""
    of_service = [body for body in slices if body["metadata"]["labels"].get(SERVICE_NAME) == service]
    endpoints = (endpoint for body in of_service for endpoint in body.get("endpoints") or ())
    return frozenset(endpoint["targetRef"]["name"] for endpoint in endpoints if endpoint.get("targetRef"))


@dataclass(slots=True)
class Shelf:
    """All objects of one kind, kept up to date by a list and watches."""

    path: str
    selector: str
    changed: Callable[[], None]
    items: dict[str, Body] = field(default_factory=dict)
    synced: bool = False

    async def keep(self, kube: Kube) -> None:
        """List, watch, and begin again for ever. What was seen last stays while the API server is away."""
        version = ""
        while True:
            try:
                version = version or await self._list(kube)
                version = await self._watch(kube, version)
            except KubeError as error:
                logger.warning("watch broke off", extra={"path": self.path, "error": str(error)})
                version = "" if error.status in (GONE, 0) else version
                await asyncio.sleep(PAUSE)

    async def _list(self, kube: Kube) -> str:
        found = await kube.list(self.path, labelSelector=self.selector)
        self.items = {item["metadata"]["name"]: item for item in found.get("items") or ()}
        self.synced = True
        self.changed()
        return str(found["metadata"]["resourceVersion"])

    async def _watch(self, kube: Kube, version: str) -> str:
        options = {"labelSelector": self.selector, "allowWatchBookmarks": "true"}
        async for kind, body in kube.watch(self.path, version, **options):
            version = str(body["metadata"]["resourceVersion"])
            if kind == "BOOKMARK":
                continue
            if kind == "DELETED":
                self.items.pop(body["metadata"]["name"], None)
            else:
                self.items[body["metadata"]["name"]] = body
            self.changed()
        return version


class World:
    """Routes and endpoints of one namespace, as last heard of."""

    def __init__(self, kube: Kube, namespace: str, changed: Callable[[], None]) -> None:
        # slices have the labels of their Service
        discovery = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        self._services = Shelf(f"/api/v1/namespaces/{namespace}/services", MANAGED_SELECTOR, changed)
        self._slices = Shelf(discovery, MANAGED_SELECTOR, changed)
        self._kube = kube

    async def keep(self) -> None:
        """Keep both up to date; never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._services.keep(self._kube))
            group.create_task(self._slices.keep(self._kube))

    @property
    def synced(self) -> bool:
        """Whether both were listed once."""
        return self._services.synced and self._slices.synced

    def texts(self) -> dict[str, str]:
        """Return the route documents by model, whether they can be read or not."""
        return texts_of(self._services.items.values())

    def endpoints(self) -> dict[str, Endpoints]:
        """Return the pods of each headless Service."""
        return endpoints_of(self._slices.items.values())

    def pods(self, service: str) -> frozenset[str]:
        """Return the names of the pods behind a Service."""
        return pods_of(self._slices.items.values(), service)

    def annotations(self, service: str) -> dict[str, str]:
        """Return the annotations of a Service; none when it is not there."""
        body = self._services.items.get(service) or {"metadata": {}}
        return dict(body["metadata"].get("annotations") or {})
