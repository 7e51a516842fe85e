"""Whatever bytes come on a connection, in whatever pieces: an answer, or an end, and nothing depends on the pieces."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.server.application import Application, Limits
from mlwright.server.connection import Connection
from mlwright.server.model import Model
from mlwright.server.wire import Dater
from tests.support.flights import request
from tests.unit.server.conftest import IDENTITY

BODY = json.dumps(request()).encode()
INFER = b"POST /v2/models/flights/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
WHOLE = (
    LIVE,
    LIVE.replace(b"GET", b"HEAD"),
    LIVE.replace(b"Host: x", b"Connection: close"),
    LIVE.replace(b"1.1", b"1.0"),
    LIVE.replace(b"live", b"%00%ff"),
    INFER,
    INFER.replace(b"flights", b"boats"),
    INFER.replace(b"Host: x", b"Expect: 100-continue"),
    INFER.replace(b"Host: x", b"Connection: Upgrade\r\nUpgrade: h2c"),
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + b"{" * 9000,
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}",
)
DISPUTED = (  # what two servers in a row could read differently
    INFER.replace(b"Host: x", b"Content-Length: 3"),
    INFER.replace(b"Host: x", b"Transfer-Encoding: chunked"),
    INFER.replace(b"Host: x", b"Transfer-Encoding: xchunked"),
    INFER.replace(b"Content-Length: ", b"Content-Length: +"),
    INFER.replace(b"Content-Length: ", b"Content-Length: -"),
    INFER.replace(b"Content-Length:", b"Content-Length :"),
    INFER.replace(b"Host: x", b"Host: x\r\n Content-Length: 3"),
    INFER.replace(b"\r\nHost", b"\nHost"),
    LIVE.replace(b"Host: x", b"Host: x\x00y"),
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    b'POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a="\n"\r\n{}\r\n0\r\n\r\n',
)


class Written(asyncio.Transport):
    """Keeps what is written, until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.content = b""
        self.late = b""  # written after the end
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        if self.closed:
            self.late += bytes(data)
        self.content += bytes(data)

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed

    def close(self) -> None:
        """Take no more."""
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        """Nothing comes by itself here."""

    resume_reading = pause_reading


def answered(model: Model, pieces: Sequence[bytes]) -> tuple[list[int], bool]:
    """The status of every answer to what comes in pieces, and whether the connection was closed.

    Whether somebody says that a body is welcome depends on whether it is there already, so that is left out.
    """

    async def talk() -> Written:
        with ThreadPoolExecutor(1) as workers:
            app = Application(IDENTITY, Limits(5.0, 4096), workers)
            app.model = model
            connection, transport = Connection(app, set(), Dater()), Written()
            connection.connection_made(transport)
            for piece in pieces:
                if not transport.closed:
                    connection.data_received(piece)
                    await asyncio.sleep(0)  # it answers when all that came is read
            connection.connection_lost(None)
            assert transport.late == b""
            assert (app.admission.under_way, app.admission.held_bytes) == (0, 0)
            return transport

    transport = asyncio.run(talk())
    return [*_statuses(transport.content)], transport.closed


def _statuses(content: bytes) -> Iterator[int]:
    return (int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", content) if status != b"100")


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The same bytes in pieces."""
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(ends)]


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A request with a few bytes changed, put in or left out."""
    data = bytearray(draw(st.sampled_from(WHOLE + DISPUTED)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, min(len(data), 200)))
        data[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return bytes(data)


@pytest.mark.timeout(30)
@given(st.lists(st.sampled_from(WHOLE), min_size=1, max_size=4), st.lists(st.integers(0, 40_000), max_size=12))
def test_answers_do_not_depend_on_how_requests_are_cut(model: Model, requests: list[bytes], places: list[int]) -> None:
    """A network may deliver any pieces; every request gets its answer all the same."""
    data = b"".join(requests)

    assert answered(model, cut(data, places)) == answered(model, [data])


@pytest.mark.timeout(30)
@given(st.lists(broken() | st.binary(max_size=60), min_size=1, max_size=3), st.lists(st.integers(0, 9_000), max_size=6))
def test_any_bytes_end_in_answers_or_in_an_end(model: Model, parts: list[bytes], places: list[int]) -> None:
    """Nothing that a stranger sends is an error of ours, keeps a place in the queue or holds memory."""
    statuses, _ = answered(model, cut(b"".join(parts), places))

    assert 500 not in statuses


@pytest.mark.parametrize("message", DISPUTED)
def test_a_message_that_can_be_read_in_two_ways_is_refused(model: Model, message: bytes) -> None:
    """Somebody in front of us could read it the other way, and let a hidden request pass."""
    statuses, closed = answered(model, [message + LIVE])

    assert (statuses, closed) == ([400], True)
