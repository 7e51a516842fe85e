"""What a fitted estimator answers, in the terms of the bundle."""

from __future__ import annotations

import numpy as np

from mlwright.bundle.outputs import anomaly_outputs, numbers_of


def test_a_higher_score_is_more_anomalous_and_above_zero_is_called_so() -> None:
    """scikit-learn's decision is the other way round, and 0 is usual in both."""
    found = anomaly_outputs(np.array([[0.2], [0.0], [-0.3]]))

    assert found["score"].tolist() == [-0.2, 0.0, 0.3]
    assert found["label"].tolist() == [0, 0, 1]
    assert found["label"].dtype == np.int64


def test_a_score_of_zero_has_no_sign() -> None:
    """A reader of JSON would wonder what -0.0 means."""
    assert not np.signbit(anomaly_outputs(np.array([0.0]))["score"]).any()


def test_the_numbers_of_an_answer_are_found_whatever_was_learned() -> None:
    """Importance and soundness are told by them."""
    scores, probabilities = np.array([0.1]), np.array([[0.2, 0.8]])

    assert numbers_of({"label": np.array([1]), "score": scores}) is scores
    assert numbers_of({"label": np.array([True]), "probabilities": probabilities}) is probabilities
    assert numbers_of({"prediction": scores}) is scores
