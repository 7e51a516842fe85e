"""A small web server on this machine that hands out files, leads elsewhere, and remembers what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, Final

STOP_SECONDS: Final = 20
"""A page that comes slowly has come by then."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is behind a path."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    """Length that is announced in the place of the true one; -1 for none."""
    seconds: float = 0.0
    """How long each of ten pieces takes."""


@dataclass(slots=True)
class WebServer:
    """A server that runs."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def put(self, path: str, body: bytes = b"", **more: Any) -> str:
        """Put something behind a path; its address comes back."""
        self.pages[path] = Page(body, **more)
        return f"{self.url}{path}"


@contextmanager
def serving() -> Iterator[WebServer]:
    """Run a server on a free port of this machine."""
    server = WebServer("")

    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join(STOP_SECONDS)
            assert not thread.is_alive(), f"the web server has not ended {STOP_SECONDS} s after it was told to"


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, dict(self.headers)))
            page = server.pages.get(self.path, Page(b"nothing here", 404))
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if page.announced != -1:
                self.send_header("Content-Length", str(page.announced or len(page.body)))
            self.end_headers()
            _write(self.wfile, page)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler


def _write(file: BufferedIOBase, page: Page) -> None:
    piece = max(1, len(page.body) // 10)
    try:
        for start in range(0, len(page.body), piece):
            file.write(page.body[start : start + piece])
            time.sleep(page.seconds)
    except OSError:
        return  # whoever asked has heard enough
