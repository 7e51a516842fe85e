"""Where our lists end and kopf's watching begins.

kopf lists every kind before it watches it, at the start and whenever a watch has expired. Its events have no mark for
the end of a list, so an object that went meanwhile is never told, and every listed object would come as an event of its
own (at 5,000 runs: 20,000). So kopf's lists are answered here: our own list replaces the cache, deletions included, and
kopf is given an empty list at the resourceVersion of ours, from which it watches on without a gap. What kopf asks about
the kinds that there are is answered here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp

from mlwright.controller.discovery import documents
from mlwright.controller.echoes import Known, Stream
from mlwright.errors import ClusterError
from mlwright.plan.resources import Body, ResourceKind
from mlwright.ports.access import Access

READ_BUFFER: Final = 2**21
"""Bytes; one event must fit, and objects are at most 1.5 MB."""

Relist = Callable[[ResourceKind], Awaitable[int]]
"""Replaces what is known of a kind by a list and returns the list's resourceVersion."""


class Handover:
    """The HTTP session that kopf gets: watches pass, everything else is answered from what we know."""

    def __init__(self, session: aiohttp.ClientSession, served: Served, relist: Relist, known: Known) -> None:
        self._session = session
        self._served = served
        self._known = known
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
        """Answer a request, or send it as aiohttp's session does if it is a watch or unknown to us."""
        parts = urlsplit(url)
        kind = self._served.kinds.get(parts.path)
        if kind is not None and "watch" in parse_qs(parts.query):
            return await self._watch(kind, method=method, url=url, **options)
        if kind is not None:
            return Ready(await self._list(kind))
        if parts.path in self._served.documents:
            return Ready(self._served.documents[parts.path])
        return await self._session.request(method=method, url=url, **options)

    async def _watch(self, kind: ResourceKind, **request: Any) -> Any:
        response = await self._session.request(**request)
        if response.status == HTTPStatus.UNAUTHORIZED:
            # kopf would take our login for used up and end; a token that is renewed is asked for with the next request
            response.close()
            raise aiohttp.ClientConnectionError(f"the watch of {kind.name} is refused: {response.reason}")
        if response.status != HTTPStatus.OK:
            return response
        self.watched.add(kind.name)
        self.changed.set()
        return Stream(response, kind, self._known)

    async def _list(self, kind: ResourceKind) -> Body:
        try:
            version = await self._relist(kind)
        except ClusterError as error:  # in the words that kopf takes for a reason to try again
            raise aiohttp.ClientConnectionError(str(error)) from error
        return {
            "apiVersion": kind.api_version,
            "kind": f"{kind.name}List",
            "metadata": {"resourceVersion": str(version)},
            "items": [],
        }


class Ready:
    """An answer for which nobody needed to be asked."""

    status = HTTPStatus.OK

    def __init__(self, content: Body) -> None:
        self._content = content

    async def __aenter__(self) -> Self:
        """Do nothing: there is no connection behind it."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""

    async def json(self) -> Body:
        """Return the content."""
        return self._content


@dataclass(frozen=True, slots=True)
class Served:
    """What kopf may ask for, by URL path."""

    kinds: Mapping[str, ResourceKind]
    """Collections."""
    documents: Mapping[str, Body]
    """What there is."""

    @classmethod
    def of(cls, server: str, kinds: Iterable[ResourceKind], namespace: str) -> Self:
        """Return what is served at an address, in one namespace or in all."""
        wanted, base = tuple(kinds), urlsplit(server).path.rstrip("/")
        middle = f"/namespaces/{namespace}" if namespace else ""
        return cls(
            {f"{base}{kind.root}{middle}/{kind.plural}": kind for kind in wanted},
            {f"{base}{path}": document for path, document in documents(wanted).items()},
        )


def session(access: Access, limit: int = 0) -> aiohttp.ClientSession:
    """Return an HTTP session that proves who we are anew with every request, as tokens change.

    Args:
        access: where the API server is, and who we are.
        limit: connections at the same time; 0 for as many as are asked for.
    """

    async def authorize(
        request: aiohttp.ClientRequest, proceed: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
    ) -> aiohttp.ClientResponse:
        if authorization := await access.authorization():
            request.headers["Authorization"] = authorization
        return await proceed(request)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, ssl=access.tls or True),
        middlewares=(authorize,),
        proxy=access.proxy,
        read_bufsize=READ_BUFFER,
        trust_env=False,
    )
