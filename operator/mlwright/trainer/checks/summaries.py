"""What a column looks like, found in one pass and little memory: for the report, and beside the champion's profile."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profile import Distribution, rare_hash
from mlwright.trainer.checks.values import Kind, Values

SAMPLE: Final = 20_000
"""Numbers of a column that are kept at least, evenly over all rows, where there are so many."""
DISTINCT: Final = 10_000
"""Texts of a column that are counted; with more of them there is nothing to show."""


@dataclass(slots=True)
class Summary:
    """What is known of one column."""

    name: str
    kind: Kind = Kind.OTHER
    rows: int = 0
    missing: int = 0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    texts: Counter[str] | None = field(default_factory=Counter)  # None where there are too many of them
    true: int = 0
    sample: list[NDArray[np.float64]] = field(default_factory=list)
    _stride: int = 1

    def add(self, values: Values) -> None:
        """Look at a batch."""
        self.kind = values.kind
        self.missing += int(np.count_nonzero(values.missing))
        if values.numbers is not None:
            self._add_numbers(values.numbers)
        elif values.kind is Kind.TEXTS and self.texts is not None:
            self._add_texts(values.column)
        elif values.kind is Kind.BOOLEANS:
            self.true += int(pc.sum(values.column).as_py() or 0)
        self.rows += len(values.missing)

    def numbers(self) -> NDArray[np.float64]:
        """The sample of the numbers that are not missing."""
        return np.concatenate(self.sample) if self.sample else np.empty(0)

    def _add_numbers(self, numbers: NDArray[np.float64]) -> None:
        present = numbers[~np.isnan(numbers)]
        if not present.size:
            return
        self.minimum = min(self.minimum, float(present.min()))
        self.maximum = max(self.maximum, float(present.max()))
        self.sample.append(present[:: self._stride].copy())
        while sum(map(len, self.sample)) > 2 * SAMPLE:
            self._stride *= 2
            self.sample = [part[::2].copy() for part in self.sample]

    def _add_texts(self, column: Any) -> None:
        assert self.texts is not None  # noqa: S101  # only called where they are counted
        for text, count in _counted(column):
            if text:
                self.texts[text] += count
        if len(self.texts) > DISTINCT:
            self.texts = None


@dataclass(slots=True)
class Bins:
    """Counts a column in the bins of an earlier distribution."""

    reference: Distribution
    rows: int = 0
    missing: int = 0
    unseen: int = 0
    _reached: NDArray[np.int64] = field(init=False)
    _counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self._reached = np.zeros(len(self.reference.edges), dtype=np.int64)
        self._counts = np.zeros(len(self.reference.counts.bins), dtype=np.int64)

    def add(self, values: Values) -> None:
        """Count a batch. Values of a kind that the reference does not know count as unseen."""
        self.rows += len(values.missing)
        self.missing += int(np.count_nonzero(values.missing))
        if self.reference.edges and values.numbers is not None:
            self._reached += [np.count_nonzero(values.numbers <= edge) for edge in self.reference.edges]
        elif self.reference.datatype is Datatype.BOOL and values.kind is Kind.BOOLEANS:
            true = int(pc.sum(values.column).as_py() or 0)
            self._counts += [int(np.count_nonzero(~values.missing)) - true, true]
        elif self.reference.datatype is Datatype.BYTES and values.kind is Kind.TEXTS:
            self._add_texts(values.column)
        else:
            self.unseen += int(np.count_nonzero(~values.missing))

    def pairs(self) -> list[tuple[int, int]]:
        """The count of each bin, earlier and now: bins, then below, above, missing and unseen."""
        counts = self.reference.counts
        earlier = (*counts.bins, counts.below, counts.above, counts.missing, counts.unseen)
        return list(zip(earlier, self._now(), strict=True))

    def _now(self) -> tuple[int, ...]:
        if not self.reference.edges:
            return (*map(int, self._counts), 0, 0, self.missing, self.unseen)
        reached = [int(count) for count in self._reached]
        above = self.rows - self.missing - self.unseen - reached[-1]
        return (*(upper - lower for lower, upper in pairwise(reached)), reached[0], above, self.missing, self.unseen)

    def _add_texts(self, column: Any) -> None:
        known = {category: place for place, category in enumerate(self.reference.categories)}
        rare = set(self.reference.rare or ())
        for text, count in _counted(column):
            if text in known:
                self._counts[known[text]] += count
            elif text and (self.reference.rare is None or (rare and rare_hash(text) in rare)):
                self._counts[-1] += count
            elif text:
                self.unseen += count


def _counted(column: Any) -> list[tuple[str, int]]:
    """Each distinct text of a batch with its count; a missing one is the empty text."""
    found = pc.value_counts(pc.fill_null(column, ""))
    return list(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))
