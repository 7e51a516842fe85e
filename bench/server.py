"""How fast and how small the model server is: `python -m bench.server` writes build/bench/server.json.

The server is the real program with its defaults, on a core of its own; the client is on another. The model is a
logistic regression on 20 numbers, trained by the real trainer. Requests are one row each on kept connections, and
every answer is compared with the first. CPU time is read from /proc, so that the rate per core depends little on
what else runs. The comparison with another server is not part of this yet, and the output says so.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Benchmark
from bench.trained import Trained, train_logistic_regression
from tests.support.serving import SERVER, ServerProcess

WARM_UP = 500
SERIAL_REQUESTS = 5_000
PARALLEL_REQUESTS = 10_000
CONNECTIONS = 16
SKIPPED = ("the comparison with MLServer",)
GOALS = {"rss_mb": 120}


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


def main() -> int:
    """Train, serve, load, write, print; returns 1 when a goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        trained = train_logistic_regression(Path(folder), features=20)
        with _server(trained, Path(folder)) as server:
            request = _request(trained.row)
            _load(server, request, WARM_UP, 1)
            serial = _load(server, request, SERIAL_REQUESTS, 1)
            parallel = _load(server, request, PARALLEL_REQUESTS, CONNECTIONS)
            figures = {
                "logreg_c1_p50_ms": serial.percentile_ms(0.5),
                "logreg_c1_p99_ms": serial.percentile_ms(0.99),
                "logreg_c1_requests_per_core_second": serial.requests_per_core_second,
                "requests_per_core_second": parallel.requests_per_core_second,
                "rss_mb": server.resident_mb(),
            }
    return Benchmark("server", "none yet", GOALS).report(figures, SKIPPED)


@contextmanager
def _server(trained: Trained, folder: Path) -> Iterator[ServerProcess]:
    environment = {
        "MLWRIGHT_MOUNT_ROOT": str(trained.mount_root),
        "MLWRIGHT_BUNDLE_URI": trained.uri,
        "MLWRIGHT_BUNDLE_DIGEST": trained.digest,
    }
    own, others = _cores()
    os.sched_setaffinity(0, others)
    with ServerProcess(environment, folder / "server.log", ["taskset", "-c", str(own), *SERVER]) as server:
        yield server.ready()


def _cores() -> tuple[int, set[int]]:
    """A core for the server, the others for the client; the same where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return first, set(others) or {first}


def _request(row: dict[str, float]) -> bytes:
    inputs = [{"name": name, "shape": [1, 1], "datatype": "FP64", "data": [value]} for name, value in row.items()]
    body = json.dumps({"inputs": inputs}).encode()
    head = f"POST /v2/models/flights/infer HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _load(server: ServerProcess, request: bytes, total: int, connections: int) -> Load:
    """Send requests in rounds: one on each connection, then read all answers."""
    sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(connections)]
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    expected = _ask(sockets[0], request)
    latencies: list[float] = []
    before = _cpu_seconds(server.process.pid)
    for _ in range(total // connections):
        latencies += _round(sockets, request, expected)
    cpu_seconds = _cpu_seconds(server.process.pid) - before
    for one in sockets:
        one.close()
    return Load(tuple(latencies), cpu_seconds)


def _round(sockets: list[socket.socket], request: bytes, expected: bytes) -> list[float]:
    started = time.perf_counter()
    for one in sockets:
        one.sendall(request)
    latencies = []
    for one in sockets:
        if _answer(one) != expected:
            raise SystemExit("an answer differs from the first: the figures would mean nothing")
        latencies.append(time.perf_counter() - started)
    return latencies


def _ask(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    return _answer(connection)


def _answer(connection: socket.socket) -> bytes:
    """The body of one answer."""
    received = connection.recv(65536)
    head, separator, body = received.partition(b"\r\n\r\n")
    while not separator:
        received += connection.recv(65536)
        head, separator, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"a request was not answered: {head[:40]!r} {body[:200]!r}")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return body


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
