"""The scikit-learn pipeline around an estimator: what it needs to be done to the encoded features first.

- Histogram gradient boosting takes the encoded features as they are, missing numbers included.
- Other trees get the median of the training rows for a missing number.
- Everything else gets medians, numbers scaled to unit variance, and one column for each text of a vocabulary.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from mlwright.trainer.encoding import UNKNOWN, Encoding, Matrix
from mlwright.trainer.errors import UserError
from mlwright.trainer.step import Preprocessing
from mlwright.trainer.wording import rows

PREPROCESSING: Final = "spec.training.estimator.preprocessing"
ENCODE: Final = "encode"
PREPARE: Final = "prepare"
ESTIMATE: Final = "estimate"

_REMEDY: Final = "set it to Auto, or leave the feature out"
_TREES: Final = ("sklearn.tree.", "sklearn.ensemble.", "sklearn.dummy.")


def build_pipeline(estimator: BaseEstimator, encoding: Encoding, preprocessing: Preprocessing) -> Pipeline:
    """The unfitted pipeline from the encoded features to the answer."""
    if preprocessing is Preprocessing.NONE or takes_missing(estimator):
        return Pipeline([(ESTIMATE, estimator)])
    prepare = _for_trees(encoding) if is_tree(estimator) else _for_others(estimator, encoding)
    return Pipeline([(PREPARE, prepare), (ESTIMATE, estimator)])


def check_prepared(estimator: BaseEstimator, encoding: Encoding, matrix: Matrix) -> None:
    """Check that features are fit for an estimator that gets no preprocessing.

    Args:
        estimator: What will learn or answer.
        encoding: Of the features.
        matrix: Their encoded rows, `[n, features]`.

    Raises:
        UserError: A feature is text, or has missing numbers that the estimator cannot take.
    """
    for place, feature in enumerate(encoding.columns):
        name = feature.tensor.name
        if feature.is_text:
            raise UserError(PREPROCESSING, f"is None, but the feature {name!r} is text", _REMEDY)
        gaps = int(np.count_nonzero(np.isnan(matrix[:, place])))
        if gaps and not takes_missing(estimator):
            raise UserError(PREPROCESSING, f"is None, but the feature {name!r} is missing in {rows(gaps)}", _REMEDY)


def with_encoding(fitted: Pipeline, encoding: Encoding) -> Pipeline:
    """The pipeline from the features themselves, in the order of the inputs: for a model stored by scikit-learn."""
    return Pipeline([(ENCODE, _encoder(encoding)), *fitted.steps])


def is_tree(estimator: BaseEstimator) -> bool:
    """Whether an estimator only asks on which side of a threshold a number lies."""
    return type(estimator).__module__.startswith(_TREES)


def takes_missing(estimator: BaseEstimator) -> bool:
    """Whether an estimator learns from missing numbers, in scikit-learn and when converted."""
    return type(estimator).__name__.startswith("HistGradientBoosting")


def _for_trees(encoding: Encoding) -> ColumnTransformer:
    columns = encoding.columns
    gaps = [place for place, feature in enumerate(columns) if feature.may_be_missing]
    whole = [place for place, feature in enumerate(columns) if not feature.may_be_missing]
    return _transformer([("gaps", _median(), gaps), ("whole", "passthrough", whole)])


def _for_others(estimator: BaseEstimator, encoding: Encoding) -> ColumnTransformer:
    columns = encoding.columns
    numbers = [place for place, feature in enumerate(columns) if not feature.is_text]
    # A text whose every value is rare says nothing; one column for each of no values cannot be made.
    texts = [place for place, feature in enumerate(columns) if feature.is_text and feature.vocabulary]
    scale = Pipeline([("gaps", _median()), ("scale", StandardScaler())])
    spread = OneHotEncoder(
        categories=[np.arange(float(len(columns[place].vocabulary))) for place in texts],
        handle_unknown="ignore",
        sparse_output=bool(estimator.__sklearn_tags__().input_tags.sparse),
    )
    return _transformer([("numbers", scale, numbers), ("texts", spread, texts)])


def _transformer(parts: Sequence[tuple[str, Any, list[int]]]) -> ColumnTransformer:
    return ColumnTransformer([part for part in parts if part[2]])


def _median() -> SimpleImputer:
    # A column that is empty on the training side keeps its place, filled with 0.
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _encoder(encoding: Encoding) -> ColumnTransformer:
    """The encoding as a transformer that is already fitted: everything it knows is given, nothing is learned."""
    numbers = [encoding.position(feature) for feature in encoding.columns if not feature.is_text]
    texts = [encoding.position(feature) for feature in encoding.columns if feature.is_text]
    ordinal = OrdinalEncoder(
        categories=[np.array(_vocabulary(encoding, place), dtype=object) for place in texts],
        handle_unknown="use_encoded_value",
        unknown_value=UNKNOWN,
    )
    # A scaler that neither shifts nor scales: it makes floats of objects and keeps NaN.
    keep = StandardScaler(with_mean=False, with_std=False)
    encoder = _transformer([("numbers", keep, numbers), ("texts", ordinal, texts)])
    return encoder.fit(_one_row(encoding))


def _vocabulary(encoding: Encoding, place: int) -> list[str]:
    # An encoder needs one category; the empty word list of an all-rare feature gets one that no request can hold.
    return list(encoding.features[place].vocabulary) or ["\x00"]


def _one_row(encoding: Encoding) -> Matrix | Any:
    values = ["" if feature.is_text else 0.0 for feature in encoding.features]
    text = any(feature.is_text for feature in encoding.features)
    return np.array([values], dtype=object if text else np.float64)
