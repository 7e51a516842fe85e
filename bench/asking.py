"""The client of the server's benchmark: kept connections, no library, every answer looked at."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.cores import Spent


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and what it is asked: bytes that go out again and again."""

    pid: int
    port: int
    requests: tuple[bytes, ...]
    right: Callable[[Any, int], bool]
    """Whether the answer to a request, decoded, is the one expected; by the number of the request."""

    def one_by_one(self, total: int) -> list[float]:
        """Send one request after the other on one connection; the seconds that each took, in ascending order."""
        with _connected(self.port, 1) as sockets:
            return sorted(self._round(sockets, turn) for turn in range(total))

    def requests_per_core_second(self, connections: int, cpu_seconds: float) -> float:
        """Send requests in rounds, one on each connection and then read all answers, until the server has spent this.

        Returns:
            Requests for each second of CPU time.
        """
        with _connected(self.port, connections) as sockets:
            spent, rounds = Spent(self.pid), 0
            while (seconds := spent.seconds) < cpu_seconds:
                self._round(sockets, rounds)
                rounds += 1
            spent.check()
        return rounds * connections / seconds

    def _round(self, sockets: Sequence[socket.socket], turn: int) -> float:
        """Seconds until all were answered."""
        number = turn % len(self.requests)
        started = time.perf_counter()
        for one in sockets:
            one.sendall(self.requests[number])
        answers = [_answer(one) for one in sockets]
        seconds = time.perf_counter() - started
        if not all(self.right(json.loads(answer), number) for answer in answers):
            raise SystemExit("an answer is not the one expected: the figures would mean nothing")
        return seconds


def message(path: str, document: Any) -> bytes:
    """The bytes of a request."""
    body = json.dumps(document).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ask(port: int, request: bytes) -> Any:
    """One answer, decoded."""
    with _connected(port, 1) as (one,):
        one.sendall(request)
        return json.loads(_answer(one))


@contextmanager
def _connected(port: int, connections: int) -> Iterator[list[socket.socket]]:
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    try:
        for one in sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sockets
    finally:
        for one in sockets:
            one.close()


def _answer(connection: socket.socket) -> bytes:
    """The body of one answer."""
    received = connection.recv(65536)
    head, separator, body = received.partition(b"\r\n\r\n")
    while not separator:
        received += connection.recv(65536)
        head, separator, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"a request was not answered: {head[:40]!r} {body[:300]!r}")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return body
