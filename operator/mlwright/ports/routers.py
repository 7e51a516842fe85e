"""The port to the pods of routers: what they have under way now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mlwright.plan.loads import Passing


class Routers(Protocol):
    """Asks single pods. Every failure is a `mlwright.errors.MetricsError`, and is told within a second."""

    async def passing(self, address: str) -> Mapping[str, Passing]:
        """Return what the pod at `HOST:PORT` says of each deployment that it routes; one question at a time."""
        ...
