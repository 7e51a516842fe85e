"""The little that the agent asks of the API server: lists, watches and patches, over HTTP/1.1 with httptools."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httptools

Body = dict[str, Any]
"""JSON of a Kubernetes object."""

MERGE: Final = "application/merge-patch+json"
STEPS: Final = "application/json-patch+json"
PATIENCE: Final = 10.0
"""Seconds for an answer, and for the first byte of a watch."""
WATCH_SECONDS: Final = 240
"""A watch is ended by the API server and begun again that often."""
GONE: Final = 410
UNMET: Final = 422
"""Status of a patch that found something else than it was to find, or would leave an object that breaks a rule."""
_SILENCE: Final = WATCH_SECONDS + 30.0


class KubeError(Exception):
    """The API server is away or refused; the sentence says what was asked."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Server:
    """Where the API server is and who asks; the token is read again for each request, because it is renewed."""

    host: str
    port: int
    token: Callable[[], str]
    tls: ssl.SSLContext | None


def in_cluster(environ: Mapping[str, str], folder: Path) -> Server:
    """Return the API server of the pod's own cluster.

    Args:
        environ: of the pod.
        folder: where the service account is mounted.
    """
    tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    host, port = environ["KUBERNETES_SERVICE_HOST"], int(environ.get("KUBERNETES_SERVICE_PORT", "443"))
    return Server(host, port, lambda: (folder / "token").read_text().strip(), tls)


@dataclass(slots=True)
class _Answer:
    """Takes in an answer as it comes; the callbacks are httptools' names."""

    status: int = 0
    complete: bool = False
    chunks: list[bytes] = field(default_factory=list)
    parser: Any = None

    def on_body(self, body: bytes) -> None:
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        self.complete = True

    def taken(self) -> bytes:
        """Return what came of the body since this was asked last."""
        found = b"".join(self.chunks)
        self.chunks.clear()
        return found


class Kube:
    """Asks the API server. Every request has a connection of its own: there are few."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def list(self, path: str, **query: str) -> Body:
        """Return a list of objects.

        Raises:
            KubeError: it could not be had.
        """
        return await self._once("GET", _with(path, query))

    async def get(self, path: str) -> Body:
        """Return one object.

        Raises:
            KubeError: it could not be had.
        """
        return await self._once("GET", path)

    async def merge(self, path: str, patch: Body) -> Body:
        """Change parts of an object.

        Raises:
            KubeError: it was not changed.
        """
        return await self._once("PATCH", path, patch)

    async def steps(self, path: str, *steps: Body) -> Body:
        """Change an object by steps (RFC 6902), all of them or none.

        Raises:
            KubeError: it was not changed; status 422 where a step of type `test` found something else,
                or what comes out breaks a rule.
        """
        return await self._once("PATCH", path, steps, STEPS)

    async def watch(self, path: str, version: str, **query: str) -> AsyncIterator[tuple[str, Body]]:
        """Yield the changes since a version as type and object, until the API server ends it.

        Raises:
            KubeError: it broke, or (status 410) the version is too old and a list is needed.
        """
        options = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS), **query}
        line = b""
        async with self._exchange("GET", _with(path, options), None) as (reader, answer):
            _check(answer, path, b"")
            while not answer.complete:
                *lines, line = (line + answer.taken()).split(b"\n")
                for found in filter(None, lines):
                    yield _event(json.loads(found))
                await _more(reader, answer, _SILENCE)
        for found in filter(None, (line + answer.taken()).split(b"\n")):
            yield _event(json.loads(found))

    async def _once(
        self, method: str, path: str, body: Body | tuple[Body, ...] | None = None, kind: str = MERGE
    ) -> Body:
        async with self._exchange(method, path, body, kind) as (reader, answer):
            while not answer.complete:
                await _more(reader, answer, PATIENCE)
        content = answer.taken()
        _check(answer, path, content)
        found: Body = json.loads(content)
        return found

    @asynccontextmanager
    async def _exchange(
        self, method: str, path: str, body: Body | tuple[Body, ...] | None, kind: str = MERGE
    ) -> AsyncIterator[tuple[asyncio.StreamReader, _Answer]]:
        """Send a request and wait for the head of its answer."""
        answer = _Answer()
        answer.parser = httptools.HttpResponseParser(answer)
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await self._connect()
        except (OSError, TimeoutError) as error:
            raise KubeError(f"the API server cannot be reached: {error}") from error
        try:
            writer.write(self._request(method, path, body, kind))
            await writer.drain()
            while not answer.status:
                await _more(reader, answer, PATIENCE)
            yield reader, answer
        except (OSError, TimeoutError, httptools.HttpParserError) as error:
            raise KubeError(f"{method} {path} broke off: {error!r}") from error
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._server.host, self._server.port, ssl=self._server.tls)

    def _request(self, method: str, path: str, body: Body | tuple[Body, ...] | None, kind: str) -> bytes:
        content = json.dumps(body).encode() if body is not None else b""
        told = f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n" if content else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._server.host}\r\nAuthorization: Bearer {self._server.token()}\r\n"
            f"Accept: application/json\r\nUser-Agent: mlwright-router\r\nConnection: close\r\n{told}\r\n"
        )
        return head.encode() + content


async def _more(reader: asyncio.StreamReader, answer: _Answer, seconds: float) -> None:
    async with asyncio.timeout(seconds):  # wait_for of Python 3.11 loses a cancellation that comes with the bytes
        received = await reader.read(65536)
    if not received:
        raise ConnectionResetError("the connection was closed before the answer was complete")
    answer.parser.feed_data(received)
    answer.status = answer.parser.get_status_code()


def _check(answer: _Answer, path: str, content: bytes) -> None:
    if answer.status >= 300:  # noqa: PLR2004  # what is no success
        raise KubeError(f"{path} was answered with {answer.status}: {content[:300]!r}", answer.status)


def _event(found: Body) -> tuple[str, Body]:
    kind, body = str(found["type"]), found["object"]
    if kind == "ERROR":
        raise KubeError(f"the watch ended: {body.get('message', '')}", int(body.get("code", 0)))
    return kind, body


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
