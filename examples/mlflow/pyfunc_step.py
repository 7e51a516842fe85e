"""A model of MLflow's flavor python_function as an estimator of scikit-learn, for an import where pickles are allowed.

    model = mlflow.pyfunc.load_model(uri).unwrap_python_model()
    Path("model.pkl").write_bytes(packed(PyfuncStep(model, ["sepal_length", "petal_length"], [False, True])))

The image that takes `model.pkl` in and the one that serves it need the libraries of the model, pandas and MLflow among
them. This module they do not need: it is in the pickle.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from sklearn.base import BaseEstimator, ClassifierMixin


class PyfuncStep(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Answers with a PythonModel that says of each row how probable the second of two classes is."""

    def __init__(self, model: Any, columns: Sequence[str], classes: Sequence[Any]) -> None:
        """Take the model, the names of its columns, and its two classes."""
        self.model = model
        self.columns = columns
        self.classes = classes
        self.classes_ = np.array(classes)
        self.n_features_in_ = len(columns)

    def predict_proba(self, rows: Any) -> Any:
        """Probabilities `[n, 2]` of rows `[n, columns]`."""
        table = pd.DataFrame(rows, columns=list(self.columns))
        second = np.asarray(self.model.predict(None, table), dtype=float).reshape(-1)
        return np.column_stack([1 - second, second])

    def predict(self, rows: Any) -> Any:
        """The more probable class of each row, `[n]`."""
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]


def packed(step: PyfuncStep) -> bytes:
    """The step as a pickle that holds this module, too."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    content: bytes = cloudpickle.dumps(step)
    return content
