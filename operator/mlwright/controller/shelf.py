"""One kind of objects in the cache: compressed bodies, and the names under which they are found.

Invariant: an object is never replaced by an older one, nor brought back after its deletion was seen.
resourceVersions are comparable integers within a kind (Kubernetes 1.35), also across a deletion and a new object of
the same name, so their order is the order of what happened; neither uids nor the order of arrival matter.
"""

from __future__ import annotations

import sys
import zlib
from collections import OrderedDict
from enum import IntEnum
from typing import Any, Final, NamedTuple, cast

from pydantic_core import from_json, to_json

from mlwright.controller.indexes import owner_of, related_value
from mlwright.controller.pruning import pruned
from mlwright.plan.resources import Body, Key, ResourceKind

Name = tuple[str, str]
"""Namespace and name."""

TOMBSTONES: Final = 4096
"""Deletions remembered against late answers to writes; each list makes the older ones unnecessary. Were one forgotten
too early, the object would be thought alive until the next list."""

WINDOW: Final = 13
"""Bits of zlib's window: 8 KiB, as large as most objects. To set up the usual 32 KiB takes longer than to compress."""
MEMORY: Final = 7
"""zlib's level of memory that belongs to it."""


class Change(IntEnum):
    """What an object brought that was not known."""

    NOTHING = 0
    """Older than what is known, or the same content."""
    STATUS = 1
    """Anything that keeps the generation: status, labels, annotations."""
    SPEC = 2
    """A new object, or a spec of another generation."""
    GONE = 3
    """The object is no more."""


class Holding(NamedTuple):
    """How much is held of a kind."""

    objects: int
    bytes: int
    """Of their bodies as they are kept."""


class _Entry(NamedTuple):
    version: int
    generation: int
    blob: bytes
    owner: Key | None
    controller: str
    value: str | None


class Shelf:
    """The objects of one kind."""

    def __init__(self, kind: ResourceKind) -> None:
        self.kind = kind
        self.list_version = 0
        self._words = b""
        """What the first object looked like: objects of a kind resemble each other, so it is what the others are
        compressed against. It stays, for the same content must become the same bytes."""
        self._entries: dict[Name, _Entry] = {}
        self._bytes = 0
        """Of all their bodies, kept up to date: metrics are read by another thread, which must not walk the entries."""
        self._owners: dict[Key, tuple[str, ...]] = {}
        self._values: dict[Name, tuple[str, ...]] = {}
        self._tombstones: OrderedDict[Name, int] = OrderedDict()

    def put(self, body: Body, *, listed: int | None = None) -> Change:
        """Take in an object that was listed at a version, seen by an event, or returned by a write."""
        metadata = body["metadata"]
        name, version = _name(metadata), int(metadata["resourceVersion"])
        known = self._entries.get(name)
        if version <= (known.version if known else self._floor(name, listed=listed)):
            return Change.NOTHING
        entry = self._entry(body, version)
        self._entries[name] = entry
        self._bytes += len(entry.blob) - (len(known.blob) if known else 0)
        self._tombstones.pop(name, None)
        if known is None or (known.owner, known.value) != (entry.owner, entry.value):
            self._unindex(name, known)
            self._index(name, entry)
        return _change(known, entry)

    def knows(self, body: Body) -> bool:
        """Tell whether this very state of an object, or a newer one, is held."""
        known = self._entries.get((body["metadata"]["namespace"], body["metadata"]["name"]))
        return known is not None and known.version >= int(body["metadata"]["resourceVersion"])

    def _floor(self, name: Name, *, listed: int | None) -> int:
        """Return the version up to which an object that is not held is known to be gone.

        Two lists may be read at once: what only the older one holds, when the newer is complete, went between them.
        """
        buried = self._tombstones.get(name, 0)
        newest = listed is not None and listed >= self.list_version
        return buried if newest else max(buried, self.list_version)

    def _entry(self, body: Body, version: int) -> _Entry:
        metadata = body["metadata"]
        small = pruned(self.kind, body)
        # resourceVersion is kept beside the content, so that the same content is told by the same bytes
        small["metadata"].pop("resourceVersion", None)
        value = related_value(self.kind, body)
        return _Entry(
            version=version,
            generation=metadata.get("generation", 0),
            blob=self._packed(to_json(small)),
            owner=_shared(owner_of(body)),
            controller=sys.intern(_controller(metadata)),
            value=None if value is None else sys.intern(value),
        )

    def _packed(self, content: bytes) -> bytes:
        self._words = self._words or content
        packer = zlib.compressobj(1, zlib.DEFLATED, -WINDOW, MEMORY, zlib.Z_DEFAULT_STRATEGY, self._words)
        return packer.compress(content) + packer.flush()

    def bury(self, body: Body) -> bool:
        """Forget an object whose deletion was seen; its resourceVersion is that of the deletion."""
        metadata = body["metadata"]
        name, version = _name(metadata), int(metadata["resourceVersion"])
        known = self._entries.get(name)
        if known is not None and known.version > version:
            return False
        self._tombstones[name] = version
        self._tombstones.move_to_end(name)
        if len(self._tombstones) > TOMBSTONES:
            self._tombstones.popitem(last=False)
        return self._drop(name)

    def _drop(self, name: Name) -> bool:
        known = self._entries.pop(name, None)
        self._bytes -= len(known.blob) if known else 0
        self._unindex(name, known)
        return known is not None

    def sweep(self, seen: set[Name], list_version: int) -> tuple[Body, ...]:
        """Drop and return what a complete list of that version does not hold; newer objects stay."""
        gone = [n for n, entry in self._entries.items() if n not in seen and entry.version <= list_version]
        bodies = tuple(cast("Body", self.get(name)) for name in gone)
        for name in gone:
            self._drop(name)
        self.list_version = max(self.list_version, list_version)
        for name in [n for n, version in self._tombstones.items() if version <= list_version]:
            del self._tombstones[name]
        return bodies

    def get(self, name: Name) -> Body | None:
        """Return a private copy of an object."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        body: Body = from_json(zlib.decompressobj(-WINDOW, self._words).decompress(entry.blob))
        body["metadata"]["resourceVersion"] = str(entry.version)
        return body

    def owner(self, name: Name) -> Key | None:
        """Return whom the labels of an object name; None when nobody, or the object is not held."""
        entry = self._entries.get(name)
        return None if entry is None else entry.owner

    def names(self) -> tuple[Name, ...]:
        """Return the names of all objects."""
        return tuple(self._entries)

    def owned(self, owner: Key) -> tuple[str, ...]:
        """Return the names of the objects whose labels name that owner, sorted."""
        return self._owners.get(owner, ())

    def having(self, namespace: str, value: str) -> tuple[str, ...]:
        """Return the names of the objects that the secondary index finds under a value, sorted."""
        return self._values.get((namespace, value), ())

    def orphans(self, owner: Key, uid: str) -> tuple[Body, ...]:
        """Return the objects whose labels name that owner but whose controller reference does not hold its uid."""
        names = self.owned(owner)
        if not names:
            return ()
        lost = [n for n in names if self._entries[owner.namespace, n].controller != uid]
        return tuple(cast("Body", self.get((owner.namespace, name))) for name in lost)

    @property
    def holding(self) -> Holding:
        """How much is held."""
        return Holding(len(self._entries), self._bytes)

    def _index(self, name: Name, entry: _Entry) -> None:
        if entry.owner is not None:
            self._owners[entry.owner] = _with(self._owners.get(entry.owner, ()), name[1])
        if entry.value is not None:
            key = (name[0], entry.value)
            self._values[key] = _with(self._values.get(key, ()), name[1])

    def _unindex(self, name: Name, entry: _Entry | None) -> None:
        if entry is not None and entry.owner is not None:
            _remove(self._owners, entry.owner, name[1])
        if entry is not None and entry.value is not None:
            _remove(self._values, (name[0], entry.value), name[1])


def _name(metadata: Body) -> Name:
    return sys.intern(metadata["namespace"]), sys.intern(metadata["name"])


def _shared(owner: Key | None) -> Key | None:
    """Return the key with texts that all children of an owner share: each event brings its own."""
    return owner and Key(sys.intern(owner.kind), sys.intern(owner.namespace), sys.intern(owner.name))


def _controller(metadata: Body) -> str:
    refs = metadata.get("ownerReferences") or ()
    return next((str(ref["uid"]) for ref in refs if ref.get("controller")), "")


def _change(known: _Entry | None, entry: _Entry) -> Change:
    if known is None or known.generation != entry.generation:
        return Change.SPEC
    return Change.NOTHING if known.blob == entry.blob else Change.STATUS


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(sorted({*names, name}))


def _remove(index: dict[Any, tuple[str, ...]], key: object, name: str) -> None:
    left = tuple(other for other in index.get(key, ()) if other != name)
    if left:
        index[key] = left
    else:
        index.pop(key, None)
