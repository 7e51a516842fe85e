"""A store of metrics that holds what the pods of a deployment would have counted, for monitors of drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mlwright.plan.measuring import Selection, Series
from mlwright.planners.drift_counts import FEATURES, PROFILE

SCRAPE: Final = 5.0
PER_SCRAPE: Final = 1000
LEARNED: Final = "0:10000,1:10000,missing:100"


@dataclass(slots=True)
class DriftStore:
    """Implements `MetricsStore`: one pod counts rows of one feature evenly, in shares that a test sets.

    Attributes:
        shares: Rows of a thousand by bin.
    """

    shares: Mapping[str, int] = field(default_factory=lambda: {"0": 500, "1": 495, "missing": 5})

    async def samples(self, selection: Selection, now: float) -> tuple[Series, ...]:
        """Return what one pod of the revision tells: its profile, or rows by bin."""
        deployment, revision = selection.labels["deployment"][0], selection.labels.get("revision", ("",))[0]
        own = {"namespace": selection.labels["namespace"][0], "pod": f"{deployment}-{revision}-x-1"}
        if selection.metric == PROFILE:
            told = {**own, "surface": "feature", "name": "age", "counts": LEARNED}
            return (Series(told, ((now, 1.0),)),)
        if selection.metric != FEATURES:
            return ()
        return tuple(
            Series({**own, "feature": "age", "bin": bin_}, _grown(share, selection.since, now))
            for bin_, share in self.shares.items()
        )

    async def number(self, query: str, now: float) -> float | None:
        """Nobody asks."""
        raise AssertionError(query, now)

    async def numbers(self, query: str, now: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Nobody asks."""
        raise AssertionError(query, now)


def _grown(share: int, since: float, until: float) -> tuple[tuple[float, float], ...]:
    """Return a counter that grows by a share of a thousand rows at each scrape."""
    first = -(-since // SCRAPE)
    scrapes = int((until - first * SCRAPE) // SCRAPE) + 1
    return tuple(((first + n) * SCRAPE, float(share * PER_SCRAPE // 1000 * n)) for n in range(scrapes))
