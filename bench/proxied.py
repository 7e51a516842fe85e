"""What bench.router measures with: pods that answer at once, and a plain proxy in Python."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import ClientSession, TCPConnector, web

from cluster.haproxy import haproxy
from mlwright.router.servers import Address
from tests.support.routing import Client, free_port

PERCENT_NEW: Final = 10


class Answering:
    """One HAProxy that plays many pods: each port answers the name of its revision; a context manager."""

    def __init__(self, folder: Path, numbers: Mapping[str, int]) -> None:
        self.addresses = {
            name: [Address("127.0.0.1", free_port()) for _ in range(number)] for name, number in numbers.items()
        }
        self._config = folder / "pods.cfg"

    def __enter__(self) -> Self:
        lines = ["global", "  maxconn 4000", "defaults", "  mode http", "  timeout client 60s"]
        for name, addresses in self.addresses.items():
            for address in addresses:
                answer = f'http-request return status 200 content-type text/plain string "{name}"'
                lines += [f"frontend p{address.port}", f"  bind 127.0.0.1:{address.port}", f"  {answer}"]
        self._config.write_text("\n".join([*lines, ""]))
        self._process = subprocess.Popen([haproxy(), "-f", str(self._config)], stdout=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    async def listening(self) -> None:
        """Wait until all answer."""
        for addresses in self.addresses.values():
            for address in addresses:
                await _answers(address.port)


class Proxy:
    """The plain proxy as a process of its own; a context manager."""

    def __init__(self, folder: Path, old: Address, new: Address) -> None:
        self.port = free_port()
        self._log = folder / "proxy.log"
        self._arguments = [str(number) for number in (self.port, old.port, new.port)]

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "bench.proxied", *self._arguments]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.pid = self._process.pid
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    async def listening(self) -> None:
        """Wait until it answers."""
        await _answers(self.port)


async def _answers(port: int) -> None:
    for _ in range(200):
        try:
            client = Client(port)
            await client.ask()
            client.close()
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return
    raise SystemExit(f"nobody answers on port {port}")


def serve(port: int, old: int, new: int) -> None:
    """Pass requests on to one of two versions, as a proxy that somebody writes in an afternoon."""
    chance = random.Random(7)  # noqa: S311  # divides requests, guards nothing

    async def start(app: web.Application) -> None:
        app["session"] = ClientSession(connector=TCPConnector(limit=0), auto_decompress=False)

    async def passed(request: web.Request) -> web.Response:
        target = new if chance.randrange(100) < PERCENT_NEW else old
        body = await request.read()
        url = f"http://127.0.0.1:{target}{request.path_qs}"
        async with request.app["session"].request(request.method, url, headers=request.headers, data=body) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="text/plain")

    app = web.Application()
    app.on_startup.append(start)
    app.router.add_route("*", "/{path:.*}", passed)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    serve(*(int(argument) for argument in sys.argv[1:]))
