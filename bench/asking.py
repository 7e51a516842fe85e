"""The client of the server's benchmark: kept connections, no library, every answer looked at."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of requests took: seconds of each, and CPU seconds of the server for all of them."""

    latencies: tuple[float, ...]
    cpu_seconds: float

    def percentile_ms(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def requests_per_core_second(self) -> float:
        """Requests for each second of CPU time that the server spent."""
        return len(self.latencies) / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and what it is asked: bytes that go out again and again."""

    pid: int
    port: int
    requests: tuple[bytes, ...]
    right: Callable[[Any, int], bool]
    """Whether the answer to a request, decoded, is the one expected; by the number of the request."""

    def load(self, total: int, connections: int) -> Load:
        """Send requests in rounds: one on each connection, then read all answers."""
        latencies: list[float] = []
        with _connected(self.port, connections) as sockets:
            before = cpu_seconds(self.pid)
            for turn in range(total // connections):
                latencies += self._round(sockets, turn)
            spent = cpu_seconds(self.pid) - before
        return Load(tuple(latencies), spent)

    def _round(self, sockets: Sequence[socket.socket], turn: int) -> list[float]:
        number = turn % len(self.requests)
        started = time.perf_counter()
        for one in sockets:
            one.sendall(self.requests[number])
        answers, latencies = [], []
        for one in sockets:
            answers.append(_answer(one))
            latencies.append(time.perf_counter() - started)
        if not all(self.right(json.loads(answer), number) for answer in answers):
            raise SystemExit("an answer is not the one expected: the figures would mean nothing")
        return latencies


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


def cpu_seconds(pid: int) -> float:
    """User and system time so far of a process and of those that it started."""
    return sum(_own_seconds(one) for one in family(pid))


def family(pid: int) -> Iterator[int]:
    """A process and its children, and theirs."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from family(int(child))


def _own_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
