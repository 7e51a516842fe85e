"""The seam between the cycle and the kinds: how one kind looks at the world and how it decides.

Everything that is asked of the world is asked in `gather`, and only of the cache; `plan` sees nothing but the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from mlwright.plan.drift_counts import Tallied
from mlwright.plan.experiments import Surveyed
from mlwright.plan.loads import Answer, Glance, Question
from mlwright.plan.measuring import Measured
from mlwright.plan.plan import Plan
from mlwright.plan.resources import Body, Key, ResourceKind
from mlwright.plan.scaling import Memory
from mlwright.settings import Settings

Observed = TypeVar("Observed")
"""The frozen snapshot of one kind."""


class CacheView(Protocol):
    """The read side of the cache. Synchronous: nothing changes while a snapshot is taken. Bodies are private copies."""

    def get(self, kind: ResourceKind, namespace: str, name: str) -> Body | None:
        """Return one object, or None when the cache does not hold it."""
        ...

    def names(self, kind: ResourceKind, namespace: str) -> tuple[str, ...]:
        """Return the names of all objects of a kind, sorted."""
        ...

    def children(self, kind: ResourceKind, owner: Key) -> tuple[Body, ...]:
        """Return the objects whose labels name `owner`, sorted by name."""
        ...

    def measured(self, owner: Key) -> Measured | Surveyed | None:
        """Return what was counted for an object, or None when nothing was yet."""
        ...

    def answer(self, question: Question) -> Answer | None:
        """Return what was answered about the load last, or None when nothing was yet."""
        ...

    def glances(self, owner: Key) -> tuple[Glance, ...]:
        """Return what the routers knew of an object in the last seconds, the newest last."""
        ...

    def memory(self, owner: Key) -> Memory | None:
        """Return what was wanted and done about the size of an object; None when nothing is remembered."""
        ...

    def tallied(self, owner: Key) -> Tallied | None:
        """Return how the rows of the span that a monitor wants fell into bins; None while they were not counted."""
        ...

    def foreign(self) -> tuple[ResourceKind, ...]:
        """Return the kinds of other controllers whose objects are children of ours."""
        ...

    def watches(self, kind: ResourceKind) -> bool:
        """Tell whether objects of a kind are heard of: not every cluster has all of them."""
        ...

    def related(self, kind: ResourceKind, namespace: str, index: str, value: str) -> tuple[Body, ...]:
        """Return the objects that a secondary index (`mlwright.controller.indexes`) finds, sorted by name."""
        ...

    def related_names(self, kind: ResourceKind, namespace: str, index: str, value: str) -> tuple[str, ...]:
        """Return the names of `related`, which costs next to nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Reconciler(Generic[Observed]):
    """How one kind is looked after."""

    kind: ResourceKind
    gather: Callable[[Body, CacheView], Observed]
    """Take a snapshot around the body of a living object (no deletionTimestamp). Raises InvalidSpecError."""
    plan: Callable[[Observed, Settings, datetime], Plan]
    """Decide. Pure; writes hold complete bodies. Raises InvalidSpecError."""
