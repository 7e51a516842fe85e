"""`python -m mlwright.router haproxy|agent`: the two programs of a router pod.

`haproxy` writes the first configuration and becomes HAProxy. `agent` keeps it as the routes say until SIGTERM, then has
HAProxy tell its clients to go elsewhere, and ends when HAProxy has.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mlwright.process.logs import configure
from mlwright.router import memory
from mlwright.router.agent import Agent
from mlwright.router.cluster import Cluster
from mlwright.router.config import MAPS, Place, render
from mlwright.router.haproxy import HaproxyError
from mlwright.router.kube import Kube, in_cluster
from mlwright.router.memory import replace_file

TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
LONGEST_END: Final = 75.0
"""Seconds after which the agent ends although HAProxy has not."""

logger = logging.getLogger("mlwright.router")


def place_of(environ: Mapping[str, str]) -> Place:
    """Return where things are, as the pod says."""
    return Place(
        folder=Path(environ.get("MLWRIGHT_ROUTER_FOLDER", "/run/mlwright")),
        port=int(environ.get("MLWRIGHT_PORT", "8080")),
        metrics_port=int(environ.get("MLWRIGHT_METRICS_PORT", "8405")),
        threads=int(environ.get("MLWRIGHT_THREADS", "1")),
        connections=int(environ.get("MLWRIGHT_CONNECTIONS", "8000")),
    )


def prepare(place: Place) -> None:
    """Write what HAProxy needs to start and does not find; what an earlier life left stays."""
    for name in MAPS:
        place.map(name).touch()
    if not place.config.exists():
        replace_file(place.config, render(memory.load(place.memory).shape, place))


def become_haproxy(place: Place) -> None:
    """Replace this process by HAProxy."""
    prepare(place)
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "haproxy"
    os.execv(program, [program, "-W", "-S", str(place.master), "-f", str(place.config)])  # noqa: S606  # no shell


async def run_agent(place: Place, environ: Mapping[str, str]) -> None:
    """Keep HAProxy until SIGTERM."""
    changed = asyncio.Event()
    leaving = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGUSR1):  # the image says SIGUSR1, which is what HAProxy wants
        asyncio.get_running_loop().add_signal_handler(number, leaving.set)
    kube = Kube(in_cluster(environ, TOKEN))
    news = asyncio.Event()
    cluster = Cluster(kube, environ["MLWRIGHT_NAMESPACE"], environ["MLWRIGHT_POD"], news.set)
    agent = Agent(place, cluster, news=news, followed=changed)
    works = (cluster.keep(), agent.run(), cluster.report(lambda: agent.applied, changed))
    tasks = [asyncio.create_task(work) for work in works]
    ended = asyncio.create_task(leaving.wait())
    done, _ = await asyncio.wait([*tasks, ended], return_when=asyncio.FIRST_COMPLETED)
    if ended in done:
        await _leave(agent)
    for task in tasks:
        task.cancel()
    for failed in done - {ended}:
        failed.result()


async def _leave(agent: Agent) -> None:
    """Let clients go elsewhere after their next answer, and stay until HAProxy has ended."""
    logger.info("leaving: clients are told to connect anew")
    agent.leaving = True
    agent.news.set()
    try:
        async with asyncio.timeout(LONGEST_END):
            while await agent.lives():  # noqa: ASYNC110  # another process tells no event
                await asyncio.sleep(0.5)
    except (HaproxyError, TimeoutError):
        return


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run one of the two programs; returns the exit code."""
    os.umask(0o077)
    configure()
    place = place_of(environ)
    match arguments:
        case ["haproxy"]:
            become_haproxy(place)
        case ["agent"]:
            asyncio.run(run_agent(place, environ))
        case _:
            sys.stderr.write("usage: python -m mlwright.router haproxy|agent\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
