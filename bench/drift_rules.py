"""What else is used to call drift, vectorised: an index above a number, small p-values, half of the columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstwobign

from bench.drift_traffic import Counts

Flags = NDArray[np.bool_]
_SMALLEST: Final = 1e-4
"""Stands for an empty bin, as libraries do it; without it the index is infinite."""
_INDEX: Final = 0.1
_LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Naive:
    """Share of windows in which each rule is on."""

    index: float
    p_value: float
    half_of_columns: float


def naive(reference: Counts, windows: Counts) -> Naive:
    """Apply the rules to windows (windows x features x slots) beside a reference (features x slots)."""
    moved = _p_values(reference, windows) < _LEVEL
    return Naive(
        index=float((_index(reference, windows) > _INDEX).any(axis=1).mean()),
        p_value=float(moved.any(axis=1).mean()),
        half_of_columns=float((moved.mean(axis=1) >= 0.5).mean()),  # noqa: PLR2004
    )


def _index(reference: Counts, windows: Counts) -> NDArray[np.float64]:
    """The population stability index."""
    p = np.maximum(_SMALLEST, reference / reference.sum(axis=-1, keepdims=True))
    q = np.maximum(_SMALLEST, windows / windows.sum(axis=-1, keepdims=True))
    found: NDArray[np.float64] = ((q - p) * np.log(q / p)).sum(axis=-1)
    return found


def _p_values(reference: Counts, windows: Counts) -> NDArray[np.float64]:
    """Kolmogorov and Smirnov's test on the bins, with the limit law of continuous values."""
    total, rows = reference.sum(axis=-1), windows.sum(axis=-1)
    p = np.cumsum(reference, axis=-1) / total[..., None]
    q = np.cumsum(windows, axis=-1) / rows[..., None]
    distance = np.abs(p - q).max(axis=-1)
    found: NDArray[np.float64] = kstwobign.sf(distance * np.sqrt(total * rows / (total + rows)))
    return found
