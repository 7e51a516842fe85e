"""A sample of requests with their answers, as lines of JSON, to be asked again of other versions.

The client never waits for it: what was sampled waits in a short queue for a thread that writes. A volume that is slow,
full or away costs lines, which are counted, and no answer; nor does an object store (`payload_parcels`). Each line is a
request of the protocol and its answer in one: `inputs` with their data, `outputs` with theirs.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from mlwright.bundle.tensors import Arrays
from mlwright.server.agreement import tensors
from mlwright.server.exposition import head, labelled
from mlwright.server.payload_files import Files
from mlwright.server.payload_parcels import Parcels
from mlwright.server.settings import Identity

log = logging.getLogger(__name__)

MOST_WAITING: Final = 256
"""Requests in the queue; each holds its rows in memory."""
MOST_ROWS: Final = 1024
"""A larger batch is not sampled: one line of it would fill the log."""
EVERY_SECONDS: Final = 1.0
"""How often lines are written."""

WRITTEN: Final = "mlwright_payloads_written_total"
DROPPED: Final = "mlwright_payloads_dropped_total"
WAITING: Final = "mlwright_payloads_waiting"
AWAY: Final = "mlwright_payloads_store_away"


@dataclass(frozen=True, slots=True)
class _Payload:
    columns: Arrays
    outputs: Arrays
    at: float


class PayloadLog:
    """Samples the requests of one server. `offer` may be called on several threads."""

    def __init__(
        self,
        identity: Identity,
        folder: Path,
        pod: str,
        share: float,
        chance: Callable[[], float],
        *,
        sent: bool = False,
    ) -> None:
        """Take who answers, where lines go, who writes there, which share, and numbers from 0 to 1 that choose.

        `sent` says that another container takes the files away to an object store.
        """
        self._identity = identity
        place = folder / identity.deployment
        self._files = Files(place, f"{identity.revision}-{pod}")
        self._parcels = Parcels(place / identity.revision, pod) if sent else None
        self._share = share
        self._chance = chance
        self._waiting: deque[_Payload] = deque()
        self._dropped = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="payloads", daemon=True)

    def offer(self, columns: Arrays, outputs: Arrays, at: float) -> None:
        """Sample this request, perhaps; `at` in seconds since 1970."""
        if self._chance() >= self._share:
            return
        rows = len(next(iter(outputs.values())))
        if len(self._waiting) >= MOST_WAITING or rows > MOST_ROWS:
            self._drop(1)
        else:
            self._waiting.append(_Payload(columns, outputs, at))

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Write what waits, and wait at most so long for it."""
        self._over.set()
        self._thread.join(seconds)

    def lines(self) -> Iterator[str]:
        """All series in Prometheus' text format."""
        own = {"deployment": self._identity.deployment, "revision": self._identity.revision}
        parcels = self._parcels
        yield from head(WRITTEN, "counter", "Sampled requests that lie in the payload log.")
        yield f"{labelled(WRITTEN, own)} {parcels.arrived if parcels else self._files.written}"
        yield from head(DROPPED, "counter", "Sampled requests that were not written: too many, too large, no volume.")
        yield f"{labelled(DROPPED, own)} {self._dropped + (parcels or self._files).lost}"
        if parcels:
            yield from head(WAITING, "gauge", "Sampled requests that are not in the object store yet.")
            yield f"{labelled(WAITING, own)} {parcels.waiting}"
            yield from head(AWAY, "gauge", "1 while the object store does not take the payload log, else 0.")
            yield f"{labelled(AWAY, own)} {int(parcels.away)}"

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self._write()
            self._look()
        self._write()
        self._look(over=True)

    def _look(self, *, over: bool = False) -> None:
        if self._parcels is None:
            return
        try:
            self._parcels.look(over=over)
        except OSError as problem:
            log.warning("cannot give the payload log away", extra={"problem": str(problem)})

    def _write(self) -> None:
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not taken:
            return
        lines = [self._line(payload) for payload in taken]
        try:
            (self._parcels or self._files).append(lines)
        except OSError as problem:
            log.warning("cannot write the payload log", extra={"problem": str(problem), "lost": len(lines)})
            self._drop(len(lines))

    def _line(self, payload: _Payload) -> bytes:
        document = {
            "at": round(payload.at, 3),
            "revision": self._identity.revision,
            "inputs": tensors(payload.columns),
            "outputs": tensors(payload.outputs),
        }
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"

    def _drop(self, number: int) -> None:
        with self._lock:
            self._dropped += number
