"""Workers take keys from the queue, look at them, and say when to look again."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from mlwright.controller.cycle import Cycle, Outcome, Result
from mlwright.controller.metrics import Metrics
from mlwright.controller.queue import WorkQueue
from mlwright.plan.resources import Key

_SETTLED: Final = frozenset({Result.DONE, Result.GONE, Result.INVALID})


async def work(queue: WorkQueue, cycle: Cycle, metrics: Metrics) -> None:
    """Look at one object after the other until the queue is stopped.

    Raises:
        LeadershipLostError: it is not certain any more that nobody else acts.
    """
    while (key := await queue.get()) is not None:
        begun = time.perf_counter()
        try:
            outcome = await cycle.look(key)
        finally:
            queue.done(key)
        metrics.looked(key.kind, outcome.result, time.perf_counter() - begun)
        schedule(queue, key, outcome)
        await asyncio.sleep(0)  # a look at what is settled waits for nobody, and others have a turn as well


def schedule(queue: WorkQueue, key: Key, outcome: Outcome) -> None:
    """Arrange the next look as the outcome asks."""
    if outcome.result in _SETTLED:
        queue.forgive(key)
        if outcome.again is not None:
            queue.add_after(key, outcome.again)
        if outcome.retells:
            queue.retell(key, 0.0)
        return
    queue.retry(key, at_once=outcome.result is Result.SUPERSEDED, at_least=outcome.again or 0.0)


async def stop(queue: WorkQueue, workers: list[asyncio.Task[None]], seconds: float) -> None:
    """Let every worker finish its current look, and end those that need longer."""
    queue.stop()
    _, late = await asyncio.wait(workers, timeout=seconds)
    for worker in late:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
