"""The life of an installation: upgraded in the middle of a run, taken away while models serve, and put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cluster.images import name_of
from cluster.kubectl import Namespace
from examples.flights.errands import load
from mlwright.constants import LABEL_OWNER
from mlwright.plan.resources import KINDS
from tests.support.apiserver import Json
from tests.support.asking import question
from tests.support.chart import NAMESPACE, OPERATOR_PODS, RELEASE, helm
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import claim, config_map, pipeline
from tests.support.release import Release

pytestmark = pytest.mark.alone

OURS: Final = tuple(kind for kind in KINDS if not kind.owned)
KEPT: Final = ("TrainingRun", "ModelVersion", "Decision", "Job", "ControllerRevision", "Deployment", "Service", "Pod")


@pytest.fixture
def operator(kubeconfig: Path, release: Release) -> Iterator[Namespace]:
    """The namespace of the operator; whatever a test does to the release is undone."""
    yield Namespace(kubeconfig, NAMESPACE)
    release.install()


def uids(live: Live) -> dict[str, str]:
    """Return all objects of ours whose disappearance would be a loss, and which ones they are."""
    things = [(kind, thing) for kind in KEPT for thing in live.all(kind) if kind != "Pod" or _is_child(thing)]
    return {f"{kind}/{thing['metadata']['name']}": thing["metadata"]["uid"] for kind, thing in things}


def _is_child(thing: Json) -> bool:
    return LABEL_OWNER in thing["metadata"].get("labels", {})


def cluster_wide(operator: Namespace) -> set[str]:
    """Return what the release has in no namespace, as kind/name."""
    kinds = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,crds"
    said = operator.kubectl("get", kinds, "--selector=app.kubernetes.io/part-of=mlwright", "--output=name")
    return set(said.split())


def pods(operator: Namespace) -> list[str]:
    """Return the names of the operator's pods."""
    return operator.kubectl(
        "get", "pods", f"--selector={OPERATOR_PODS}", "--output=jsonpath={.items[*].metadata.name}"
    ).split()


def test_one_of_two_restricted_pods_works(operator: Namespace) -> None:
    """Both are ready under the restricted Pod Security Standard; the Lease names one of them; metrics are served."""
    before = pods(operator)
    operator.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    operator.kubectl("rollout", "restart", f"deployment/{RELEASE}")
    operator.kubectl("rollout", "status", f"deployment/{RELEASE}", "--timeout=120s")
    operator.wait_until("the old pods are gone", lambda: not set(pods(operator)) & set(before), 60)
    operator.wait_until("a new pod holds the Lease", lambda: holder(operator) in pods(operator), 60)
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{holder(operator)}:8081/proxy/metrics"

    assert len(pods(operator)) == 2
    assert "mlwright_leader 1.0" in operator.kubectl("get", "--raw", path)


def holder(operator: Namespace) -> str:
    """Return the pod that holds the Lease; a suffix tells its processes apart."""
    return operator.get(f"lease/{RELEASE}", "{.spec.holderIdentity}").split("_")[0]


@pytest.mark.usefixtures("operator")
def test_an_upgrade_in_the_middle_of_a_run_repeats_nothing(live: Live, release: Release) -> None:
    """The next operator finds the Jobs where the last one left them, and the run makes one version."""
    live.apply(config_map("customers", {"customers.csv": csv(customers())}), claim("store"))
    live.apply(pipeline("churn", "configmap://customers/customers.csv", artifacts={"uri": "pvc://store/models"}))
    live.until("the first step runs", lambda: live.names("Job"))

    release.install(operator=name_of("operator", "dev"))
    live.reaches("TrainingPipeline", "churn", "Ready", "churn-v1 is the newest good version", seconds=240)

    assert live.names("Job") == ["churn-1-evaluate-0", "churn-1-train-0", "churn-1-validate-0"]
    assert live.names("TrainingRun") == ["churn-1"]
    assert live.names("ModelVersion") == ["churn-v1"]


def test_uninstalling_takes_the_operator_and_nothing_else(trained: Live, operator: Namespace, release: Release) -> None:
    """CRDs and all objects stay, predictions go on, and the next installation takes up what it finds."""
    before, rights = uids(trained), cluster_wide(operator)
    with load(trained, "churn", json.dumps(question()), release.images["trainer"], connections=2) as asking:
        helm("uninstall", RELEASE, "--kubeconfig", str(operator.kubeconfig), "--namespace", NAMESPACE, "--wait")
        left = cluster_wide(operator)
        without = uids(trained)
        release.install()
        trained.kubectl("scale", "modeldeployment/churn", "--replicas=2")
        trained.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves with 2 of 2 pods ready")
        trained.kubectl("scale", "modeldeployment/churn", "--replicas=1")
        trained.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves with 1 of 1 pods ready")

    assert asking.counted is not None
    assert asking.counted["failures"] == {}
    assert asking.counted["versions"].keys() == {"1"}
    assert left == {f"customresourcedefinition.apiextensions.k8s.io/{kind.plural}.{kind.group}" for kind in OURS}
    assert without == before
    assert cluster_wide(operator) == rights
    assert {name: uid for name, uid in uids(trained).items() if not name.startswith("Pod/churn")} == {
        name: uid for name, uid in before.items() if not name.startswith("Pod/churn")
    }
