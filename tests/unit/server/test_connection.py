"""Connections and the ways in which they misbehave, over socket pairs: no network is needed for that."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from mlwright.server import connection
from mlwright.server.application import Application, Limits
from mlwright.server.connection import Connection
from mlwright.server.exchange import Exchange
from mlwright.server.wire import Dater, Reply
from tests.support.flights import request

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Open = Callable[[], Awaitable[Streams]]
LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = json.dumps(request()).encode()
HEAD = b"POST /v2/models/flights/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(BODY)
INFER = HEAD + b"\r\n" + BODY


@pytest.fixture
def impatient(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing longer than 50 ms."""
    for patience in ("HEAD_SECONDS", "KEEP_ALIVE_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(connection, patience, 0.05)
    app.limits = Limits(timeout_seconds=0.05, max_body_bytes=4096)


@pytest.fixture
async def open_connection(app: Application) -> AsyncIterator[Open]:
    """Open a connection to the application."""
    opened: list[tuple[asyncio.BaseTransport, asyncio.StreamWriter]] = []

    async def connect() -> Streams:
        ours, theirs = socket.socketpair()
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Connection(app, set(), Dater()), theirs
        )
        reader, writer = await asyncio.open_connection(sock=ours)
        opened.append((transport, writer))
        return reader, writer

    yield connect
    for transport, writer in opened:
        transport.abort()  # type: ignore[attr-defined] # every transport of a socket has it
        writer.close()
    await asyncio.sleep(0)


async def answered(reader: asyncio.StreamReader) -> tuple[int, str, bytes]:
    """Status, headers in small letters and body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    return int(head.split()[1]), head, await reader.readexactly(length)


async def test_a_complete_request_is_answered(open_connection: Open) -> None:
    """Patience is not needed for what arrives at once."""
    reader, writer = await open_connection()
    writer.write(LIVE)

    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_an_answer_says_when_and_how_long_it_is(open_connection: Open) -> None:
    """What every answer of HTTP carries is there."""
    reader, writer = await open_connection()
    writer.write(LIVE)

    _, head, body = await answered(reader)

    assert "\r\ndate: " in head
    assert "\r\ncontent-type: application/json\r\n" in head
    assert body == b'{"live":true}'


async def test_a_connection_is_kept(open_connection: Open) -> None:
    """Several requests, one after the other, are answered on one connection."""
    reader, writer = await open_connection()
    for message in (LIVE, INFER, LIVE):
        writer.write(message)

        assert (await answered(reader))[0] == 200


async def test_a_request_may_arrive_in_pieces(open_connection: Open) -> None:
    """A request that is split anywhere but comes in time is answered."""
    reader, writer = await open_connection()
    for place in range(0, len(INFER), 60):
        writer.write(INFER[place : place + 60])
        await asyncio.sleep(0)

    assert (await answered(reader))[0] == 200


async def test_requests_that_do_not_wait_are_answered_in_their_order(app: Application, open_connection: Open) -> None:
    """Whatever is quick, what was asked first is answered first."""
    assert app.model is not None
    reader, writer = await open_connection()
    cheap, app.model.cheap_bytes = app.model.cheap_bytes, 0  # predictions are answered on a thread
    writer.write(INFER + LIVE + INFER)

    bodies = [(await answered(reader))[2] for _ in range(3)]
    app.model.cheap_bytes = cheap

    assert ["outputs" in body.decode() for body in bodies] == [True, False, True]


async def test_an_answer_to_head_has_no_body(open_connection: Open) -> None:
    """HEAD asks how an answer would be: the next answer must not be taken for its body."""
    reader, writer = await open_connection()
    writer.write(LIVE.replace(b"GET", b"HEAD") + LIVE)

    head = await reader.readuntil(b"\r\n\r\n")

    assert b"content-length: 13\r\n" in head
    assert (await answered(reader))[0] == 200


async def test_a_client_that_asks_first_may_send_its_body(open_connection: Open) -> None:
    """Curl asks whether a large body is welcome, and waits a second when nobody answers."""
    reader, writer = await open_connection()
    writer.write(HEAD + b"Expect: 100-continue\r\n\r\n")

    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(BODY)
    assert (await answered(reader))[0] == 200


async def test_a_client_that_asks_first_is_spared_a_body_that_is_too_large(open_connection: Open) -> None:
    """What would be refused is refused before it is sent."""
    reader, writer = await open_connection()
    writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n")

    assert (await answered(reader))[0] == 413


async def test_a_refused_body_is_read_to_its_end(open_connection: Open) -> None:
    """A client sees why its body is refused, not a broken connection; a small one does not even cost it that."""
    reader, writer = await open_connection()
    writer.write(b"POST /v2/models/boats/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
    status, head, _ = await answered(reader)
    writer.write(b"67890" + LIVE)

    assert (status, "connection: close" in head) == (404, False)
    assert (await answered(reader))[0] == 200


@pytest.mark.usefixtures("impatient")
async def test_a_large_refused_body_ends_the_connection(open_connection: Open) -> None:
    """Nobody reads a hundred megabytes to keep a connection."""
    reader, writer = await open_connection()
    writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 10_000)

    status, head, _ = await answered(reader)

    assert (status, "connection: close" in head) == (413, True)
    assert await reader.read() == b""


async def test_a_body_in_chunks_is_read(open_connection: Open) -> None:
    """A client that does not know the length of its body beforehand is answered as well."""
    reader, writer = await open_connection()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:100], BODY[100:]))
    writer.write(HEAD.partition(b"Content")[0] + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")

    assert (await answered(reader))[0] == 200


async def test_a_body_in_chunks_has_a_limit(open_connection: Open) -> None:
    """A length that is not announced is counted."""
    reader, writer = await open_connection()
    writer.write(HEAD.partition(b"Content")[0] + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(3):
        writer.write(b"800\r\n" + b" " * 0x800 + b"\r\n")

    assert (await answered(reader))[0] == 413


async def test_what_is_only_announced_takes_no_place(app: Application, open_connection: Open) -> None:
    """Clients that say how much they will send, and do not, keep no other from being answered."""
    app.admission.max_under_way, app.admission.max_held_bytes = 2, 4096
    for _ in range(3):
        _, announcing = await open_connection()
        announcing.write(HEAD.partition(b"Content")[0] + b"Content-Length: 4000\r\n\r\n")
    reader, writer = await open_connection()
    writer.write(INFER)

    assert (await answered(reader))[0] == 200


@pytest.mark.usefixtures("impatient")
async def test_a_body_that_comes_too_slowly_is_given_up(open_connection: Open) -> None:
    """A client that does not finish its request is told so and loses its connection."""
    reader, writer = await open_connection()
    writer.write(HEAD + b"\r\n{")

    status, head, body = await answered(reader)

    assert (status, "connection: close" in head) == (408, True)
    assert json.loads(body) == {"error": "the body did not arrive in time"}
    assert await reader.read() == b""


async def test_a_client_that_closes_after_its_request_is_answered(open_connection: Open) -> None:
    """`Connection: close` of a client is an answer and an end."""
    reader, writer = await open_connection()
    writer.write(LIVE.replace(b"Host: x", b"Connection: close"))

    assert "connection: close" in (await answered(reader))[1]
    assert await reader.read() == b""


async def test_a_draining_server_answers_and_asks_its_clients_to_leave(app: Application, open_connection: Open) -> None:
    """A client that keeps its connection would never notice that the server is about to go."""
    reader, writer = await open_connection()
    app.draining = True
    writer.write(INFER)

    status, head, _ = await answered(reader)

    assert (status, "connection: close" in head) == (200, True)
    assert await reader.read() == b""


async def test_an_old_client_is_answered(open_connection: Open) -> None:
    """HTTP/1.0 keeps no connection."""
    reader, writer = await open_connection()
    writer.write(b"GET /v2/health/live HTTP/1.0\r\n\r\n")

    assert (await answered(reader))[0] == 200
    assert await reader.read() == b""


async def test_an_offer_of_another_protocol_is_not_taken(open_connection: Open) -> None:
    """Clients that could speak HTTP/2 ask for it in their first request, and must be answered in this one."""
    reader, writer = await open_connection()
    writer.write(
        HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n" + BODY + LIVE
    )

    assert "outputs" in (await answered(reader))[2].decode()
    assert (await answered(reader))[0] == 200


async def test_a_path_that_holds_an_address_is_no_absolute_form(open_connection: Open) -> None:
    """Who stands before the server and lets some paths through must read the same path as it does."""
    reader, writer = await open_connection()
    for target in (b"/://v2/health/live", b"/x://flights/v2/health/live"):
        writer.write(LIVE.replace(b"/v2/health/live", target))

        assert (await answered(reader))[0] == 404


async def test_the_path_may_be_written_in_other_ways(open_connection: Open) -> None:
    """A query, percent signs and the absolute form of proxies name the same path."""
    reader, writer = await open_connection()
    for target in (b"/v2/health/live?a=b", b"/v2/%68ealth/live", b"http://flights/v2/health/live"):
        writer.write(LIVE.replace(b"/v2/health/live", target))

        assert (await answered(reader))[0] == 200


async def test_metrics_are_told_where_no_gateway_was_deceived(open_connection: Open) -> None:
    """A Gateway keeps clients off /metrics by comparing paths as they are written: in percent signs there is none."""
    reader, writer = await open_connection()
    found = {}
    for target in (b"/metrics", b"/metrics?a=%62", b"/%6detrics", b"/metric%73", b"http://flights/%6Detrics"):
        writer.write(LIVE.replace(b"/v2/health/live", target))
        found[target] = (await answered(reader))[0]

    assert [*found.values()] == [200, 200, 404, 404, 404]


@pytest.mark.usefixtures("impatient")
async def test_headers_that_come_too_slowly_are_cut_off(open_connection: Open) -> None:
    """A client that begins a request and does not end its headers does not hold its connection for ever."""
    reader, writer = await open_connection()
    writer.write(b"GET / HTTP/1.1\r\n")
    await asyncio.sleep(0.02)
    writer.write(b"X-More: 1\r\n")

    with suppress(ConnectionResetError):  # where the second piece comes after the end
        assert await reader.read() == b""


@pytest.mark.usefixtures("impatient")
async def test_a_silent_connection_is_closed(open_connection: Open) -> None:
    """A client that never asks does not hold its connection for ever, either."""
    reader, _ = await open_connection()

    assert await reader.read() == b""


async def test_headers_that_are_too_large_are_cut_off(open_connection: Open) -> None:
    """Headers have a size, however many packets they come in."""
    reader, writer = await open_connection()
    writer.write(b"GET / HTTP/1.1\r\n" + b"X-More: 1\r\n" * (connection.MAX_HEAD_BYTES // 11 + 1))

    assert await reader.read() == b""


async def test_many_requests_at_once_are_no_large_head(open_connection: Open) -> None:
    """Only what belongs to the head that is not complete yet counts as its size."""
    reader, writer = await open_connection()
    number = 4 * connection.MAX_HEAD_BYTES // len(LIVE)
    writer.write(LIVE * number + LIVE[:-3])
    for _ in range(number):
        assert (await answered(reader))[0] == 200
    writer.write(LIVE[-3:])

    assert (await answered(reader))[0] == 200


async def test_a_large_body_is_no_part_of_the_head_behind_it(app: Application, open_connection: Open) -> None:
    """It may come together with the first bytes of the next request."""
    app.limits = Limits(timeout_seconds=1.0, max_body_bytes=1 << 20)
    reader, writer = await open_connection()
    body = BODY + b" " * 3 * connection.MAX_HEAD_BYTES
    writer.write(HEAD.replace(b"%d" % len(BODY), b"%d" % len(body)) + b"\r\n" + body + LIVE[:-3])

    assert (await answered(reader))[0] == 200
    writer.write(LIVE[-3:])
    assert (await answered(reader))[0] == 200


@pytest.mark.parametrize("pieces", [1, 3])
async def test_what_came_before_a_head_that_is_too_large_is_answered(
    app: Application, open_connection: Open, pieces: int
) -> None:
    """What is wrong with a request is no fault of those before it, not even of one that takes its time."""
    assert app.model is not None
    reader, writer = await open_connection()
    cheap, app.model.cheap_bytes = app.model.cheap_bytes, 0  # predictions are answered on a thread
    writer.write(LIVE + INFER + b"GET / HTTP/1.1\r\n")
    for _ in range(pieces):
        writer.write(b"X-More: 1\r\n" * (connection.MAX_HEAD_BYTES // 11 // pieces + 1))
        await asyncio.sleep(0)

    statuses = [(await answered(reader))[0] for _ in range(2)]
    app.model.cheap_bytes = cheap

    assert statuses == [200, 200]
    with suppress(ConnectionResetError):  # where the rest of the head comes after the end
        assert await reader.read() == b""


class Mistaken(Application):
    """Fails where it must not, at once or later."""

    when = "at once"

    def answer(self, exchange: Exchange) -> Reply | asyncio.Task[Reply]:
        """Fail."""
        del exchange

        async def fail() -> Reply:
            raise RuntimeError("a mistake")

        if self.when == "later":
            return asyncio.get_running_loop().create_task(fail())
        raise RuntimeError("a mistake")


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_a_mistake_of_ours_ends_the_connection(
    app: Application, open_connection: Open, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    """A client that nobody will answer must not wait; the log tells why."""
    app.__class__, app.when = Mistaken, when  # type: ignore[attr-defined] # only its answers change
    reader, writer = await open_connection()
    writer.write(LIVE)

    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""

    assert [record.message for record in caplog.records] == ["a request could not be answered"]
    assert "RuntimeError: a mistake" in caplog.text


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_does_not_take_its_answers_is_cut_off(
    open_connection: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that nobody reads do not pile up in memory for ever."""
    lost, gone = Connection.connection_lost, asyncio.Event()

    def tell(ours: Connection, problem: Exception | None) -> None:
        lost(ours, problem)
        gone.set()

    monkeypatch.setattr(Connection, "connection_lost", tell)
    reader, writer = await open_connection()
    writer.transport.pause_reading()  # type: ignore[attr-defined] # it reads as well
    writer.write(LIVE.replace(b"live", b"live?") * 20_000)
    async with asyncio.timeout(30):
        await gone.wait()
    writer.transport.resume_reading()  # type: ignore[attr-defined] # as above

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(20_000 * 100)


@pytest.mark.parametrize(
    "noise",
    [b"\x16\x03\x01 hello\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n"],
    ids=["TLS", "2", "half"],
)
async def test_what_is_not_http_is_refused(open_connection: Open, noise: bytes) -> None:
    """Noise is answered with 400 and an end."""
    reader, writer = await open_connection()
    writer.write(noise)

    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_noise_behind_a_request_does_not_cost_its_answer(app: Application, open_connection: Open) -> None:
    """Also where that comes from a thread: first the answer, then the refusal, then the end."""
    assert app.model is not None
    reader, writer = await open_connection()
    cheap, app.model.cheap_bytes = app.model.cheap_bytes, 0  # predictions are answered on a thread
    writer.write(INFER + LIVE + b"\x16\x03\x01 hello\r\n\r\n")

    statuses = [(await answered(reader))[0] for _ in range(3)]
    rest = await reader.read()
    app.model.cheap_bytes = cheap

    assert (statuses, rest) == ([200, 200, 400], b"")


async def test_noise_inside_of_a_body_is_refused(open_connection: Open) -> None:
    """The request whose body it is never comes to its end, so it is not waited for."""
    reader, writer = await open_connection()
    head = HEAD.replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked")
    writer.write(LIVE + head + b"\r\nno length\r\n")

    statuses = [(await answered(reader))[0] for _ in range(2)]

    assert (statuses, await reader.read()) == ([200, 400], b"")


async def test_noise_inside_of_a_body_costs_no_refusal(open_connection: Open) -> None:
    """What was refused by its head is answered with that: it says what to do, such as when to come again."""
    reader, writer = await open_connection()
    head = HEAD.replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked")
    writer.write(head + b"Content-Encoding: gzip\r\n\r\nno length\r\n")

    assert ((await answered(reader))[0], await reader.read()) == (415, b"")


async def test_a_length_that_is_said_twice_is_refused(open_connection: Open) -> None:
    """A body whose end is disputed could hide a second request."""
    reader, writer = await open_connection()
    writer.write(HEAD + b"Content-Length: 3\r\n\r\n" + BODY)

    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
