"""One HTTP/1.1 connection: requests are read as they come and answered in their order.

Written for this server instead of taken from a general one, which costs four times as much CPU for each request as
the model does. What can be answered at once is answered without a task as soon as all that came is read. A client
may be slow, silent, too large or gone at any point; each of these has a limit, and none of them costs more than its
own connection.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

import httptools

from mlwright.server.exchange import Exchange
from mlwright.server.problems import RefusedError, bad_request
from mlwright.server.wire import Dater, Head, Reply, read_target, render

# Longer than the idle times of the usual clients and proxies (60 to 600 s): the side that knows that it has nothing to
# ask should close first. Closing earlier than the client would cut off requests that are on their way.
KEEP_ALIVE_SECONDS: Final = 620.0
# Names and values of all headers with the request line, as other servers limit them.
MAX_HEAD_BYTES: Final = 64 * 1024
# From the first byte of a request to the end of its headers.
HEAD_SECONDS: Final = 30.0
# The rest of a refused body is read and dropped, so that the client sees the answer and not a broken connection.
LINGER_SECONDS: Final = 5.0
# A refused body that is announced to be shorter costs less to read than a new connection.
CHEAP_TO_DROP: Final = 1024 * 1024
# Requests of one connection that may wait for those before them.
MAX_PIPELINED: Final = 64

log = logging.getLogger(__name__)

_OFFERS = frozenset({b"connection", b"upgrade", b"http2-settings"})
_MISTAKE = "a request could not be answered"
_BLANK_LINE = b"\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Answers(Protocol):
    """What answers requests; nothing here raises."""

    @property
    def draining(self) -> bool:
        """Whether every answer is the last one of its connection."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """How long a client may take to send its body, and to take its answer."""
        ...

    def open(self, head: Head) -> Exchange:
        """Begin a request whose body has not come yet."""
        ...

    def answer(self, exchange: Exchange) -> "Reply | asyncio.Task[Reply]":
        """Answer a request that is complete, or was refused before."""
        ...

    def late(self, exchange: Exchange) -> None:
        """Refuse a request whose body does not come to its end."""
        ...

    def close(self, exchange: Exchange, reply: Reply | None) -> None:
        """End a request; without a reply its client has left."""
        ...


class Connection(asyncio.Protocol):
    """Reads, answers and writes for one client."""

    def __init__(self, app: Answers, open_connections: set["Connection"], dater: Dater) -> None:
        """Take what answers, and where connections are known by while they are open."""
        self._app = app
        self._known = open_connections
        self._dater = dater
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Exchange] = deque()  # in the order of their heads; only the last may be incomplete
        self._task: asyncio.Task[Reply] | None = None  # answers the first of the queue
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._head_open = False
        self._head_began = False  # in what came last
        self._seen = self._loop.time()
        self._stalled = False
        self._leaving = False
        self._deaf = False  # reads no more, and leaves when what is complete is answered
        self._noise = False  # and says before it leaves that what came then was no request
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # ------------------------------------------------------------------------------------------ what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast("asyncio.Transport", transport)  # of a socket, so it reads and writes
        self._known.add(self)
        self._set("idle", KEEP_ALIVE_SECONDS, self._close_if_idle)

    def data_received(self, data: bytes) -> None:
        """Parse what came, answer what is complete, and watch what is not."""
        self._seen = self._loop.time()
        if self._leaving or self._deaf:
            return  # what comes now is the rest of a body whose answer is written, or of a head that is given up
        self._head_began = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._go_on_with_http(data[stop.args[0] :])
            return
        except httptools.HttpParserCallbackError:
            log.exception("a request could not be read")
            self._transport.abort()
            return
        except httptools.HttpParserError:
            self._refuse_noise()
            return
        if self._head_open:
            self._watch_head(data)
        if self._queue:
            # What came on other connections at the same time is read first, and then all is answered: the processor's
            # cache holds the code of one of the two, and going back and forth costs a tenth of a small request.
            self._loop.call_soon(self._advance)

    def pause_writing(self) -> None:
        """The client does not take its answers."""
        self._stalled = True
        self._transport.pause_reading()
        self._set("stall", self._app.timeout_seconds, self._transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        self._stalled = False
        self._forget("stall")
        self._transport.resume_reading()
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left, or we did."""
        del exc
        self._known.discard(self)
        for timer in self._timers.values():
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
        while self._queue:
            self._app.close(self._queue.popleft(), None)

    # ------------------------------------------------------------------------------------- what the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url, self._headers = b"", {}
        self._head_open, self._head_began = True, True

    def on_url(self, url: bytes) -> None:
        """A piece of its address."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._head_open = False
        self._forget("head")
        method = self._parser.get_method().decode("ascii")
        if self._parser.should_upgrade():
            return  # see _go_on_with_http
        keep_alive = self._parser.should_keep_alive()
        path, encoded = read_target(self._url)
        exchange = self._app.open(Head(method, path, self._headers, keep_alive, encoded))
        exchange.expects = exchange.reply is None and self._headers.get(b"expect", b"").lower() == b"100-continue"
        self._queue.append(exchange)

    def on_body(self, chunk: bytes) -> None:
        """A piece of its body."""
        exchange = self._queue[-1]
        try:
            exchange.feed(chunk)
        except RefusedError as refusal:
            exchange.refuse(refusal)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if not self._parser.should_upgrade():
            self._queue[-1].complete = True

    # ------------------------------------------------------------------------------------------------- answering

    def _advance(self) -> None:
        """Answer the requests that can be answered now, in their order; a mistake of ours ends the connection."""
        try:
            self._answer_queue()
        except Exception:
            log.exception(_MISTAKE)
            self._give_up()

    def _answer_queue(self) -> None:
        while self._queue and self._task is None and not self._stalled and not self._leaving:
            exchange = self._queue[0]
            if exchange.written:
                if not exchange.complete:
                    break
                self._queue.popleft()  # answered before its end, which has come now
                self._forget("body")
            elif exchange.complete or exchange.reply is not None:
                self._answer(exchange)
            else:
                self._welcome(exchange)
                break
        if self._deaf and not self._queue and not self._leaving:
            self._take_leave()
        self._watch_body()
        self._watch_queue()

    def _welcome(self, exchange: Exchange) -> None:
        """Say that a body may come, to a client that asked; those before it have their answers by now."""
        if exchange.expects:
            exchange.expects = False
            self._transport.write(_CONTINUE)

    def _answer(self, exchange: Exchange) -> None:
        outcome = self._app.answer(exchange)
        if isinstance(outcome, Reply):
            self._write(exchange, outcome)
        else:
            self._task = outcome
            outcome.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[Reply]) -> None:
        self._task = None
        if task.cancelled() or not self._queue:
            return  # the client left meanwhile
        try:
            self._write(self._queue[0], task.result())
        except Exception:
            log.exception(_MISTAKE)
            self._give_up()
        self._advance()

    def _write(self, exchange: Exchange, reply: Reply) -> None:
        closing = self._closes(exchange, reply)
        without_body = exchange.head.method == "HEAD"
        self._transport.write(render(reply, self._dater.line(), closing=closing, without_body=without_body))
        exchange.written = True
        self._app.close(exchange, reply)
        if exchange.complete:
            self._queue.popleft()
            if closing:
                self._leave()
        elif closing:
            self._leaving = True
            self._set("linger", LINGER_SECONDS, self._leave)

    def _closes(self, exchange: Exchange, reply: Reply) -> bool:
        """Whether this is the last answer on the connection."""
        if self._app.draining or reply.closes or not exchange.head.keep_alive:
            return True  # a client that keeps its connection would never notice that the server is about to go
        return not exchange.complete and not 0 < exchange.announced_bytes <= CHEAP_TO_DROP

    # --------------------------------------------------------------------------------------------------- leaving

    def _leave(self) -> None:
        """Close when everything is written."""
        self._leaving = True
        if not self._transport.is_closing():
            self._transport.close()

    def finish(self) -> None:
        """Close as soon as nothing is under way: the server is going."""
        if not self._queue and not self._head_open:
            self._leave()

    def _give_up(self) -> None:
        """Close now, for a mistake of ours: a client that waited for its answer would wait for ever."""
        self._leaving = True
        self._transport.abort()

    def abort(self) -> None:
        """Close now, whatever is under way."""
        self._transport.abort()

    def _refuse_noise(self) -> None:
        """Answer what is no HTTP/1.1, once everything before it is answered, and close."""
        self._noise = self._deaf = True
        if self._queue and not self._queue[-1].complete:
            broken = self._queue[-1]  # it never comes to its end
            self._noise = not broken.written and broken.reply is None
            if broken.reply is not None and not broken.written:
                broken.complete = True  # what it is refused with is the answer, and the last one
            else:
                self._queue.pop()
                self._app.close(broken, None)
        self._advance()

    def _take_leave(self) -> None:
        """Close, all that came before is answered; to noise an answer is owed."""
        if self._noise:
            reply = bad_request("this is not a request of HTTP/1.1").reply()
            self._transport.write(render(reply, self._dater.line(), closing=True, without_body=False))
        self._leave()

    def _go_on_with_http(self, rest: bytes) -> None:
        """Read a request that offers another protocol as if it did not, which the standard allows.

        The parser would take its body for that other protocol, so it gets the head once more, without the offer.
        """
        method = self._parser.get_method()
        self._parser = httptools.HttpRequestParser(self)
        if method == b"CONNECT":
            self._refuse_noise()
            return
        kept = {name: value for name, value in self._headers.items() if name not in _OFFERS}
        lines = [method + b" " + self._url + b" HTTP/1.1", *(name + b": " + value for name, value in kept.items())]
        self.data_received(b"\r\n".join((*lines, b"", rest)))

    # ---------------------------------------------------------------------------------------------------- limits

    def _watch_head(self, data: bytes) -> None:
        """Count what has come of a head, leaving out what came before it at the same time."""
        if self._head_began:
            # It has no blank line of its own, so it lies behind the last one, and behind the body of the one before.
            before = self._queue[-1].announced_bytes if self._queue else 0
            self._head_bytes = max(len(data) - max(data.rfind(_BLANK_LINE), 0) - before, 0)
        else:
            self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._give_up_head()
        elif "head" not in self._timers:
            self._set("head", HEAD_SECONDS, self._give_up_head)

    def _give_up_head(self) -> None:
        """Read no more of it, and leave when those before it are answered."""
        self._forget("head")
        self._deaf = True
        self._advance()

    def _watch_body(self) -> None:
        """Give the body of the first request its time."""
        if self._queue and not self._queue[0].complete and "body" not in self._timers and not self._leaving:
            self._set("body", self._app.timeout_seconds, self._late_body)
        elif "body" in self._timers and not (self._queue and not self._queue[0].complete):
            self._forget("body")

    def _late_body(self) -> None:
        self._timers.pop("body", None)
        if not self._queue:
            return
        exchange = self._queue[0]
        if exchange.written:
            self._leave()
            return
        self._app.late(exchange)
        self._advance()

    def _watch_queue(self) -> None:
        """Read no more from a client that asks faster than it is answered."""
        if len(self._queue) > MAX_PIPELINED:
            self._transport.pause_reading()
            self._set("queue", 0.0, self._read_on)

    def _read_on(self) -> None:
        self._timers.pop("queue", None)
        if len(self._queue) > MAX_PIPELINED:
            self._set("queue", 0.01, self._read_on)
        elif not self._stalled:
            self._transport.resume_reading()

    def _close_if_idle(self) -> None:
        quiet = self._loop.time() - self._seen
        if quiet >= KEEP_ALIVE_SECONDS and not self._queue and not self._head_open:
            self._leave()
        else:
            self._set("idle", max(KEEP_ALIVE_SECONDS - quiet, 1.0), self._close_if_idle)

    def _set(self, what: str, seconds: float, then: Callable[[], object]) -> None:
        self._forget(what)
        self._timers[what] = self._loop.call_later(seconds, then)

    def _forget(self, what: str) -> None:
        timer = self._timers.pop(what, None)
        if timer is not None:
            timer.cancel()
