"""A tiny world in memory: objects, writes as the operator's cycle performs them, and time that a test moves on.

It holds what decisions rest on and nothing else: no network, no threads, no versions but a counter. The other side of
it, what controllers and kubelets do, plays in `tests.support.replay.actors`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeGuard

from pydantic_core import from_json, to_json

from mlwright.api.conditions import timestamp
from mlwright.constants import (
    ANNOTATION_FOLLOWED,
    ANNOTATION_ROUTE,
    ANNOTATION_WAKES,
    LABEL_MODEL,
    LABEL_OWNER,
    LABEL_OWNER_KIND,
    LABEL_REVISION,
    ROUTER,
)
from mlwright.controller.indexes import related_value
from mlwright.controller.loads import Loads
from mlwright.controller.shelf import Change
from mlwright.plan.drift_counts import Tallied
from mlwright.plan.experiments import Surveyed
from mlwright.plan.loads import Answer, Glance, Question
from mlwright.plan.measuring import Measured
from mlwright.plan.resources import BATCH_PREDICTION, BY_NAME, DRIFT_MONITOR, TRAINING_RUN, Body, Key, ResourceKind
from mlwright.plan.scaling import Memory
from mlwright.plan.writes import Apply, ApplyEntry, Census, Create, Delete, Scale, Tell, Witness, Write
from mlwright.planners.load_questions import COUNTED, SECONDS
from mlwright.planners.rush import GLANCES
from tests.support.replay.counts import Meter, Rows

NAMESPACE: Final = "demo"
COUNTED_ONCE: Final = 7.0
"""Requests that each pod has answered."""
START: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

_INDEXES: Final[dict[str, Callable[[Body], str]]] = {
    "ModelVersion": lambda body: str(body["spec"]["modelRef"]["name"]),
    "ModelDeployment": lambda body: str(body["spec"]["model"]["ref"]["name"]),
    "TrainingRun": lambda body: related_value(TRAINING_RUN, body) or "",
    "TrainingPipeline": lambda body: str((body["spec"].get("modelRef") or body["metadata"])["name"]),
    "ControllerRevision": lambda body: str((body["metadata"].get("labels") or {}).get(LABEL_MODEL, "")),
    "BatchPrediction": lambda body: related_value(BATCH_PREDICTION, body) or "",
    "DriftMonitor": lambda body: related_value(DRIFT_MONITOR, body) or "",
    "Decision": lambda body: "{kind}/{name}".format(**body["spec"]["subjectRef"]),
}


class Refusal(Exception):  # noqa: N818  # an answer of the world, not a defect
    """The write had no effect: look again."""


class NameTaken(Exception):  # noqa: N818  # same
    """The name belongs to somebody else."""


class AliasTaken(Exception):  # noqa: N818  # same
    """The alias belongs to somebody else."""


class World:
    """Objects of one namespace. Readers get the living objects and must not change them."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self.objects: dict[str, dict[str, Body]] = {}
        self.writes: list[str] = []
        """What the operator's writes changed, in words."""
        self.watchers: list[Callable[[Write], None]] = []
        """Are shown every write before it has effect: where invariants are checked."""
        self.tell: Callable[[Body, Change], None] = lambda *_: None
        """Hears of every change, as watches tell them."""
        self.version = 0
        """Counts changes."""
        self.loads = Loads()
        """What is known of the load; a copy of the world knows nothing, as a new leader."""
        self.meter = Meter()
        """What is to be counted; forgotten in the same way."""
        self.rows = Rows()
        """Which rows are to be counted; forgotten in the same way."""
        self.moved = datetime.max.replace(tzinfo=UTC)
        """Since when rows are not what they were."""
        self.strange: set[str] = set()
        """Versions whose answers are not as they were on the rows held out."""
        self.worse: set[str] = set()
        """Versions that answer more requests with an error than others do."""
        self.under_way: float | None = None
        """Requests under way at the routers; None: nobody asks for the load again and again."""
        self._births: Counter[str] = Counter()

    def fork(self) -> World:
        """Return a copy that goes its own way; nobody watches it."""
        other = World(self.now)
        other.objects = copied(self.objects)
        other.writes, other._births, other.version = list(self.writes), Counter(self._births), self.version
        other.worse, other.moved = set(self.worse), self.moved
        other.strange, other.under_way = set(self.strange), self.under_way
        other.rows.broken, other.rows.labels = self.rows.broken, self.rows.labels
        return other

    # what the operator reads

    def get(self, kind: ResourceKind, namespace: str, name: str) -> Body | None:
        """Return one object."""
        return self.objects.get(kind.name, {}).get(name) if namespace == NAMESPACE else None

    def measured(self, owner: Key) -> Measured | Surveyed | None:
        """Return what was counted of a rollout or an experiment."""
        return self.meter.measured(owner, self.objects.get("ControllerRevision", {}), self.worse)

    def tallied(self, owner: Key) -> Tallied | None:
        """Return how the rows of a monitor's span fell into bins."""
        frozen = self.objects.get("ControllerRevision", {}).values()
        strange = {
            body["metadata"]["labels"].get(LABEL_REVISION)
            for body in frozen
            if (body.get("data") or {}).get("version") in self.strange
        }
        return self.rows.tallied(owner, self.now.timestamp(), self.moved.timestamp(), strange)

    def answer(self, question: Question) -> Answer | None:
        """Return what was answered about the load; where nothing was, every pod is counted and has its part of it."""
        return self.loads.answer(question) or self.load(question)

    def load(self, question: Question) -> Answer:
        """Return what a store of metrics would answer now: pods that are led to share what is under way."""
        at, pods = self.now.timestamp(), [(NAMESPACE, pod["metadata"]["name"]) for pod in self.all("Pod")]
        if question != SECONDS or not self.under_way:
            return Answer(at, dict.fromkeys(pods, COUNTED_ONCE if question == COUNTED else 0.0))
        led = {pod["metadata"]["name"] for pod in self.all("Pod") if self._leads_to(pod)}
        return Answer(at, {pod: self.under_way / len(led) if pod[1] in led else 0.0 for pod in pods})

    def _leads_to(self, pod: Body) -> bool:
        """Tell whether a router sends requests to a pod."""
        service = self.objects.get("Service", {}).get(owner_named(pod)[1])
        route = ((service or {}).get("metadata", {}).get("annotations") or {}).get(ANNOTATION_ROUTE)
        shares = from_json(route)["shares"] if route else ()
        return pod["metadata"]["labels"].get(LABEL_REVISION) in {s["revision"] for s in shares if s["ranges"]}

    def glances(self, owner: Key) -> tuple[Glance, ...]:
        """Return what the routers knew of an object: the same at each moment."""
        glance = Glance(self.now.timestamp(), self.under_way or 0.0)
        return (glance,) * GLANCES if self.under_way and owner.kind == "ModelDeployment" else ()

    def memory(self, owner: Key) -> Memory | None:
        """Return what an object remembers of its size."""
        return self.loads.memory(owner)

    def foreign(self) -> tuple[ResourceKind, ...]:
        """Return the kinds of other controllers: there are none here."""
        return ()

    def watches(self, _: ResourceKind) -> bool:
        """Tell whether objects of a kind are heard of: the world has the Gateway API, too."""
        return True

    def children(self, kind: ResourceKind, owner: Key) -> tuple[Body, ...]:
        """Return the objects whose labels name the owner."""
        wanted = (owner.kind, owner.name)
        return tuple(body for body in self.all(kind.name) if owner_named(body) == wanted)

    def names(self, kind: ResourceKind, namespace: str) -> tuple[str, ...]:
        """Return the names of all objects of a kind."""
        return tuple(sorted(self.objects.get(kind.name, {}))) if namespace == NAMESPACE else ()

    def related(self, kind: ResourceKind, namespace: str, _: str, value: str) -> tuple[Body, ...]:
        """Return the objects that refer to a value."""
        index = _INDEXES[kind.name]
        return tuple(body for body in self.all(kind.name) if namespace == NAMESPACE and index(body) == value)

    def related_names(self, kind: ResourceKind, namespace: str, index: str, value: str) -> tuple[str, ...]:
        """Return the names of `related`; of kinds without index here, the names of all."""
        if kind.name in _INDEXES:
            return tuple(body["metadata"]["name"] for body in self.related(kind, namespace, index, value))
        return tuple(body["metadata"]["name"] for body in self.all(kind.name))

    def all(self, kind: str) -> list[Body]:
        """Return the objects of a kind, by name."""
        return [body for _, body in sorted(self.objects.get(kind, {}).items())]

    def everything(self) -> Iterator[Body]:
        """Return all objects."""
        for kind in sorted(self.objects):
            yield from self.all(kind)

    def one(self, kind: str, name: str) -> Body:
        """Return an object that must exist."""
        return self.objects[kind][name]

    # what anybody does

    def scale_by(self, manager: str, deployment: Body, replicas: int) -> None:
        """Let somebody else set the number of pods of a Deployment."""
        self.edit(deployment, lambda found: _set(found, replicas, {"manager": manager}))

    def drift(self) -> None:
        """Let the rows that are asked from now on be others."""
        self.moved = self.now

    def add(self, body: Body) -> Body:
        """Make an object that must not exist yet."""
        kind, name = body["kind"], body["metadata"]["name"]
        if name in self.objects.setdefault(kind, {}):
            raise Refusal(f"{kind} {name} exists")
        self._births[f"{kind}/{name}"] += 1
        made = copied(body)
        made["metadata"] |= {
            "namespace": NAMESPACE,
            "uid": f"uid-{kind}-{name}-{self._births[f'{kind}/{name}']}",
            "creationTimestamp": timestamp(self.now),
            "generation": 1,
        }
        self.objects[kind][name] = made
        return self._touched(made, Change.SPEC)

    def edit(self, body: Body, change: Callable[[Body], Any]) -> None:
        """Change an object; another spec is another generation."""
        before = to_json(body.get("spec"))
        change(body)
        changed = to_json(body.get("spec")) != before
        body["metadata"]["generation"] += changed
        self._touched(body, Change.SPEC if changed else Change.STATUS)

    def remove(self, kind: str, name: str) -> None:
        """Delete an object; what it owns goes when the garbage collector comes by."""
        body = self.objects[kind].pop(name, None)
        if body is not None:
            self._touched(body, Change.GONE)

    def _touched(self, body: Body, change: Change) -> Body:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.tell(body, change)
        return body

    # what the operator writes

    def needed(self, writes: Iterable[Write], owner: Body) -> Iterator[Write]:
        """Return the writes that are sent: not what is there already, and not what is as it should be."""
        for write in writes:
            held = (
                self.objects.get(write.body["kind"], {}).get(write.body["metadata"]["name"]) if _named(write) else None
            )
            if (
                held is None
                or not belongs(held, owner)
                or (isinstance(write, Apply) and not _as_wanted(held, write.body))
            ):
                yield write

    def perform(self, write: Write, owner: Body) -> None:
        """Perform a write of the operator on behalf of an object, as the cycle does.

        Raises:
            Refusal: the world is not as the plan saw it.
            NameTaken: the name belongs to somebody else.
        """
        for watch in self.watchers:
            watch(write)
        match write:
            case Create(body, witnesses):
                self._check(witnesses)
                self._create(body, owner)
            case Apply(body):
                self._apply(body, owner)
            case ApplyEntry(body, manager):
                self._apply_entry(body, manager)
            case Tell(body, witnesses):
                self._check(witnesses)
                self._tell(body)
            case Scale(kind, _, name, replicas, version):
                self._scale(kind.name, name, replicas, version)
            case Delete(kind, _, name, uid, witnesses, census):
                self._count(census, witnesses)
                self._check(witnesses)
                self._delete(kind.name, name, uid)

    def _create(self, body: Body, owner: Body) -> None:
        kind, name = body["kind"], body["metadata"]["name"]
        held = self.objects.get(kind, {}).get(name)
        if held is None:
            self.add(body)
            self.writes.append(f"create {kind} {name}")
        elif BY_NAME[kind].owned and not belongs(held, owner):
            raise NameTaken(f"{kind} {name}")
        elif not belongs(held, owner) and held["spec"] != body["spec"]:
            raise Refusal(f"{kind} {name} says something else")

    def _apply(self, body: Body, owner: Body) -> None:
        kind, name = body["kind"], body["metadata"]["name"]
        held = self.objects.get(kind, {}).get(name)
        if held is None:
            self._create(body, owner)
            return
        if not belongs(held, owner):
            raise NameTaken(f"{kind} {name}")
        if held.get("roleRef") != body.get("roleRef"):
            raise Refusal(f"{kind} {name}: cannot change roleRef")
        if not _as_wanted(held, body):
            self.edit(held, lambda found: _apply_to(found, copied(body)))
            self.writes.append(f"apply {kind} {name}")

    def _tell(self, body: Body) -> None:
        held = self.objects.get(body["kind"], {}).get(body["metadata"]["name"])
        if held is None:
            self.add(body)
        elif held.get("data") != body["data"]:
            self.edit(held, lambda found: found.update(data=copied(body["data"])))
        self.writes.append(f"tell {body['kind']} {body['metadata']['name']} {body['data']}")

    def _apply_entry(self, body: Body, manager: str) -> None:
        model = self.objects.get("Model", {}).get(body["metadata"]["name"])
        bound = ("uid", "resourceVersion")
        if model is None or any(model["metadata"][key] != body["metadata"][key] for key in bound):
            raise Refusal("the Model is not as it was seen")
        [entry] = body["spec"]["aliases"]
        found = next((a for a in model["spec"].get("aliases", ()) if a["name"] == entry["name"]), None)
        owners = model["metadata"].setdefault("aliasOwners", {})
        if found is not None and found != entry and owners.get(entry["name"], manager) != manager:
            raise AliasTaken(f"alias {entry['name']} is owned by {owners[entry['name']]}")
        owners.setdefault(entry["name"], manager)
        others = [a for a in model["spec"].get("aliases", ()) if a["name"] != entry["name"]]
        self.edit(model, lambda found: found["spec"].update(aliases=[*others, dict(entry)]))
        self.writes.append(f"alias {entry['name']} = {entry['version']}")

    def _scale(self, kind: str, name: str, replicas: int, version: str) -> None:
        held = self.objects.get(kind, {}).get(name)
        if held is None or held["metadata"]["resourceVersion"] != version:
            raise Refusal(f"{kind} {name} changed")
        self.edit(held, lambda found: _set(found, replicas, None))
        self.writes.append(f"scale {kind} {name} to {replicas}")

    def _count(self, census: Census | None, witnesses: Iterable[Witness]) -> None:
        names = {witness.name for witness in witnesses if census and witness.kind is census.kind}
        for body in self.all(census.kind.name) if census else ():
            name = body["metadata"]["name"]
            if census and name not in names and _INDEXES[census.kind.name](body) == census.value:
                raise Refusal(f"{census.kind.name} {name} was not seen yet")

    def _check(self, witnesses: Iterable[Witness]) -> None:
        for witness in witnesses:
            held = self.objects.get(witness.kind.name, {}).get(witness.name)
            if held is None or held["metadata"]["resourceVersion"] != witness.resource_version:
                raise Refusal(f"{witness.kind.name} {witness.name} is not as it was seen")

    def _delete(self, kind: str, name: str, uid: str) -> None:
        held = self.objects.get(kind, {}).get(name)
        if held is None:
            return
        if held["metadata"]["uid"] != uid:
            raise Refusal(f"{kind} {name} is another one")
        self.remove(kind, name)
        self.writes.append(f"delete {kind} {name}")

    def write_status(self, body: Body, status: Body) -> None:
        """Write the status of an object of ours."""
        body["status"] = copied(status)
        self._touched(body, Change.STATUS)
        self.writes.append(f"status {body['kind']} {body['metadata']['name']}")

    def pass_time(self, length: timedelta) -> None:
        """Let time pass."""
        self.now += length


def _named(write: Write) -> TypeGuard[Create | Apply]:
    return isinstance(write, Create | Apply)


def _wanted(held: Body, body: Body) -> Body:
    """Return the spec after an apply: as wanted, but the number of pods is not the apply's."""
    had, wanted = held.get("spec") or {}, body.get("spec") or {}
    kept = {"replicas": had["replicas"]} if "replicas" in had and "replicas" not in wanted else {}
    return {**kept, **copied(wanted)}


def _as_wanted(held: Body, body: Body) -> bool:
    same = _wanted(held, body) == (held.get("spec") or {}) and _annotations(held, body) == _annotations(held, held)
    same = same and held.get("roleRef") == body.get("roleRef")
    return same and (not is_shared(held) or _owners(held) == _owners(body))


def _apply_to(held: Body, body: Body) -> None:
    """Change an object as an apply does; whom a part of the router belongs to is part of it."""
    if "spec" in body:
        held["spec"] = _wanted(held, body)
    held["metadata"]["annotations"] = _annotations(held, body)
    if is_shared(held):
        held["metadata"]["ownerReferences"] = body["metadata"]["ownerReferences"]


def _set(held: Body, replicas: int, manager: Body | None) -> None:
    """Set a number of pods; `managedFields` are as the cache keeps them: nobody but somebody else."""
    held["spec"]["replicas"] = replicas
    held["metadata"].pop("managedFields", None)
    if manager is not None:
        held["metadata"]["managedFields"] = [manager]


def _annotations(held: Body, body: Body) -> Body:
    """Return the annotations that an apply leaves: its own, and what the pods of a router say."""
    told = (held["metadata"].get("annotations") or {}).items()
    kept = {name: value for name, value in told if name.startswith((ANNOTATION_FOLLOWED, ANNOTATION_WAKES))}
    return kept | (body["metadata"].get("annotations") or {})


def _owners(body: Body) -> set[str]:
    return {ref["uid"] for ref in body["metadata"].get("ownerReferences") or ()}


def is_shared(body: Body) -> bool:
    """Tell whether an object is a part of a namespace's router."""
    return owner_named(body)[0] == ROUTER


def copied(body: Any) -> Any:
    """Return a copy of JSON values."""
    return from_json(to_json(body))


def owner_named(body: Body) -> tuple[str, str]:
    """Return kind and name of the owner by the labels."""
    labels = body["metadata"].get("labels") or {}
    return labels.get(LABEL_OWNER_KIND, ""), labels.get(LABEL_OWNER, "")


def controller_uid(body: Body) -> str:
    """Return the uid of the controller, "" without one."""
    refs = body["metadata"].get("ownerReferences") or ()
    return next((str(ref["uid"]) for ref in refs if ref.get("controller")), "")


def belongs(found: Body, owner: Body) -> bool:
    """Tell whether an object is the owner's child, by its labels and by its controller or the lack of one.

    A part of the router is everybody's.
    """
    if is_shared(found):
        return True
    if owner_named(found) != (owner["kind"], owner["metadata"]["name"]):
        return False
    refs = [ref for ref in found["metadata"].get("ownerReferences") or () if ref.get("controller")]
    return not refs or (refs[0]["kind"], refs[0]["name"]) == (owner["kind"], owner["metadata"]["name"])
