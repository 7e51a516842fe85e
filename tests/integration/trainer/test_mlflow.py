"""Models in a real MLflow server: taken in by number and by alias, in the forms in which people log them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.imports import COLUMNS, answered, iris, served, take_in
from tests.support.mlflow import MlflowServer
from tests.support.s3server import free_port
from tests.support.training import Ended, Workshop

pytestmark = pytest.mark.timeout(240)

LOG = """
import json, mlflow, mlflow.sklearn, pandas, sys
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
columns, forms = json.loads(sys.argv[1]), json.loads(sys.argv[2])
rows, kinds = load_iris(return_X_y=True)
table = pandas.DataFrame(rows, columns=columns)
model = LogisticRegression(max_iter=500).fit(table, kinds)
signature = infer_signature(table, model.predict(table))
for name, form in forms.items():
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model, name="model", serialization_format=form, signature=signature, input_example=table.head(3),
            registered_model_name=name, pip_requirements=["scikit-learn"], skops_trusted_types=None,
        )
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")
print(json.dumps(model.predict(table).tolist()))
"""


@pytest.fixture
def server(mlflow_server: MlflowServer) -> MlflowServer:
    """A server that has none of the models of these tests but those that they log."""
    return mlflow_server


@pytest.fixture(scope="module")
def logged(mlflow_server: MlflowServer) -> list[int]:
    """The answers to all flowers of a model that its author logged twice: as iris with skops, and as pickled."""
    forms = {"iris": "skops", "pickled": "cloudpickle"}
    said: list[int] = json.loads(mlflow_server.run(LOG, json.dumps(COLUMNS), json.dumps(forms)).splitlines()[-1])
    return said


def fetched(shop: Workshop, server: MlflowServer, uri: str, **wanted: Any) -> Ended:
    """Take in a version."""
    return take_in(shop, uri, [server.uri], mlflow={"uri": server.uri}, **wanted)


def test_a_model_saved_with_skops_is_taken_in(shop: Workshop, server: MlflowServer, logged: list[int]) -> None:
    """By its number, and by an alias, whose number the record holds; columns are those of its signature."""
    ended = fetched(shop, server, "models:/iris/1")
    again = fetched(shop, server, "models:/iris@champion", attempt=1)

    flowers = {name: iris()[0][:, place].tolist() for place, name in enumerate(COLUMNS)}
    assert answered(served(shop, ended), **flowers)["label"] == logged
    assert again.results["source"]["uri"] == "models:/iris/1"
    assert again.results["source"]["digest"] == ended.results["source"]["digest"]
    assert ended.results["source"]["server"] == server.uri
    assert not [said for said in ended.results["source"]["missing"] if "input example" in said]


@pytest.mark.usefixtures("logged")
def test_a_model_that_mlflow_pickled_is_refused(shop: Workshop, server: MlflowServer) -> None:
    """That is what MLflow does by itself; the remedy says how to log it instead."""
    ended = fetched(shop, server, "models:/pickled/1")

    assert (ended.code, ended.message["field"]) == (64, "spec.importFrom.allowUnsafeFormats")


@pytest.mark.parametrize("uri", ["models:/nothing/1", "models:/iris/99", "models:/iris@nobody"])
def test_what_mlflow_does_not_know_is_told(shop: Workshop, server: MlflowServer, uri: str) -> None:
    """With the address that was asked for."""
    ended = fetched(shop, server, uri)

    assert (ended.code, ended.message["field"]) == (64, "spec.importFrom.uri")
    assert f"knows no {uri}" in ended.message["sentence"]


def test_a_server_that_is_away_is_waited_for(shop: Workshop) -> None:
    """It comes back by itself, most of the time."""
    away = f"http://127.0.0.1:{free_port()}"

    ended = take_in(shop, "models:/iris/1", [away], mlflow={"uri": away})

    assert (ended.code, ended.message["reason"]) == (64, "StorageAway")


def test_a_secret_that_holds_nothing_is_named(shop: Workshop, server: MlflowServer) -> None:
    """Its keys reach the pod as variables, or do not."""
    ended = take_in(shop, "models:/iris/1", [server.uri], mlflow={"uri": server.uri, "secretRef": {"name": "keys"}})

    assert (ended.code, ended.message["field"]) == (64, "spec.importFrom.mlflow.secretRef")
    assert "Secret 'keys' does not exist or holds none of MLflow's keys" in ended.message["sentence"]


def test_what_is_no_mlflow_server_is_told(shop: Workshop, server: MlflowServer) -> None:
    """An address may be that of anything."""
    wrong = {"uri": f"{server.uri}/elsewhere"}

    ended = take_in(shop, "models:/iris/1", [server.uri], mlflow=wrong)

    assert (ended.code, ended.message["field"]) == (64, "spec.importFrom.mlflow.uri")
    assert f"{server.uri}/elsewhere is no MLflow server: it answers 404" in ended.message["sentence"]
