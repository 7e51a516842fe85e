"""The shadow: a share of the requests is asked again of another variant, and the answers are compared.

The client never waits for it. Copies wait in a short queue and are sent while there is nothing better to do; under
load they are the first to be dropped. What happened to each is counted.
"""

import asyncio
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mlwright.bundle.tensors import Arrays
from mlwright.server.agreement import agree, question
from mlwright.server.exposition import head, labelled
from mlwright.server.fellowship import Fellowship
from mlwright.server.recording import Context
from mlwright.server.settings import Identity
from mlwright.server.shadow_client import CopyError, ShadowConnection
from mlwright.server.shadow_target import Target

log = logging.getLogger(__name__)

MOST_WAITING: Final = 64
"""Copies in the queue; each holds the rows of its request in memory."""
MOST_ROWS: Final = 1024
"""A larger batch is not copied: to encode it would hold up the answers of others."""
AT_ONCE: Final = 4
"""Copies under way; a slow variant must be asked several at a time to be asked enough."""
PAUSE_SECONDS: Final = 0.005
"""How long a copy may wait for the next look at the queue."""
IDLE_SECONDS: Final = 0.25
"""The same while there is no target."""


# As W3C's Trace Context, level 1, writes it; what does not look so is not passed on.
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Outcome(StrEnum):
    """What became of a copy, and the series that counts it."""

    COMPARED = "mlwright_shadow_compared_total"
    DISAGREED = "mlwright_shadow_disagreed_total"
    FAILED = "mlwright_shadow_failed_total"
    DROPPED = "mlwright_shadow_dropped_total"


_MEANINGS: Final = {
    Outcome.COMPARED: "Copied requests whose two answers were compared.",
    Outcome.DISAGREED: "Copied requests whose two answers differed in a label, or in a number by more than allowed.",
    Outcome.FAILED: "Copied requests to which the other variant gave no answer that can be compared.",
    Outcome.DROPPED: "Requests that should have been copied and were not, because the server had no time.",
}


@dataclass(frozen=True, slots=True)
class _Copy:
    columns: Arrays
    outputs: Arrays
    traceparent: str | None


class Shadow:
    """Copies requests of one server. `offer` may be called on several threads, everything else on the event loop."""

    def __init__(
        self,
        identity: Identity,
        seconds: float,
        chance: Callable[[], float],
        fellowship: Fellowship = Fellowship(),  # noqa: B008 - a frozen value
    ) -> None:
        """Take who answers, how long a copy may take, numbers from 0 to 1 that choose, how variants know each other."""
        self._fellowship = fellowship
        self._identity = identity
        self._seconds = seconds
        self._chance = chance
        self._target: Target | None = None
        self._shedding = False
        self._waiting: deque[_Copy] = deque()
        self._counts: dict[str, dict[Outcome, int]] = {}
        self._lock = threading.Lock()

    def aim(self, target: Target | None) -> None:
        """Copy to this target from now on, with its series at 0 at once; None copies nothing."""
        self._waiting.clear()
        if target is not None:
            self._counts.setdefault(target.revision, dict.fromkeys(Outcome, 0))
        self._target = target

    def offer(self, columns: Arrays, outputs: Arrays, context: Context) -> None:
        """Copy this request, perhaps; costs the client a microsecond."""
        target = self._target
        if target is None or self._chance() >= target.share:
            return
        if self._shedding or len(self._waiting) >= MOST_WAITING or _rows(outputs) > MOST_ROWS:
            self._count(target, Outcome.DROPPED)
        else:
            self._waiting.append(_Copy(columns, outputs, context.traceparent))

    async def run(self, spare: Callable[[], bool]) -> None:
        """Send what waits, for ever; `spare` says whether the server has time for it."""
        work = asyncio.Event()
        async with asyncio.TaskGroup() as senders:
            for _ in range(AT_ONCE):
                senders.create_task(self._send_all(work))
            while True:
                await asyncio.sleep(IDLE_SECONDS if self._target is None else PAUSE_SECONDS)
                self._shedding = self._target is not None and not spare()
                if self._shedding:
                    self._drop()
                if self._waiting:
                    work.set()

    def lines(self) -> Iterator[str]:
        """All series in Prometheus' text format."""
        own = {"deployment": self._identity.deployment, "revision": self._identity.revision}
        for outcome in Outcome:
            yield from head(outcome, "counter", _MEANINGS[outcome])
            for revision, counts in list(self._counts.items()):
                yield f"{labelled(outcome, own | {'shadow_revision': revision})} {counts[outcome]}"

    async def _send_all(self, work: asyncio.Event) -> None:
        """Send copies one after the other, on a connection that is kept as long as the target stays."""
        connection: ShadowConnection | None = None
        try:
            while True:
                await work.wait()
                work.clear()
                while self._waiting and (target := self._target):
                    connection = self._to(target, connection)
                    await self._send(target, connection, self._waiting.popleft())
        finally:
            if connection is not None:
                connection.close()

    def _to(self, target: Target, kept: ShadowConnection | None) -> ShadowConnection:
        """The kept connection, or a new one if it leads elsewhere."""
        if kept is not None and kept.address == target.address:
            return kept
        if kept is not None:
            kept.close()
        return ShadowConnection(target.address, self._fellowship)

    async def _send(self, target: Target, connection: ShadowConnection, copy: _Copy) -> None:
        headers = {"traceparent": str(copy.traceparent)} if _TRACEPARENT.fullmatch(copy.traceparent or "") else {}
        path = f"/v2/models/{self._identity.deployment}/infer"
        try:
            answer = await connection.post(path, question(copy.columns), headers, self._seconds)
            same = agree(copy.outputs, answer, target.tolerance)
        except (CopyError, ValueError) as problem:
            log.debug("a copy failed", extra={"problem": str(problem)})
            self._count(target, Outcome.FAILED)
            return
        self._count(target, Outcome.COMPARED)
        if not same:
            self._count(target, Outcome.DISAGREED)

    def _drop(self) -> None:
        while self._waiting and self._target:
            self._waiting.popleft()
            self._count(self._target, Outcome.DROPPED)

    def _count(self, target: Target, outcome: Outcome) -> None:
        with self._lock:
            self._counts[target.revision][outcome] += 1


def _rows(outputs: Arrays) -> int:
    return len(next(iter(outputs.values())))


class Spare:
    """Says whether a process has CPU time to spare, from what it used since the last looks."""

    LEAST_SECONDS = 0.1
    """Shorter spans say little: /proc counts in hundredths of a second."""
    MOST_USED = 0.7
    """Share of the granted CPUs above which copies stop; the rest is for what comes next."""

    def __init__(self, cpus: float, wall: Callable[[], float], used: Callable[[], float]) -> None:
        """Take the granted CPUs, a clock and the CPU seconds used so far."""
        self._cpus = cpus
        self._wall = wall
        self._used = used
        self._before = (wall(), used())
        self._spare = True

    def __call__(self) -> bool:
        """Whether there is time."""
        now, used = self._wall(), self._used()
        seconds = now - self._before[0]
        if seconds >= self.LEAST_SECONDS:
            self._spare = used - self._before[1] <= self.MOST_USED * self._cpus * seconds
            self._before = (now, used)
        return self._spare
