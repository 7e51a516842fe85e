"""What is in the cluster, followed by watches, and its comparison between runs.

Two runs of the same flow end alike when their worlds are equal after everything was taken out that differs by nature:
uids, versions, times, the namespace, and names that are hashes of the namespace.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from mlwright.constants import ANNOTATION_APPLIED, LABEL_REVISION
from mlwright.plan.digests import short
from mlwright.plan.resources import KINDS, ResourceKind
from tests.support.apiserver import Json
from tests.support.kube import Event, Kube
from tests.support.kubelet import HASH
from tests.support.waiting import over

TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

DIFFERS: Final = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink")
"""Metadata that differs between any two objects."""
ADDRESSES: Final = ("clusterIP", "clusterIPs")
RECORDS: Final = frozenset({"TrainingRun", "ModelVersion", "Decision", "Job", "ControllerRevision", "Deployment"})
"""Kinds of which nothing may ever be made twice, not even for a moment."""


class Place(NamedTuple):
    """Where an object is in its namespace."""

    kind: str
    name: str


@dataclass(slots=True)
class Space:
    """The objects of one namespace, and which ever were there."""

    objects: dict[Place, Json] = field(default_factory=dict)
    ever: dict[Place, set[str]] = field(default_factory=dict)
    """uids of all objects that ever had that name."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: list[Callable[[Json], None]] = field(default_factory=list)
    """Are told every state that an object takes."""

    def get(self, kind: str, name: str) -> Json | None:
        """Return one object, or None."""
        return self.objects.get(Place(kind, name))

    def of(self, kind: str) -> list[Json]:
        """Return all objects of a kind, by name."""
        return [body for place, body in sorted(self.objects.items()) if place.kind == kind]

    def condition(self, kind: str, name: str, type_: str) -> str:
        """Return `status/reason` of a condition; empty without it."""
        conditions = ((self.get(kind, name) or {}).get("status") or {}).get("conditions") or ()
        found = next((c for c in conditions if c["type"] == type_), None)
        return f"{found['status']}/{found['reason']}" if found else ""

    def summary(self, kind: str, name: str) -> str:
        """Return the sentence of an object's status."""
        return str(((self.get(kind, name) or {}).get("status") or {}).get("summary", ""))


class World:
    """Follows all namespaces; an asynchronous context manager."""

    def __init__(self, kube: Kube, kinds: tuple[ResourceKind, ...] = KINDS) -> None:
        self._kube = kube
        self._kinds = kinds
        self._spaces: defaultdict[str, Space] = defaultdict(Space)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._follow(kind)) for kind in self._kinds]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await over(self._tasks, "the watches of the world have ended after they were cancelled")
        if error is None:
            await asyncio.gather(*(task for task in self._tasks if not task.cancelled()))

    async def _follow(self, kind: ResourceKind) -> None:
        async for event in self._kube.changes(kind):
            if event is not None:
                self._take(event)

    def _take(self, event: Event) -> None:
        body = event.object
        metadata = body["metadata"]
        space, place = self._spaces[metadata["namespace"]], Place(body["kind"], metadata["name"])
        space.ever.setdefault(place, set()).add(metadata["uid"])
        if event.type == "DELETED":
            space.objects.pop(place, None)
        else:
            space.objects[place] = body
            for listener in space.listeners:
                listener(body)
        space.changed.set()

    def space(self, namespace: str) -> Space:
        """Return what is known of a namespace; it stays up to date."""
        return self._spaces[namespace]

    async def until(self, namespace: str, holds: Callable[[Space], object], what: str, seconds: float = 30.0) -> Space:
        """Wait until something holds in a namespace.

        Raises:
            AssertionError: it did not come true in time; tells what was awaited and how the objects stand.
        """
        space = self._spaces[namespace]
        try:
            async with asyncio.timeout(seconds):
                while not holds(space):
                    space.changed.clear()
                    await space.changed.wait()
        except TimeoutError:
            told = "\n".join(standing(space))
            raise AssertionError(f"{namespace}: {what}: not within {seconds:g} s\n{told}") from None
        return space


def standing(space: Space) -> Iterator[str]:
    """Yield a line for each object: kind, name, and the sentence of its status if it has one."""
    for place, body in sorted(space.objects.items()):
        yield f"  {place.kind} {place.name}: {(body.get('status') or {}).get('summary', '')}"


def normalised(namespace: str, space: Space) -> dict[str, Json]:
    """Return the objects of a namespace without what differs by nature, by kind and name."""
    renames = _renames(space) | {namespace: "NAMESPACE"}
    found: dict[str, Json] = {}
    for place, body in space.objects.items():
        name = _renamed(f"{place.kind} {place.name}", renames)
        found[name] = json.loads(_renamed(json.dumps(_plain(place.kind, body)), renames))
    return found


def _renamed(text: str, renames: Mapping[str, str]) -> str:
    for old, new in renames.items():
        text = text.replace(old, new)
    return UID.sub("UID", TIME.sub("TIME", text))


def _renames(space: Space) -> dict[str, str]:
    """Return new names for what is called by a hash of something that holds the namespace."""
    decisions = {body["metadata"]["name"]: _decision_name(body["spec"]) for body in space.of("Decision")}
    frozen = [body for body in space.of("ControllerRevision") if LABEL_REVISION in body["metadata"]["labels"]]
    revisions = {body["metadata"]["labels"][LABEL_REVISION]: f"REVISION-{body['revision']}" for body in frozen}
    folders = {body["data"]["folder"]: "FOLDER" for body in space.of("ControllerRevision") if "folder" in body["data"]}
    answers = {short(body["metadata"]["uid"]): "RUN" for body in space.of("ControllerRevision")}
    templates = {pod["metadata"]["labels"].get(HASH, "no hash"): "TEMPLATE" for pod in space.of("Pod")}
    return decisions | revisions | folders | answers | templates


def _decision_name(spec: Mapping[str, Any]) -> str:
    return "-".join(("DECISION", spec["type"], spec.get("version", ""), spec.get("epoch", "")))


def _plain(kind: str, body: Json) -> Json:
    metadata = {key: value for key, value in body["metadata"].items() if key not in DIFFERS}
    if ANNOTATION_APPLIED in (metadata.get("annotations") or {}):
        metadata["annotations"] = {**metadata["annotations"], ANNOTATION_APPLIED: "HASH"}
    plain = {**body, "metadata": metadata}
    if kind == "Service":
        plain["spec"] = {key: value for key, value in body["spec"].items() if key not in ADDRESSES}
    if isinstance(body.get("status"), dict):
        # which transitions were seen depends on how often somebody looked; how it ended does not
        plain["status"] = {key: value for key, value in body["status"].items() if key != "history"}
    return plain


def differences(expected: object, found: object, path: str = "") -> Iterator[str]:
    """Yield a line for each place where two JSON values differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            if key not in found:
                yield f"{path}.{key} is missing, was {_short(expected[key])}"
            elif key not in expected:
                yield f"{path}.{key} is new: {_short(found[key])}"
            else:
                yield from differences(expected[key], found[key], f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (old, new) in enumerate(zip(expected, found, strict=True)):
            yield from differences(old, new, f"{path}[{index}]")
    elif expected != found:
        yield f"{path} is {_short(found)}, was {_short(expected)}"


def _short(value: object) -> str:
    return json.dumps(value)[:200]


def repeated(space: Space) -> list[str]:
    """Return what was made more than once although its name is a lock."""
    return [
        f"{place.kind} {place.name}" for place, uids in space.ever.items() if place.kind in RECORDS and len(uids) > 1
    ]


def records_ever(namespace: str, space: Space) -> set[str]:
    """Return which records ever were there, under comparable names."""
    renames = _renames(space) | {namespace: "NAMESPACE"}
    return {_renamed(f"{place.kind} {place.name}", renames) for place in space.ever if place.kind in RECORDS}


def versions(space: Space) -> dict[Place, str]:
    """Return the resourceVersion of every object: any write that changes anything changes it."""
    return {place: body["metadata"]["resourceVersion"] for place, body in space.objects.items()}
