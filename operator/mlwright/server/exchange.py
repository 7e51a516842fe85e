"""One request on its way: its head, what has come of its body, and its answer when that is known before its end."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from mlwright.server.admission import Ticket
from mlwright.server.problems import RefusedError
from mlwright.server.wire import Head, Reply

Handler = Callable[[Head, bytes], Reply | Awaitable[Reply]]

_LENGTH = b"content-length"
_ENCODING = b"content-encoding"


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path."""

    methods: tuple[str, ...]
    handler: Handler
    admitted: bool = False
    """Whether it has a body, needs the model and counts as work; others are answered whatever the load."""
    limit: int = sys.maxsize
    """Bytes of its body at most, where that is less than the server takes."""
    public: bool = False
    """Whether it is answered to clients that nobody knows: the kubelet and Prometheus have no token."""
    literal: bool = False
    """Whether it is found without percent signs only: a Gateway that keeps clients off a path compares it undecoded."""


class Exchange:
    """A request from its head to its answer. `reply` is set as soon as its body no longer matters."""

    __slots__ = (
        *("_body", "_limit"),
        *("complete", "expects", "head", "reply", "route", "started", "ticket", "written"),
    )

    def __init__(self, head: Head, started: float) -> None:
        """Take the head and when it was complete (time.perf_counter)."""
        self.head = head
        self.started = started
        self.route: Route | None = None
        self.ticket: Ticket | None = None
        self.reply: Reply | None = None
        self.complete = False
        self.expects = False  # that somebody says that its body is welcome
        self.written = False
        self._body: bytes | bytearray = b""
        self._limit = 0

    def admit(self, ticket: Ticket, limit: int) -> None:
        """Be ready to take a body; raises RefusedError for one that is announced to be too large or unreadable."""
        self.ticket, self._limit = ticket, limit
        encoding = self.head.headers.get(_ENCODING)
        if encoding is not None and encoding.lower() != b"identity":
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is compressed: send it without Content-Encoding"
            )
        self._check(self.announced_bytes)

    @property
    def announced_bytes(self) -> int:
        """How long the head says that the body is, 0 when it does not say."""
        return int(self.head.headers.get(_LENGTH, b"0"))  # the HTTP parser lets nothing but digits through

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the body; raises RefusedError when it does not fit."""
        if self.reply is not None or self.ticket is None:
            return  # nobody will read it
        self._check(len(self._body) + len(chunk))
        self.ticket.hold(len(chunk))
        if not self._body:
            self._body = chunk  # the whole of most bodies, which is copied nowhere
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += chunk  # pieces that are kept apart could be a byte each, and take forty times as much

    def refuse(self, refusal: RefusedError) -> None:
        """Answer without the body, or without the rest of it."""
        self.reply = refusal.reply()
        self._body = b""
        if self.ticket is not None:
            self.ticket.drop()  # now: its answer may have to wait for those before it

    def take_body(self) -> bytes:
        """What came; it is not kept twice, since it may be large."""
        body, self._body = bytes(self._body), b""
        return body

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {self._limit} bytes: split the batch"
            )
