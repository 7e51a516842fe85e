"""The socket on which the agent tells what HAProxy counted; HAProxy stands before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlwright.router.haproxy import HaproxyError


@dataclass(frozen=True, slots=True)
class Told:
    """What is told at a path."""

    type: str
    """Its media type."""
    read: Callable[[], Awaitable[str]]


async def listen(socket: Path, pages: Mapping[str, Told]) -> asyncio.Server:
    """Answer every request on a socket by its path; HAProxy lets no other path through than those of the pages."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, HaproxyError):
            head = await reader.readuntil(b"\r\n\r\n")
            page = pages[head.split(b" ", 2)[1].partition(b"?")[0].decode()]
            body = (await page.read()).encode()
            kind = b"Content-Type: %s\r\nConnection: close" % page.type.encode()
            writer.write(b"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(body), body))
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(serve, socket)
