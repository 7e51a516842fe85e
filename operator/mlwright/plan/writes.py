"""What can be asked of the API server, as values. Builders make them, the cycle performs them."""

from __future__ import annotations

from dataclasses import dataclass

from mlwright.constants import FIELD_MANAGER
from mlwright.plan.resources import Body, ResourceKind


@dataclass(frozen=True, slots=True)
class Witness:
    """An object as it was when something was decided upon it."""

    kind: ResourceKind
    namespace: str
    name: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Create:
    """POST an object that is made once.

    If the name is taken: by a child of ours, it is done already; by a record (the kinds of our own group, whose names
    are locks), the record is taken into the cache and the plan is made anew; by a foreign object, that is a name
    conflict.
    """

    body: Body
    witnesses: tuple[Witness, ...] = ()
    """Read live right before, as those of a deletion. For a record that holds something against somebody."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of a child that converges. Not sent when the world already is as the body says.

    The cycle adds `metadata.uid` once the child was seen, so a late apply neither recreates a deleted object nor hits
    a namesake.
    """

    body: Body


@dataclass(frozen=True, slots=True)
class Tell:
    """Make an object that only others read, or set its data; it is sent whenever it is planned, and never read.

    One of that name that somebody else made gets the data and nothing more; data that somebody else set is left alone,
    which raises RefusedError.
    """

    body: Body
    witnesses: tuple[Witness, ...] = ()
    """Read live right before, as those of a deletion: what is told late must not be told any more."""


@dataclass(frozen=True, slots=True)
class ApplyEntry:
    """Server-side apply, never forced, of the one entry of ours in an object of somebody else (an alias of a Model).

    `body` names the object by its uid and holds nothing but the entry. `manager` is this entry's own field manager:
    two deployments that shared one would remove each other's entries. A field owned by somebody else raises
    FieldConflictError, which the cycle tells as the condition AliasConflict; nothing is taken over.
    """

    body: Body
    manager: str = FIELD_MANAGER


@dataclass(frozen=True, slots=True)
class Scale:
    """Set the number of pods through the scale subresource."""

    kind: ResourceKind
    namespace: str
    name: str
    replicas: int
    resource_version: str


@dataclass(frozen=True, slots=True)
class Census:
    """That no others of a kind refer to something than those that are witnesses."""

    kind: ResourceKind
    namespace: str
    value: str
    """By which the index of the kind finds them."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete exactly this object (uid precondition) and, in the background, what it owns."""

    kind: ResourceKind
    namespace: str
    name: str
    uid: str
    witnesses: tuple[Witness, ...] = ()
    """Read live right before: if one is not as it was, the plan is made anew. For what cannot be made again."""
    census: Census | None = None
    """Listed live before that: one that no event has told of yet counts as well."""


Write = Create | Apply | ApplyEntry | Tell | Scale | Delete
