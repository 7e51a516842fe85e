"""Everything that is heard of the world comes in here: the cache takes it in, and who must look again is queued."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mlwright.controller.cache import Cache
from mlwright.controller.routes import affected, retells
from mlwright.controller.shelf import Change
from mlwright.plan.resources import Body, Key, ResourceKind
from mlwright.ports.cluster import Cluster


class Intake:
    """Hears of objects by lists, events and own writes; the order of arrival does not matter."""

    def __init__(
        self, cache: Cache, wake: Callable[[Key], None], retell: Callable[[Key], None], reconciled: Iterable[str]
    ) -> None:
        self.cache = cache
        self._wake = wake
        self._retell = retell
        self._reconciled = frozenset(reconciled)

    def observe(self, body: Body, *, own: bool = False, unless: Key | None = None) -> None:
        """Take in an object as it is now; who owned it until now looks again as well, if it lost its labels.

        Args:
            body: the object.
            own: whether it is the answer to a write of ours.
            unless: who need not look again.
        """
        before = self.cache.owner(body)
        change = self.cache.put(body)
        if change:
            self._tell(body, change, own=own, unless=unless)
            if before is not None and before.kind in self._reconciled:
                self._wake(before)

    def bury(self, body: Body) -> None:
        """Take in that an object is gone; the body is its last state, at the version of the deletion."""
        if self.cache.bury(body):
            self._tell(body, Change.GONE)

    async def relist(self, kind: ResourceKind, cluster: Cluster) -> int:
        """Replace what is known of a kind by a list, and return the list's resourceVersion.

        Raises:
            ClusterError: the list failed; what was taken in until then is true and stays.
        """
        relisting = self.cache.relisting(kind)
        async for page in cluster.pages(kind):
            for body, change in relisting.add(page):
                self._tell(body, change)
        for body in relisting.finish():
            self._tell(body, Change.GONE)
        return self.cache.list_version(kind)

    def wake_all(self) -> None:
        """Queue everything that is reconciled."""
        for kind in self._reconciled:
            for key in self.cache.keys(kind):
                self._wake(key)

    def _tell(self, body: Body, change: Change, *, own: bool = False, unless: Key | None = None) -> None:
        for key in affected(body, change, self.cache):
            if key.kind in self._reconciled and key != unless:
                (self._retell if retells(body, change, key, own=own) else self._wake)(key)
