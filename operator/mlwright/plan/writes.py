"""What can be asked of the API server, as values. Builders make them, the cycle performs them."""

from __future__ import annotations

from dataclasses import dataclass

from mlwright.plan.resources import Body, ResourceKind


@dataclass(frozen=True, slots=True)
class Create:
    """POST an object that is made once. If the name is taken by our own object, it is already done."""

    body: Body


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of an object that converges. Not sent when the world already is as the body says.

    `body` holds `metadata.uid` once the object was seen, so a late apply neither recreates a deleted object nor hits a namesake.
    """

    body: Body
    force: bool = True
    """Take over fields of other managers; never for an object that is not our child."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Set the number of pods through the scale subresource."""

    kind: ResourceKind
    namespace: str
    name: str
    replicas: int
    resource_version: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete exactly this object (uid precondition) and, in the background, what it owns."""

    kind: ResourceKind
    namespace: str
    name: str
    uid: str


Write = Create | Apply | Scale | Delete
