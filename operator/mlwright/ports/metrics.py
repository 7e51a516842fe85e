"""The port to the store of metrics: raw samples, and the answer to a question of somebody's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from mlwright.plan.measuring import Selection, Series

NO_STORE: Final = "this installation names no Prometheus: set prometheus.url of the chart"


class MetricsStore(Protocol):
    """Answers about what pods counted. Every failure is a `mlwright.errors.MetricsError`; its text says what to do."""

    async def samples(self, selection: Selection, now: float) -> tuple[Series, ...]:
        """Return the raw samples of the selected series up to `now`, seconds since 1970; none match: an empty tuple."""
        ...

    async def number(self, query: str, now: float) -> float | None:
        """Return the one number that a query gives at `now`, or None when it gives none.

        Raises:
            MetricsError: also when it gives several numbers.
        """
        ...

    async def numbers(self, query: str, now: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Return all numbers that a query gives at `now`, each with its labels; none: an empty tuple."""
        ...
