"""Which rows are to be counted for monitors, and what came of it. All of it can be forgotten."""

from __future__ import annotations

from mlwright.plan.drift_counts import Tallied, Wanted
from mlwright.plan.resources import Key


class Tallies:
    """What is wanted and what was counted, by monitor."""

    def __init__(self) -> None:
        self._wanted: dict[Key, Wanted] = {}
        self._tallied: dict[Key, Tallied] = {}

    def want(self, owner: Key, wanted: Wanted | None) -> None:
        """Let rows be counted from now on; None: none, and what was counted is forgotten."""
        if wanted is None:
            self._wanted.pop(owner, None)
            self._tallied.pop(owner, None)
        else:
            self._wanted[owner] = wanted

    def tallied(self, owner: Key) -> Tallied | None:
        """Return what came of counting what is wanted now, or None while nothing did."""
        found, wanted = self._tallied.get(owner), self._wanted.get(owner)
        return found if found and wanted and found.wanted.span == wanted.span else None

    def remember(self, owner: Key, tallied: Tallied) -> bool:
        """Take in what came of counting; tell whether it still is what is wanted, and news."""
        before, wanted = self.tallied(owner), self._wanted.get(owner)
        if wanted is None or wanted.span != tallied.wanted.span:
            return False
        self._tallied[owner] = tallied
        return before is None or (before.trouble, bool(before.reference)) != (tallied.trouble, bool(tallied.reference))

    @property
    def open(self) -> tuple[tuple[Key, Wanted], ...]:
        """What is wanted and was not counted yet."""
        return tuple((key, wanted) for key, wanted in self._wanted.items() if not self._is_counted(key))

    def _is_counted(self, owner: Key) -> bool:
        found = self.tallied(owner)
        return found is not None and not found.trouble and bool(found.reference or found.wanted.known)
