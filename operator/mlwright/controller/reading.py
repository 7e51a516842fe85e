"""Asking the store of metrics for what checks rest on. What goes wrong is a reading that failed, never data."""

from __future__ import annotations

from mlwright.api.analysis import Check
from mlwright.errors import MetricsError
from mlwright.plan.analysis import Counted, Failed, Reading
from mlwright.plan.measuring import Measure, Series
from mlwright.planners.counting import LOOK, count
from mlwright.planners.selections import selections
from mlwright.ports.clock import Clock
from mlwright.ports.metrics import NO_STORE, MetricsStore


class Reader:
    """Reads what one check counted."""

    def __init__(self, store: MetricsStore | None, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def reading(self, measure: Measure, check: Check) -> Reading:
        """Return what was counted for a check up to now."""
        try:
            if check.query is not None:
                return await self._numbers(measure, check)
            found, now = await self.found(measure, check)
            return count(measure, check, found, now)
        except MetricsError as error:
            return Failed(str(error))

    async def found(self, measure: Measure, check: Check) -> tuple[dict[str, tuple[Series, ...]], float]:
        """Return the series of a check, up to the end of the last phase, and when it was asked.

        Raises:
            MetricsError: there is no store, or it does not answer.
        """
        now = self._clock.now().timestamp()
        until = measure.phases[-1].until or now
        store = self.there()
        return {one.metric: await store.samples(one, until) for one in selections(measure, check)}, now

    def there(self) -> MetricsStore:
        """Return the store.

        Raises:
            MetricsError: this installation has none.
        """
        if self._store is None:
            raise MetricsError(NO_STORE)
        return self._store

    async def _numbers(self, measure: Measure, check: Check) -> Counted:
        """Ask a query as of each of the last looks of this step: how often it failed in a row needs no memory."""
        assert check.query is not None  # noqa: S101  # asked by the caller
        store, now = self.there(), self._clock.now().timestamp()
        query = _filled(check.query.promql, measure)
        moments = [now - LOOK * place for place in reversed(range(check.query.failures))]
        asked = [moment for moment in moments if moment >= measure.phases[-1].since]
        numbers = [await store.number(query, moment) for moment in asked]
        missing = "" if numbers and numbers[-1] is not None else "the query returned no number"
        return Counted(values=tuple(number for number in numbers if number is not None), trouble=missing)


def _filled(promql: str, measure: Measure) -> str:
    """Put the names into a query; they are names of Kubernetes, which need no escape."""
    names = {
        "namespace": measure.namespace,
        "deployment": measure.deployment,
        "candidate": measure.candidate.revision,
        "stable": measure.stable.revision,
    }
    for name, value in names.items():
        promql = promql.replace(f"${{{name}}}", value)
    return promql
