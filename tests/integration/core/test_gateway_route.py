"""Requests that a Gateway divides: the real CRDs of the Gateway API on a real API server, and a script that plays the
controller of the Gateway.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from cluster.apiserver import ApiServer
from mlwright.adapters.kube.client import item
from mlwright.plan.resources import HTTP_ROUTE, MODEL_DEPLOYMENT, SERVICE
from tests.support.apiserver import MERGE, Client, Json
from tests.support.flows import deployment, version
from tests.support.gateways import serve_http_routes
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.operators import SETTINGS, InProcess
from tests.support.scripts import Stories, Story
from tests.support.waiting import answered

pytestmark = pytest.mark.timeout(120)

PATIENCE = 40.0
PUBLIC = {"name": "public", "namespace": "infra"}
ASKED = {"gateway": {"parentRefs": [PUBLIC], "hostnames": ["churn.example.com"]}, "headerOverride": "X-Variant"}
HALF = {"name": "half", "type": "Weight", "weight": {"percent": 50, "hold": "1s"}}
ASK = {"name": "ask", "type": "Approval"}
CANARY = {"strategy": "Canary", "steps": [HALF, ASK]}


@pytest.fixture
async def kube(apiserver: ApiServer, client: Client, namespace: str) -> AsyncIterator[Kube]:
    """An administrator, on a server that serves HTTPRoutes."""
    del namespace  # it makes the namespace
    serve_http_routes(client)
    async with Kube(apiserver) as kube:
        yield kube


@pytest.fixture
async def running(apiserver: ApiServer, kube: Kube, namespace: str) -> AsyncIterator[InProcess]:
    """An operator, and the actor that plays the kubelet."""
    stories = Stories()
    stories.tell(namespace, Story())
    async with Kubelet(kube, stories):
        operator = InProcess(apiserver, replace(SETTINGS, namespace=namespace), also=(HTTP_ROUTE,)).start()
        yield operator
        operator.kill()
        await operator.ended()


async def route(kube: Kube, namespace: str, holds: Callable[[Json], bool], words: str) -> Json:
    """Return the HTTPRoute as soon as it is as it should be."""

    async def read() -> Json | None:
        found = await kube.read(HTTP_ROUTE, namespace, "churn")
        return found if found and holds(found) else None

    found: Json = await answered(read, words, PATIENCE)
    return found


async def say(kube: Kube, body: Json, status: str, reason: str, message: str = "") -> None:
    """Let the controller of the Gateway say whether it accepts this very HTTPRoute."""
    told = {"lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": body["metadata"]["generation"]}
    conditions = [
        {**told, "type": "Accepted", "status": status, "reason": reason, "message": message},
        {**told, "type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs", "message": ""},
    ]
    parent = {"parentRef": PUBLIC, "controllerName": "gateways.example.test/one", "conditions": conditions}
    path = item(HTTP_ROUTE, body["metadata"]["namespace"], body["metadata"]["name"]) + "/status"
    answer = await kube.request("PATCH", path, {"status": {"parents": [parent]}}, content=MERGE)
    assert answer.status == 200, answer.body


async def told(kube: Kube, namespace: str, words: str) -> Json:
    """Return the status of the deployment when its sentence holds these words."""

    async def read() -> Json | None:
        found = await kube.read(MODEL_DEPLOYMENT, namespace, "churn")
        return found if found and words in (found.get("status") or {}).get("summary", "") else None

    found: Json = await answered(read, words, PATIENCE)
    return dict(found["status"])


def condition(status: Json, type_: str) -> tuple[str, str]:
    """Return status and reason of a condition."""
    return next((c["status"], c["reason"]) for c in status["conditions"] if c["type"] == type_)


def weights(body: Json, rule: int = 0) -> list[int]:
    """Return the weights of a rule."""
    return [ref["weight"] for ref in body["spec"]["rules"][rule]["backendRefs"]]


async def test_a_rollout_waits_for_the_gateway_and_goes_on_when_it_accepts(
    kube: Kube, running: InProcess, namespace: str
) -> None:
    """First it says why in the Gateway's words; then shares are asked for, believed, and only then counted on."""
    await kube.create(version(1), namespace)
    await kube.create(deployment(traffic=ASKED, rollout=CANARY), namespace)
    first = await route(kube, namespace, lambda body: weights(body) == [100], "v1 has all requests")
    await say(kube, first, "False", "NotAllowedByListeners", "no listener lets it in")
    refused = await told(
        kube, namespace, "does not accept HTTPRoute churn (NotAllowedByListeners: no listener lets it in)"
    )
    await say(kube, first, "True", "Accepted")
    await told(kube, namespace, "churn-v1 serves with 2 of 2 pods ready")

    await kube.create(version(2), namespace)
    half = await route(kube, namespace, lambda body: weights(body) == [50, 50], "v2 is given its half")
    waits = await told(kube, namespace, "Gateway infra/public has not followed HTTPRoute churn yet")
    await say(kube, half, "True", "Accepted")
    await told(kube, namespace, "waits for approval at step ask")

    assert (condition(refused, "Ready"), condition(refused, "Reconciling")) == (
        ("False", "GatewayUnready"),
        ("True", "GatewayUnready"),
    )
    assert "verifiedWeight" not in waits["variants"][0]
    assert [weights(half, rule) for rule in (1, 2)] == [[1], [1]]
    assert running.error is None


async def test_what_somebody_edits_is_repaired_and_what_is_settled_is_not_written_again(
    kube: Kube, running: InProcess, namespace: str
) -> None:
    """The API server has filled in its defaults, which is no reason to write."""
    await kube.create(version(1), namespace)
    await kube.create(deployment(traffic=ASKED), namespace)
    first = await route(kube, namespace, lambda body: weights(body) == [100], "v1 has all requests")
    await say(kube, first, "True", "Accepted")
    await told(kube, namespace, "churn-v1 serves with 2 of 2 pods ready")
    change = {"metadata": {"annotations": {"somebody": "looked"}}}
    await kube.merge(MODEL_DEPLOYMENT, namespace, "churn", change)
    await kube.merge(HTTP_ROUTE, namespace, "churn", {"spec": {"hostnames": ["elsewhere.example.com"]}})
    repaired = await route(
        kube,
        namespace,
        lambda body: body["metadata"]["generation"] > 2 and body["spec"]["hostnames"] == ["churn.example.com"],
        "the host is set back",
    )

    assert first["metadata"]["generation"] == 1
    assert repaired["metadata"]["generation"] == 3
    assert running.error is None


async def test_who_leaves_the_gateway_takes_the_route_along(kube: Kube, running: InProcess, namespace: str) -> None:
    """And the Services of revisions, once nothing finds pods by them."""
    await kube.create(version(1), namespace)
    await kube.create(deployment(traffic=ASKED), namespace)
    first = await route(kube, namespace, lambda body: weights(body) == [100], "v1 has all requests")
    await say(kube, first, "True", "Accepted")
    backend = first["spec"]["rules"][0]["backendRefs"][0]["name"]
    plain: dict[str, Any] = {"provider": "Service", "gateway": None, "headerOverride": None}
    await kube.merge(MODEL_DEPLOYMENT, namespace, "churn", {"spec": {"traffic": plain}})

    async def gone() -> bool:
        left = (await kube.read(HTTP_ROUTE, namespace, "churn"), await kube.read(SERVICE, namespace, backend))
        return left == (None, None)

    await answered(gone, "HTTPRoute and Service are removed", PATIENCE)
    assert running.error is None


async def test_without_the_gateway_api_the_deployment_says_what_to_install(
    apiserver: ApiServer, client: Client, namespace: str
) -> None:
    """An operator that found no HTTPRoutes when it started; everything else goes on."""
    del client  # installs our definitions
    stories = Stories()
    stories.tell(namespace, Story())
    async with Kube(apiserver) as kube, Kubelet(kube, stories):
        operator = InProcess(apiserver, replace(SETTINGS, namespace=namespace)).start()
        await kube.create(version(1), namespace)
        await kube.create(deployment(traffic=ASKED), namespace)
        status = await told(kube, namespace, "install the Gateway API and start the operator again")
        operator.kill()
        await operator.ended()

    assert condition(status, "Stalled") == ("True", "InvalidSpec")
    assert operator.error is None
