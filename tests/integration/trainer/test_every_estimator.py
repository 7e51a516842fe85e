"""Every estimator that may be asked for ends in a bundle or in a sentence."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from mlwright.bundle.verification import verify
from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.estimators import allowed_estimators
from mlwright.trainer.step import Step
from mlwright.trainer.step_document import read_step
from mlwright.trainer.train import train
from tests.support.training import Workshop, document, flights_table

EVERY = [(task, name) for task in Task for name in allowed_estimators(task)]

# What cannot learn from these rows as it is, for a reason of its own that the sentence tells.
REFUSED = {
    "CategoricalNB", "ComplementNB", "MultinomialNB",  # counts cannot be negative
    "IsotonicRegression",  # one feature only
    "RadiusNeighborsClassifier", "RadiusNeighborsRegressor",  # no answer where no neighbour is near
    "LinearSVC", "NuSVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier", "RidgeClassifierCV",
    "SGDClassifier", "SVC",  # no probabilities as they come
    "SelfTrainingClassifier",  # needs another estimator
    "LocalOutlierFactor",  # scores only what it has learned, unless it is asked for novelties
}  # fmt: skip


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, Workshop]:
    """Validated data for each task."""
    shops = {task: Workshop(tmp_path_factory.mktemp(task)) for task in Task}
    for task, shop in shops.items():
        assert shop.run("validate", _document(shop, task, None)).code == 0
    return shops


def _document(shop: Workshop, task: Task, estimator: str | None) -> dict[str, object]:
    default = {
        Task.CLASSIFICATION: "sklearn.linear_model.LogisticRegression",
        Task.REGRESSION: "sklearn.linear_model.Ridge",
        Task.ANOMALY_DETECTION: "sklearn.ensemble.IsolationForest",
    }
    return document(
        shop.write(flights_table(120)),
        target="hour" if task is Task.REGRESSION else "late",
        training={"task": str(task)},
        estimator={"class": estimator or default[task], "parameters": {}},
    )


def _step(shop: Workshop, task: Task, estimator: str) -> Step:
    return read_step("train", shop.env(_document(shop, task, estimator))["MLWRIGHT_STEP"])


@pytest.mark.parametrize("task,name", EVERY, ids=[name.rpartition(".")[2] for _, name in EVERY])
def test_every_estimator_is_stored_or_refused(
    shops: dict[Task, Workshop], tmp_path: Path, task: Task, name: str
) -> None:
    """No estimator of the list ends in an unexpected error, and what is stored is what a server will load."""
    step = _step(shops[task], task, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, about data that no estimator is made for
        try:
            _, results = train(step, shops[task].root, tmp_path)
        except UserError:
            assert name.rpartition(".")[2] in REFUSED
            return

    assert name.rpartition(".")[2] not in REFUSED
    verify(tmp_path / "bundle", results["bundle"]["digest"])
