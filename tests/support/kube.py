"""An asynchronous administrator's client for tests and benchmarks that do many things at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode

import aiohttp
from pydantic_core import from_json, to_json
from yarl import URL

from cluster.apiserver import ApiServer
from mlwright.adapters.kube.client import collection, item
from mlwright.plan.resources import BY_NAME, ResourceKind
from tests.support.apiserver import MERGE, Answer, Json

WATCH_SECONDS: Final = 600
BUSY: Final = 429
FAREWELL: Final = 0.5
"""Seconds that TLS needs to say goodbye on connections that were closed."""


class Event(NamedTuple):
    """What a watch told: ADDED, MODIFIED or DELETED, and the object."""

    type: str
    object: Json


class Kube:
    """Requests on connections that are kept; an asynchronous context manager."""

    def __init__(self, server: ApiServer) -> None:
        self._url = server.url
        pki = server.directory / "pki"
        self._tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await asyncio.sleep(FAREWELL)

    async def request(
        self, method: str, path: str, body: Json | None = None, *, content: str = "application/json", **query: str
    ) -> Answer:
        """Send one request; refusals are answers too."""
        data = None if body is None else to_json(body)
        headers = {"Content-Type": content, "Accept": "application/json"}
        async with self._session.request(method, self._url + path, data=data, headers=headers, params=query) as answer:
            return Answer(answer.status, from_json(await answer.read()))

    def open(self, target: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """GET a path with its query; the answer may go on for ever."""
        return self._session.get(URL(self._url + target, encoded=True), timeout=aiohttp.ClientTimeout(total=None))

    async def accepted(self, method: str, path: str, body: Json | None = None, **options: Any) -> Json:
        """Send one request that must succeed, and return the object."""
        answer = await self.request(method, path, body, **options)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body.get('message')}"
        return answer.body

    async def create(self, thing: Json, namespace: str) -> Json:
        """POST an object."""
        return await self.accepted("POST", collection(BY_NAME[thing["kind"]], namespace), thing)

    async def read(self, kind: ResourceKind, namespace: str, name: str) -> Json | None:
        """GET an object; None when it is not there."""
        answer = await self.request("GET", item(kind, namespace, name))
        return answer.body if answer.status == 200 else None

    async def list(self, kind: ResourceKind, namespace: str, **query: str) -> list[Json]:
        """GET all objects of a kind, each with its kind."""
        body = await self.accepted("GET", collection(kind, namespace), None, **query)
        return [{"apiVersion": kind.api_version, "kind": kind.name, **thing} for thing in body["items"]]

    async def merge(
        self, kind: ResourceKind, namespace: str, name: str, change: Json, *, subresource: str = ""
    ) -> Json:
        """PATCH an object with a merge patch."""
        return await self.accepted("PATCH", item(kind, namespace, name) + subresource, change, content=MERGE)

    async def delete(self, kind: ResourceKind, namespace: str, name: str) -> None:
        """DELETE an object, children in the background; one that is gone is fine."""
        answer = await self.request("DELETE", item(kind, namespace, name), {"propagationPolicy": "Background"})
        assert answer.status in {200, 202, 404}, answer.body

    async def changes(self, kind: ResourceKind, namespace: str = "", **query: str) -> AsyncIterator[Event | None]:
        """List a kind and watch it for ever; None marks the end of a list."""
        path = collection(kind, namespace)
        while True:
            listed = await self.request("GET", path, None, **query)
            if listed.status == BUSY:  # also for a moment after a definition was installed
                await asyncio.sleep(0.1)
                continue
            assert listed.status == 200, f"{path}: {listed.body.get('message')}"
            for thing in listed.body["items"]:
                yield Event("ADDED", {"apiVersion": kind.api_version, "kind": kind.name, **thing})
            yield None
            version = listed.body["metadata"]["resourceVersion"]
            while version:
                async for event in self._watch(path, query | {"resourceVersion": version}):
                    if event.type == "ERROR":
                        version = ""
                        break
                    version = event.object["metadata"]["resourceVersion"]
                    yield event

    async def _watch(self, path: str, query: dict[str, str]) -> AsyncIterator[Event]:
        options = query | {"watch": "1", "timeoutSeconds": str(WATCH_SECONDS)}
        try:
            async with self.open(f"{path}?{urlencode(options)}") as stream:
                rest = b""
                async for chunk in stream.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        told = from_json(line)
                        yield Event(told["type"], told["object"])
        except aiohttp.ClientError:
            return
