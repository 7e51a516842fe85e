"""The port to the API server.

One adapter serves production; tests wrap it to inject faults before and after every call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from mlwright.plan.resources import Body, ResourceKind


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a consistent list, so that a long list never lies in memory as a whole."""

    items: tuple[Body, ...]
    resource_version: int
    """When the whole list was true; the same on all its pages."""
    first: bool
    """A list that expires while it is read starts again: its first page makes what was read before void."""


class Cluster(Protocol):
    """Calls to one API server. All raise `mlwright.errors.ClusterError` kinds and nothing else.

    Every write returns the object as the server now has it, so that the cache never lags behind an own write.
    """

    def pages(self, kind: ResourceKind) -> AsyncIterator[Page]:
        """List a kind in all namespaces that the operator serves; of owned kinds only what mlwright made.

        Raises NotFoundError (no such kind), UnavailableError, RefusedError.
        """
        ...

    async def probe(self, kind: ResourceKind) -> None:
        """Find out whether a kind is served and may be listed; next to nothing is read.

        Raises NotFoundError (no such kind), UnavailableError, RefusedError.
        """
        ...

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Body | None:
        """Read one object live; None when it is not there."""
        ...

    async def create(self, body: Body) -> Body:
        """POST. Raises AlreadyExistsError, RefusedError, UnavailableError."""
        ...

    async def apply(self, body: Body, *, manager: str, force: bool) -> Body:
        """Server-side apply.

        Raises ConflictError (the uid in the body is not the object's), FieldConflictError (without force).
        """
        ...

    async def adopt(self, body: Body, owner: Body) -> Body:
        """Set `owner` as the controller of an object whose owner reference was lost. Raises ConflictError."""
        ...

    async def relabel(self, body: Body) -> Body:
        """Give an object the label back by which lists and watches find it. Raises ConflictError, NotFoundError."""
        ...

    async def rewrite_managers(self, body: Body) -> Body:
        """Set `metadata.managedFields` at the resourceVersion in `body`. Raises ConflictError, NotFoundError."""
        ...

    async def write_status(self, body: Body) -> Body:
        """Replace the status at the resourceVersion in `body`. Raises ConflictError, NotFoundError."""
        ...

    async def scale(self, kind: ResourceKind, namespace: str, name: str, replicas: int, resource_version: str) -> None:
        """Set replicas through the scale subresource at a resourceVersion. Raises ConflictError, NotFoundError."""
        ...

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        """Delete with a uid precondition, background propagation. An object that is gone is fine.

        Raises ConflictError for another uid.
        """
        ...
