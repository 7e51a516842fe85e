"""The port `Cluster` over HTTP: URLs, verbs and patch types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final
from urllib.parse import quote

from mlwright.adapters.kube.failures import ExpiredError
from mlwright.adapters.kube.transport import APPLY_PATCH, MERGE_PATCH, Call, Transport
from mlwright.constants import FIELD_MANAGER, LABEL_MANAGED_BY, MANAGED_BY, MANAGED_SELECTOR
from mlwright.errors import NotFoundError
from mlwright.plan.resources import DEPLOYMENT, KINDS, WRITTEN, Body, ResourceKind
from mlwright.ports.cluster import Page

PAGE: Final = 200
"""Objects per page of a list. A page is parsed as a whole, and what that takes the process keeps: 24 KB for a run's
Job or pod."""

PIECE: Final = 20
"""Objects that are handed on at once; behind them whatever else waits for the event loop has a turn."""


def collection(kind: ResourceKind, namespace: str) -> str:
    """Return the URL path of a kind; of all namespaces when `namespace` is empty.

    >>> from mlwright.plan.resources import JOB
    >>> collection(JOB, "demo"), collection(JOB, "")
    ('/apis/batch/v1/namespaces/demo/jobs', '/apis/batch/v1/jobs')
    """
    middle = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{kind.root}{middle}/{kind.plural}"


def item(kind: ResourceKind, namespace: str, name: str) -> str:
    """Return the URL path of one object."""
    return f"{collection(kind, namespace)}/{quote(name, safe='')}"


class KubeCluster:
    """Implements `mlwright.ports.cluster.Cluster`."""

    def __init__(self, transport: Transport, namespace: str = "", kinds: Iterable[ResourceKind] = KINDS) -> None:
        self._transport = transport
        self._kinds = {kind.name: kind for kind in (*WRITTEN, *kinds)}
        self._namespace = namespace
        """Lists are limited to it; all namespaces when empty."""

    def _place(self, body: Body) -> tuple[ResourceKind, str, str]:
        return self._kinds[body["kind"]], body["metadata"]["namespace"], body["metadata"]["name"]

    async def pages(self, kind: ResourceKind) -> AsyncIterator[Page]:
        """List a kind in chunks, from the start again when the snapshot expires meanwhile.

        The next chunk is asked for before one is handed on, so that the API server works while it is taken in.
        """
        query = _limited(kind, PAGE)
        first, asked = True, self._ask(kind, query, "")
        try:
            while True:
                try:
                    answer = await asked
                except ExpiredError:
                    first, asked = True, self._ask(kind, query, "")
                    continue
                items, version = answer.pop("items"), int(answer["metadata"]["resourceVersion"])
                if token := answer["metadata"].get("continue"):
                    asked = self._ask(kind, query, token)
                for begin in range(0, max(len(items), 1), PIECE):
                    yield Page(tuple(_named(body, kind) for body in items[begin : begin + PIECE]), version, first=first)
                    first = False
                    await asyncio.sleep(0)
                if not token:
                    return
        finally:
            asked.cancel()

    async def probe(self, kind: ResourceKind) -> None:
        """List one object."""
        where = collection(kind, self._namespace)
        await self._transport.send(Call("probe", kind.name, "GET", where, _limited(kind, 1)))

    def _ask(self, kind: ResourceKind, query: dict[str, str | int], token: str) -> asyncio.Task[Body]:
        return asyncio.create_task(self._list(kind, query, token))

    async def _list(self, kind: ResourceKind, query: dict[str, str | int], token: str) -> Body:
        where = collection(kind, self._namespace)
        return await self._transport.send(
            Call("list", kind.name, "GET", where, query | {"continue": token} if token else query)
        )

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Body | None:
        """GET one object; None for 404."""
        try:
            return await self._transport.send(Call("get", kind.name, "GET", item(kind, namespace, name)))
        except NotFoundError:
            return None

    async def create(self, body: Body) -> Body:
        """POST."""
        kind, namespace, _ = self._place(body)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._transport.send(Call("create", kind.name, "POST", collection(kind, namespace), query, body))

    async def apply(self, body: Body, *, manager: str, force: bool) -> Body:
        """PATCH as server-side apply."""
        kind, namespace, name = self._place(body)
        query = {"fieldManager": manager} | ({"force": "true"} if force else {})
        return await self._transport.send(
            Call("apply", kind.name, "PATCH", item(kind, namespace, name), query, body, APPLY_PATCH)
        )

    async def adopt(self, body: Body, owner: Body) -> Body:
        """PATCH the owner references; references that are not controllers are kept."""
        others = [ref for ref in body["metadata"].get("ownerReferences") or () if not ref.get("controller")]
        return await self._patch_metadata(body, {"ownerReferences": [*others, _reference(owner)]})

    async def relabel(self, body: Body) -> Body:
        """PATCH the label that our selector asks for."""
        return await self._patch_metadata(body, {"labels": {LABEL_MANAGED_BY: MANAGED_BY}})

    async def rewrite_managers(self, body: Body) -> Body:
        """PATCH `metadata.managedFields`."""
        return await self._patch_metadata(body, {"managedFields": body["metadata"]["managedFields"]})

    async def _patch_metadata(self, body: Body, change: Body) -> Body:
        kind, namespace, name = self._place(body)
        guard = {key: body["metadata"][key] for key in ("uid", "resourceVersion")}
        patch = {"metadata": guard | change}
        query = {"fieldManager": FIELD_MANAGER}
        return await self._transport.send(
            Call("patch", kind.name, "PATCH", item(kind, namespace, name), query, patch, MERGE_PATCH)
        )

    async def write_status(self, body: Body) -> Body:
        """PUT the status subresource. Only identity and status are sent; the server takes the rest from what it has."""
        kind, namespace, name = self._place(body)
        identity = {key: body["metadata"][key] for key in ("namespace", "name", "uid", "resourceVersion")}
        stub = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": identity, "status": body["status"]}
        path = f"{item(kind, namespace, name)}/status"
        query = {"fieldManager": FIELD_MANAGER}
        return await self._transport.send(Call("update_status", kind.name, "PUT", path, query, stub))

    async def scale(self, kind: ResourceKind, namespace: str, name: str, replicas: int, resource_version: str) -> None:
        """PUT the scale subresource."""
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"namespace": namespace, "name": name, "resourceVersion": resource_version},
            "spec": {"replicas": replicas},
        }
        path = f"{item(kind, namespace, name)}/scale"
        await self._transport.send(Call("scale", kind.name, "PUT", path, {"fieldManager": FIELD_MANAGER}, body))

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        """DELETE with preconditions."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            await self._transport.send(Call("delete", kind.name, "DELETE", item(kind, namespace, name), body=options))
        except NotFoundError:
            return


def _named(body: Body, kind: ResourceKind) -> Body:
    """Return an object of a list with what lists leave out, and without what nobody reads."""
    body.setdefault("apiVersion", kind.api_version)
    body.setdefault("kind", kind.name)
    if kind is not DEPLOYMENT:  # of which it matters who set the number of pods
        body["metadata"].pop("managedFields", None)
    return body


def _limited(kind: ResourceKind, objects: int) -> dict[str, str | int]:
    """Return the query of a list in chunks; of foreign kinds of our children only."""
    return {"limit": objects, **({"labelSelector": MANAGED_SELECTOR} if kind.owned else {})}


def _reference(owner: Body) -> Body:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


async def served(transport: Transport, kinds: Iterable[ResourceKind]) -> tuple[ResourceKind, ...]:
    """Return those kinds that the API server serves: to list and watch another would end the operator."""
    found = []
    for kind in kinds:
        try:
            answer = await transport.send(Call("get", "discovery", "GET", kind.root))
        except NotFoundError:
            continue
        found += [kind] if any(entry.get("kind") == kind.name for entry in answer.get("resources") or ()) else []
    return tuple(found)
