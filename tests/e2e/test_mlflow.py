"""MLflow beside the real cluster: a version is trained, shown there, taken back from there, and served."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from mlwright.api.kinds import API_VERSION
from tests.support.apiserver import Json
from tests.support.asking import ask, question
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import claim, config_map, deployment, pipeline
from tests.support.mlflow import MlflowServer, serving
from tests.support.release import Release

DATA = "configmap://customers/customers.csv"
STORE = {"uri": "pvc://store/models"}


@dataclass(frozen=True, slots=True)
class Shop:
    """A namespace, an MLflow server on this machine, and the address of one that does not run."""

    live: Live
    server: MlflowServer
    away: str

    def asked(self, call: str) -> Any:
        """Ask the server as anybody would."""
        with urllib.request.urlopen(f"{self.server.uri}/api/2.0/mlflow/{call}", timeout=20) as answer:  # noqa: S310
            return json.load(answer)


@pytest.fixture(scope="module")
def shop(begin: Callable[[str], Live], release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A server that listens where the pods of the cluster can reach it, and that the chart allows."""
    live = begin("mlflow")
    served, away = release.outside
    host, port = served.removeprefix("http://").split(":")
    with serving(tmp_path_factory.mktemp("mlflow"), host=host, port=int(port)) as server:
        live.apply(config_map("customers", {"customers.csv": csv(customers())}), claim("store"))
        yield Shop(live, server, away)
    live.end()


def taken(name: str, uri: str, **wanted: Any) -> Json:
    """A run that takes in a model."""
    spec = {"importFrom": {"modelRef": {"name": name}, "uri": uri, **wanted}}
    return {"apiVersion": API_VERSION, "kind": "TrainingRun", "metadata": {"name": f"{name}-in"}, "spec": spec}


def test_a_model_goes_there_and_back(shop: Shop) -> None:
    """What MLflow shows is the version with its alias; taken in again it is the same bundle, and answers the same."""
    mirror = {"mlflow": {"uri": shop.server.uri, "experiment": "customers"}}
    shop.live.apply(pipeline("churn", DATA, artifacts=STORE, mirror=mirror, evaluation={"metrics": ["roc_auc"]}))
    shop.live.apply(deployment("churn", "churn", rollout={"setAlias": "champion"}))
    shop.live.reaches("TrainingPipeline", "churn", "Mirrored", "champion names version 1", seconds=600)

    (shown,) = shop.asked("model-versions/search?filter=name%3D%27churn%27")["model_versions"]
    record = shop.live.there("ModelVersion", "churn-v1")["spec"]
    assert {tag["key"]: tag["value"] for tag in shown["tags"]}["mlwright.digest"] == record["bundle"]["digest"]
    run = shop.asked(f"runs/get?run_id={shown['run_id']}")["run"]
    assert run["info"]["run_name"] == "churn-1"
    assert {m["key"]: m["value"] for m in run["data"]["metrics"]} == pytest.approx(record["metrics"])

    artifacts = {"apiVersion": API_VERSION, "kind": "Model", "metadata": {"name": "back"}, "spec": {"artifacts": STORE}}
    shop.live.apply(artifacts, taken("back", "models:/churn@champion", mlflow={"uri": shop.server.uri}))
    shop.live.reaches("TrainingRun", "back-in", "Complete", "made back-v1", seconds=300)
    shop.live.apply(deployment("back", "back"))
    shop.live.reaches("ModelDeployment", "back", "Ready", "1 of 1 pods ready", seconds=300)

    again = shop.live.there("ModelVersion", "back-v1")["spec"]
    assert again["bundle"]["digest"] == record["bundle"]["digest"]
    assert again["lineage"]["source"]["uri"] == f"models:/churn/{shown['version']}"
    assert answer(shop.live, "back") == answer(shop.live, "churn")


def answer(live: Live, name: str) -> list[Any]:
    """What a deployment answers about a customer."""
    with live.port_forward(f"service/{name}", 80) as url:
        reply = ask(f"{url}/v2/models/{name}/infer", question())
    assert reply.status == 200, reply.body
    return [*reply.output("label"), *reply.output("probabilities")]


def test_a_mirror_that_is_away_harms_nothing(shop: Shop) -> None:
    """The version is made and may be served; the condition says what is wrong, and that it is tried again."""
    shop.live.apply(pipeline("lonely", DATA, artifacts=STORE, mirror={"mlflow": {"uri": shop.away}}))

    said = shop.live.reaches("TrainingPipeline", "lonely", "!Mirrored", "does not answer", seconds=420)

    assert "tried again by itself" in said
    assert shop.live.reaches("TrainingPipeline", "lonely", "Ready", "lonely-v1")
    assert shop.live.reaches("TrainingRun", "lonely-1", "Complete", "made lonely-v1")


def test_a_host_that_nobody_allowed_is_not_asked(shop: Shop) -> None:
    """No pod starts; the sentence says whom to ask."""
    shop.live.apply(taken("foreign", "https://models.example.com/churn.onnx"))

    said = shop.live.reaches("TrainingRun", "foreign-in", "Stalled", "is not among the hosts that pods may ask here")

    assert "spec.importFrom.uri" in said
    assert "outside.hosts" in said
    assert shop.live.names("Job", model="foreign") == []
