"""Counting live values in the bins of a profile: the same rules for every row, whoever answers it.

The order of the slots is the order of the counts: `below`, the bins by their number, `above`, `missing`, `unseen`, as
far as the kind of value can have them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.manifest import LABEL, Datatype, Label
from mlwright.bundle.profile import Distribution, Profile, rare_hash
from mlwright.bundle.profiling import BINS
from mlwright.bundle.tensors import Array

BELOW: Final = "below"
ABOVE: Final = "above"
MISSING: Final = "missing"
UNSEEN: Final = "unseen"
OTHER: Final = "other"
"""Classes beyond the most frequent ones, where there are more than a distribution has bins."""

MOST_SLOTS: Final = BINS + 3
"""Slots of the widest distribution: its bins, and three for what lies outside of them."""

MOST_FEATURES: Final = 20
"""Features that are counted live, the most important first: with 23 series each, twenty pods have about 10,000."""

MANY: Final = 4096
"""Values from which on they are counted edge by edge; pieces of stored rows are larger, requests are not."""

Tally = NDArray[np.int64]
"""Counts, one for each slot."""


class BinCounter(Protocol):
    """Counts the values of one feature or output."""

    @property
    def slots(self) -> tuple[str, ...]:
        """What each count stands for."""
        ...

    def count(self, values: Array) -> Tally:
        """Count values of any shape, with the dtype that `tensors.DTYPES` says, one count for each slot."""
        ...


def most_important(profile: Profile) -> list[Distribution]:
    """Return the features that are compared with what was learned, the most important first."""
    ranked = sorted(profile.features, key=lambda feature: feature.rank or len(profile.features))
    return ranked[:MOST_FEATURES]


def feature_counter(feature: Distribution) -> BinCounter:
    """Return the counter of a feature."""
    if feature.datatype is Datatype.BYTES:
        return _Texts.of(feature)
    if feature.datatype is Datatype.BOOL:
        return _Labels.of(feature)
    return _Numbers.of(feature)


def output_counter(output: Distribution) -> BinCounter:
    """Return the counter of an output: of labels, or of the one number that `profiling.confidence` makes of a row."""
    return _Labels.of(output) if output.name == LABEL else _Numbers.of(output)


def slot_counts(distribution: Distribution, slots: Sequence[str]) -> tuple[int, ...]:
    """Return how many rows of a profile fell where a counter counts, in the order of its slots.

    >>> from mlwright.bundle.profile import Counts
    >>> slot_counts(Distribution("age", Datatype.FP64, Counts((5, 7), missing=2)), ("below", "0", "1", "missing"))
    (0, 5, 7, 2)
    """
    counts = distribution.counts
    outside = {BELOW: counts.below, ABOVE: counts.above, MISSING: counts.missing, UNSEEN: counts.unseen}
    own = {slot: counts.bins[int(slot)] for slot in slots if slot.isdigit()}
    return tuple({**outside, **own, OTHER: sum(counts.bins) - sum(own.values())}[slot] for slot in slots)


@dataclass(frozen=True, slots=True)
class _Numbers:
    slots: tuple[str, ...]
    limits: NDArray[np.float64]
    """The edges, and an infinity: beyond the last edge lies what is larger, and beyond infinity sorts NaN."""

    @classmethod
    def of(cls, distribution: Distribution) -> "_Numbers":
        edges = distribution.edges
        numbered = (BELOW, *map(str, range(len(edges) - 1)), ABOVE) if edges else (UNSEEN,)
        missing = () if distribution.datatype is Datatype.INT64 else (MISSING,)
        return cls((*numbered, *missing), np.array([*edges, np.inf], dtype=np.float64))

    def count(self, values: Array) -> Tally:
        column = values.ravel()
        if column.size < MANY:
            return np.bincount(np.searchsorted(self.limits, column), minlength=len(self.slots))
        # Looking at all values once for each edge takes a third of the time of a search for each value: no branches.
        numbers = column.astype(np.float64, copy=False)
        within = [np.count_nonzero(numbers <= limit) for limit in self.limits]
        missing = [column.size] if MISSING in self.slots else []
        reached = np.array([0, *within, *missing], dtype=np.int64)
        return reached[1:] - reached[:-1]


@dataclass(frozen=True, slots=True)
class _Labels:
    slots: tuple[str, ...]
    places: Mapping[Label, int]
    """Slot of each class."""

    @classmethod
    def of(cls, distribution: Distribution) -> "_Labels":
        """With too many classes, the most frequent ones of the profile have slots of their own."""
        classes, seen = distribution.categories, distribution.counts.bins
        if len(classes) <= BINS:
            return cls(tuple(map(str, range(len(classes)))), {label: place for place, label in enumerate(classes)})
        frequent = sorted(sorted(range(len(classes)), key=lambda place: -seen[place])[: BINS - 1])
        own = {classes[place]: slot for slot, place in enumerate(frequent)}
        return cls((*map(str, frequent), OTHER), {label: own.get(label, BINS - 1) for label in classes})

    def count(self, values: Array) -> Tally:
        tally = np.zeros(len(self.slots), dtype=np.int64)
        for label, number in Counter(values.ravel().tolist()).items():
            tally[self.places[label]] += number
        return tally


@dataclass(frozen=True, slots=True)
class _Texts:
    slots: tuple[str, ...]
    places: Mapping[str, int]
    """Slot of each text that has one, the empty text included."""
    rare: frozenset[str] | None
    """Hashes of the texts that share the last bin; None: everything else belongs there."""

    @classmethod
    def of(cls, distribution: Distribution) -> "_Texts":
        bins = len(distribution.counts.bins)
        places = {str(text): place for place, text in enumerate(distribution.categories)}
        rare = None if distribution.rare is None else frozenset(distribution.rare)
        return cls((*map(str, range(bins)), MISSING, UNSEEN), {**places, "": bins}, rare)

    def count(self, values: Array) -> Tally:
        tally = np.zeros(len(self.slots), dtype=np.int64)
        for text, number in Counter(values.ravel().tolist()).items():
            place = self.places.get(text)
            tally[self._place_of_rare(text) if place is None else place] += number
        return tally

    def _place_of_rare(self, text: str) -> int:
        """Rare texts share the last bin, which stands before missing and unseen."""
        return -3 if self.rare is None or rare_hash(text) in self.rare else -1
