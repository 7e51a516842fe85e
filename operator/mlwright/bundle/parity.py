"""Whether two sets of answers to the same rows are the same for all practical purposes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mlwright.bundle.golden import GoldenRow
from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, SCORE, Signature
from mlwright.bundle.tensors import Array, Arrays, expected_outputs

TOLERANCE: Final = 1e-5
"""Absolute for probabilities; for predictions and scores relative to the expected value, or absolute where that is
below 1."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far answers are from the expected ones, over `rows` rows."""

    rows: int
    label_mismatches: int
    max_difference: float  # in units of the tolerance's meaning; infinite if a number is missing

    @property
    def holds(self) -> bool:
        """Whether the answers count as equal."""
        return self.label_mismatches == 0 and self.max_difference <= TOLERANCE

    @property
    def sentence(self) -> str:
        """The finding in words."""
        return (
            f"{self.label_mismatches:,} of {self.rows:,} labels differ,"
            f" numbers differ by up to {self.max_difference:.2g} (at most {TOLERANCE:g} is allowed)"
        )


def compare(expected: Arrays, actual: Arrays) -> Parity:
    """Compare answers: `label` `[n]` and `probabilities` `[n, classes]` or `score` `[n]`, or `prediction` `[n]`.

    Labels must be equal, except where the two largest expected probabilities are within the tolerance of each other,
    or the expected score is within it of 0: such a row is a tie, and either label is right.
    """
    if PREDICTION in expected:
        return _compare_predictions(expected, actual)
    numbers = SCORE if SCORE in expected else PROBABILITIES
    wanted, given = expected[numbers], actual[numbers]
    rows = len(wanted)
    if given.shape != wanted.shape or len(actual[LABEL]) != rows:
        return Parity(rows, rows, np.inf)
    ties = np.abs(wanted) <= TOLERANCE if numbers == SCORE else _ties(wanted)
    different = np.asarray(expected[LABEL] != actual[LABEL], dtype=bool) & ~ties
    size = np.maximum(np.abs(wanted), 1.0)  # no probability is above 1
    return Parity(rows, int(different.sum()), _largest(np.abs(given - wanted) / size))


def compare_golden(rows: Sequence[GoldenRow], actual: Arrays, signature: Signature) -> Parity:
    """Compare a model's answers to golden rows with what those rows expect."""
    return compare(expected_outputs(rows, signature), actual)


def _compare_predictions(expected: Arrays, actual: Arrays) -> Parity:
    wanted, given = expected[PREDICTION], actual[PREDICTION]
    if given.shape != wanted.shape:
        return Parity(len(wanted), 0, np.inf)
    return Parity(len(wanted), 0, _largest(np.abs(given - wanted) / np.maximum(np.abs(wanted), 1.0)))


def _ties(probabilities: Array) -> Array:
    top = np.sort(probabilities, axis=1)[:, -2:]
    return np.asarray(top[:, -1] - top[:, 0] <= TOLERANCE)


def _largest(differences: Array) -> float:
    if differences.size == 0:
        return 0.0
    largest = float(differences.max())
    return largest if np.isfinite(largest) else np.inf
