"""A proxy between an operator's watches and the API server that loses, repeats, delays and reorders events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from mlwright.ports.access import Access
from tests.support.kube import Kube


@dataclass(frozen=True, slots=True)
class Mischief:
    """How likely what happens to an event; the rest passes at once, in order."""

    seed: int = 0
    lost: float = 0.0
    repeated: float = 0.0
    late: float = 0.0
    longest: float = 0.0
    """Seconds that a late event is late at most; later events overtake it."""


@dataclass(slots=True)
class Stream:
    """One watch under mischief."""

    mischief: Mischief
    random: Random
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def pass_on(self, line: bytes, response: web.StreamResponse) -> None:
        """Do to one event what chance has in store for it."""
        chance = self.random.random()
        if chance < self.mischief.lost:
            return
        if chance < self.mischief.lost + self.mischief.repeated:
            await response.write(line)
            self._later(line, response)
        elif chance < self.mischief.lost + self.mischief.repeated + self.mischief.late:
            self._later(line, response)
        else:
            await response.write(line)

    def _later(self, line: bytes, response: web.StreamResponse) -> None:
        delay = self.random.uniform(0.5, 1.0) * self.mischief.longest

        async def write() -> None:
            await asyncio.sleep(delay)
            with suppress(ConnectionError):  # the watch may have ended meanwhile
                await response.write(line)

        task = asyncio.create_task(write())
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    def end(self) -> None:
        """Drop what is still on its way."""
        for task in self.under_way:
            task.cancel()


class WatchProxy:
    """Listens on loopback, without TLS; an asynchronous context manager."""

    def __init__(self, kube: Kube, mischief: Mischief) -> None:
        self._kube = kube
        self._mischief = mischief
        self._random = Random(mischief.seed)  # noqa: S311  # chance with a seed, for a test
        self.events = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.access = Access(server=f"http://{host}:{port}", tls=None, authorization=_nobody)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        async with self._kube.open(request.path_qs) as answer:
            if "watch" not in request.query:
                return web.Response(body=await answer.read(), status=answer.status, content_type="application/json")
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
            await response.prepare(request)
            stream = Stream(self._mischief, Random(self._random.random()))  # noqa: S311
            try:
                async for line in _lines(answer):
                    self.events += 1
                    await stream.pass_on(line, response)
            except (ConnectionError, aiohttp.ClientError):
                pass  # one of the two sides has gone
            finally:
                stream.end()
            return response


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in answer.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"


async def _nobody() -> None:
    """The proxy proves who it is; its clients need not."""
