"""Where our lists end and kopf's watching begins.

kopf lists every kind before it watches it, at the start and whenever a watch has expired. Its events have no mark for
the end of a list, so an object that went meanwhile is never told, and every listed object would come as an event of its
own (at 5,000 runs: 20,000). So kopf's lists are answered here: our own list replaces the cache, deletions included, and
kopf is given an empty list at the resourceVersion of ours, from which it watches on without a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp

from mlwright.controller.echoes import Known, Stream
from mlwright.errors import ClusterError
from mlwright.plan.resources import ResourceKind
from mlwright.ports.access import Access

READ_BUFFER: Final = 2**21
"""Bytes; one event must fit, and objects are at most 1.5 MB."""

Relist = Callable[[ResourceKind], Awaitable[int]]
"""Replaces what is known of a kind by a list and returns the list's resourceVersion."""


class Handover:
    """The HTTP session that kopf gets: watches pass, lists of our kinds are answered from our own."""

    def __init__(
        self, session: aiohttp.ClientSession, kinds: Mapping[str, ResourceKind], relist: Relist, known: Known
    ) -> None:
        self._session = session
        self._known = known
        self._kinds = kinds
        """By the URL path of their collection."""
        self._relist = relist
        self.watched: set[str] = set()
        """Kinds whose watch the API server has answered."""
        self.changed = asyncio.Event()

    @property
    def headers(self) -> Any:  # a mutable mapping of aiohttp
        """Headers sent with every request; kopf adds its name."""
        return self._session.headers

    @property
    def closed(self) -> bool:
        """Whether the session is closed."""
        return self._session.closed

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def request(self, method: str, url: str, **options: Any) -> Any:  # an aiohttp response, or ours
        """Send a request as aiohttp's session does, unless it is the list of a kind that we list ourselves."""
        parts = urlsplit(url)
        kind = self._kinds.get(parts.path) if method.upper() == "GET" else None
        if kind is None:
            return await self._session.request(method=method, url=url, **options)
        if "watch" not in parse_qs(parts.query):
            return EmptyList(kind, await self._list(kind))
        response = await self._session.request(method=method, url=url, **options)
        if response.status != HTTPStatus.OK:
            return response
        self.watched.add(kind.name)
        self.changed.set()
        return Stream(response, self._known)

    async def _list(self, kind: ResourceKind) -> int:
        try:
            return await self._relist(kind)
        except ClusterError as error:  # in the words that kopf takes for a reason to try again
            raise aiohttp.ClientConnectionError(str(error)) from error


class EmptyList:
    """An answer to a list request: nothing that is not known already, as of a resourceVersion."""

    status = HTTPStatus.OK

    def __init__(self, kind: ResourceKind, resource_version: int) -> None:
        self._content = {
            "apiVersion": kind.api_version,
            "kind": f"{kind.name}List",
            "metadata": {"resourceVersion": str(resource_version)},
            "items": [],
        }

    async def __aenter__(self) -> Self:
        """Do nothing: there is no connection behind it."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""

    async def json(self) -> dict[str, Any]:
        """Return the list."""
        return self._content


def paths(server: str, kinds: Iterable[ResourceKind], namespace: str) -> dict[str, ResourceKind]:
    """Return the URL path of each kind's collection, as kopf asks for it."""
    base = urlsplit(server).path.rstrip("/")
    middle = f"/namespaces/{namespace}" if namespace else ""
    return {f"{base}{kind.root}{middle}/{kind.plural}": kind for kind in kinds}


def session(access: Access) -> aiohttp.ClientSession:
    """Return an HTTP session that proves who we are anew with every request, as tokens change."""

    async def authorize(
        request: aiohttp.ClientRequest, proceed: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
    ) -> aiohttp.ClientResponse:
        if authorization := await access.authorization():
            request.headers["Authorization"] = authorization
        return await proceed(request)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=access.tls or True),
        middlewares=(authorize,),
        proxy=access.proxy,
        read_bufsize=READ_BUFFER,
        trust_env=False,
    )
