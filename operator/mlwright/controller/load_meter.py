"""Asks the store of metrics for the load, once for all deployments, and wakes those in which it changes anything."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Final

from mlwright.controller.loads import Loads
from mlwright.errors import MetricsError
from mlwright.plan.loads import Answer, Pod, Question
from mlwright.plan.resources import Key
from mlwright.ports.clock import Clock
from mlwright.ports.metrics import NO_STORE, MetricsStore

EVERY: Final = 15.0
"""Seconds between two looks at the load, as HorizontalPodAutoscaler has it."""


class LoadMeter:
    """Knows the load for one term of leading."""

    def __init__(self, store: MetricsStore | None, clock: Clock, loads: Loads, wake: Callable[[Key], None]) -> None:
        self._store = store
        self._clock = clock
        self._loads = loads
        self._wake = wake

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """Ask every question once: as many as there are kinds of metrics, not as there are deployments."""
        questions = tuple(self._loads.asked)
        answers = await asyncio.gather(*(self._answer(question) for question in questions))
        for key in self._loads.take(dict(zip(questions, answers, strict=True))):
            if not self._loads.rests(key, self._clock.now()):
                self._wake(key)
            await asyncio.sleep(0)  # of a thousand deployments all others must not wait for the last

    async def _answer(self, question: Question) -> Answer:
        now = self._clock.now().timestamp()
        if self._store is None:
            return Answer(now, trouble=NO_STORE)
        try:
            if question.whole:
                return Answer(now, number=await self._store.number(question.promql, now))
            return Answer(now, pods=_by_pod(await self._store.numbers(question.promql, now)))
        except MetricsError as error:
            return Answer(now, trouble=str(error))


def _by_pod(found: tuple[tuple[Mapping[str, str], float], ...]) -> dict[Pod, float]:
    """Return the numbers by pod; what no counter can give is left out, as if the pod had not been scraped."""
    return {
        (labels.get("namespace", ""), labels.get("pod", "")): value
        for labels, value in found
        if math.isfinite(value) and value >= 0
    }
