"""Features as numbers: in training, in scikit-learn's pipeline, and in ONNX alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from mlwright.bundle.manifest import Datatype, Signature, Tensor
from mlwright.bundle.models import stack_inputs
from mlwright.trainer.columns import ARROW_TYPES
from mlwright.trainer.encoding import Encoding, Feature, learn_encoding
from mlwright.trainer.errors import UserError
from mlwright.trainer.preparation import ENCODE, check_prepared, with_encoding
from mlwright.trainer.tables import Side

pytestmark = pytest.mark.timeout(20)  # property tests compute

INPUTS = (
    Tensor("text", Datatype.BYTES),
    Tensor("number", Datatype.FP64),
    Tensor("flag", Datatype.BOOL),
    Tensor("word", Datatype.BYTES),
    Tensor("whole", Datatype.INT64),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b", "never seen", "ä"]),
        st.one_of(st.just(float("nan")), st.floats(-1e30, 1e30)),
        st.booleans(),
        st.text(max_size=3),
        st.integers(-(2**60), 2**60),
    ),
    min_size=1,
    max_size=20,
)


def side(*columns: Any, inputs: tuple[Tensor, ...] = INPUTS) -> Side:
    pairs = zip(inputs, columns, strict=True)
    arrays = tuple(pa.array(column, ARROW_TYPES[tensor.datatype]) for tensor, column in pairs)
    return Side(inputs, arrays, arrays[0])


@given(ROWS)
def test_the_stored_pipeline_encodes_as_training_does(rows: list[tuple[Any, ...]]) -> None:
    """A model kept by scikit-learn sees exactly the numbers that it learned from."""
    encoding = Encoding(
        (
            Feature(INPUTS[0], ("b", "a", "ä")),
            Feature(INPUTS[1]),
            Feature(INPUTS[2]),
            Feature(INPUTS[3]),  # every word was rare
            Feature(INPUTS[4]),
        )
    )
    table = side(*zip(*rows, strict=True))

    stored = with_encoding(Pipeline([("estimate", LogisticRegression())]), encoding).named_steps[ENCODE]

    np.testing.assert_array_equal(
        stored.transform(stack_inputs(table.arrays(), Signature(INPUTS, ()))), encoding.matrix(table)
    )


def test_numbers_come_before_texts_and_are_rounded_to_single_precision() -> None:
    """So that a tree's threshold separates the same rows in single precision."""
    table = side(["b", "x"], [0.1, np.nan], [True, False], ["", ""], [2**24 + 1, -3])
    encoding = Encoding(tuple(Feature(tensor, ("b",) if tensor.name == "text" else ()) for tensor in INPUTS))

    matrix = encoding.matrix(table)

    assert [feature.tensor.name for feature in encoding.columns] == ["number", "flag", "whole", "text", "word"]
    np.testing.assert_array_equal(
        matrix, [[float(np.float32(0.1)), 1.0, 2.0**24, 0.0, -1.0], [np.nan, 0.0, -3.0, -1.0, -1.0]]
    )


def test_a_vocabulary_holds_the_frequent_texts() -> None:
    """Most frequent first; what fewer than five rows hold is no word of the model."""
    words = ["b"] * 7 + ["a"] * 9 + ["Ada Lovelace"] * 4 + [""] * 6

    encoding = learn_encoding(side(words, inputs=(INPUTS[0],)))

    assert encoding.features[0].vocabulary == ("a", "b", "")


@pytest.mark.parametrize(
    "column,tensor,sentence",
    [
        pytest.param(["a"], INPUTS[0], "is None, but the feature 'text' is text", id="a text"),
        pytest.param([np.nan, 1.0], INPUTS[1], "is None, but the feature 'number' is missing in 1 row", id="a gap"),
    ],
)
def test_without_preprocessing_features_must_be_numbers(column: list[Any], tensor: Tensor, sentence: str) -> None:
    """Which is told before anything is fitted."""
    table = side(column, inputs=(tensor,))
    encoding = learn_encoding(table)

    with pytest.raises(UserError) as caught:
        check_prepared(LogisticRegression(), encoding, encoding.matrix(table))

    assert caught.value.field == "spec.training.estimator.preprocessing"
    assert caught.value.sentence == sentence
