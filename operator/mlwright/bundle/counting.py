"""Count rows into the bins of a bundle's profile: what a model answers is compared with what it learned from.

The bins are those in which a server counts (`bins`). Counts add up over pieces of rows, so any number of rows is
counted in flat memory.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlwright.bundle.bins import ABOVE, BELOW, MISSING, UNSEEN, BinCounter, Tally, feature_counter, output_counter
from mlwright.bundle.manifest import LABEL, PROBABILITIES, Label
from mlwright.bundle.profile import Counts, Distribution, Profile
from mlwright.bundle.profiling import BINS, confidence
from mlwright.bundle.tensors import Array, Arrays

Tallies = tuple[Tally, ...]
"""Counts of the features of a profile, then of its outputs."""


@dataclass(frozen=True, slots=True)
class _Classes:
    """Counts every class of its own; a server, which keeps a series for each, puts many together."""

    places: Mapping[Label, int]

    @property
    def slots(self) -> tuple[str, ...]:
        """One for each class."""
        return tuple(map(str, range(len(self.places))))

    def count(self, values: Array) -> Tally:
        """Count labels."""
        tally = np.zeros(len(self.places), dtype=np.int64)
        for label, number in Counter(values.ravel().tolist()).items():
            tally[self.places[label]] += number
        return tally


@dataclass(frozen=True, slots=True)
class RowCounter:
    """Counts rows into the bins of a profile."""

    profile: Profile
    counters: tuple[BinCounter, ...]

    @classmethod
    def of(cls, profile: Profile) -> "RowCounter":
        """The counter of a profile."""
        outputs = (_of_output(entry) for entry in profile.outputs)
        return cls(profile, (*(feature_counter(entry) for entry in profile.features), *outputs))

    def count(self, inputs: Arrays, outputs: Arrays) -> Tallies:
        """Count rows: inputs `[n, 1]` by name, and what the model answered."""
        values = (
            *(inputs[entry.name] for entry in self.profile.features),
            *(_surface(entry, outputs) for entry in self.profile.outputs),
        )
        return tuple(counter.count(column) for counter, column in zip(self.counters, values, strict=True))

    def counted(self, tallies: Sequence[Tally], rows: int) -> Profile:
        """The profile with the counts of so many rows; their smallest and largest values are not known."""
        every = (*self.profile.features, *self.profile.outputs)
        found = [
            replace(entry, counts=_counts(entry, counter, tally), minimum=None, maximum=None)
            for entry, counter, tally in zip(every, self.counters, tallies, strict=True)
        ]
        features = len(self.profile.features)
        return Profile(rows, tuple(found[:features]), tuple(found[features:]))


def _of_output(entry: Distribution) -> BinCounter:
    if entry.name == LABEL and len(entry.categories) > BINS:
        return _Classes({label: place for place, label in enumerate(entry.categories)})
    return output_counter(entry)


def _surface(entry: Distribution, outputs: Arrays) -> Array:
    return confidence(outputs[PROBABILITIES]) if entry.name == PROBABILITIES else outputs[entry.name]


def _counts(entry: Distribution, counter: BinCounter, tally: Tally) -> Counts:
    found = dict(zip(counter.slots, map(int, tally), strict=True))
    bins = tuple(found.get(str(place), 0) for place in range(len(entry.counts.bins)))
    return Counts(bins, found.get(BELOW, 0), found.get(ABOVE, 0), found.get(MISSING, 0), found.get(UNSEEN, 0))
