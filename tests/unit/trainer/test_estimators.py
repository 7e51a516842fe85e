"""Which estimators may be trained."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest
from sklearn.base import OutlierMixin
from sklearn.utils import all_estimators

from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.estimators import allowed_estimators, build_estimator
from mlwright.trainer.step import Preprocessing, Training

pytestmark = pytest.mark.timeout(30)  # the first test waits for scikit-learn to be imported

HGB = "sklearn.ensemble.HistGradientBoostingClassifier"


def _training(estimator: str = HGB, task: Task = Task.CLASSIFICATION, **parameters: Any) -> Training:
    return Training(task, estimator, parameters, Preprocessing.AUTO, seed=7)


def test_the_list_holds_what_people_use() -> None:
    """By the names under which scikit-learn's manual shows them."""
    assert {
        HGB,
        "sklearn.linear_model.LogisticRegression",
        "sklearn.tree.DecisionTreeClassifier",
        "sklearn.neural_network.MLPClassifier",
    } <= allowed_estimators(Task.CLASSIFICATION).keys()
    assert "sklearn.linear_model.PoissonRegressor" in allowed_estimators(Task.REGRESSION)


def test_the_detectors_are_those_of_scikit_learn() -> None:
    """Its list of estimators has no filter for them, so they are told by what they inherit."""
    theirs = {name for name, estimator in all_estimators() if issubclass(estimator, OutlierMixin)}

    assert {full.rpartition(".")[2] for full in allowed_estimators(Task.ANOMALY_DETECTION)} == theirs


@pytest.mark.parametrize("task,kind", [(Task.CLASSIFICATION, "classifier"), (Task.REGRESSION, "regressor")])
def test_the_list_is_what_scikit_learn_has(task: Task, kind: str) -> None:
    """A new version with a new package or class is noticed here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated classes warn when they are looked at
        theirs = {name for name, estimator in all_estimators(type_filter=kind) if not _needs_another(estimator)}

    ours = {full.rpartition(".")[2] for full in allowed_estimators(task)}

    assert ours == {name for name in theirs if not name.startswith("MultiTask")} - {"CCA", "PLSCanonical"}


def _needs_another(estimator: type) -> bool:
    required = inspect.signature(estimator).parameters.values()
    return any(parameter.default is parameter.empty for parameter in required)


@pytest.mark.parametrize("name", ["VotingClassifier", "StackingClassifier", "OneVsRestClassifier", "ClassifierChain"])
def test_what_needs_another_estimator_is_not_on_the_list(name: str) -> None:
    """It could not be said in JSON scalars."""
    assert not [full for full in allowed_estimators(Task.CLASSIFICATION) if full.endswith(name)]


def test_an_estimator_gets_its_parameters_and_the_seed() -> None:
    """The seed of the pipeline, unless the parameters give one."""
    assert build_estimator(_training(max_iter=3)).get_params()["max_iter"] == 3
    assert build_estimator(_training()).get_params()["random_state"] == 7
    assert build_estimator(_training(random_state=None)).get_params()["random_state"] == 7
    assert build_estimator(_training(random_state=1)).get_params()["random_state"] == 1


@pytest.mark.parametrize(
    "training,field,sentence,remedy",
    [
        pytest.param(
            _training("sklearn.ensemble.RandomForest"),
            "class",
            "'sklearn.ensemble.RandomForest' is not an estimator",
            "did you mean sklearn.ensemble.RandomForestClassifier",
            id="half a name",
        ),
        pytest.param(
            _training("sklearn.linear.LogisticRegression"),
            "class",
            "'sklearn.linear.LogisticRegression' is not",
            "did you mean sklearn.linear_model.LogisticRegression",
            id="a wrong module",
        ),
        pytest.param(
            _training("os.system"),
            "class",
            "'os.system' is not an estimator that may be trained",
            "known are ",
            id="a function of the system",
        ),
        pytest.param(
            _training("sklearn.cluster.KMeans"), "class", "'sklearn.cluster.KMeans' is not", "", id="a clustering"
        ),
        pytest.param(
            _training("sklearn.linear_model.Ridge"),
            "class",
            "sklearn.linear_model.Ridge is for Regression, the task is Classification",
            "set the task to Regression",
            id="another task",
        ),
        pytest.param(
            _training("sklearn.svm.LinearSVC"),
            "class",
            "LinearSVC gives no probabilities",
            "use another classifier",
            id="no probabilities",
        ),
        pytest.param(
            _training("sklearn.linear_model.SGDClassifier", loss="hinge"),
            "class",
            "SGDClassifier gives no probabilities",
            "use another classifier",
            id="no probabilities with this loss",
        ),
        pytest.param(
            _training("sklearn.ensemble.IsolationForest"),
            "class",
            "sklearn.ensemble.IsolationForest is for AnomalyDetection, the task is Classification",
            "set the task to AnomalyDetection",
            id="a detector of anomalies",
        ),
        pytest.param(
            _training("sklearn.neighbors.LocalOutlierFactor", Task.ANOMALY_DETECTION),
            "parameters.novelty",
            "LocalOutlierFactor as it is scores only the rows that it learned from",
            "set it to true",
            id="a detector of what it has learned",
        ),
        pytest.param(
            _training("sklearn.ensemble.IsolationForest", Task.ANOMALY_DETECTION, contamination=0.9),
            "parameters",
            "The 'contamination' parameter of IsolationForest must be",
            "correct the parameter",
            id="more anomalies than usual rows",
        ),
        pytest.param(
            _training(max_iters=3),
            "parameters.max_iters",
            "HistGradientBoostingClassifier has no parameter 'max_iters'",
            "did you mean 'max_iter'?",
            id="a misspelt parameter",
        ),
        pytest.param(
            _training(max_iter=[1]),
            "parameters.max_iter",
            "is a list or an object",
            "give a number, a text, true, false or null",
            id="a list",
        ),
        pytest.param(
            _training(max_iter=-1),
            "parameters",
            "The 'max_iter' parameter of HistGradientBoostingClassifier must be an int in the range",
            "correct the parameter",
            id="a negative number",
        ),
        pytest.param(
            _training(max_iter="many"),
            "parameters",
            "The 'max_iter' parameter of",
            "correct the parameter",
            id="a text for a number",
        ),
    ],
)
def test_a_wrong_estimator_is_told_with_the_nearest_names(
    training: Training, field: str, sentence: str, remedy: str
) -> None:
    """Before anything is trained, and without importing what was named."""
    with pytest.raises(UserError) as caught:
        build_estimator(training)

    assert caught.value.field == f"spec.training.estimator.{field}"
    assert caught.value.sentence.startswith(sentence)
    assert caught.value.remedy.startswith(remedy)
