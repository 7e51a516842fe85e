"""What is told to others is written without being read, and never over what somebody else says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cluster.apiserver import ApiServer
from mlwright.adapters.kube.client import KubeCluster
from mlwright.adapters.kube.connect import connect
from mlwright.api.conditions import StatusDraft
from mlwright.controller.cache import Cache
from mlwright.controller.executor import Executor
from mlwright.controller.intake import Intake
from mlwright.errors import RefusedError
from mlwright.plan.plan import Plan
from mlwright.plan.writes import Tell
from tests.support.apiserver import Client, Json
from tests.support.toys import run

Calls = list[str]


@pytest.fixture
async def calls() -> Calls:
    """What was asked of the API server."""
    return []


@pytest.fixture
async def port(apiserver: ApiServer, client: Client, namespace: str, calls: Calls) -> AsyncIterator[KubeCluster]:
    """The port, limited to the test's namespace."""
    del client  # it installs the definitions
    transport, _ = await connect({"KUBECONFIG": str(apiserver.kubeconfig)}, 4, lambda verb, *_: calls.append(verb))
    yield KubeCluster(transport, namespace)
    await transport.close()


def told(namespace: str, **data: str) -> Json:
    """Return a ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "churn-traffic", "namespace": namespace, "labels": {"by": "us"}},
        "data": data,
    }


async def tell(port: KubeCluster, namespace: str, **data: str) -> None:
    """Perform the write."""
    owner = {**run(), "metadata": {**run()["metadata"], "namespace": namespace, "uid": "uid"}}
    plan = Plan("told", StatusDraft("told", ()), writes=(Tell(told(namespace, **data)),))
    intake = Intake(Cache(), lambda _: None, lambda _: None, ["TrainingRun"])
    await Executor(port, intake, owner, plan, lambda: None).perform()


def seen(client: Client, namespace: str) -> Json:
    """Return the data of the ConfigMap."""
    found: Json = client.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/churn-traffic").body
    return found


async def test_it_is_made_changed_and_emptied_without_being_read(
    port: KubeCluster, client: Client, namespace: str, calls: Calls
) -> None:
    """Whoever may read one ConfigMap may read all of them."""
    calls.clear()
    found = []
    for data in ({"shadow.json": "a"}, {"shadow.json": "b"}, {}):
        await tell(port, namespace, **data)
        found.append(seen(client, namespace).get("data") or {})

    assert found == [{"shadow.json": "a"}, {"shadow.json": "b"}, {}]
    assert set(calls) == {"create", "apply"}


async def test_a_namesake_gets_the_data_and_nothing_more(port: KubeCluster, client: Client, namespace: str) -> None:
    """It stays its owner's."""
    foreign = {**told(namespace, other="x"), "metadata": {"name": "churn-traffic", "labels": {"by": "them"}}}
    client.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", foreign)

    await tell(port, namespace, **{"shadow.json": "a"})

    after = seen(client, namespace)
    assert after["data"] == {"other": "x", "shadow.json": "a"}
    assert after["metadata"]["labels"] == {"by": "them"}


async def test_what_somebody_else_says_is_left_alone(port: KubeCluster, client: Client, namespace: str) -> None:
    """And said so."""
    foreign = {**told(namespace, **{"shadow.json": "theirs"}), "metadata": {"name": "churn-traffic"}}
    client.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", foreign)

    with pytest.raises(RefusedError, match="ConfigMap churn-traffic holds data of somebody else"):
        await tell(port, namespace, **{"shadow.json": "a"})

    assert seen(client, namespace)["data"] == {"shadow.json": "theirs"}
