"""What the operator knows of the world: all objects that concern it, as last heard of.

A body is kept as compressed JSON and parsed anew for every reader: a tenth of the memory of Python dicts, and
nobody can change it by accident. What is held is as old as the last event, list or own write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlwright.controller.indexes import INDEXES
from mlwright.controller.loads import Loads
from mlwright.controller.shelf import Change, Holding, Name, Shelf
from mlwright.controller.tallies import Tallies
from mlwright.plan.drift_counts import Tallied
from mlwright.plan.experiments import Survey, Surveyed
from mlwright.plan.loads import Answer, Glance, Question
from mlwright.plan.measuring import Measure, Measured
from mlwright.plan.resources import BY_NAME, KINDS, Body, Key, ResourceKind
from mlwright.plan.scaling import Memory
from mlwright.ports.cluster import Page


class Cache:
    """Implements `CacheView`, and takes in what is heard."""

    def __init__(self, kinds: Iterable[ResourceKind] = KINDS) -> None:
        self._shelves = {kind.name: Shelf(kind) for kind in kinds}
        self._wanted: dict[Key, Measure | Survey] = {}
        self._measured: dict[Key, Measured | Surveyed] = {}
        self.loads = Loads()
        self.tallies = Tallies()

    def put(self, body: Body) -> Change:
        """Take in an object and tell what is new about it."""
        return self._shelves[body["kind"]].put(body)

    def bury(self, body: Body) -> bool:
        """Take in a deletion; False when it is older than what is held, or nothing was held."""
        return self._shelves[body["kind"]].bury(body)

    def knows(self, body: Body) -> bool:
        """Tell whether this very state of an object, or a newer one, is held."""
        return self._shelves[body["kind"]].knows(body)

    def relisting(self, kind: ResourceKind) -> Relisting:
        """Begin to replace a kind by a list of it."""
        return Relisting(self._shelves[kind.name])

    def get(self, kind: ResourceKind, namespace: str, name: str) -> Body | None:
        """Return one object, or None."""
        return self._shelves[kind.name].get((namespace, name))

    def kind(self, body: Body) -> ResourceKind:
        """Return the kind of an object."""
        return self._shelves[body["kind"]].kind

    def measured(self, owner: Key) -> Measured | Surveyed | None:
        """Return what was counted for an object, or None when nothing was yet."""
        return self._measured.get(owner)

    def remember(self, owner: Key, measured: Measured | Surveyed) -> None:
        """Take in what was counted for an object, if it is still wanted."""
        if owner in self._wanted:
            self._measured[owner] = measured

    def want(self, owner: Key, measure: Measure | Survey | None) -> None:
        """Let something be counted for an object from now on; None: nothing, and what was counted is forgotten."""
        if measure is None:
            self._wanted.pop(owner, None)
            self._measured.pop(owner, None)
        else:
            self._wanted[owner] = measure

    @property
    def wanted(self) -> Mapping[Key, Measure | Survey]:
        """What is to be counted, by object."""
        return self._wanted

    def answer(self, question: Question) -> Answer | None:
        """Return what was answered about the load last, or None when nothing was yet."""
        return self.loads.answer(question)

    def glances(self, owner: Key) -> tuple[Glance, ...]:
        """Return what the routers knew of an object in the last seconds, the newest last."""
        return self.loads.glances(owner)

    def memory(self, owner: Key) -> Memory | None:
        """Return what was wanted and done about the size of an object; None when nothing is remembered."""
        return self.loads.memory(owner)

    def tallied(self, owner: Key) -> Tallied | None:
        """Return how the rows of the span that a monitor wants fell into bins; None while they were not counted."""
        return self.tallies.tallied(owner)

    def foreign(self) -> tuple[ResourceKind, ...]:
        """Return the kinds of other controllers whose objects are children of ours."""
        return tuple(shelf.kind for name, shelf in self._shelves.items() if name not in BY_NAME)

    def watches(self, kind: ResourceKind) -> bool:
        """Tell whether objects of a kind are heard of."""
        return kind.name in self._shelves

    def owner(self, body: Body) -> Key | None:
        """Return whom the labels of an object named when it was heard of last."""
        return self._shelves[body["kind"]].owner((body["metadata"]["namespace"], body["metadata"]["name"]))

    def children(self, kind: ResourceKind, owner: Key) -> tuple[Body, ...]:
        """Return the objects whose labels name `owner`, sorted by name; none of a kind that is not watched."""
        shelf = self._shelves.get(kind.name) or Shelf(kind)
        return _present(shelf.get((owner.namespace, name)) for name in shelf.owned(owner))

    def everywhere(self, kind: ResourceKind) -> tuple[Name, ...]:
        """Return namespace and name of all objects of a kind."""
        return self._shelves[kind.name].names()

    def names(self, kind: ResourceKind, namespace: str) -> tuple[str, ...]:
        """Return the names of all objects of a kind in a namespace, sorted."""
        return tuple(sorted(name for where, name in self._shelves[kind.name].names() if where == namespace))

    def related(self, kind: ResourceKind, namespace: str, index: str, value: str) -> tuple[Body, ...]:
        """Return the objects that the secondary index finds, sorted by name."""
        shelf = self._shelves[kind.name]
        return _present(shelf.get((namespace, name)) for name in self.related_names(kind, namespace, index, value))

    def related_names(self, kind: ResourceKind, namespace: str, index: str, value: str) -> tuple[str, ...]:
        """Return the names of `related`, which costs next to nothing."""
        if INDEXES[kind][0] != index:
            raise KeyError(f"{kind.name} has no index {index!r}")
        return self._shelves[kind.name].having(namespace, value)

    def orphans(self, kinds: Iterable[ResourceKind], owner: Key, uid: str) -> tuple[Body, ...]:
        """Return children by label whose controller reference does not hold the owner's uid."""
        shelves = (self._shelves[kind.name] for kind in kinds if kind.name in self._shelves)
        return tuple(body for shelf in shelves for body in shelf.orphans(owner, uid))

    def keys(self, kind: str) -> tuple[Key, ...]:
        """Return the keys of all objects of the kind of that name."""
        return tuple(Key(kind, *name) for name in self._shelves[kind].names())

    def list_version(self, kind: ResourceKind) -> int:
        """Return the resourceVersion of the last complete list of a kind; 0 before the first."""
        return self._shelves[kind.name].list_version

    def bodies(self, kind: ResourceKind) -> tuple[Body, ...]:
        """Return all objects of a kind."""
        return _present(self._shelves[kind.name].get(name) for name in self._shelves[kind.name].names())

    def holdings(self) -> dict[str, Holding]:
        """Return how much is held, by kind."""
        return {name: shelf.holding for name, shelf in self._shelves.items()}


class Relisting:
    """Replaces a kind by a list, page by page; events and writes that come meanwhile are newer and win."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._seen: set[Name] = set()
        self._version = 0

    def add(self, page: Page) -> tuple[tuple[Body, Change], ...]:
        """Take in a page and return the objects of which something is new."""
        if page.first:
            self._seen.clear()
        self._version = page.resource_version
        self._seen.update((body["metadata"]["namespace"], body["metadata"]["name"]) for body in page.items)
        changes = ((body, self._shelf.put(body, listed=page.resource_version)) for body in page.items)
        return tuple((body, change) for body, change in changes if change)

    def finish(self) -> tuple[Body, ...]:
        """Drop and return the objects that the list does not hold."""
        return self._shelf.sweep(self._seen, self._version)


def _present(bodies: Iterable[Body | None]) -> tuple[Body, ...]:
    return tuple(body for body in bodies if body is not None)
