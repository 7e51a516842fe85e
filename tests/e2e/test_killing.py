"""Things are killed and deleted, as happens: what was asked for is reached all the same, what was removed is gone."""

from __future__ import annotations

import pytest

from cluster.kubectl import Namespace
from tests.support.apiserver import Json
from tests.support.chart import NAMESPACE, RELEASE
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import claim, config_map, deployment, pipeline
from tests.support.shelf import Shelf

LEASE = f"lease/{RELEASE}"
TABLE = "configmap://customers/customers.csv"
ARTIFACTS = {"uri": "pvc://store/models"}


@pytest.fixture
def table(live: Live) -> str:
    """The customers in a ConfigMap, and a claim for what is made of them; the address of the data."""
    live.apply(config_map("customers", {"customers.csv": csv(customers())}), claim("store"))
    return TABLE


def test_what_somebody_deletes_by_hand_is_repaired(shelf: Shelf) -> None:
    """Service, Deployment, budget and a pod come back, and the same revision serves again."""
    live = shelf.live
    live.apply(deployment("repaired", "flights", replicas=2, server={"drain": "0s"}))
    live.reaches("ModelDeployment", "repaired", "Ready", "flights-v1 serves with 2 of 2 pods ready")
    (made,), service = live.all("Deployment", deployment="repaired"), live.there("Service", "repaired")
    pod = live.names("Pod", deployment="repaired")[0]

    live.kubectl("delete", "service/repaired", f"deployment/{made['metadata']['name']}", f"pod/{pod}", "--wait=false")
    live.kubectl("delete", "poddisruptionbudget/repaired")

    live.until("the Deployment is another one", lambda: newer(live, "Deployment", made))
    live.until("the Service is another one", lambda: newer(live, "Service", service))
    live.until("the budget is back", lambda: live.read("PodDisruptionBudget", "repaired"))
    live.until("two pods serve", lambda: live.status("ModelDeployment", "repaired")["variants"][0]["ready"] == 2)
    live.reaches("ModelDeployment", "repaired", "Ready", "flights-v1 serves with 2 of 2 pods ready")
    assert len(live.all("Decision", deployment="repaired")) == 1
    assert live.there("Service", "repaired")["spec"]["selector"] == service["spec"]["selector"]


def newer(live: Live, kind: str, old: Json) -> bool:
    """Tell whether the object of that name is another one than before."""
    found = live.read(kind, old["metadata"]["name"])
    return found is not None and found["metadata"]["uid"] != old["metadata"]["uid"]


@pytest.mark.alone
def test_a_killed_leader_loses_nothing(live: Live, table: str) -> None:
    """The other replica takes over in the middle of a run: one run, one Job for each step, one version."""
    operator = Namespace(live.kubeconfig, NAMESPACE)
    leader = holder(operator)
    live.apply(pipeline("churn", table, artifacts=ARTIFACTS))
    live.until("validate has a Job", lambda: live.names("Job"))

    operator.kubectl("delete", "pod", leader, "--grace-period=0", "--force")

    live.reaches("TrainingPipeline", "churn", "Ready", "churn-v1 is the newest good version", seconds=120)
    assert holder(operator) != leader
    assert live.names("TrainingRun") == ["churn-1"]
    assert live.names("Job") == ["churn-1-evaluate-0", "churn-1-train-0", "churn-1-validate-0"]
    assert live.names("ModelVersion") == ["churn-v1"]


def holder(operator: Namespace) -> str:
    """Return the pod that holds the Lease; its name is followed by what tells its processes apart."""
    return operator.get(LEASE, "{.spec.holderIdentity}").partition("_")[0]


def test_killed_pods_deleted_runs_and_in_the_end_everything(live: Live, table: str) -> None:
    """A run whose pod is killed goes on, a deleted run takes its children along, and at last nothing is left."""
    live.apply(*(pipeline(name, table, artifacts=ARTIFACTS) for name in ("killed", "deleted")))
    live.until("train is running", lambda: running(live, "killed", "train"))
    live.kubectl("delete", "pod", "--selector=mlwright.dev/pipeline=killed,mlwright.dev/step=train", "--wait=false")
    live.until("train is running", lambda: live.names("Job", pipeline="deleted", step="train"))
    live.kubectl("delete", "trainingrun/deleted-1")

    live.until("the deleted run has no pod", lambda: not live.names("Pod", pipeline="deleted"))
    live.until("the deleted run has no Job", lambda: not live.names("Job", pipeline="deleted"))
    assert live.read("ControllerRevision", "deleted-1") is None
    live.reaches("TrainingPipeline", "killed", "Ready", "killed-v1 is the newest good version", seconds=120)
    assert live.names("TrainingRun") == ["killed-1"]
    assert live.names("ModelVersion") == ["killed-v1"]

    live.apply(deployment("killed", "killed", replicas=2, server={"drain": "0s"}))
    live.reaches("ModelDeployment", "killed", "Ready", "2 of 2 pods ready")
    live.kubectl("delete", "trainingpipelines,trainingruns,modeldeployments,models,modelversions", "--all")
    for kind in ("Pod", "Job", "Deployment", "Service", "PodDisruptionBudget", "ControllerRevision", "Decision"):
        live.until(f"no {kind} is left", lambda kind=kind: not live.names(kind))  # type: ignore[misc]


def running(live: Live, pipeline: str, step: str) -> bool:
    """Tell whether a pod of a step runs."""
    return any(pod["status"]["phase"] == "Running" for pod in live.all("Pod", pipeline=pipeline, step=step))
