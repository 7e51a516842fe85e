"""What the agent asks of the API server ends when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from mlwright.router.kube import Kube, Server
from tests.support.waiting import soon

EVENT = b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n'
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)


class Paper(asyncio.WriteTransport):
    """A way to an API server that takes whatever is sent."""

    closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take it."""

    def close(self) -> None:
        """Be closed."""
        self.closed = True

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return self.closed


class Fed(Kube):
    """A client whose answers a test feeds byte by byte, so that it knows in which turn of the loop they come."""

    def __init__(self) -> None:
        super().__init__(Server("server", 443, lambda: "", None))
        self.answer = asyncio.StreamReader()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(self.answer)
        return self.answer, asyncio.StreamWriter(Paper(), protocol, self.answer, loop)


async def follow(kube: Kube, heard: list[str]) -> None:
    """Take note of all changes, for ever."""
    async for kind, _ in kube.watch("/api/v1/services", "1"):
        heard.append(kind)


@pytest.mark.parametrize("turns", range(8))
async def test_a_watch_that_is_told_to_end_as_something_comes_ends(turns: int) -> None:
    """However many turns of the loop lie between the two: a router that leaves would never be gone otherwise."""
    kube, heard = Fed(), list[str]()
    watch = asyncio.create_task(follow(kube, heard))
    kube.answer.feed_data(HEAD + CHUNK)
    await soon(lambda: heard, "the first change")

    kube.answer.feed_data(CHUNK)
    for _ in range(turns):
        await asyncio.sleep(0)
    watch.cancel()
    await asyncio.wait([watch], timeout=1)
    ended = watch.done()
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)

    assert ended
