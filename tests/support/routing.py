"""A real HAProxy with its agent, pods that are plain HTTP servers, and clients that never ask twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cluster.haproxy import haproxy
from mlwright.router.agent import Agent, Facts
from mlwright.router.config import Place
from mlwright.router.document import Route, parse
from mlwright.router.haproxy import HaproxyError
from mlwright.router.servers import Address, Endpoints, State
from tests.support.waiting import eventually, exit_code, over, soon

MODEL = "flights"
LAST = 0.05
"""Seconds in which connections that were closed come to their end."""
LAST_ANSWERS = 90
"""Seconds that clients wait at the most for what they asked: longer than any route and HAProxy itself allow."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def document(ranges: dict[str, list[tuple[int, int]]], model: str = MODEL, **changes: Any) -> str:
    """Return a route document; variants are called as their revisions."""
    shares = [
        {"variant": name, "revision": name, "service": f"{model}-{name}", "ranges": parts}
        for name, parts in ranges.items()
    ]
    whole = {
        "schemaVersion": 1,
        "model": model,
        "shares": shares,
        "assignment": {"type": "Request"},
        "override": "",
        "wakes": False,
        "timeoutSeconds": 30,
        "maxBodyBytes": 4 * 1024 * 1024,
    }
    return json.dumps(whole | changes)


def split(share: int) -> dict[str, list[tuple[int, int]]]:
    """Return ranges that give the variant `new` so many of 10,000 buckets, the others to `old`."""
    old = [(0, 9999 - share)] if share < 10_000 else []
    return {"old": old, "new": [(10_000 - share, 9999)] if share else []}


class Pod:
    """A pod of a revision: answers its name after a while, and not before its gate is open; can be stopped, killed."""

    def __init__(self, name: str, delay: float = 0.0, gate: asyncio.Event | None = None) -> None:
        self.name = name
        self.delay = delay
        self._gate = gate
        self.port = 0
        self.bodies = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address("127.0.0.1", self.port)

    async def start(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self, *, abort: bool = True) -> None:
        """End at once; with `abort` connections are reset, as by a kill."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort() if abort else writer.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lowered = head.lower()
                length = (
                    int(lowered.split(b"content-length: ")[1].split(b"\r\n")[0]) if b"content-length" in lowered else 0
                )
                self.bodies += len(await reader.readexactly(length))
                await asyncio.sleep(self.delay)
                if self._gate is not None:
                    await self._gate.wait()
                name = self.name.encode()
                close = b"connection: close\r\n" if b"connection: close" in lowered else b""
                writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (close, len(name), name))
                await writer.drain()
                if close:
                    break
        self._writers.discard(writer)
        writer.close()


@dataclass
class Scene:
    """What the agent is told, as a test sets it; implements `Outside`."""

    documents: dict[str, str] = field(default_factory=dict)
    pods: dict[str, dict[Address, State]] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)
    known: bool = True

    def facts(self) -> Facts | None:
        """Return what is known."""
        if not self.known:
            return None
        routes: dict[str, Route] = {name: parse(text) for name, text in self.documents.items()}
        endpoints: dict[str, Endpoints] = {name: dict(pods) for name, pods in self.pods.items()}
        return Facts(routes, endpoints, dict(self.documents))

    async def wake(self, model: str, sleep: str) -> None:
        """Take a note."""
        self.woken.append(f"{model} {sleep}".strip())

    def route(self, ranges: dict[str, list[tuple[int, int]]], model: str = MODEL, **changes: Any) -> None:
        """Set the route of a model."""
        self.documents[model] = document(ranges, model, **changes)

    def ready(self, revision: str, pods: Iterable[Pod], model: str = MODEL, state: State = State.READY) -> None:
        """Let pods of a revision be there in a state."""
        self.pods.setdefault(f"{model}-{revision}", {}).update({pod.address: state for pod in pods})

    def gone(self, revision: str, pods: Iterable[Pod], model: str = MODEL) -> None:
        """Let pods of a revision be there no more."""
        for pod in pods:
            self.pods[f"{model}-{revision}"].pop(pod.address, None)


class Running:
    """HAProxy and its agent in a folder of their own; an asynchronous context manager."""

    def __init__(self, folder: Path, scene: Scene | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.place = Place(folder, free_port(), free_port(), connections=4000)
        self.scene = scene or Scene()
        self.agent = Agent(self.place, self.scene)
        self._log = folder / "haproxy.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self._pods: list[Pod] = []

    async def pod(self, name: str, delay: float = 0.0, gate: asyncio.Event | None = None) -> Pod:
        """Start a pod; it ends with the block at the latest."""
        self._pods.append(await Pod(name, delay, gate).start())
        return self._pods[-1]

    async def __aenter__(self) -> Self:
        haproxy()
        self.start_haproxy()
        await soon(self.place.admin.exists, "HAProxy has its socket", 15)
        self.start_agent()
        await self.follows()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop_agent()
        self.kill_haproxy()
        for pod in self._pods:
            await pod.stop()
        await asyncio.sleep(LAST)

    @property
    def pid(self) -> int:
        """The process id of HAProxy's master."""
        assert self._process is not None
        return self._process.pid

    def worker(self) -> int:
        """The process id of HAProxy's worker, which carries the requests."""
        return self.agent.worker

    def start_haproxy(self) -> None:
        """Start it as its container does."""
        environment = {
            "PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/bin",
            "PYTHONPATH": ":".join(sys.path),
            "MLWRIGHT_ROUTER_FOLDER": str(self.place.folder),
            "MLWRIGHT_PORT": str(self.place.port),
            "MLWRIGHT_METRICS_PORT": str(self.place.metrics_port),
            "MLWRIGHT_CONNECTIONS": str(self.place.connections),
        }
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "mlwright.router", "haproxy"]
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, cwd="/", start_new_session=True
            )

    def kill_haproxy(self) -> None:
        """Send SIGKILL to master and worker, as the end of a container does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            process, self._process = self._process, None
            exit_code(process, "HAProxy's master is gone after SIGKILL")
            # the worker is no child of ours, so nobody waits for it
            eventually(lambda: None if self.listens() else True, "HAProxy's worker no longer takes connections")

    def listens(self) -> bool:
        """Tell whether HAProxy takes connections."""
        rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return self.place.port in {int(row.split()[1].split(":")[1], 16) for row in rows if row.split()[3] == "0A"}

    def start_agent(self) -> None:
        """Begin a new life of the agent."""
        self.agent = Agent(self.place, self.scene)
        self._task = asyncio.create_task(self.agent.run())

    async def stop_agent(self) -> None:
        """End it without a word, as a kill does."""
        if self._task is not None:
            self._task.cancel()
            task, self._task = self._task, None
            await over([task], "the router's agent has ended after it was cancelled")

    def tell(self) -> None:
        """Let the agent hear that something changed."""
        self.agent.news.set()

    async def follows(self) -> None:
        """Wait until HAProxy is as the scene says."""
        self.tell()
        wanted = {name: parse(text).digest for name, text in self.scene.documents.items()}
        begun = self.agent._begun
        await soon(
            lambda: self.agent.applied == wanted and self.agent._done > begun, f"HAProxy follows\n{self.log()}", 15
        )

    def log(self) -> str:
        """Return what HAProxy said."""
        return self._log.read_text()[-2000:]

    async def settled(self) -> bool:
        """Tell whether HAProxy answers its socket."""
        with suppress(HaproxyError):
            return await self.agent.lives()
        return False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: str
    headers: dict[str, str]


class Client:
    """One connection that is kept; asks once and never again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, path: str = f"/v2/models/{MODEL}/infer", *, body: bytes = b"{}", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request and return its answer.

        Raises:
            OSError, IncompleteReadError: the connection was closed instead.
        """
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        assert self._reader is not None
        given = {
            "host": "router",
            "content-length": str(len(body)),
            **{k.replace("_", "-"): v for k, v in (headers or {}).items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._writer.write(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode())
        await asyncio.sleep(0)  # most clients send head and body apart
        self._writer.write(body)
        await self._writer.drain()
        return await self._answer()

    async def _answer(self) -> Answer:
        assert self._reader is not None
        assert self._writer is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
        body = (await self._reader.readexactly(int(headers.get("content-length", "0")))).decode()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(status.split(" ")[1]), body, headers)

    def close(self) -> None:
        """Leave."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def ask(running: Running, path: str = f"/v2/models/{MODEL}/infer", body: bytes = b"{}", **headers: str) -> Answer:
    """Ask once on a connection of its own."""
    client = Client(running.place.port)
    try:
        return await client.ask(path, body=body, headers=headers)
    finally:
        client.close()


class Crowd:
    """Clients that ask one request after the other until told to stop; an asynchronous context manager."""

    def __init__(self, running: Running, clients: int = 8, body: bytes = b"{}") -> None:
        self._port = running.place.port
        self._clients = clients
        self._body = body
        self._over = False
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._clients)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        await over(self._tasks, f"{self._clients} clients have their last answers", LAST_ANSWERS)
        for task in self._tasks:
            task.result()

    async def _work(self) -> None:
        client = Client(self._port)
        while not self._over:
            try:
                answer = await client.ask(body=self._body)
                if answer.status == 200:
                    self.answers[answer.body] += 1
                else:
                    self.failures[f"{answer.status} {answer.body}"] += 1
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failures[type(error).__name__] += 1
                client.close()
                await asyncio.sleep(0.01)
        client.close()
