"""Connections that misbehave, over socket pairs: no network is needed for that."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from uvicorn.server import ServerState

from mlwright.server import listener

Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def answer_nothing(_scope: Any, _receive: Any, send: Any) -> None:
    """The smallest application."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def open_connection(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Open a connection to the protocol, whose patience is 50 ms."""
    monkeypatch.setattr(listener, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(listener, "KEEP_ALIVE_SECONDS", 0.05)
    config = listener.build(answer_nothing, 1.0).config
    config.load()
    loop = asyncio.get_running_loop()
    opened: list[tuple[asyncio.BaseTransport, asyncio.StreamWriter]] = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        transport, _ = await loop.connect_accepted_socket(
            lambda: listener.BoundedProtocol(config, ServerState(), {}, loop), theirs
        )
        reader, writer = await asyncio.open_connection(sock=ours)
        opened.append((transport, writer))
        return reader, writer

    yield connect
    for transport, writer in opened:
        transport.close()
        writer.close()
    await asyncio.sleep(0)


async def test_a_complete_request_is_answered(open_connection: Open) -> None:
    """Patience is not needed for what arrives at once."""
    reader, writer = await open_connection()
    writer.write(REQUEST)

    assert (await reader.readline()).startswith(b"HTTP/1.1 204 ")


async def test_a_request_may_arrive_in_pieces(open_connection: Open) -> None:
    """A head that is split but comes in time is answered."""
    reader, writer = await open_connection()
    for byte in range(0, len(REQUEST), 9):
        writer.write(REQUEST[byte : byte + 9])
        await asyncio.sleep(0.001)

    assert (await reader.readline()).startswith(b"HTTP/1.1 204 ")


async def test_headers_that_come_too_slowly_are_cut_off(open_connection: Open) -> None:
    """A client that begins a request and does not end its headers does not hold its connection for ever."""
    reader, writer = await open_connection()
    writer.write(b"GET / HTTP/1.1\r\n")
    await asyncio.sleep(0.02)
    writer.write(b"X-More: 1\r\n")

    assert await reader.read() == b""


async def test_a_silent_connection_is_closed(open_connection: Open) -> None:
    """A client that never asks does not hold its connection for ever, either."""
    reader, _ = await open_connection()

    assert await reader.read() == b""


async def test_headers_that_are_too_large_are_cut_off(open_connection: Open) -> None:
    """Headers have a size, however many packets they come in."""
    reader, writer = await open_connection()
    writer.write(b"GET / HTTP/1.1\r\n" + b"X-More: 1\r\n" * (listener.MAX_HEAD_BYTES // 11 + 1))

    assert await reader.read() == b""


async def test_what_is_not_http_is_refused(open_connection: Open) -> None:
    """Noise is answered with 400 and an end."""
    reader, writer = await open_connection()
    writer.write(b"\x16\x03\x01 hello\r\n\r\n")

    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
