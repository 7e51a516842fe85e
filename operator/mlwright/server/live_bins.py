"""What the server was asked and what it answered, counted in the bins of the model's profile.

A row costs little because rows are counted many at a time: they are kept until there are enough of them, or until
somebody asks for the counts. Whoever reads the series reads exact counts.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mlwright.bundle.bin_names import bin_names
from mlwright.bundle.bins import BinCounter, Tally, feature_counter, most_important, output_counter, slot_counts
from mlwright.bundle.manifest import LABEL, PROBABILITIES, Datatype
from mlwright.bundle.profile import Distribution, Profile
from mlwright.bundle.profiling import BINS, confidence
from mlwright.bundle.tensors import DTYPES, Arrays
from mlwright.server.exposition import head, labelled
from mlwright.server.row_blocks import Block, Gatherer, Numbers, Table, Texts
from mlwright.server.settings import Identity

KEPT_ROWS: Final = 512
"""Rows that are counted together: more would save little and hold up the request that comes last for longer."""

FEATURES: Final = "mlwright_feature_bin_total"
OUTPUTS: Final = "mlwright_output_bin_total"
PROFILE: Final = "mlwright_profile_info"
"""What the bundle counted in the same bins: who compares needs no bundle."""


class LiveBins:
    """The bins of one served model. `record` may be called on several threads."""

    def __init__(self, identity: Identity, profile: Profile) -> None:
        """Take who answers, and the profile that its bundle holds; one without features counts nothing."""
        self._features = _groups([_Counted.feature(identity, one) for one in most_important(profile)])
        self._outputs = _groups([_Counted.output(identity, one) for one in profile.outputs], _classes(profile))
        self._feature_blocks = [group.gatherer.block for group in self._features]
        self._output_blocks = [group.gatherer.block for group in self._outputs]
        self._lock = threading.Lock()
        self._kept: deque[tuple[int, list[Block]]] = deque()
        self._rows = 0

    def record(self, columns: Arrays, outputs: Arrays) -> None:
        """Count one answered request, now or with others."""
        rows = len(next(iter(outputs.values())))
        blocks = [block(columns) for block in self._feature_blocks]
        blocks += [block(outputs) for block in self._output_blocks]
        self._kept.append((rows, blocks))
        # Two threads may count as one here, which only means that rows are kept a little longer.
        self._rows += rows
        if self._rows >= KEPT_ROWS:
            self._count_kept()

    def lines(self) -> Iterator[str]:
        """All series in Prometheus' text format, everything recorded so far counted."""
        self._count_kept()
        yield from head(FEATURES, "counter", "Rows of requests by the bin of the model's profile that a feature is in.")
        yield from (line for group in self._features for counted in group.counted for line in counted.lines())
        yield from head(OUTPUTS, "counter", "Answered rows by the bin of the model's profile that an output is in.")
        yield from (line for group in self._outputs for counted in group.counted for line in counted.lines())
        yield from head(PROFILE, "gauge", "Rows that the model's profile holds in each bin.")
        groups = (*self._features, *self._outputs)
        yield from (counted.reference for group in groups for counted in group.counted)

    def _count_kept(self) -> None:
        with self._lock:
            taken = [self._kept.popleft() for _ in range(len(self._kept))]
            self._rows = 0
        if not taken:
            return
        rows, blocks = zip(*taken, strict=True)
        groups = (*self._features, *self._outputs)
        tallies = [group.count(part, rows) for group, part in zip(groups, zip(*blocks, strict=True), strict=True)]
        with self._lock:
            for group, found in zip(groups, tallies, strict=True):
                for counted, tally in zip(group.counted, found, strict=True):
                    counted.tally += tally


@dataclass(slots=True)
class _Counted:
    """One feature or output."""

    distribution: Distribution
    counter: BinCounter
    series: tuple[str, ...]
    reference: str
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = np.zeros(len(self.counter.slots), dtype=np.int64)

    @classmethod
    def feature(cls, identity: Identity, distribution: Distribution) -> "_Counted":
        labels = {**_own(identity), "feature": distribution.name}
        return cls._of(FEATURES, distribution, feature_counter(distribution), labels)

    @classmethod
    def output(cls, identity: Identity, distribution: Distribution) -> "_Counted":
        labels = {**_own(identity), "output": distribution.name}
        return cls._of(OUTPUTS, distribution, output_counter(distribution), labels)

    @classmethod
    def _of(cls, metric: str, distribution: Distribution, counter: BinCounter, labels: Mapping[str, str]) -> "_Counted":
        series = tuple(labelled(metric, {**labels, "bin": slot}) for slot in counter.slots)
        return cls(distribution, counter, series, _reference(metric, distribution, counter.slots, labels))

    def lines(self) -> Iterator[str]:
        return (f"{series} {count}" for series, count in zip(self.series, self.tally.tolist(), strict=True))


def _reference(metric: str, distribution: Distribution, slots: Sequence[str], labels: Mapping[str, str]) -> str:
    """One series for all bins: they never change, and 23 more for each feature would double what is stored."""
    own = {name: labels[name] for name in ("deployment", "revision")}
    found = zip(slots, slot_counts(distribution, slots), strict=True)
    counts = ",".join(f"{slot}:{count}" for slot, count in found)
    surface = "feature" if metric == FEATURES else "output"
    bins = json.dumps(bin_names(distribution)[:BINS], ensure_ascii=False, separators=(",", ":"))
    told = {**own, "surface": surface, "name": distribution.name, "counts": counts, "bins": bins}
    return f"{labelled(PROFILE, told)} 1"


@dataclass(frozen=True, slots=True)
class _Group:
    """Features or outputs that are gathered together."""

    gatherer: Gatherer
    counted: tuple[_Counted, ...]

    def count(self, blocks: Sequence[Block], rows: Sequence[int]) -> list[Tally]:
        columns = self.gatherer.columns(blocks, rows)
        return [counted.counter.count(column) for counted, column in zip(self.counted, columns, strict=True)]


def _groups(counted: Sequence[_Counted], classes: int = 0) -> list[_Group]:
    """Group what is counted by how it is gathered."""
    groups: list[_Group] = []
    for datatype, dtype in DTYPES.items():
        members = tuple(one for one in counted if one.distribution.datatype is datatype)
        plain = tuple(one for one in members if one.distribution.name != PROBABILITIES or not classes)
        names = tuple(one.distribution.name for one in plain)
        if plain:
            groups.append(
                _Group(Texts(names) if datatype is Datatype.BYTES else Numbers.of(names, np.dtype(dtype)), plain)
            )
        groups += [_Group(Table(PROBABILITIES, classes, confidence), (one,)) for one in members if one not in plain]
    return groups


def _classes(profile: Profile) -> int:
    """How many probabilities an answered row has; 0 for a regressor."""
    return sum(len(output.categories) for output in profile.outputs if output.name == LABEL)


def _own(identity: Identity) -> Mapping[str, str]:
    return {"deployment": identity.deployment, "revision": identity.revision}
