"""An API server in memory, for tests of the core: names, uids, resourceVersions, conflicts, and events on request."""

from __future__ import annotations

import copy
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

from mlwright.constants import FIELD_MANAGER, LABEL_MANAGED_BY, MANAGED_BY
from mlwright.errors import AlreadyExistsError, ConflictError, NotFoundError
from mlwright.plan.resources import BY_NAME, Body, ResourceKind
from mlwright.ports.cluster import Page

Place = tuple[str, str, str]


class MemoryCluster:
    """Implements the port `Cluster`. What people do to objects has methods of its own."""

    def __init__(self, page: int = 2) -> None:
        self.objects: dict[Place, Body] = {}
        self.calls: list[str] = []
        """What was asked, as `verb Kind name`."""
        self.failures: dict[str, list[Exception]] = {}
        """What the next calls of that form raise instead of having effect."""
        self.before: Callable[[str], None] = lambda _: None
        """Is told every call before it has effect: where a test lets the world move meanwhile."""
        self._page = page
        self._versions = itertools.count(100)
        self._uids = itertools.count(1)

    @property
    def writes(self) -> list[str]:
        """What was asked that changes something."""
        return [call for call in self.calls if not call.startswith(("get ", "list "))]

    async def pages(self, kind: ResourceKind) -> AsyncIterator[Page]:
        """List a kind, a few objects per page."""
        self._called("list", kind.name, "")
        items = [copy.deepcopy(body) for place, body in self.objects.items() if place[0] == kind.name]
        version = next(self._versions)
        for start in range(0, max(1, len(items)), self._page):
            yield Page(tuple(items[start : start + self._page]), version, first=start == 0)

    async def probe(self, kind: ResourceKind) -> None:
        """Tell nothing: every kind is there, unless a test says otherwise."""
        self._called("list", kind.name, "")

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Body | None:
        """Return an object."""
        self._called("get", kind.name, name)
        return copy.deepcopy(self.objects.get((kind.name, namespace, name)))

    async def create(self, body: Body) -> Body:
        """Make an object, unless its name is taken."""
        self._called("create", body["kind"], body["metadata"]["name"])
        if place_of(body) in self.objects:
            raise AlreadyExistsError(f"{body['kind']} {body['metadata']['name']} already exists")
        return self._stored(_managed(copy.deepcopy(body), "Update"))

    async def apply(self, body: Body, *, manager: str, force: bool) -> Body:  # noqa: ARG002  # the port's
        """Merge into the object of that uid; a manager of fields is not played."""
        self._called("apply", body["kind"], body["metadata"]["name"])
        live = self.objects.get(place_of(body))
        if live is None or body["metadata"].get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise ConflictError("precondition failed: uid")
        if body["metadata"].get("resourceVersion", live["metadata"]["resourceVersion"]) != _version(live):
            raise ConflictError("the object has been modified")
        return self._stored(_managed(merged(live, body), "Apply"))

    async def adopt(self, body: Body, owner: Body) -> Body:
        """Set the controller."""
        self._called("adopt", body["kind"], body["metadata"]["name"])
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
        reference |= {"uid": owner["metadata"]["uid"], "controller": True}
        return self._stored(self._guarded(body) | {"metadata": body["metadata"] | {"ownerReferences": [reference]}})

    async def relabel(self, body: Body) -> Body:
        """Give the label back by which children are found."""
        self._called("relabel", body["kind"], body["metadata"]["name"])
        return self._stored(merged(self._guarded(body), {"metadata": {"labels": {LABEL_MANAGED_BY: MANAGED_BY}}}))

    async def rewrite_managers(self, body: Body) -> Body:
        """Replace the managers."""
        self._called("rewrite", body["kind"], body["metadata"]["name"])
        self._guarded(body)
        return self._stored(copy.deepcopy(body))

    async def write_status(self, body: Body) -> Body:
        """Replace the status at a version."""
        self._called("status", body["kind"], body["metadata"]["name"])
        return self._stored(self._guarded(body) | {"status": copy.deepcopy(body["status"])})

    async def scale(self, kind: ResourceKind, namespace: str, name: str, replicas: int, resource_version: str) -> None:
        """Set the number of pods at a version."""
        self._called("scale", kind.name, name)
        live = self._guarded(
            {
                "kind": kind.name,
                "metadata": {"namespace": namespace, "name": name, "resourceVersion": resource_version},
            }
        )
        self._stored(live | {"spec": live["spec"] | {"replicas": replicas}})

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        """Delete the object of that uid."""
        self._called("delete", kind.name, name)
        live = self.objects.get((kind.name, namespace, name))
        if live is not None and live["metadata"]["uid"] != uid:
            raise ConflictError("precondition failed: uid")
        self.objects.pop((kind.name, namespace, name), None)

    def put(self, body: Body) -> Body:
        """Let somebody create or replace an object."""
        return copy.deepcopy(self._stored(copy.deepcopy(body)))

    def edit(self, kind: str, name: str, **change: Any) -> Body:
        """Let somebody change top-level parts of an object in namespace `demo`."""
        return self.put(merged(self.objects[kind, "demo", name], change))

    def remove(self, kind: str, name: str) -> Body:
        """Let somebody delete an object in namespace `demo`; returns it as its event shows it."""
        gone = self.objects.pop((kind, "demo", name))
        gone["metadata"]["resourceVersion"] = str(next(self._versions))
        return gone

    def read(self, kind: str, name: str) -> Body:
        """Return an object of namespace `demo`."""
        return copy.deepcopy(self.objects[kind, "demo", name])

    def _called(self, verb: str, kind: str, name: str) -> None:
        call = f"{verb} {kind} {name}".rstrip()
        self.calls.append(call)
        self.before(call)
        if self.failures.get(call):
            raise self.failures[call].pop(0)

    def _guarded(self, body: Body) -> Body:
        live = self.objects.get(place_of(body))
        if live is None:
            raise NotFoundError("not found")
        if live["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ConflictError("the object has been modified")
        return copy.deepcopy(live)

    def _stored(self, body: Body) -> Body:
        before = self.objects.get(place_of(body))
        metadata = body["metadata"]
        changed = before is None or before.get("spec") != body.get("spec")
        metadata["uid"] = before["metadata"]["uid"] if before else metadata.get("uid", f"uid-{next(self._uids)}")
        metadata["generation"] = (before["metadata"]["generation"] if before else 0) + int(changed)
        metadata["resourceVersion"] = str(next(self._versions))
        body.setdefault("apiVersion", BY_NAME[body["kind"]].api_version)
        self.objects[place_of(body)] = body
        return copy.deepcopy(body)


def place_of(body: Body) -> Place:
    """Return kind, namespace and name."""
    return body["kind"], body["metadata"]["namespace"], body["metadata"]["name"]


def merged(old: Any, new: Any) -> Any:
    """Return `old` with the fields of `new`; lists and scalars are replaced."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return copy.deepcopy(new)
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def _version(body: Body) -> str:
    return str(body["metadata"]["resourceVersion"])


def _managed(body: Body, operation: str) -> Body:
    entries = [e for e in body["metadata"].get("managedFields") or [] if e["operation"] != operation]
    entry = {"manager": FIELD_MANAGER, "operation": operation, "fieldsV1": {}}
    body["metadata"]["managedFields"] = [*entries, entry]
    return body
