"""The shadow beside a variant that listens: what the copies say, and what is dropped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest

from mlwright.server.recording import Context
from mlwright.server.settings import Identity
from mlwright.server.shadow import Shadow
from mlwright.server.shadow_target import Target

IDENTITY = Identity(deployment="flights", model="flights", version="7", revision="a1b2c3d4")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
COLUMNS = {"distance": np.array([[1.5]])}
OUTPUTS = {"label": np.array([True]), "probabilities": np.array([[0.1, 0.9]])}
SAME = b'{"outputs":[{"name":"label","data":[true]},{"name":"probabilities","data":[0.1,0.9]}]}'
OTHER = SAME.replace(b"true", b"false")


class Variant:
    """A server that answers every request with the same bytes, and remembers what it was asked.

    Each connection is closed after so many answers: at once, or `late`, when the next request has come.
    """

    def __init__(self, answer: bytes, status: bytes = b"200 OK", *, answers: int = 1000, late: bool = False) -> None:
        self.reply = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(answer), answer)
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self._answers = answers
        self._late = late

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it closes."""
        self.connections += 1
        with suppress(asyncio.IncompleteReadError):
            for _ in range(self._answers):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                writer.write(self.reply)
            if self._late:
                await reader.readuntil(b"\r\n\r\n")
        writer.close()


@asynccontextmanager
async def running(shadow: Shadow, variant: Variant, spare: Callable[[], bool] = lambda: True) -> AsyncIterator[Target]:
    """The shadow at work beside a variant that listens."""
    server = await asyncio.start_server(variant.serve, "127.0.0.1", 0)
    target = Target("e5f6", server.sockets[0].getsockname(), share=1.0)
    shadow.aim(target)
    work = asyncio.create_task(shadow.run(spare))
    try:
        yield target
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        server.close()
        await asyncio.sleep(0.02)  # connections close on both sides


def a_shadow() -> Shadow:
    return Shadow(IDENTITY, 1.0, lambda: 0.5)


def counts(shadow: Shadow) -> dict[str, int]:
    """Counts by outcome."""
    lines = [line for line in shadow.lines() if not line.startswith("#")]
    return {line.split("_")[2]: int(line.split()[-1]) for line in lines}


async def settled(shadow: Shadow, copies: int) -> dict[str, int]:
    """The counts when so many copies have come to an end."""
    for _ in range(300):
        found = counts(shadow)
        if found["compared"] + found["failed"] + found["dropped"] >= copies:
            return found
        await asyncio.sleep(0.005)
    raise AssertionError(f"{counts(shadow)} after 1.5 seconds")


async def test_equal_answers_are_compared() -> None:
    """The other variant is asked the same rows, on few connections, and the trace goes on."""
    shadow, variant = a_shadow(), Variant(SAME)

    async with running(shadow, variant):
        for _ in range(10):
            shadow.offer(COLUMNS, OUTPUTS, Context(None, TRACE))
        found = await settled(shadow, 10)

    assert found == {"compared": 10, "disagreed": 0, "failed": 0, "dropped": 0}
    assert json.loads(variant.bodies[0])["inputs"][0]["data"] == [1.5]
    assert variant.heads[0].startswith(b"POST /v2/models/flights/infer HTTP/1.1\r\n")
    assert f"\r\ntraceparent: {TRACE}\r\n".encode() in variant.heads[0]
    assert variant.connections <= 4


async def test_other_answers_are_counted_as_such() -> None:
    """A disagreement is a comparison, too."""
    shadow = a_shadow()

    async with running(shadow, Variant(OTHER)):
        shadow.offer(COLUMNS, OUTPUTS, Context())
        found = await settled(shadow, 1)

    assert found == {"compared": 1, "disagreed": 1, "failed": 0, "dropped": 0}


@pytest.mark.parametrize("status, answer", [(b"503 Service Unavailable", b"{}"), (b"200 OK", b"{}"), (b"200 OK", b"")])
async def test_what_cannot_be_compared_has_failed(status: bytes, answer: bytes) -> None:
    """An error of the other variant says nothing about its answers."""
    shadow = a_shadow()

    async with running(shadow, Variant(answer, status)):
        shadow.offer(COLUMNS, OUTPUTS, Context())
        found = await settled(shadow, 1)

    assert found == {"compared": 0, "disagreed": 0, "failed": 1, "dropped": 0}


@pytest.mark.parametrize("late", [False, True], ids=["known before the next copy", "known by the next copy"])
async def test_a_connection_that_was_closed_meanwhile_is_no_failure(*, late: bool) -> None:
    """Servers close what idles; the same model would else be held to disagree with itself."""
    shadow, variant = a_shadow(), Variant(SAME, answers=1, late=late)

    async with running(shadow, variant):
        for copies in range(1, 7):
            shadow.offer(COLUMNS, OUTPUTS, Context())
            await settled(shadow, copies)

    assert counts(shadow) == {"compared": 6, "disagreed": 0, "failed": 0, "dropped": 0}


async def test_a_variant_that_closes_every_connection_has_failed() -> None:
    """A new connection on which nothing is answered is not tried again."""
    shadow, variant = a_shadow(), Variant(SAME, answers=0, late=True)

    async with running(shadow, variant):
        shadow.offer(COLUMNS, OUTPUTS, Context())
        found = await settled(shadow, 1)

    assert found == {"compared": 0, "disagreed": 0, "failed": 1, "dropped": 0}
    assert variant.connections == 1


async def test_an_answer_that_is_no_http_is_a_failure_and_the_next_copy_is_sent() -> None:
    """Whatever the other end says, copies go on."""
    shadow, variant = a_shadow(), Variant(SAME)
    right, variant.reply = variant.reply, b"nonsense\r\ncontent-length:0\r\n\r\n"

    async with running(shadow, variant):
        shadow.offer(COLUMNS, OUTPUTS, Context())
        await settled(shadow, 1)
        variant.reply = right
        shadow.offer(COLUMNS, OUTPUTS, Context())
        found = await settled(shadow, 2)

    assert found == {"compared": 1, "disagreed": 0, "failed": 1, "dropped": 0}


async def test_nobody_at_the_other_end_is_a_failure() -> None:
    """A variant that is gone costs no request."""
    shadow = a_shadow()

    async with running(shadow, Variant(SAME)) as target:
        shadow.aim(Target(target.revision, ("127.0.0.1", 1), share=1.0))
        shadow.offer(COLUMNS, OUTPUTS, Context())
        found = await settled(shadow, 1)

    assert found["failed"] == 1


async def test_a_trace_that_is_none_is_not_passed_on() -> None:
    """What a stranger wrote into the header ends here."""
    shadow, variant = a_shadow(), Variant(SAME)

    async with running(shadow, variant):
        shadow.offer(COLUMNS, OUTPUTS, Context(None, "00-abc\r\nx: y"))
        await settled(shadow, 1)

    assert b"traceparent" not in variant.heads[0]


async def test_under_load_copies_are_dropped_first() -> None:
    """What waits and what comes is dropped while there is no time to spare, and counted."""
    shadow, variant = a_shadow(), Variant(SAME)

    async with running(shadow, variant, spare=lambda: False):
        for _ in range(5):
            shadow.offer(COLUMNS, OUTPUTS, Context())
        await settled(shadow, 5)
        shadow.offer(COLUMNS, OUTPUTS, Context())
        found = counts(shadow)

    assert found == {"compared": 0, "disagreed": 0, "failed": 0, "dropped": 6}
    assert variant.bodies == []
