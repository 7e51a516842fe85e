"""Drills that an administrator makes before trusting an operator: a restore from backup, and an upgrade."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from cluster.images import name_of
from cluster.kubectl import Namespace
from examples.flights.errands import Load, load
from mlwright.adapters.kube.client import item
from mlwright.plan.resources import BY_NAME
from tests.support.apiserver import MERGE, Json
from tests.support.asking import question
from tests.support.chart import NAMESPACE, OPERATOR_PODS, RELEASE
from tests.support.live import Live
from tests.support.release import Release

pytestmark = pytest.mark.alone

RECONCILED = ("TrainingPipeline", "TrainingRun", "Model", "ModelDeployment")
CHILDREN = ("TrainingRun", "Decision", "Job", "ControllerRevision", "Deployment", "Service")
MODELS = ("churn", "recent", "spend")
OPERATOR_IMAGE = "{.spec.template.spec.containers[0].image}"


@pytest.fixture
def clients(trained: Live, release: Release) -> Callable[[], AbstractContextManager[Load]]:
    """Clients of the deployment churn."""
    return partial(load, trained, "churn", json.dumps(question()), release.images["trainer"], connections=4)


@pytest.fixture
def operator(trained: Live, release: Release) -> Iterator[Namespace]:
    """The namespace of the operator, which is installed again afterwards as it was."""
    yield Namespace(trained.kubeconfig, NAMESPACE)
    release.install()


def test_lost_statuses_and_owners_are_found_again_without_any_harm(
    trained: Live, operator: Namespace, clients: Callable[[], AbstractContextManager[Load]]
) -> None:
    """After a restore nothing trains, nothing rolls out, no request fails, and every object knows its owner again."""
    before, owners = picture(trained), owned(trained)
    with clients() as asking:
        operator.kubectl("scale", f"deployment/{RELEASE}", "--replicas=0")
        operator.kubectl("wait", "--for=delete", "pod", f"--selector={OPERATOR_PODS}", "--timeout=60s")
        for kind in CHILDREN:
            change(trained, kind, {"metadata": {"ownerReferences": None}})
        for kind in RECONCILED:
            change(trained, kind, {"status": None}, "/status")
        assert owned(trained) == {}
        operator.kubectl("scale", f"deployment/{RELEASE}", "--replicas=2")
        for name in MODELS:
            trained.reaches("TrainingPipeline", name, "Ready", f"{name}-v1 is the newest good version")
            trained.reaches("ModelDeployment", name, "Ready", f"{name}-v1 serves with 1 of 1 pods ready")
        trained.until("every child has its owner again", lambda: owned(trained) == owners)

    assert asking.counted is not None
    assert asking.counted["failures"] == {}
    assert asking.counted["versions"].keys() == {"1"}
    assert picture(trained) == before


def test_an_upgrade_restarts_no_serving_pod(
    trained: Live, operator: Namespace, release: Release, clients: Callable[[], AbstractContextManager[Load]]
) -> None:
    """Another operator with another default of the server's image leaves everything as it is, until somebody asks."""
    before, other = picture(trained), name_of("server", "dev")
    with clients() as asking:
        release.install(operator=name_of("operator", "dev"), server=other)
        assert operator.get(f"deployment/{RELEASE}", OPERATOR_IMAGE) == name_of("operator", "dev")
        trained.kubectl("annotate", "modeldeployment/spend", "mlwright.dev/refresh=upgraded")
        trained.until("spend runs the new image", lambda: images(trained, "spend") == {other})

    assert asking.counted is not None
    assert asking.counted["failures"] == {}
    assert asking.counted["versions"].keys() == {"1"}
    assert images(trained, "churn") == {release.images["server"]}
    after = picture(trained)
    assert {key: after[key] for key in after if "/spend" not in key} == {
        key: before[key] for key in before if "/spend" not in key
    }


def picture(live: Live) -> dict[str, Json]:
    """Return what must not change: which objects there are, which pods, and what each was made from."""
    kinds = ("TrainingRun", "ModelVersion", "Decision", "Job", "ControllerRevision", "Deployment", "Service")
    seen = {f"{kind}/{thing['metadata']['name']}": traits(thing) for kind in kinds for thing in live.all(kind)}
    pods = {
        f"Pod/{pod['metadata']['name']}": restarts(pod) for name in MODELS for pod in live.all("Pod", deployment=name)
    }
    return seen | pods


def traits(thing: Json) -> Json:
    """Return an object without what a restart may change."""
    metadata = {key: thing["metadata"].get(key) for key in ("uid", "generation")}
    return metadata | {key: thing[key] for key in ("spec", "data") if key in thing}


def restarts(pod: Json) -> Json:
    """Return which pod it is, and how often its containers were started again."""
    return {
        "uid": pod["metadata"]["uid"],
        "restarts": [container["restartCount"] for container in pod["status"]["containerStatuses"]],
    }


def owned(live: Live) -> dict[str, list[Json]]:
    """Return the owner references of all children that have any."""
    return {
        f"{kind}/{thing['metadata']['name']}": thing["metadata"]["ownerReferences"]
        for kind in CHILDREN
        for thing in live.all(kind)
        if thing["metadata"].get("ownerReferences")
    }


def change(live: Live, kind: str, patch: Json, subresource: str = "") -> None:
    """Merge a patch into all objects of a kind that are ours."""
    for name in live.names(kind):
        answer = live.api.request("PATCH", item(BY_NAME[kind], live.name, name) + subresource, patch, MERGE)
        assert answer.status == 200, answer.body


def images(live: Live, deployment: str) -> set[str]:
    """Return the images of the pods of a deployment."""
    return {pod["spec"]["containers"][0]["image"] for pod in live.all("Pod", deployment=deployment)}
