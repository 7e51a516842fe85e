"""Count the distributions of a profile: quantile edges, then exact counts for exactly these edges."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.manifest import Datatype, Label
from mlwright.bundle.profile import Counts, Distribution, rare_hash

BINS: Final = 20
"""Most bins of a distribution: enough to see tails, few enough for one counter each."""
SMALLEST_GROUP: Final = 5
"""A text that fewer rows hold is rare: it could point at a person, and it says little about the rest."""
RARE_LISTED: Final = 2000
"""Most rare texts that are listed by hash; with more of them, rare and unseen values are not told apart."""

Numbers = NDArray[np.float64]


def profile_numbers(name: str, datatype: Datatype, values: Numbers) -> Distribution:
    """Distribution of numbers `[n]`; NaN is missing."""
    present = values[~np.isnan(values)]
    edges = quantile_edges(present, whole=datatype is Datatype.INT64)
    return Distribution(
        name,
        datatype,
        count_numbers(values, edges),
        edges=edges,
        minimum=float(present.min()) if present.size else None,
        maximum=float(present.max()) if present.size else None,
    )


def profile_booleans(name: str, values: NDArray[np.bool_]) -> Distribution:
    """Distribution of booleans `[n]`."""
    true = int(np.count_nonzero(values))
    return Distribution(name, Datatype.BOOL, Counts((len(values) - true, true)), categories=(False, True))


def profile_texts(name: str, counts: Mapping[str, int]) -> Distribution:
    """Distribution of texts from the exact count of each; the empty text is missing.

    The most frequent texts are categories of their own; the others share a last bin and are stored as hashes.
    """
    present = {text: count for text, count in counts.items() if text}
    shown = frequent_texts(present, BINS)
    if len(shown) == BINS and len(present) > BINS:
        shown = shown[:-1]  # the last bin is needed for the rest
    rare = sorted(present.keys() - set(shown))
    bins = [present[text] for text in shown]
    if rare:
        bins.append(sum(present[text] for text in rare))
    return Distribution(
        name,
        Datatype.BYTES,
        Counts(tuple(bins), missing=counts.get("", 0)),
        categories=shown,
        rare=tuple(sorted(map(rare_hash, rare))) if len(rare) <= RARE_LISTED else None,
    )


def profile_labels(name: str, datatype: Datatype, classes: Sequence[Label], counts: Sequence[int]) -> Distribution:
    """Distribution of labels, in the order of the classes."""
    return Distribution(name, datatype, Counts(tuple(counts)), categories=tuple(classes))


def frequent_texts(counts: Mapping[str, int], most: int) -> tuple[str, ...]:
    """The texts that enough rows hold, most frequent first, equal counts in alphabetical order, at most `most`."""
    frequent = [text for text, count in counts.items() if count >= SMALLEST_GROUP]
    return tuple(sorted(frequent, key=lambda text: (-counts[text], text))[:most])


def count_numbers(values: Numbers, edges: Sequence[float]) -> Counts:
    """Exact counts of numbers `[n]` for the given edges; bins are open below and closed above."""
    missing = int(np.count_nonzero(np.isnan(values)))
    # How many values do not exceed each edge; NaN compares false everywhere.
    reached = [int(np.count_nonzero(values <= edge)) for edge in edges]
    if not reached:
        return Counts((), missing=missing)
    bins = tuple(upper - lower for lower, upper in pairwise(reached))
    return Counts(bins, below=reached[0], above=len(values) - missing - reached[-1], missing=missing)


def quantile_edges(present: Numbers, *, whole: bool = False) -> tuple[float, ...]:
    """Edges of at most `BINS` bins of about equal mass over numbers without NaN.

    The first edge is the double just below the smallest value, so that no value lies below it. Few distinct values get
    one bin each. A value that alone holds more than an equal share gets a bin that holds nothing else: the bin before
    it reaches up to the double just below it (with whole numbers there is nothing in between to keep out).
    """
    if not present.size:
        return ()
    values, counts = np.unique(present, return_counts=True)
    heavy = np.zeros(len(values), dtype=np.bool_) if whole else counts > len(present) / BINS
    edges = [_just_below(values[0])]
    reached = np.cumsum(counts)
    start = 0
    while start < len(values):
        end = _last_of_bin(counts, reached, start, BINS - len(edges) + 1)
        before_heavy = end + 1 < len(values) and heavy[end + 1]
        edges.append(_just_below(values[end + 1]) if before_heavy else float(values[end]))
        start = end + 1
    return tuple(edges)


def confidence(probabilities: Numbers) -> Numbers:
    """One number for the probabilities of a row, `[n]`: of the positive class, or with more than two the largest."""
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities.max(axis=1)  # noqa: PLR2004


def _last_of_bin(counts: NDArray[np.int64], reached: NDArray[np.int64], start: int, bins_left: int) -> int:
    """Index of the last distinct value of the bin that begins at `start`."""
    last = len(counts) - 1
    if bins_left > last - start:
        return start
    if bins_left == 1:
        return last
    before = reached[start - 1] if start else 0
    share = (reached[-1] - before) / bins_left
    end = min(int(np.searchsorted(reached, before + share)), last)
    # A value with more than the share begins a bin of its own.
    return end - 1 if end > start and counts[end] > share else end


def _just_below(value: float) -> float:
    return float(np.nextafter(value, -np.inf))
