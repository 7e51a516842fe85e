"""What the agent asks of a real API server, and what the operator makes there for a router."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from cluster.apiserver import ApiServer
from mlwright.constants import (
    ANNOTATION_FOLLOWED,
    ANNOTATION_ROUTE,
    ANNOTATION_WAKES,
    LABEL_MANAGED_BY,
    MANAGED_BY,
    ROUTER_NAME,
)
from mlwright.router.cluster import Cluster
from mlwright.router.document import digest, parse
from mlwright.router.kube import Kube, KubeError, Server
from mlwright.router.servers import Address, State
from tests.support.apiserver import Client, Json
from tests.support.flows import deployment, version
from tests.support.kube import Kube as Administrator
from tests.support.operators import SETTINGS, InProcess
from tests.support.routing import document
from tests.support.waiting import soon

OURS: Final = {LABEL_MANAGED_BY: MANAGED_BY}
WHOLE: Final = document({"a": [(0, 9999)]})
ROUTED: Final = {"provider": "Router"}
GARBAGE_SECONDS: Final = 120
"""The collector looks for new kinds every 30 seconds, and the definitions came after it."""
PARTS: Final = (
    "/api/v1/{}/serviceaccounts",
    "/api/v1/{}/services",
    "/apis/apps/v1/{}/deployments",
    "/apis/policy/v1/{}/poddisruptionbudgets",
    "/apis/rbac.authorization.k8s.io/v1/{}/rolebindings",
)


def agents_kube(server: ApiServer) -> Kube:
    """Return the agent's client, with the administrator's certificate in place of a token."""
    pki, place = server.directory / "pki", urlsplit(server.url)
    tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    return Kube(Server(str(place.hostname), int(place.port or 0), lambda: "", tls))


@asynccontextmanager
async def following(cluster: Cluster, *more: Any) -> AsyncIterator[None]:
    """Let the agent follow the API server."""
    tasks = [asyncio.create_task(work) for work in (cluster.keep(), *more)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # they close their connections


def a_service(client: Client, namespace: str, name: str, text: str = "") -> None:
    """Create a Service of ours, with a route where there is a text."""
    metadata: Json = {"name": name, "labels": OURS, "annotations": {ANNOTATION_ROUTE: text} if text else {}}
    spec: Json = {"clusterIP": "None", "ports": [{"name": "http", "port": 8080}]}
    answer = client.request("POST", f"/api/v1/namespaces/{namespace}/services", {"metadata": metadata, "spec": spec})
    assert answer.status == 201, answer.body


def endpoints(client: Client, namespace: str, service: str, *pods: str) -> None:
    """Let pods stand ready behind a Service."""
    made: Json = {
        "metadata": {"name": f"{service}-x", "labels": {**OURS, "kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [
            {"addresses": [f"10.0.0.{n}"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": pod}}
            for n, pod in enumerate(pods, 1)
        ],
    }
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    assert client.request("POST", path, made).status == 201


async def test_routes_and_pods_are_followed_as_they_change(
    apiserver: ApiServer, client: Client, namespace: str
) -> None:
    """By a list and watches; a route that changes is known within a moment, one that goes is forgotten."""
    a_service(client, namespace, "flights", WHOLE)
    endpoints(client, namespace, "flights-a", "p1")
    heard = asyncio.Event()
    cluster = Cluster(agents_kube(apiserver), namespace, "me", heard.set)

    def routes() -> dict[str, str]:
        facts = cluster.facts()
        return {name: route.digest for name, route in facts.routes.items()} if facts else {}

    async with following(cluster):
        await soon(lambda: routes() == {"flights": digest(WHOLE)}, "the route")
        facts = cluster.facts()
        assert facts is not None
        assert facts.endpoints == {"flights-a": {Address("10.0.0.1", 8080): State.READY}}

        other = document({"a": [(0, 4999)], "b": [(5000, 9999)]})
        path = f"/api/v1/namespaces/{namespace}/services/flights"
        change: Json = {"metadata": {"annotations": {ANNOTATION_ROUTE: other}}}
        client.request("PATCH", path, change, kind="application/merge-patch+json")
        await soon(lambda: routes() == {"flights": parse(other).digest}, "the new route")
        assert heard.is_set()

        client.request("DELETE", path)
        await soon(lambda: routes() == {}, "no route")


async def test_what_is_followed_stands_on_the_service_of_the_router(
    apiserver: ApiServer, client: Client, namespace: str
) -> None:
    """Where the operator reads it; what a pod said that is gone is taken away."""
    a_service(client, namespace, ROUTER_NAME)
    endpoints(client, namespace, ROUTER_NAME, "me")
    path = f"/api/v1/namespaces/{namespace}/services/{ROUTER_NAME}"
    old: Json = {"metadata": {"annotations": {f"{ANNOTATION_FOLLOWED}gone": "{}"}}}
    client.request("PATCH", path, old, kind="application/merge-patch+json")
    applied, changed = {"flights": "1"}, asyncio.Event()
    cluster = Cluster(agents_kube(apiserver), namespace, "me", lambda: None)

    def said() -> Json:
        return dict(client.request("GET", path).body["metadata"].get("annotations") or {})

    async with following(cluster, cluster.report(lambda: applied, changed)):
        await soon(lambda: said() == {f"{ANNOTATION_FOLLOWED}me": '{"flights":"1"}'}, "what is followed")
        applied["flights"] = "2"
        changed.set()
        await soon(lambda: said() == {f"{ANNOTATION_FOLLOWED}me": '{"flights":"2"}'}, "what is followed now")


async def test_a_model_that_sleeps_is_woken_through_its_scale(
    apiserver: ApiServer, client: Client, namespace: str
) -> None:
    """Nothing else of its spec is touched."""
    client.create(deployment(replicas=0), namespace)
    before = client.read("ModelDeployment", namespace, "churn")["spec"]

    await Cluster(agents_kube(apiserver), namespace, "me", lambda: None).wake("churn", "")

    assert client.read("ModelDeployment", namespace, "churn")["spec"] == {**before, "replicas": 1}


async def test_who_scaled_a_model_meanwhile_is_not_undone(apiserver: ApiServer, client: Client, namespace: str) -> None:
    """The agent's picture may be old: a model that was set to five pods since keeps them."""
    client.create(deployment(replicas=5), namespace)

    await Cluster(agents_kube(apiserver), namespace, "me", lambda: None).wake("churn", "")

    assert client.read("ModelDeployment", namespace, "churn")["spec"]["replicas"] == 5


async def test_a_request_for_a_model_that_the_operator_put_to_sleep_is_told(
    apiserver: ApiServer, client: Client, namespace: str
) -> None:
    """Beside what is followed, and with the name of the sleep; its scale stays as its owner wrote it."""
    a_service(client, namespace, ROUTER_NAME)
    path = f"/api/v1/namespaces/{namespace}/services/{ROUTER_NAME}"

    await Cluster(agents_kube(apiserver), namespace, "me", lambda: None).wake("churn", "7")

    told = client.request("GET", path).body["metadata"]["annotations"]
    assert told == {f"{ANNOTATION_WAKES}me": '{"churn":"7"}'}


async def test_a_refusal_is_told_with_its_status(apiserver: ApiServer, client: Client, namespace: str) -> None:
    """What does not exist is an error that names what was asked."""
    del client
    with pytest.raises(KubeError, match=f"{namespace}/services/none was answered with 404") as refused:
        await agents_kube(apiserver).get(f"/api/v1/namespaces/{namespace}/services/none")

    assert refused.value.status == 404


@pytest.fixture
async def operator(apiserver: ApiServer, client: Client, namespace: str) -> AsyncIterator[InProcess]:
    """An operator that has an image of the router."""
    del client
    running = InProcess(
        apiserver, replace(SETTINGS, namespace=namespace, router_image="example/router:1", network_policy=True)
    ).start()
    yield running
    running.kill()
    await running.ended()


async def test_a_router_is_there_as_long_as_somebody_uses_it(
    apiserver: ApiServer, client: Client, namespace: str, operator: InProcess
) -> None:
    """Two deployments share one; when the last of them goes, all of it goes."""
    del operator

    def owners() -> list[list[str]]:
        found = [client.request("GET", f"{p.format(f'namespaces/{namespace}')}/{ROUTER_NAME}").body for p in PARTS]
        refs = [(body.get("metadata") or {}).get("ownerReferences") or [] for body in found]
        return [sorted(ref["name"] for ref in part) for part in refs]

    async with Administrator(apiserver) as kube:
        await kube.create(version(1), namespace)
        first, second = deployment(traffic=ROUTED), deployment(traffic=ROUTED)
        second["metadata"] = {**second["metadata"], "name": "other"}
        await kube.create(first, namespace)
        await soon(lambda: owners() == [["churn"]] * 5, "a router of one")
        await kube.create(second, namespace)
        await soon(lambda: owners() == [["churn", "other"]] * 5, "a router of two")

        service = client.request("GET", f"/api/v1/namespaces/{namespace}/services/churn").body
        route = json.loads(service["metadata"]["annotations"][ANNOTATION_ROUTE])
        assert service["spec"]["selector"] == {"mlwright.dev/owner": ROUTER_NAME, "mlwright.dev/owner-kind": "Router"}
        assert [share["variant"] for share in route["shares"]] == ["stable"]
        backend = f"/api/v1/namespaces/{namespace}/services/{route['shares'][0]['service']}"
        assert client.request("GET", backend).body["spec"]["clusterIP"] == "None"

        path = "/apis/mlwright.dev/v1alpha1/namespaces/{}/modeldeployments/{}"
        for name in ("churn", "other"):
            client.request("DELETE", path.format(namespace, name))
            there = owners()
            assert name == "other" or all("other" in part for part in there)
        await soon(lambda: owners() == [[]] * 5, "no router", GARBAGE_SECONDS)


async def test_who_leaves_the_router_takes_it_along_when_nobody_else_uses_it(
    apiserver: ApiServer, client: Client, namespace: str, operator: InProcess
) -> None:
    """A provider that is changed leaves nothing behind."""
    del operator

    def there() -> int:
        found = [client.request("GET", f"{p.format(f'namespaces/{namespace}')}/{ROUTER_NAME}").status for p in PARTS]
        return found.count(200)

    async with Administrator(apiserver) as kube:
        await kube.create(version(1), namespace)
        await kube.create(deployment(traffic=ROUTED), namespace)
        await soon(lambda: there() == 5, "a router")
        client.merge(deployment(), namespace, {"spec": {"traffic": {"provider": "Service"}}})
        await soon(lambda: there() == 0, "no router")

        service = client.request("GET", f"/api/v1/namespaces/{namespace}/services/churn").body
        assert "mlwright.dev/revision" in service["spec"]["selector"]
        assert ANNOTATION_ROUTE not in service["metadata"]["annotations"]
