"""Values of metrics."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from mlwright.scoring import METRICS, Goal, Task, metrics_of
from mlwright.trainer.answers import judge
from mlwright.trainer.detections import Detected, score_detections
from mlwright.trainer.errors import UserError
from mlwright.trainer.scores import Judged, check_metrics, score_classes, score_numbers

pytestmark = pytest.mark.timeout(20)  # property tests compute

TRUTH = np.array([0, 0, 1, 1, 1])
POSITIVE = np.array([0.1, 0.6, 0.4, 0.8, 0.9])
TWO = Judged(TRUTH, (POSITIVE > 0.5).astype(np.int64), np.column_stack([1 - POSITIVE, POSITIVE]))


def test_the_metrics_of_two_classes_are_those_of_the_positive_one() -> None:
    """Worked by hand: of five rows one false alarm and one miss."""
    assert score_classes(TWO, []) == pytest.approx(
        {
            "accuracy": 3 / 5,
            "balanced_accuracy": (1 / 2 + 2 / 3) / 2,
            "f1": 2 / 3,
            "precision": 2 / 3,
            "recall": 2 / 3,
            "roc_auc": 5 / 6,
            "average_precision": (1 / 1 + 2 / 2 + 3 / 4) / 3,
            "log_loss": -np.log([0.9, 0.4, 0.4, 0.8, 0.9]).mean(),
            "brier": np.square([0.1, 0.6, 0.6, 0.2, 0.1]).mean(),
        }
    )


@settings(max_examples=10)  # each computes nine metrics twice
@given(st.data())
def test_three_classes_are_scored_like_the_reference(data: st.DataObject) -> None:
    """Means over the classes, as scikit-learn computes them where it has the same definition."""
    rows = data.draw(st.integers(6, 30))
    truth = np.array([0, 1, 2, *data.draw(st.lists(st.integers(0, 2), min_size=rows - 3, max_size=rows - 3))])
    raw = np.array(data.draw(st.lists(st.tuples(*[st.integers(1, 9)] * 3), min_size=rows, max_size=rows)), dtype=float)
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    called = probabilities.argmax(axis=1)

    values = score_classes(Judged(truth, called, probabilities), [])

    assert values == pytest.approx(
        {
            "accuracy": reference.accuracy_score(truth, called),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, called),
            "f1": reference.f1_score(truth, called, average="macro", zero_division=0.0),
            "precision": reference.precision_score(truth, called, average="macro", zero_division=0.0),
            "recall": reference.recall_score(truth, called, average="macro", zero_division=0.0),
            "roc_auc": reference.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro"),
            "average_precision": reference.average_precision_score(np.eye(3)[truth], probabilities),
            "log_loss": reference.log_loss(truth, probabilities),
            "brier": reference.brier_score_loss(truth, probabilities, scale_by_half=True),
        }
    )


@settings(max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), max_size=30))
def test_two_classes_are_scored_like_the_reference(rows: list[tuple[bool, int]]) -> None:
    """Ties among the scores included."""
    rows = [(True, 7), (False, 3), *rows]
    truth = np.array([int(late) for late, _ in rows])
    positive = np.array([score / 10 for _, score in rows])
    called = (positive > 0.5).astype(np.int64)
    probabilities = np.column_stack([1 - positive, positive])

    names = ["f1", "precision", "recall", "roc_auc", "average_precision"]
    values = score_classes(Judged(truth, called, probabilities), names)

    assert values == pytest.approx(
        {
            "f1": reference.f1_score(truth, called, zero_division=0.0),
            "precision": reference.precision_score(truth, called, zero_division=0.0),
            "recall": reference.recall_score(truth, called, zero_division=0.0),
            "roc_auc": reference.roc_auc_score(truth, positive),
            "average_precision": reference.average_precision_score(truth, positive),
        }
    )


def test_a_regression_is_scored() -> None:
    """Worked by hand: errors of 1, 1 and 4."""
    values = score_numbers(np.array([2.0, 4.0, 8.0]), np.array([1.0, 5.0, 4.0]), [])

    assert values == pytest.approx(
        {
            "r2": 1 - 18 / (56 / 3),
            "mae": 2.0,
            "mse": 6.0,
            "rmse": 6.0**0.5,
            "mape": (1 / 2 + 1 / 4 + 1 / 2) / 3,
            "median_absolute_error": 1.0,
        }
    )


def test_a_class_that_the_model_does_not_know_counts_as_wrong() -> None:
    """It has the probability zero, whatever the model answers."""
    outputs = {"label": np.array(["a", "b"], dtype=object), "probabilities": np.array([[0.8, 0.2], [0.3, 0.7]])}

    judged = judge(outputs, np.array(["a", "new"], dtype=object), ("a", "b"))
    values = score_classes(judged, ["accuracy", "log_loss", "brier"])

    assert judged.truth.tolist() == [0, 2]
    assert values["accuracy"] == 0.5
    assert values["log_loss"] == pytest.approx((-np.log(0.8) - np.log(1e-15)) / 2)
    assert values["brier"] == pytest.approx(((0.04 + 0.04) + (0.09 + 0.49 + 1)) / 4)


ONE_CLASS = Judged(TRUTH[2:], TRUTH[2:], TWO.probabilities[2:])


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_a_ranking_of_one_class_is_undefined(name: str) -> None:
    """Told where it was asked for, left out where all metrics are computed."""
    with pytest.raises(UserError, match=f"{name} is undefined: the 3 rows held out are all of one class"):
        score_classes(ONE_CLASS, [name])

    assert name not in score_classes(ONE_CLASS, [])


@pytest.mark.parametrize(
    "name,truth,why",
    [("mape", [0.0, 1.0], "the target is zero in 1 row"), ("r2", [2.0, 2.0], "the target is the same in the 2 rows")],
)
def test_a_share_of_nothing_is_undefined(name: str, truth: list[float], why: str) -> None:
    """Rather than a huge or an invented number."""
    with pytest.raises(UserError, match=f"{name} is undefined: {why}"):
        score_numbers(np.array(truth), np.array([1.0, 2.0]), [name])

    assert name not in score_numbers(np.array(truth), np.array([1.0, 2.0]), [])


@pytest.mark.parametrize(
    "names,task,message",
    [
        pytest.param(["auc_roc"], Task.CLASSIFICATION, "there is no metric 'auc_roc'", id="misspelt"),
        pytest.param(
            ["r2"], Task.CLASSIFICATION, "r2 judges a Regression, the task is Classification", id="of another task"
        ),
        pytest.param(
            ["f1"],
            Task.REGRESSION,
            "f1 judges a Classification or an AnomalyDetection, the task is Regression",
            id="of labels",
        ),
        pytest.param(
            ["brier"],
            Task.ANOMALY_DETECTION,
            "brier judges a Classification, the task is AnomalyDetection",
            id="of probabilities",
        ),
    ],
)
def test_a_metric_must_exist_and_judge_the_task(names: list[str], task: Task, message: str) -> None:
    """With the names that can be used instead."""
    with pytest.raises(UserError) as caught:
        check_metrics(names, task)

    assert caught.value.field == "spec.evaluation.metrics"
    assert caught.value.sentence == message


@pytest.mark.parametrize("task", list(Task))
def test_every_metric_has_a_value_within_its_bounds(task: Task) -> None:
    """The list that the operator reads is the list that is computed."""
    values: dict[str, Any] = {
        Task.CLASSIFICATION: partial(score_classes, TWO, []),
        Task.REGRESSION: partial(score_numbers, POSITIVE, POSITIVE + 0.1, []),
        Task.ANOMALY_DETECTION: partial(score_detections, Detected(TRUTH, POSITIVE - 1, TRUTH), []),
    }[task]()

    assert tuple(values) == metrics_of(task)
    for name, value in values.items():
        metric = METRICS[name]
        assert metric.low is None or value >= metric.low
        assert metric.high is None or value <= metric.high


def test_a_perfect_model_has_the_best_value_of_every_metric() -> None:
    """The direction of a metric is the one in which a perfect model is best."""
    sure = Judged(TRUTH, TRUTH, np.eye(2)[TRUTH])
    perfect = score_classes(sure, []) | score_numbers(POSITIVE, POSITIVE, [])

    for name, value in perfect.items():
        metric = METRICS[name]
        assert value == pytest.approx(metric.high if metric.goal is Goal.MAX else metric.low)


@pytest.mark.parametrize("answer", [np.nan, np.inf])
def test_a_metric_that_is_no_finite_number_is_undefined(answer: float) -> None:
    """JSON has no word for it, and no gate could judge it."""
    truth, answers = np.array([1.0, 2.0]), np.array([1.0, answer])

    with pytest.raises(UserError, match="mae is undefined: it is no finite number on the rows held out"):
        score_numbers(truth, answers, ["mae"])

    assert score_numbers(truth, answers, []) == {}
