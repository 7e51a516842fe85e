"""Where our lists end and kopf's watching begins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from mlwright.controller.handover import Handover, Served
from mlwright.errors import UnavailableError
from mlwright.plan.resources import JOB, MODEL, POD, ResourceKind

SERVER = "https://host/prefix"


class Session:
    """Stands for an HTTP session; answers everything with one status."""

    headers: dict[str, str]
    closed = False

    def __init__(self, status: int = 200) -> None:
        self.headers = {}
        self.asked: list[str] = []
        self._status = status

    async def request(self, method: str, url: str, **_: Any) -> Any:
        """Answer."""
        self.asked.append(f"{method} {url}")
        return SimpleNamespace(status=self._status, reason="so it is", content=None, close=lambda: None)


def handover(session: Session, error: Exception | None = None) -> tuple[Handover, list[str]]:
    listed: list[str] = []

    async def relist(kind: ResourceKind) -> int:
        if error is not None:
            raise error
        listed.append(kind.name)
        return 41 + len(listed)

    served = Served.of(SERVER, (JOB, MODEL, POD), "")
    return Handover(cast("aiohttp.ClientSession", session), served, relist, lambda _: False), listed


async def test_a_list_of_our_kinds_is_answered_empty_at_the_version_of_our_own() -> None:
    """The watch that follows begins where our list ended."""
    session = Session()
    shim, listed = handover(session)

    answer = await shim.request(method="get", url=f"{SERVER}/apis/batch/v1/jobs?limit=500&labelSelector=a")

    async with answer:
        content = await answer.json()
    assert content["items"] == []
    assert content["metadata"]["resourceVersion"] == "42"
    assert (answer.status, listed, session.asked) == (200, ["Job"], [])


async def test_a_watch_passes_and_is_noted() -> None:
    """Once the API server answers it, the kind is watched."""
    session = Session()
    shim, listed = handover(session)

    await shim.request(method="get", url=f"{SERVER}/api/v1/pods?watch=true&resourceVersion=42")

    assert listed == []
    assert shim.watched == {"Pod"}
    assert len(session.asked) == 1


async def test_a_refused_watch_is_not_noted() -> None:
    """410 and 403 are answers, but nothing is watched."""
    shim, _ = handover(Session(status=410))

    await shim.request(method="get", url=f"{SERVER}/api/v1/pods?watch=true")

    assert shim.watched == set()


async def test_a_watch_without_a_valid_token_is_tried_again() -> None:
    """A token may end a moment before it is renewed; kopf would give up for good."""
    shim, _ = handover(Session(status=401))

    with pytest.raises(aiohttp.ClientConnectionError, match="Pod"):
        await shim.request(method="get", url=f"{SERVER}/api/v1/pods?watch=true")
    assert shim.watched == set()


async def test_the_kinds_that_there_are_need_not_be_asked_for() -> None:
    """Right after an installation the API server may serve a kind but not yet tell of it."""
    session = Session()
    shim, _ = handover(session)

    found = {}
    for path in ("/api", "/apis", "/api/v1", "/apis/batch/v1", "/apis/mlwright.dev/v1alpha1"):
        async with await shim.request(method="get", url=SERVER + path) as answer:
            found[path] = await answer.json()

    assert session.asked == []
    assert {group["name"] for group in found["/apis"]["groups"]} == {"apiextensions.k8s.io", "batch", "mlwright.dev"}
    assert {entry["name"] for entry in found["/api/v1"]["resources"]} == {"namespaces", "pods"}
    assert [entry["kind"] for entry in found["/apis/mlwright.dev/v1alpha1"]["resources"]] == ["Model"]


async def test_everything_else_passes() -> None:
    """What we do not know is for the API server to say."""
    session = Session()
    shim, _ = handover(session)

    await shim.request(method="get", url=f"{SERVER}/apis/batch/v1/namespaces/demo/jobs/one")

    assert session.asked == [f"get {SERVER}/apis/batch/v1/namespaces/demo/jobs/one"]


async def test_a_list_that_fails_is_a_reason_for_kopf_to_try_again() -> None:
    """Kopf repeats after errors of connections, and ends by any other."""
    shim, _ = handover(Session(), UnavailableError("busy"))

    with pytest.raises(aiohttp.ClientConnectionError, match="busy"):
        await shim.request(method="get", url=f"{SERVER}/api/v1/pods")


def test_one_namespace_has_paths_of_its_own() -> None:
    """An operator of one namespace lists and watches below it."""
    assert list(Served.of("https://host", (JOB,), "demo").kinds) == ["/apis/batch/v1/namespaces/demo/jobs"]
