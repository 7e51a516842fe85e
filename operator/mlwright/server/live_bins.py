"""What the server was asked and what it answered, counted in the bins of the model's profile.

A row costs little because rows are counted many at a time: they are kept until there are enough of them, or until
somebody asks for the counts. Whoever reads the series reads exact counts.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from mlwright.bundle.bins import BinCounter, Tally, feature_counter, output_counter
from mlwright.bundle.manifest import PROBABILITIES
from mlwright.bundle.profile import Distribution, Profile
from mlwright.bundle.profiling import confidence
from mlwright.bundle.tensors import Array, Arrays
from mlwright.server.exposition import head, labelled
from mlwright.server.settings import Identity

MOST_FEATURES: Final = 20
"""Features that are counted, the most important first: with 23 series each, twenty pods have about 10,000."""
KEPT_ROWS: Final = 256
"""Rows that are counted together: more would save little and hold up the request that comes last for longer."""

FEATURES: Final = "mlwright_feature_bin_total"
OUTPUTS: Final = "mlwright_output_bin_total"

_Answered = tuple[Arrays, Arrays]
"""The columns of one request, and the outputs that answered it."""


class LiveBins:
    """The bins of one served model. `record` may be called on several threads."""

    def __init__(self, identity: Identity, profile: Profile) -> None:
        """Take who answers, and the profile that its bundle holds; one without features counts nothing."""
        ranked = sorted(profile.features, key=lambda feature: feature.rank or len(profile.features))
        self._features = [_Counted.of(FEATURES, identity, one) for one in ranked[:MOST_FEATURES]]
        self._outputs = [_Counted.of(OUTPUTS, identity, one) for one in profile.outputs]
        self._lock = threading.Lock()
        self._kept: list[_Answered] = []
        self._rows = 0

    def record(self, columns: Arrays, outputs: Arrays) -> None:
        """Count one answered request, now or with others; its arrays must not be changed any more."""
        rows = len(next(iter(outputs.values())))
        with self._lock:
            self._kept.append((columns, outputs))
            self._rows += rows
            due = self._rows >= KEPT_ROWS
        if due:
            self._count_kept()

    def lines(self) -> Iterator[str]:
        """All series in Prometheus' text format, everything recorded so far counted."""
        self._count_kept()
        yield from head(FEATURES, "counter", "Rows of requests by the bin of the model's profile that a feature is in.")
        for counted in self._features:
            yield from counted.lines()
        yield from head(OUTPUTS, "counter", "Answered rows by the bin of the model's profile that an output is in.")
        for counted in self._outputs:
            yield from counted.lines()

    def _count_kept(self) -> None:
        with self._lock:
            taken, self._kept, self._rows = self._kept, [], 0
        if not taken:
            return
        columns, outputs = zip(*taken, strict=True)
        tallies = [counted.count(columns) for counted in self._features]
        tallies += [counted.count(outputs) for counted in self._outputs]
        with self._lock:
            for counted, tally in zip((*self._features, *self._outputs), tallies, strict=True):
                counted.tally += tally


@dataclass(slots=True)
class _Counted:
    """One feature or output."""

    name: str
    counter: BinCounter
    column: Callable[[Sequence[Array]], Array]
    """From the arrays of several requests to all of their values."""
    series: tuple[str, ...]
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = np.zeros(len(self.counter.slots), dtype=np.int64)

    @classmethod
    def of(cls, metric: str, identity: Identity, distribution: Distribution) -> "_Counted":
        kind = "feature" if metric == FEATURES else "output"
        counter = feature_counter(distribution) if metric == FEATURES else output_counter(distribution)
        labels = {"deployment": identity.deployment, "revision": identity.revision, kind: distribution.name}
        series = tuple(labelled(metric, labels | {"bin": slot}) for slot in counter.slots)
        scores = metric == OUTPUTS and distribution.name == PROBABILITIES
        return cls(distribution.name, counter, _scores if scores else joined, series)

    def count(self, requests: Sequence[Arrays]) -> Tally:
        return self.counter.count(self.column([arrays[self.name] for arrays in requests]))

    def lines(self) -> Iterator[str]:
        return (f"{series} {count}" for series, count in zip(self.series, self.tally.tolist(), strict=True))


def joined(parts: Sequence[Array]) -> Array:
    """The values of several arrays of one dtype, `[n]`."""
    if len(parts) == 1:
        return parts[0].ravel()
    if parts[0].dtype == object:
        return np.concatenate(parts, axis=None)
    # A fifth of the time that concatenating many small arrays takes.
    return np.frombuffer(b"".join(map(_buffer, parts)), dtype=parts[0].dtype)


def _buffer(part: Array) -> Any:
    return part if part.flags.c_contiguous else part.tobytes()


def _scores(parts: Sequence[Array]) -> Array:
    return confidence(np.concatenate(parts))
