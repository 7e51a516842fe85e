"""Features as one table of numbers: what every estimator learns from.

A number stays what it is, a boolean is 0 or 1, a text is the number of its place in a vocabulary of frequent texts; a
rare or unseen text is -1. Numbers are rounded to single precision, because that is what ONNX Runtime computes in: so
scikit-learn sees the same numbers in training as the server does in answering, and a tree decides alike in both.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlwright.bundle.manifest import Datatype, Tensor
from mlwright.bundle.profiling import frequent_texts
from mlwright.trainer.tables import Side, to_array

Matrix = NDArray[np.float64]

MOST_TEXTS: Final = 200
"""Size of a vocabulary; below the 255 bins in which histogram trees sort a feature."""
UNKNOWN: Final = -1
"""Code of a text that is not in the vocabulary."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature and how it becomes a number; `vocabulary` is empty unless it is text."""

    tensor: Tensor
    vocabulary: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether the number is the place in the vocabulary."""
        return self.tensor.datatype is Datatype.BYTES

    @property
    def may_be_missing(self) -> bool:
        """Whether the number can be NaN."""
        return self.tensor.datatype is Datatype.FP64


@dataclass(frozen=True, slots=True)
class Encoding:
    """How each feature becomes a number. Columns of the matrix: numbers first, then texts, each in their order."""

    features: tuple[Feature, ...]  # in the order of the inputs

    @property
    def columns(self) -> tuple[Feature, ...]:
        """The features in the order of the matrix."""
        numbers = [feature for feature in self.features if not feature.is_text]
        return (*numbers, *(feature for feature in self.features if feature.is_text))

    def position(self, feature: Feature) -> int:
        """Place of a feature among the inputs."""
        return self.features.index(feature)

    def matrix(self, side: Side) -> Matrix:
        """Encode all rows of a side: `[rows, features]`, rounded to single precision."""
        encoded = np.empty((side.rows, len(self.features)), dtype=np.float32, order="F")
        for place, feature in enumerate(self.columns):
            column = side.features[self.position(feature)]
            encoded[:, place] = _codes(column, feature.vocabulary) if feature.is_text else to_array(column)
        return encoded.astype(np.float64, order="C")


def learn_encoding(side: Side) -> Encoding:
    """Learn the vocabularies from the training rows."""
    pairs = zip(side.inputs, side.features, strict=True)
    return Encoding(tuple(_feature(tensor, column) for tensor, column in pairs))


def text_counts(column: Any) -> dict[str, int]:
    """How many rows hold each text."""
    counted = pc.value_counts(column)
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _feature(tensor: Tensor, column: Any) -> Feature:
    if tensor.datatype is not Datatype.BYTES:
        return Feature(tensor)
    return Feature(tensor, frequent_texts(text_counts(column), MOST_TEXTS))


def _codes(column: Any, vocabulary: tuple[str, ...]) -> NDArray[Any]:
    places = pc.index_in(column, value_set=pa.array(vocabulary, pa.string()))
    return np.asarray(pc.fill_null(places, UNKNOWN).to_numpy())
