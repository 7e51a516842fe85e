"""Real rows with rare anomalies: the tumours of scikit-learn's breast cancer data, of which few are malignant."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from sklearn.datasets import load_breast_cancer

from tests.support.training import Json, document

FEATURES: Final = 10
"""The means of the ten measures; the errors and extremes beside them say much the same."""
FOREST: Final = "sklearn.ensemble.IsolationForest"
LABEL: Final = "malignant"


def tumours_table() -> Any:
    """397 tumours with ten measures, a laboratory, and whether they are malignant, which one of ten is."""
    data = load_breast_cancer()
    malignant = data.target == 0
    kept = np.flatnonzero(~malignant | (malignant & (np.cumsum(malignant) % 5 == 0)))
    columns = {
        str(name).replace(" ", "_"): data.data[kept, place] for place, name in enumerate(data.feature_names[:FEATURES])
    }
    labs = pa.array([("east", "west")[row % 2] for row in range(len(kept))])
    return pa.table({**columns, "lab": labs, LABEL: malignant[kept]})


def measures() -> list[str]:
    """Names of the measures."""
    return [name for name in tumours_table().column_names if name not in {"lab", LABEL}]


def detection(uri: str, *, labelled: bool = True, estimator: Json | None = None, **changes: Any) -> Json:
    """The document of a step that looks for anomalies; `estimator` changes the forest."""
    told = document(
        uri,
        dataset={"features": measures(), **changes.pop("dataset", {})},
        training={"task": "AnomalyDetection", **changes.pop("training", {})},
        estimator={"class": FOREST, "parameters": {}, **(estimator or {})},
        **changes,
    )
    told["dataset"] |= {"target": LABEL} if labelled else {"target": None}
    return told
