"""The socket, the connections on it, and how they end without losing a request.

On SIGTERM nothing is closed at first: whoever routes to this server needs a while to learn that it is going, and until
then new requests arrive. They are answered, each with `Connection: close`, so that clients with kept connections leave
by themselves after an answer and never in the middle of asking. Only after the drain does the listener close, and what
is still under way is finished.
"""

import asyncio
import socket
import ssl
from typing import Final, Self

from mlwright.server.connection import Answers, Connection
from mlwright.server.wire import Dater

_BACKLOG: Final = 1024
_LOOK_SECONDS: Final = 0.02


class Listener:
    """Takes connections until it is stopped."""

    def __init__(self, server: asyncio.Server, connections: set[Connection]) -> None:
        self._server = server
        self._connections = connections

    @classmethod
    async def on(cls, sock: socket.socket, app: Answers, tls: ssl.SSLContext | None = None) -> Self:
        """Listen on a bound socket."""
        connections: set[Connection] = set()
        dater = Dater()
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(app, connections, dater), sock=sock, backlog=_BACKLOG, ssl=tls
        )
        return cls(server, connections)

    async def stop(self, seconds: float) -> None:
        """Take no more connections, and return when what is under way is answered, or so many seconds have passed."""
        self._server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._connections and loop.time() < deadline:
            for connection in tuple(self._connections):
                connection.finish()
            await asyncio.sleep(_LOOK_SECONDS)
        for connection in tuple(self._connections):
            connection.abort()


def open_socket(port: int) -> socket.socket:
    """Bind a port on every address of the machine, both families where there are two.

    Raises:
        OSError: The port is taken.
    """
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
