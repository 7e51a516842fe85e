"""The socket on which requests wait that have no pod: HAProxy sends one of each variant here, the others wait there.

It is the signal that a model sleeps and is asked for. When a pod is ready, the held request is let go by closing it
without an answer: HAProxy then sends it again, to the pod. One whose body HAProxy cannot send again is passed on here,
and so are all while there may be a worker of HAProxy from before a reload: it is told of no pods any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mlwright.router.servers import Address

REPLAYED: Final = 12_000
"""Bytes of a body that HAProxy surely has still in its buffer of 16 KiB."""
HEAD: Final = 65_536
HELD_SECONDS: Final = 60.0

_SENTENCE: Final = b'{"error":"no pod became ready in time; send it again later"}'
_LATE: Final = b"\r\n".join(
    [
        b"HTTP/1.1 503 Service Unavailable",
        b"Content-Type: application/json",
        b"Retry-After: 5",
        b"Connection: close",
        b"Content-Length: %d" % len(_SENTENCE),
        b"",
        _SENTENCE,
    ]
)

logger = logging.getLogger("mlwright.router")

Ready = Callable[[str], Coroutine[Any, Any, Address]]
"""Waits until a backend has a pod, asking for one where the model sleeps; returns its address."""


class Hold:
    """Holds requests until there is a pod for them."""

    def __init__(self, ready: Ready, stale: Callable[[], bool], held_seconds: float = HELD_SECONDS) -> None:
        self._ready = ready
        self._stale = stale
        self._held = held_seconds
        self.waiting: dict[str, int] = {}
        """Held requests by backend: one each at most, HAProxy keeps the others."""

    async def listen(self, socket: Path) -> asyncio.Server:
        """Listen; the socket of an agent that was killed is replaced."""
        return await asyncio.start_unix_server(self._serve, socket, limit=HEAD)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._hold(reader, writer)
        finally:
            writer.close()

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        small, backend = _is_small(head), _header(head, b"x-mlwright-backend").decode()
        body = await reader.readexactly(_length(head)) if small else b""
        self.waiting[backend] = self.waiting.get(backend, 0) + 1
        try:
            async with asyncio.timeout(self._held):
                address = await _unless_gone(self._ready(backend), reader.read(1) if small else None)
        except TimeoutError:
            writer.write(_LATE)
            await writer.drain()
            return
        finally:
            self.waiting[backend] -= 1
        if address is not None and (not small or self._stale()):
            await _pass_on(head, body, reader, writer, address)


async def _unless_gone(ready: Coroutine[Any, Any, Address], end: Coroutine[Any, Any, bytes] | None) -> Address | None:
    """Wait for a pod, but no longer than HAProxy waits for us; None when it went, because its client did.

    Of a request whose body is not read yet its end cannot be seen: that one waits its time out.
    """
    found = asyncio.ensure_future(ready)
    gone = [asyncio.ensure_future(end)] if end is not None else []
    try:
        await asyncio.wait([found, *gone], return_when=asyncio.FIRST_COMPLETED)
        return found.result() if found.done() else None
    finally:
        for task in (found, *gone):
            task.cancel()
        await asyncio.gather(found, *gone, return_exceptions=True)


def _length(head: bytes) -> int:
    return int(_header(head, b"content-length") or b"0")


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


def _is_small(head: bytes) -> bool:
    """Tell whether HAProxy can send the request again: it is in its buffer as a whole."""
    chunked = _header(head, b"transfer-encoding")
    return not chunked and len(head) + _length(head) <= REPLAYED


async def _pass_on(
    head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address
) -> None:
    """Send the request to a pod, with what has come of its body and the rest, and its answer back; the pod closes."""
    first, _, rest = head.partition(b"\r\n")
    kept = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    back, there = await asyncio.open_connection(address.ip, address.port)
    try:
        there.write(b"\r\n".join([first, b"connection: close", *kept]) + body)
        upwards = asyncio.ensure_future(_copy(reader, there))
        await _copy(back, writer)
        upwards.cancel()
    finally:
        there.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
