"""Real server processes on loopback, and a client that keeps its connections and never tries twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import exit_code

SERVER = (sys.executable, "-m", "mlwright.server")
READY_SECONDS = 60.0
REQUEST = (
    b"POST /v2/models/flights/infer HTTP/1.1\r\nHost: flights\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)


class ServerProcess:
    """`python -m mlwright.server` on a free port, with its log; ended at the end of the block."""

    def __init__(self, environment: Mapping[str, str], log: Path, command: Sequence[str] = SERVER) -> None:
        self._command = command
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "MLWRIGHT_PORT": "0",
            "MLWRIGHT_MODEL_NAME": "flights",
            "MLWRIGHT_TERMINATION_LOG": str(log.with_suffix(".words")),
            **environment,
        }
        self._log = log
        self.last_words = log.with_suffix(".words")

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stderr=log, cwd="/")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        exit_code(self.process, "the model server is gone after SIGKILL")

    def logged(self, message: str) -> dict[str, Any] | None:
        """The first log record with this message, if it is there by now."""
        for line in self._log.read_text().splitlines():
            record: dict[str, Any] = json.loads(line)
            if record["message"] == message:
                return record
        return None

    def wait_for(self, message: str) -> dict[str, Any]:
        """The log record with this message, as soon as it is there."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if (record := self.logged(message)) is not None:
                return record
            time.sleep(0.02)
        raise AssertionError(f"no {message!r} in the log: {self._log.read_text()}")

    def ready(self) -> Self:
        """Wait until the server is ready."""
        self.wait_for("ready")
        return self

    @property
    def port(self) -> int:
        """The port that it took."""
        return int(self.wait_for("listening")["port"])

    def resident_mb(self) -> float:
        """Memory of the process that is in RAM, in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def terminate(self) -> None:
        """Send SIGTERM, as the kubelet does."""
        self.process.send_signal(signal.SIGTERM)

    def ends_with(self, seconds: float = READY_SECONDS) -> int:
        """The exit code, once the process has ended."""
        return self.process.wait(seconds)

    def ask(
        self, method: str, path: str, document: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request on a connection of its own: status and decoded JSON, or bytes where it is none."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = document if isinstance(document, bytes) or document is None else json.dumps(document)
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        with suppress(ValueError):
            return response.status, json.loads(content)
        return response.status, content


@dataclass(slots=True)
class Tally:
    """What became of a load."""

    answered: dict[int, int] = field(default_factory=dict)  # by port
    failed: list[str] = field(default_factory=list)


class Route:
    """Where new connections go, as a Service decides it; kept ones stay where they are."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.over = False


@dataclass(slots=True)
class Client:
    """Asks again and again on a kept connection until the route is over, and never tries twice."""

    route: Route
    body: bytes
    tally: Tally
    pause: float = 0.0  # seconds between an answer and the next request

    async def run(self) -> None:
        """Open a connection, use it until the server closes it, open the next."""
        while not self.route.over:
            port = self.route.port
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError as problem:
                self.tally.failed.append(f"connect to {port}: {problem}")
                continue
            await self._ask_until_closed(reader, writer, port)
            writer.close()

    async def _ask_until_closed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        kept = True
        while kept and not self.route.over:
            try:
                writer.write(REQUEST % (len(self.body), self.body))
                status, kept = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError) as problem:
                self.tally.failed.append(f"ask {port}: {type(problem).__name__}")
                return
            if status != HTTPStatus.OK:
                self.tally.failed.append(f"ask {port}: status {status}")
            self.tally.answered[port] = self.tally.answered.get(port, 0) + 1
            await asyncio.sleep(self.pause)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Status, and whether the connection is kept."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1]), b"connection: close" not in head
