"""The real cluster with the operator installed by its chart; each test gets a namespace of its own.

Most of a test is waiting for pods, so several run at once, in workers that share the installation. What kills, upgrades
or removes the operator is marked `alone` and runs when nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.api import Api
from cluster.kubectl import Namespace
from cluster.locks import locked
from cluster.paths import State, cluster_name
from examples.flights.errands import Porter
from tests.support.apiserver import Json
from tests.support.customers import csv, customers, json_lines, parquet
from tests.support.live import OURS, Live, administrator
from tests.support.manifests import claim, config_map, deployment, pipeline
from tests.support.release import Release, images
from tests.support.shelf import Shelf

LONGEST = ("test_gates", "test_data", "test_triggers", "test_steps", "test_bad_input", "test_registry", "test_mlflow")

_begun: list[Live] = []
"""Namespaces that exist, for the report of a test that fails."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: each is one worker's, and the last one decides when all is over."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what a person would look at first: objects, Events, the log of the operator."""
    report = yield
    if report.failed and report.when != "teardown":
        for live in _begun:
            if live.exists():
                report.sections.append((f"namespace {live.name}", live.diagnosis()))
    return report


class Session:
    """All workers of one run of pytest; `name` is that of this worker, empty when there is one only."""

    def __init__(self, worker: str, folder: Path) -> None:
        self.name = "" if worker == "master" else worker
        self._folder = folder.parent if self.name else folder

    @contextmanager
    def once(self, what: str) -> Iterator[bool]:
        """Tell the first worker to do something; the others wait until it is done."""
        done = self._folder / f"{what}.done"
        with locked(self._folder / f"{what}.lock", waiting_for=f"another worker: {what}"):
            yield not done.exists()
            done.touch()


@pytest.fixture(scope="session")
def session(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """What this worker shares with the others."""
    return Session(worker_id, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The administrator's kubeconfig of the cluster."""
    found = State.of(cluster_name()).kubeconfig
    assert found.exists(), "the cluster is not up: run `make images`, or `make test-e2e`, which does it"
    return found


@pytest.fixture(scope="session")
def api(kubeconfig: Path, session: Session, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """The API server, as its administrator; what an earlier session left behind is removed."""
    api = administrator(kubeconfig, tmp_path_factory.mktemp("admin"))
    label = ",".join(f"{key}={value}" for key, value in OURS.items())
    with session.once("leftovers-removed") as first:
        if first:
            Namespace(kubeconfig, "default").kubectl("delete", "namespace", f"--selector={label}", "--timeout=180s")
    return api


@pytest.fixture(scope="session")
def release(api: Api, session: Session) -> Release:
    """The operator, two replicas, with the images of this checkout."""
    found = Release(api, images())
    with session.once("installed") as first:
        if first:
            found.install()
    return found


@pytest.fixture(scope="session")
def begin(kubeconfig: Path, api: Api, release: Release, session: Session) -> Callable[[str], Live]:
    """Return a maker of namespaces."""

    def make(name: str) -> Live:
        live = Live(kubeconfig, "-".join(filter(None, ("e2e", name, session.name))), api)
        release.ensure()
        live.begin()
        _begun.append(live)
        return live

    return make


@pytest.fixture
def live(request: pytest.FixtureRequest, begin: Callable[[str], Live]) -> Iterator[Live]:
    """An empty namespace under restricted Pod Security."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    live = begin(name)
    yield live
    live.end()


@pytest.fixture(scope="session")
def shelf(begin: Callable[[str], Live], release: Release) -> Iterator[Shelf]:
    """A namespace with a model that needs no training; several tests serve it, each under a name of its own."""
    shelf = Shelf.stocked(begin("shelf"), release.images["trainer"])
    yield shelf
    shelf.live.end()


@pytest.fixture(scope="session")
def trained(begin: Callable[[str], Live], release: Release) -> Iterator[Live]:
    """A namespace in which pipelines of every task trained on three formats, and their models are served."""
    live = begin("trained")
    table = customers()
    files = {"customers.jsonl": json_lines(table), "customers.parquet": parquet(table)}
    live.apply(config_map("customers", {"customers.csv": csv(table)}), claim("store"))
    porter = Porter(live, "store")
    porter.start(release.images["trainer"])
    porter.carry(files)
    porter.leave()
    live.apply(
        *_pipelines(), *(deployment(name, name, rollout={"setAlias": "champion"}) for name in (*MODELS, "strict"))
    )
    for name in MODELS:
        live.reaches("TrainingPipeline", name, "Ready", seconds=600)
    live.reaches("TrainingPipeline", "strict", "Stalled", seconds=180)
    for name in MODELS:
        live.reaches("ModelDeployment", name, "Ready", "1 of 1 pods ready")
    yield live
    live.end()


MODELS = ("churn", "spend", "recent", "strange")


def _pipelines() -> tuple[Json, ...]:
    artifacts = {"uri": "pvc://store/models"}
    recent = {"timeColumn": "seen", "timeRange": {"column": "seen", "last": "720h"}, "split": {"type": "Temporal"}}
    return (
        pipeline(
            "churn",
            "configmap://customers/customers.csv",
            training={"seed": 7},
            evaluation={"metrics": ["roc_auc"], "gates": [_gate(0.8)]},
            artifacts=artifacts,
        ),
        pipeline(
            "strict",
            "configmap://customers/customers.csv",
            evaluation={"metrics": ["roc_auc"], "gates": [_gate(0.9999)]},
            artifacts=artifacts,
        ),
        pipeline(
            "spend",
            "pvc://store/customers.jsonl",
            "sklearn.linear_model.Ridge",
            dataset={"target": "spend"},
            training={"task": "Regression"},
            evaluation={"metrics": ["r2", "mae"]},
            artifacts=artifacts,
        ),
        pipeline(
            "recent",
            "pvc://store/customers.parquet",
            "sklearn.ensemble.HistGradientBoostingClassifier",
            dataset=recent,
            parameters={"max_iter": 20},
            evaluation={"metrics": ["accuracy", "roc_auc"]},
            artifacts=artifacts,
        ),
        pipeline(
            "strange",
            "pvc://store/customers.parquet",
            "sklearn.ensemble.IsolationForest",
            dataset={"target": None},
            training={"task": "AnomalyDetection"},
            evaluation={"gates": [_few_alarms()]},
            artifacts=artifacts,
        ),
    )


def _few_alarms() -> Json:
    return {"name": "few", "type": "Threshold", "threshold": {"metric": "anomaly_rate", "max": 0.5}}


def _gate(least: float) -> Json:
    return {"name": "good", "type": "Threshold", "threshold": {"metric": "roc_auc", "min": least}}
