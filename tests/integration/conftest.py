"""One real kube-apiserver for the folder, with our CRDs; each test gets a namespace of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import pytest

from cluster.apiserver import ApiServer
from tests.support.apiserver import APPLY, CRDS, Client, definitions
from tests.support.browser import Browser
from tests.support.waiting import eventually

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def apiserver() -> Iterator[ApiServer]:
    """A running API server without nodes; deleting a namespace or an owner works as in a cluster."""
    with ApiServer(controllers=("garbage-collector-controller", "namespace-controller")) as server:
        yield server


@pytest.fixture(scope="session")
def client(apiserver: ApiServer) -> Client:
    """An administrator's client, once all CRDs are established."""
    client = Client(apiserver)
    for definition in definitions():
        path = f"{CRDS}/{definition['metadata']['name']}"
        answer = client.request("PATCH", path, definition, kind=APPLY, fieldManager="tests", force="true")
        assert answer.status in {200, 201}, answer.body
        eventually(partial(_established, client, path), f"{path} is established")
    return client


@pytest.fixture
def namespace(client: Client) -> str:
    """An empty namespace of this test."""
    name = f"test-{next(_numbers)}"
    answer = client.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert answer.status == 201, answer.body
    return name


@pytest.fixture(scope="session")
def browser() -> Browser:
    """What pages are shown with."""
    return Browser.ready()


def _established(client: Client, path: str) -> bool | None:
    status = client.request("GET", path).body.get("status", {})
    return (
        any(item["type"] == "Established" and item["status"] == "True" for item in status.get("conditions") or ())
        or None
    )
