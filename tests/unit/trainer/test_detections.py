"""The metrics of a detector, with labels and without."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from mlwright.scoring import METRICS, Goal, Task, metrics_of
from mlwright.trainer.answers import Estimated, labelled
from mlwright.trainer.detections import Detected, detection_score, score_detections
from mlwright.trainer.errors import UserError
from mlwright.trainer.scores import Judged, UndefinedError, check_metrics

pytestmark = pytest.mark.timeout(30)  # the first test waits for scikit-learn to be imported

CHANCE = np.random.default_rng(7)
TRUTH = (CHANCE.random(500) < 0.1).astype(np.int64)
SCORES = np.round(TRUTH * 0.4 + CHANCE.normal(-0.2, 0.3, 500), 2)
CALLED = (SCORES > 0).astype(np.int64)
KNOWN, UNKNOWN = Detected(CALLED, SCORES, TRUTH), Detected(CALLED, SCORES, None)
THEIRS = {
    "accuracy": metrics.accuracy_score(TRUTH, CALLED),
    "balanced_accuracy": metrics.balanced_accuracy_score(TRUTH, CALLED),
    "f1": metrics.f1_score(TRUTH, CALLED),
    "precision": metrics.precision_score(TRUTH, CALLED),
    "recall": metrics.recall_score(TRUTH, CALLED),
    "roc_auc": metrics.roc_auc_score(TRUTH, SCORES),
    "average_precision": metrics.average_precision_score(TRUTH, SCORES),
}


@pytest.mark.parametrize("name, value", THEIRS.items(), ids=THEIRS.keys())
def test_with_labels_metrics_are_those_of_scikit_learn(name: str, value: float) -> None:
    """Anomalous is the positive class, and the score ranks."""
    assert detection_score(KNOWN, name) == pytest.approx(value)


def test_a_detector_that_ranks_the_wrong_way_round_is_worse_than_chance() -> None:
    """A score of the other direction, as scikit-learn's own, would show here."""
    assert detection_score(KNOWN, "roc_auc") > 0.7
    assert detection_score(Detected(CALLED, -SCORES, TRUTH), "roc_auc") < 0.3


def test_without_labels_shares_and_quantiles_are_told_and_nothing_else() -> None:
    """What cannot be known is left out, not guessed."""
    found = score_detections(UNKNOWN, [])

    assert tuple(found) == metrics_of(Task.ANOMALY_DETECTION, target=False)
    assert found["anomaly_rate"] == CALLED.mean()
    for name, share in {"score_median": 0.5, "score_p95": 0.95, "score_p99": 0.99}.items():
        assert np.mean(found[name] >= SCORES) >= share > np.mean(found[name] > SCORES)


def test_with_labels_everything_is_told() -> None:
    """In the order of the documentation."""
    assert tuple(score_detections(KNOWN, [])) == metrics_of(Task.ANOMALY_DETECTION)


NONE = np.zeros(500, dtype=np.int64)
UNDEFINED = {
    "recall": (Detected(CALLED, SCORES, NONE), "no row held out is labelled anomalous"),
    "f1": (Detected(CALLED, SCORES, NONE), "no row held out is labelled anomalous"),
    "precision": (Detected(NONE, SCORES, TRUTH), "no row held out is called anomalous"),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_what_no_row_can_tell_is_undefined(name: str) -> None:
    """Anomalies are rare, and 0 would say that the detector is bad."""
    detected, why = UNDEFINED[name]

    with pytest.raises(UndefinedError, match=why):
        detection_score(detected, name)
    assert name not in score_detections(detected, [])


def test_a_metric_that_needs_labels_is_refused_by_name_without_them() -> None:
    """Before anything is learned, with what can be used instead."""
    with pytest.raises(UserError) as caught:
        check_metrics(["anomaly_rate", "roc_auc"], Task.ANOMALY_DETECTION, target=False)

    assert caught.value.field == "spec.evaluation.metrics"
    assert caught.value.sentence == ("roc_auc compares answers with labels, and dataset.target names no column of them")
    assert caught.value.remedy == "use anomaly_rate, score_median, score_p95, score_p99, or name the column"


def test_answers_without_labels_are_beside_no_truth() -> None:
    """Whoever compares two models learns why it cannot."""
    with pytest.raises(UndefinedError, match=r"the rows have no labels \(dataset.target\)"):
        labelled(UNKNOWN)


def test_answers_with_labels_are_those_of_two_classes() -> None:
    """So tests, slices and groups work as for a classification."""
    found = labelled(KNOWN)

    assert isinstance(found, Judged)
    assert found.classes == 2
    assert np.array_equal(found.probabilities[:, 1], SCORES)
    assert labelled(Estimated(SCORES, SCORES)) is not None


def test_rows_are_selected_with_their_labels_or_without() -> None:
    """A slice of rows without labels has none either."""
    rows = CALLED == 1

    assert set(KNOWN.select(rows).called) == {1}
    assert np.array_equal(KNOWN.select(rows).truth, TRUTH[rows])  # type: ignore[arg-type] # it is an array
    assert UNKNOWN.select(rows).truth is None


def test_what_needs_no_labels_is_better_in_neither_direction() -> None:
    """No tuning and no champion can be judged by how many rows are called anomalous."""
    without = metrics_of(Task.ANOMALY_DETECTION, target=False)

    assert {METRICS[name].goal for name in without} == {Goal.NEITHER}
    assert all(METRICS[name].goal is Goal.MAX for name in set(metrics_of(Task.ANOMALY_DETECTION)) - set(without))
