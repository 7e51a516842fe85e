"""A metric for each value of a column: where a model that is good on the average is not.

Texts, booleans and whole numbers of at most 20 values are taken as they are; other numbers are divided into quarters
of about equally many rows. A missing value is a value. What has few rows is counted and never named.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlwright.scoring import METRICS
from mlwright.trainer.answers import Answers, labelled, select, value
from mlwright.trainer.arrow_types import is_number, is_text
from mlwright.trainer.gate_settings import SlicesGate
from mlwright.trainer.scores import Judged, Places, UndefinedError

MOST_VALUES: Final = 20
"""Whole numbers of more values than this are a quantity."""
MOST_SLICES: Final = 200
"""So many are judged, the largest; more are a sign that the column identifies rows."""
SHOWN_BYTES: Final = 32
"""Of a value so much is shown: a termination message holds the figures of 16 gates."""
MISSING: Final = "missing"

_QUARTERS: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Division:
    """The held-out rows divided by a column: the place of each row among the labels, `[n]`."""

    labels: tuple[str, ...]
    places: Places

    def sizes(self) -> Places:
        """Rows of each slice."""
        return np.bincount(self.places, minlength=len(self.labels))


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice as it was measured."""

    label: str
    rows: int
    value: float


def divide(column: Any) -> Division:
    """Divide rows by a column, an Arrow array as `arrow_types.plain` gives it."""
    kind = column.type
    if is_number(kind) and not (pa.types.is_integer(kind) and len(pc.unique(column)) <= MOST_VALUES):
        return _quarters(column)
    values = column.cast(pa.string())
    if is_text(kind):
        values = pc.if_else(pc.equal(values, ""), None, values)
    encoded = values.dictionary_encode()
    labels = (*(_short(label) for label in encoded.dictionary.to_pylist()), MISSING)
    places = pc.fill_null(encoded.indices, len(labels) - 1).to_numpy(zero_copy_only=False)
    return Division(labels, places.astype(np.int64))


def measure(gate: SlicesGate, answers: Answers, division: Division) -> dict[str, Any]:
    """The figures that the gate is judged by: the worst slice, and how many there are of each kind.

    Returns:
        `judged`, `small`, `smallRows`, `undefined` and `left` are counts; `worst` with `at` and `rows` is absent where
        no slice could be judged.
    """
    sizes = division.sizes()
    enough, small = _by_size(gate, division)
    measured = each(gate, answers, division)
    found: dict[str, Any] = {
        "judged": len(measured),
        "small": len(small),
        "smallRows": int(sizes[small].sum()),
        "undefined": len(enough[:MOST_SLICES]) - len(measured),
        "left": len(enough[MOST_SLICES:]),
    }
    if measured:
        worst = max(measured, key=lambda entry: (_miss(gate, entry.value), entry.rows))
        found |= {"worst": worst.value, "at": worst.label, "rows": worst.rows}
    return found


def each(gate: SlicesGate, answers: Answers, division: Division) -> list[Slice]:
    """The slices that can be judged, the largest first."""
    enough, _ = _by_size(gate, division)
    return list(_measured(gate, answers, division, enough[:MOST_SLICES]))


def _by_size(gate: SlicesGate, division: Division) -> tuple[list[int], list[int]]:
    """The places of the slices that have enough rows, the largest first, and of those that have fewer."""
    sizes = division.sizes()
    present = [int(place) for place in np.flatnonzero(sizes)]
    enough = sorted((p for p in present if sizes[p] >= gate.min_rows), key=lambda p: (-sizes[p], p))
    return enough, [p for p in present if sizes[p] < gate.min_rows]


def _measured(gate: SlicesGate, answers: Answers, division: Division, places: list[int]) -> Iterator[Slice]:
    for place in places:
        rows = division.places == place
        part = select(answers, rows)
        try:
            found = _value(part, gate.metric)
        except UndefinedError:
            continue
        if np.isfinite(found):
            yield Slice(division.labels[place], int(rows.sum()), found)


def _value(part: Answers, metric: str) -> float:
    """The metric, undefined also where its usual 0 would only say that no row is positive."""
    part = labelled(part) if METRICS[metric].needs_target else part
    if isinstance(part, Judged) and part.classes == 2:  # noqa: PLR2004 - a positive and a negative class
        asked = part.called if metric == "precision" else part.truth
        if metric in {"f1", "precision", "recall"} and not (asked == 1).any():
            raise UndefinedError("there is no positive row")
    return value(part, metric)


def _miss(gate: SlicesGate, found: float) -> float:
    """By how much a value misses the nearer bound; negative where it does not."""
    below = gate.low - found if gate.low is not None else -np.inf
    above = found - gate.high if gate.high is not None else -np.inf
    return float(max(below, above))


def _quarters(column: Any) -> Division:
    numbers = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy()
    there = ~np.isnan(numbers)
    # Real values as bounds: equal rows stay together, and a bound reads as the data does.
    bounds = np.unique(np.quantile(numbers[there], _QUARTERS, method="lower")) if there.any() else np.array([])
    bounds = bounds[bounds < numbers[there].max()] if there.any() else bounds
    texts = [f"{bound:g}" for bound in bounds]
    middle = [f"above {low} up to {high}" for low, high in pairwise(texts)]
    labels = (f"up to {texts[0]}", *middle, f"above {texts[-1]}") if texts else ("any number",)
    places = np.searchsorted(bounds, numbers, side="left")
    return Division((*labels, MISSING), np.where(there, places, len(labels)).astype(np.int64))


def _short(label: str) -> str:
    whole = label.encode()
    return label if len(whole) <= SHOWN_BYTES else whole[:SHOWN_BYTES].decode(errors="ignore") + "..."
