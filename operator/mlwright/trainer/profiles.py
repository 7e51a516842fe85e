"""The profile of a fitted model: its features as learned from, its outputs on held-out rows, features by importance."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from mlwright.bundle.manifest import LABEL, PROBABILITIES, Datatype, Tensor
from mlwright.bundle.outputs import numbers_of
from mlwright.bundle.profile import Distribution, Profile
from mlwright.bundle.profiling import confidence, profile_booleans, profile_labels, profile_numbers, profile_texts
from mlwright.bundle.tensors import Array, Arrays
from mlwright.trainer.answering import Answering
from mlwright.trainer.encoding import Matrix, text_counts
from mlwright.trainer.tables import Side, to_array
from mlwright.trainer.targets import class_places

RANKING_ROWS: Final = 1000
"""Rows on which importance is measured: its order settles long before, and each feature costs one more answer."""
RANKED_BY: Final = "mean change of the outputs when the feature is shuffled among held-out rows"


def build_profile(train: Side, held_out: Matrix, answers: Arrays, fitted: Answering, seed: int) -> Profile:
    """The profile of a bundle.

    Features are counted on the training rows. Outputs are counted on held-out rows: on rows that it has learned, a
    model is surer of itself than it will ever be again, and a live comparison with that would always see a drift.

    Args:
        train: The training rows.
        held_out: Encoded held-out rows, `[n, features]`.
        answers: The model's answers to them.
        fitted: The model.
        seed: Of the ranking.
    """
    ranks = rank_features(fitted, held_out[:: max(1, len(held_out) // RANKING_ROWS)], seed)
    pairs = zip(train.inputs, train.features, strict=True)
    features = tuple(
        replace(_profile_feature(tensor, column), rank=ranks[tensor.name], ranked_by=RANKED_BY)
        for tensor, column in pairs
    )
    return Profile(train.rows, features, _profile_outputs(fitted, answers))


def rank_features(fitted: Answering, matrix: Matrix, seed: int) -> Mapping[str, int]:
    """Rank features by how much the outputs change when one is shuffled among the rows; 1 changes them most.

    Args:
        fitted: The model.
        matrix: Encoded rows, `[n, features]`.
        seed: Of the shuffling.
    """
    chance = np.random.default_rng(seed)
    usual = numbers_of(fitted.answer(matrix))
    changes = {}
    for place, feature in enumerate(fitted.encoding.columns):
        shuffled = matrix.copy()
        shuffled[:, place] = chance.permutation(shuffled[:, place])
        changes[feature.tensor.name] = float(np.abs(numbers_of(fitted.answer(shuffled)) - usual).mean())
    order = sorted(changes, key=lambda name: -changes[name])
    return {name: place + 1 for place, name in enumerate(order)}


def _profile_feature(tensor: Tensor, column: Any) -> Distribution:
    if tensor.datatype is Datatype.BYTES:
        return profile_texts(tensor.name, text_counts(column))
    if tensor.datatype is Datatype.BOOL:
        return profile_booleans(tensor.name, to_array(column))
    return profile_numbers(tensor.name, tensor.datatype, to_array(column).astype(np.float64))


def _profile_outputs(fitted: Answering, outputs: Arrays) -> tuple[Distribution, ...]:
    return tuple(_profile_output(fitted, tensor, outputs[tensor.name]) for tensor in fitted.signature.outputs)


def _profile_output(fitted: Answering, tensor: Tensor, values: Array) -> Distribution:
    if tensor.name == LABEL:
        classes = fitted.signature.classes
        counts = np.bincount(class_places(values, classes), minlength=len(classes)).tolist()
        return profile_labels(LABEL, tensor.datatype, classes, counts)
    return profile_numbers(tensor.name, Datatype.FP64, confidence(values) if tensor.name == PROBABILITIES else values)
