"""The socket, the HTTP connections on it, and how they end without losing a request.

On SIGTERM nothing is closed at first: whoever routes to this server needs a while to learn that it is going, and until
then new requests arrive. They are answered, each with `Connection: close`, so that clients with kept connections leave
by themselves after an answer and never in the middle of asking. Only after the drain does the listener close, and what
is still under way is finished.
"""

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Longer than the idle times of the usual clients and proxies (60 to 600 s): the side that knows that it has nothing to
# ask should close first. Closing earlier than the client would cut off requests that are on their way.
KEEP_ALIVE_SECONDS = 620
# Names and values of all headers with the request line, as other servers limit them.
MAX_HEAD_BYTES = 64 * 1024
# From the first byte of a request to the end of its headers.
HEAD_SECONDS = 30.0
_BACKLOG = 1024


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 connections whose requests must come to the end of their headers, in size and in time."""

    _head_bytes = 0
    _head_open = False
    _head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as its base class has it
        """A client came; if it never says anything, it is treated like one that has no more to say."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, then see whether a head is still open."""
        super().data_received(data)
        if not self._head_open:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._close()
        elif self._head_deadline is None:
            self._head_deadline = self.loop.call_later(HEAD_SECONDS, self._close)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_open = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete: its limits no longer matter."""
        self._head_open = False
        self._forget_deadline()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left."""
        self._head_open = False
        self._forget_deadline()
        super().connection_lost(exc)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _forget_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None


class Listener(uvicorn.Server):
    """The HTTP server; signals are the business of whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone: SIGTERM starts a drain here, not an end."""
        yield

    def stop(self) -> None:
        """Close the listener, finish what is under way and let `serve` return."""
        self.should_exit = True


def build(app: object, finish_seconds: float) -> Listener:
    """A listener for an ASGI application; after `stop`, requests under way get so long to end."""
    return Listener(
        uvicorn.Config(
            app,  # type: ignore[arg-type] # our application is typed by what it uses of ASGI
            http=BoundedProtocol,
            loop="uvloop",
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(finish_seconds) + 1,
            backlog=_BACKLOG,
        )
    )


def open_socket(port: int) -> socket.socket:
    """Bind a port on every address of the machine, both families where there are two.

    Raises:
        OSError: The port is taken.
    """
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
