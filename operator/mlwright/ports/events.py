"""The port to Events: what `kubectl describe` shows below an object. No decision rests on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, Self

from mlwright.plan.resources import Body


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an Event is about, and no more of it: many Events wait in a burst, and would keep it whole."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str

    @classmethod
    def of(cls, body: Body) -> Self:
        """Return what tells an object from all others."""
        metadata = body["metadata"]
        named = (metadata[field] for field in ("namespace", "name", "uid", "resourceVersion"))
        return cls(body["apiVersion"], body["kind"], *named)


@dataclass(frozen=True, slots=True)
class Notice:
    """One Event to be told about an object."""

    about: Subject
    type: Literal["Normal", "Warning"]
    reason: str
    sentence: str


class Events(Protocol):
    """Tells Events. An Event that was told before is counted up instead."""

    async def tell(self, notice: Notice) -> None:
        """Write the Event. Raises ClusterError kinds."""
        ...
