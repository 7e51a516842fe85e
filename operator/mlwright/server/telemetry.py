"""What the server counts: prediction requests and the time they took, by outcome, and whatever else has series.

Every series exists at zero before the server is ready, so that a rate over the first minute is a number and not a gap.
Counted by hand, by the event loop alone: a general client library took 17 ms to print these series, during which no
request was answered, and several microseconds to count one request; this takes a tenth of either.
"""

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path

from mlwright.server.exposition import head, pairs
from mlwright.server.settings import Identity

# Every status that a prediction request can end with.
CODES = (200, 400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503, 504)

# Seconds. From a third of a millisecond, where a small model answers, to the default time limit of a request.
EDGES = (0.0003, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_REQUESTS = "mlwright_requests_total"
_SECONDS = "mlwright_request_seconds"
_MEMORY = "process_resident_memory_bytes"
_CPU = "process_cpu_seconds_total"


class Telemetry:
    """The series of one served model."""

    def __init__(self, identity: Identity) -> None:
        self._outcomes = {code: _Outcome(_labels(identity, code)) for code in CODES}
        self._others: list[Callable[[], Iterable[str]]] = []

    def show(self, lines: Callable[[], Iterable[str]]) -> None:
        """Show the series of somebody else, too, from now on."""
        self._others.append(lines)

    def count(self, code: int, started: float) -> None:
        """Count one prediction request that started at `started` (time.perf_counter) and has just been answered."""
        self._outcomes[code].count(time.perf_counter() - started)

    def exposition(self) -> bytes:
        """All series in Prometheus' text format."""
        outcomes = self._outcomes.values()
        lines = [
            *head(_REQUESTS, "counter", "Prediction requests by status."),
            *(outcome.total() for outcome in outcomes),
            *head(_SECONDS, "histogram", "Time from the headers of a prediction request to its answer."),
            *(line for outcome in outcomes for line in outcome.histogram()),
            *head(_MEMORY, "gauge", "Memory of this process that is in RAM."),
            f"{_MEMORY} {resident_bytes()}",
            *head(_CPU, "counter", "CPU time of this process."),
            f"{_CPU} {time.process_time()}",
            *(line for lines in self._others for line in lines()),
        ]
        return ("\n".join(lines) + "\n").encode()


class _Outcome:
    """The counter and the histogram of one status code."""

    def __init__(self, labels: str) -> None:
        self._labels = labels
        self._buckets = [0] * (len(EDGES) + 1)  # the last is for what lies above all edges
        self._sum = 0.0

    def count(self, seconds: float) -> None:
        self._buckets[bisect_left(EDGES, seconds)] += 1
        self._sum += seconds

    def total(self) -> str:
        return f"{_REQUESTS}{{{self._labels}}} {sum(self._buckets)}"

    def histogram(self) -> Iterator[str]:
        counts = list(accumulate(self._buckets))
        for edge, count in zip((*EDGES, "+Inf"), counts, strict=True):
            yield f'{_SECONDS}_bucket{{{self._labels},le="{edge}"}} {count}'
        yield f"{_SECONDS}_sum{{{self._labels}}} {self._sum}"
        yield f"{_SECONDS}_count{{{self._labels}}} {counts[-1]}"


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _labels(identity: Identity, code: int) -> str:
    return pairs(
        {
            "deployment": identity.deployment,
            "model": identity.model,
            "version": identity.version,
            "revision": identity.revision,
            "code": str(code),
        }
    )
