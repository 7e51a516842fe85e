"""The port to the API server, on a real one: what each call does, and how each refusal is told."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cluster.apiserver import ApiServer
from mlwright.adapters.clock import SystemClock
from mlwright.adapters.kube import client as client_module
from mlwright.adapters.kube import service_account
from mlwright.adapters.kube.client import KubeCluster, item
from mlwright.adapters.kube.connect import connect
from mlwright.adapters.kube.failures import ExpiredError, UnreachableError
from mlwright.adapters.kube.transport import Call
from mlwright.constants import FIELD_MANAGER
from mlwright.controller.comparison import stamped
from mlwright.controller.ownership import as_applied
from mlwright.errors import (
    AlreadyExistsError,
    ConflictError,
    FieldConflictError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from mlwright.plan.resources import CONTROLLER_REVISION, DEPLOYMENT, MODEL, SERVICE, TRAINING_RUN, Body, ResourceKind
from tests.support.apiserver import MERGE, Client
from tests.support.toys import run, service

Calls = list[tuple[str, str, int]]


@pytest.fixture
async def port(apiserver: ApiServer, client: Client, namespace: str) -> AsyncIterator[KubeCluster]:
    """The port, limited to the test's namespace."""
    del client  # it installs the definitions
    transport, _ = await connect({"KUBECONFIG": str(apiserver.kubeconfig)}, 4, lambda *_: None)
    yield KubeCluster(transport, namespace)
    await transport.close()


def placed(body: Body, namespace: str, **more: Any) -> Body:
    return {**body, **more, "metadata": {**body["metadata"], "namespace": namespace}}


@pytest.fixture
async def owner(port: KubeCluster, namespace: str) -> Body:
    """A run that exists."""
    return await port.create(placed(run(), namespace))


def deployment(owner: Body, **spec: Any) -> Body:
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "server", "image": "i"}]}}
    content = {"selector": {"matchLabels": labels}, "template": pod, **spec}
    return {**service(owner), "apiVersion": "apps/v1", "kind": "Deployment", "spec": content}


async def listed(port: KubeCluster, kind: ResourceKind) -> list[str]:
    return [body["metadata"]["name"] async for page in port.pages(kind) for body in page.items]


async def test_a_list_comes_in_pages_of_one_snapshot(
    port: KubeCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long lists never lie in memory whole, and are consistent all the same."""
    monkeypatch.setattr(client_module, "PAGE", 2)
    for number in range(5):
        await port.create(placed(run(f"flights-{number}"), namespace))

    pages = [page async for page in port.pages(TRAINING_RUN)]

    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert [page.first for page in pages] == [True, False, False]
    assert len({page.resource_version for page in pages}) == 1
    body = pages[0].items[0]
    assert (body["kind"], "managedFields" in body["metadata"]) == ("TrainingRun", False)


async def test_the_next_page_is_asked_for_while_one_is_taken_in(
    port: KubeCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API server and the operator work at the same time, and other tasks have their turns between two pieces."""
    monkeypatch.setattr(client_module, "PAGE", 2)
    monkeypatch.setattr(client_module, "PIECE", 1)
    for number in range(3):
        await port.create(placed(run(f"flights-{number}"), namespace))
    asked: list[str] = []
    genuine = port._list

    async def noted(kind: ResourceKind, query: dict[str, str | int], token: str) -> Body:
        asked.append(token)
        return await genuine(kind, query, token)

    monkeypatch.setattr(port, "_list", noted)

    pages = aiter(port.pages(TRAINING_RUN))
    pieces = [await anext(pages), await anext(pages)]

    assert [len(piece.items) for piece in pieces] == [1, 1]
    assert asked[0] == ""
    assert len(asked) == 2
    assert [len(piece.items) async for piece in pages] == [1]
    assert len(asked) == 2


async def test_only_our_children_are_listed_of_foreign_kinds(port: KubeCluster, namespace: str, owner: Body) -> None:
    """Other people's Services are none of our business."""
    foreign = placed(service(owner), namespace)
    foreign["metadata"] = {"namespace": namespace, "name": "foreign"}
    await port.create(foreign)
    await port.create(service(owner))

    assert await listed(port, SERVICE) == ["flights-1"]


async def test_a_kind_that_is_not_installed_is_not_found(port: KubeCluster) -> None:
    """The start waits for definitions, so it must be able to tell."""
    unknown = ResourceKind("mlwright.dev", "v1alpha1", "unicorns", "Unicorn", owned=False)

    with pytest.raises(NotFoundError):
        await listed(port, unknown)
    with pytest.raises(NotFoundError):
        await port.probe(unknown)
    await port.probe(SERVICE)


async def test_reading_what_is_not_there_is_none(port: KubeCluster, namespace: str) -> None:
    """Absence is an answer."""
    assert await port.get(MODEL, namespace, "nothing") is None


async def test_a_name_is_given_once(port: KubeCluster, namespace: str, owner: Body) -> None:
    """Names of records are locks."""
    assert owner["metadata"]["uid"]

    with pytest.raises(AlreadyExistsError, match="already exists"):
        await port.create(placed(run(), namespace))


async def test_a_refusal_has_the_words_of_the_server(port: KubeCluster, namespace: str) -> None:
    """Validation, policies and quota explain themselves."""
    broken = placed(run(), namespace, spec={"trigger": {"type": "Request"}})

    with pytest.raises(RefusedError, match="set pipelineRef to run a pipeline, or importFrom"):
        await port.create(broken)


async def test_an_apply_with_a_uid_hits_that_object_only(port: KubeCluster, namespace: str, owner: Body) -> None:
    """A late apply neither revives a deleted child nor changes a namesake."""
    made = await port.create(service(owner))
    late = service(owner)
    late["metadata"]["uid"] = made["metadata"]["uid"]
    await port.delete(SERVICE, namespace, "flights-1", made["metadata"]["uid"])

    with pytest.raises(ConflictError):
        await port.apply(late, manager=FIELD_MANAGER, force=True)
    assert await port.get(SERVICE, namespace, "flights-1") is None

    await port.create(service(owner))
    with pytest.raises(ConflictError):
        await port.apply(late, manager=FIELD_MANAGER, force=True)


async def test_an_apply_with_a_version_hits_that_state_only(port: KubeCluster, namespace: str, owner: Body) -> None:
    """What was decided upon another state does not land on this one, forced or not."""
    made = await port.create(service(owner))
    await port.apply(service(owner, type="NodePort"), manager="somebody", force=True)
    late = service(owner, type="ClusterIP")
    late["metadata"] |= {key: made["metadata"][key] for key in ("uid", "resourceVersion")}

    with pytest.raises(ConflictError):
        await port.apply(late, manager=FIELD_MANAGER, force=True)

    live = await port.get(SERVICE, namespace, "flights-1")
    assert live is not None
    assert live["spec"]["type"] == "NodePort"


async def test_an_unforced_apply_names_the_owner_of_a_field(port: KubeCluster, namespace: str) -> None:
    """An alias that somebody else set is never taken over."""
    model = {"apiVersion": "mlwright.dev/v1alpha1", "kind": "Model", "metadata": {"name": "m", "namespace": namespace}}
    await port.create({**model, "spec": {"aliases": [{"name": "champion", "version": 1}]}})
    ours = {**model, "spec": {"aliases": [{"name": "champion", "version": 2}]}}

    with pytest.raises(FieldConflictError, match=FIELD_MANAGER):
        await port.apply(ours, manager="mlwright-alias-web", force=False)


async def test_aliases_of_two_deployments_live_beside_each_other(port: KubeCluster, namespace: str) -> None:
    """Each entry has a manager of its own, so neither apply takes the other's entry away."""
    model = {"apiVersion": "mlwright.dev/v1alpha1", "kind": "Model", "metadata": {"name": "m", "namespace": namespace}}
    await port.create({**model, "spec": {}})
    for number, name in enumerate(("champion", "shadow"), 1):
        entry = {**model, "spec": {"aliases": [{"name": name, "version": number}]}}
        await port.apply(entry, manager=f"mlwright-alias-{name}", force=False)

    live = await port.get(MODEL, namespace, "m")
    assert live is not None
    assert live["spec"]["aliases"] == [{"name": "champion", "version": 1}, {"name": "shadow", "version": 2}]


async def test_a_field_that_is_applied_no_more_leaves_and_the_number_of_pods_stays(
    port: KubeCluster, owner: Body
) -> None:
    """What the POST set is handed over first; replicas stay with the POST and keep their value."""
    made = await port.create(stamped(deployment(owner, replicas=3, minReadySeconds=5)))
    managers = as_applied(made)
    assert managers is not None
    handed = await port.rewrite_managers({**made, "metadata": {**made["metadata"], "managedFields": managers}})

    applied = await port.apply(stamped(deployment(owner)), manager=FIELD_MANAGER, force=True)

    assert "minReadySeconds" not in applied["spec"]
    assert applied["spec"]["replicas"] == 3
    assert as_applied(handed) is None


async def test_scaling_needs_the_version_that_was_seen(port: KubeCluster, namespace: str, owner: Body) -> None:
    """Two who scale at the same time notice each other."""
    made = await port.create(deployment(owner, replicas=1))
    version = made["metadata"]["resourceVersion"]

    await port.scale(DEPLOYMENT, namespace, "flights-1", 2, version)

    scaled = await port.get(DEPLOYMENT, namespace, "flights-1")
    assert scaled is not None
    assert scaled["spec"]["replicas"] == 2
    with pytest.raises(ConflictError):
        await port.scale(DEPLOYMENT, namespace, "flights-1", 3, version)


async def test_a_status_needs_the_version_that_was_judged(port: KubeCluster, owner: Body) -> None:
    """And changes nothing but the status."""
    written = await port.write_status({**owner, "spec": {}, "status": {"progress": "1/3"}})

    assert written["status"]["progress"] == "1/3"
    assert written["spec"] == owner["spec"]
    with pytest.raises(ConflictError):
        await port.write_status({**owner, "status": {"progress": "2/3"}})


async def test_a_delete_hits_only_the_object_that_was_seen(port: KubeCluster, namespace: str, owner: Body) -> None:
    """Another uid is a conflict; nothing at all is fine."""
    made = await port.create(service(owner))

    with pytest.raises(ConflictError):
        await port.delete(SERVICE, namespace, "flights-1", "00000000-0000-0000-0000-000000000000")
    await port.delete(SERVICE, namespace, "flights-1", made["metadata"]["uid"])
    await port.delete(SERVICE, namespace, "flights-1", made["metadata"]["uid"])

    assert await port.get(SERVICE, namespace, "flights-1") is None


async def test_a_child_without_an_owner_is_adopted(port: KubeCluster, namespace: str, owner: Body) -> None:
    """References that are no controllers stay."""
    orphan, other = service(owner), await port.create(placed(run("flights-2"), namespace))
    reference = {"apiVersion": other["apiVersion"], "kind": "TrainingRun", "name": "flights-2"}
    orphan["metadata"]["ownerReferences"] = [reference | {"uid": other["metadata"]["uid"]}]
    made = await port.create(orphan)

    adopted = await port.adopt(made, owner)

    references = adopted["metadata"]["ownerReferences"]
    assert [(ref["name"], ref.get("controller", False)) for ref in references] == [
        ("flights-2", False),
        ("flights-1", True),
    ]
    with pytest.raises(ConflictError):
        await port.adopt(made, owner)


async def test_a_frozen_revision_is_adopted(port: KubeCluster, client: Client, namespace: str, owner: Body) -> None:
    """The API server compares frozen data byte by byte, whatever is patched; ours are written as it writes them."""
    data = {"b": {"text": "<&> ü 🚀 \u2028", "share": 0.75, "tiny": 1e-7}, "a": []}
    revision = {**service(owner), "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": data}
    del revision["spec"]
    made = await port.create(revision)
    path = item(CONTROLLER_REVISION, namespace, made["metadata"]["name"])
    orphaned = client.request("PATCH", path, {"metadata": {"ownerReferences": None}}, kind=MERGE)

    adopted = await port.adopt(orphaned.body, owner)

    assert adopted["metadata"]["ownerReferences"][0]["name"] == "flights-1"
    assert adopted["data"] == data


async def test_a_list_that_expires_starts_again(
    port: KubeCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot is compacted away between two pages; the second try is whole, and marked as a new beginning."""
    monkeypatch.setattr(client_module, "PAGE", 1)
    for number in range(2):
        await port.create(placed(run(f"flights-{number}"), namespace))
    expirations = iter([ExpiredError("too old")])
    genuine = port._list

    async def expiring(kind: ResourceKind, query: dict[str, str | int], token: str) -> Body:
        if token and (expiration := next(expirations, None)):
            raise expiration
        return await genuine(kind, query, token)

    monkeypatch.setattr(port, "_list", expiring)

    pages = [page async for page in port.pages(TRAINING_RUN)]

    assert [(page.first, len(page.items)) for page in pages] == [(True, 1), (True, 1), (False, 1)]


async def test_every_call_is_counted(apiserver: ApiServer, namespace: str) -> None:
    """The metrics know verb, kind and code of each."""
    calls: Calls = []
    transport, _ = await connect(
        {"KUBECONFIG": str(apiserver.kubeconfig)}, 2, lambda verb, kind, code, _: calls.append((verb, kind, code))
    )
    await KubeCluster(transport, namespace).get(MODEL, namespace, "nothing")
    await transport.close()

    assert calls == [("get", "version", 200), ("get", "Model", 404)]


async def test_a_wrong_clock_is_corrected_by_the_first_answer(apiserver: ApiServer) -> None:
    """What the API server made a moment ago would be a quarter of an hour old else, and every deadline over."""
    clock = SystemClock(lambda: datetime.now(UTC) + timedelta(minutes=15))
    transport, _ = await connect({"KUBECONFIG": str(apiserver.kubeconfig)}, 1, lambda *_: None, clock.heard)
    await transport.close()

    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_api_server_that_is_away_is_unavailable(apiserver: ApiServer) -> None:
    """Whether the call had effect is not known, and the error says no more than that."""
    transport, access = await connect({"KUBECONFIG": str(apiserver.kubeconfig)}, 2, lambda *_: None)
    transport._access = type(access)("https://127.0.0.1:1", access.tls, access.authorization)

    with pytest.raises(UnavailableError, match="get Model nothing"):
        await KubeCluster(transport).get(MODEL, "demo", "nothing")
    await transport.close()


async def test_a_pod_is_known_by_its_service_account(
    apiserver: ApiServer, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the token and the authority that Kubernetes mounts; the API server's answer names who asked."""
    monkeypatch.setattr(service_account, "SERVICE_ACCOUNT", tmp_path)
    cluster = json.loads(apiserver.kubeconfig.read_text())["clusters"][0]["cluster"]
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    admin, _ = await connect({"KUBECONFIG": str(apiserver.kubeconfig)}, 1, lambda *_: None)
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    await admin.send(Call("create", "account", "POST", accounts, body={"metadata": {"name": "operator"}}))
    token = await admin.send(Call("create", "token", "POST", f"{accounts}/operator/token", body={"spec": {}}))
    await admin.close()
    (tmp_path / "token").write_text(token["status"]["token"])
    where = urlsplit(apiserver.url)

    environ = {"KUBERNETES_SERVICE_HOST": str(where.hostname), "KUBERNETES_SERVICE_PORT": str(where.port)}
    transport, _ = await connect(environ, 1, lambda *_: None)
    with pytest.raises(RefusedError, match=f'"system:serviceaccount:{namespace}:operator" cannot list'):
        await listed(KubeCluster(transport, namespace), MODEL)
    await transport.close()


async def test_without_a_configuration_the_sentence_says_what_to_set() -> None:
    """The remedy is a variable."""
    with pytest.raises(UnreachableError, match="KUBECONFIG"):
        await connect({"KUBECONFIG": "/nowhere"}, 2, lambda *_: None)


async def test_an_old_kubernetes_is_refused_with_one_sentence(
    apiserver: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache rests on comparable resourceVersions."""
    monkeypatch.setattr("mlwright.adapters.kube.connect.OLDEST", (2, 0))

    with pytest.raises(UnreachableError, match=r"this Kubernetes is v1\..* needs 2\.0 or newer"):
        await connect({"KUBECONFIG": str(apiserver.kubeconfig)}, 2, lambda *_: None)
