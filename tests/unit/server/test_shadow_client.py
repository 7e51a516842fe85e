"""The client for copies: whatever the other end sends is an answer or a failed copy."""

from __future__ import annotations

import asyncio

import pytest

from mlwright.server.fellowship import Fellowship
from mlwright.server.shadow_client import CopyError, ShadowConnection


class Sent:
    """Takes what is written."""

    def write(self, _data: bytes) -> None:
        """Take it."""

    async def drain(self) -> None:
        """It is taken at once."""

    def get_extra_info(self, _name: str) -> None:
        """Not encrypted."""

    def close(self) -> None:
        """The end."""


ANSWERS = {
    "nothing": b"",
    "no status": b"HTTP/1.1\r\ncontent-length:0\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 fine\r\ncontent-length: 0\r\n\r\n",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    "less than announced": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
    "a head without an end": b"x" * 100_000,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_what_is_no_answer_is_a_failed_copy(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else would end the copies of all requests for good."""

    async def opened(*_where: object, **_how: object) -> tuple[asyncio.StreamReader, Sent]:
        reader = asyncio.StreamReader()
        reader.feed_data(answer)
        reader.feed_eof()
        return reader, Sent()

    monkeypatch.setattr(asyncio, "open_connection", opened)
    connection = ShadowConnection(("flights-e5f6", 8080), Fellowship())

    with pytest.raises(CopyError):
        await connection.post("/v2/models/flights/infer", b"{}", {}, 1.0)
