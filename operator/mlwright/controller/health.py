"""Probes and metrics over HTTP, from a thread of its own: a blocked event loop cannot say that it is blocked."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from mlwright.controller.targets import Targets
from mlwright.ports.clock import Clock

BEAT: Final = 5.0
"""Seconds between beats of the event loop."""
DEAD: Final = 60.0
"""Seconds without a beat after which the process should be restarted."""


class Pulse:
    """Shows that the event loop turns, and whether this replica can do its part."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()
        self.ready = False
        """Standing by counts as ready: a rollout must not wait for a replica that waits for the Lease."""

    async def beat(self) -> None:
        """Beat for ever."""
        while True:
            self._last = self._clock.monotonic()
            await asyncio.sleep(BEAT)

    @property
    def alive(self) -> bool:
        """Whether the loop turned lately."""
        return self._clock.monotonic() - self._last < DEAD


class _Server(ThreadingHTTPServer):
    """Listens on all addresses, of both versions of IP where the system has both."""

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class HealthServer:
    """Serves /healthz, /readyz, /metrics and /targets; a context manager."""

    def __init__(self, port: int, pulse: Pulse, registry: CollectorRegistry, targets: Targets) -> None:
        pages: dict[str, Page] = {
            "/healthz": lambda: _judged("alive", good=pulse.alive),
            "/readyz": lambda: _judged("ready", good=pulse.ready and pulse.alive),
            "/metrics": lambda: _Answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST),
            "/targets": lambda: _told(targets.told()),
        }
        self._server = _Server(("", port), _handler(pages))
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on; chosen by the system when 0 was asked for."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: bytes
    kind: str = "text/plain"


Page = Callable[[], _Answer]


def _judged(word: str, *, good: bool) -> _Answer:
    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    return _Answer(status, f"{word if good else f'not {word}'}\n".encode())


def _told(targets: bytes | None) -> _Answer:
    """Without a list Prometheus keeps the one that it has."""
    if targets is None:
        return _Answer(
            HTTPStatus.SERVICE_UNAVAILABLE, b"another replica leads and knows, or nobody has asked for a while\n"
        )
    return _Answer(HTTPStatus.OK, targets, "application/json")


def _handler(pages: Mapping[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0
        server_version = "mlwright"
        sys_version = ""

        def do_GET(self) -> None:  # the name that http.server calls
            page = pages.get(self.path.split("?", 1)[0])
            unknown = _Answer(HTTPStatus.NOT_FOUND, f"try one of {', '.join(pages)}\n".encode())
            answer = page() if page else unknown
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Probes are no news."""

    return Handler
