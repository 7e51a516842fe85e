"""The router beside a plain Python proxy: `python -m bench.router` writes build/bench/router.json.

The router is the real HAProxy, with the configuration and the agent of the image; the pods are ports of another HAProxy
that answer at once, so that nobody waits for them. The Python proxy (aiohttp) does only what nobody could leave out:
draw a version by the shares, pass the request on over kept connections, answer. Both are alone on the same core, in
turns, and in each turn spend the same CPU time, by the kernel's clock of the process; pods and clients are on another
core.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from bench.cores import Spent, one_core, pin
from bench.figures import Benchmark, Figures
from bench.proxied import Answering, Proxy
from mlwright.router.document import digest
from mlwright.router.servers import Address, State
from tests.support.routing import Client, Crowd, Running, split
from tests.support.waiting import soon

SPLITS: Final = (5000, 1000, 100, 10)
"""Shares of the new version in 10,000: from a half to one in a thousand."""
DRAWS: Final = 200_000
SERIAL: Final = 1_000
CPU_SECONDS: Final = 0.5
CONNECTIONS: Final = 16
BATCH: Final = 100
QUESTION: Final = b"GET /v2/models/flights HTTP/1.1\r\nHost: router\r\n\r\n"
WEIGHT_CHANGES: Final = 200
POD_CHANGES: Final = 20
EDITS: Final = 50
WAKES: Final = 5
ROUNDS: Final = 9

LEAST: Final = {"ratio_requests_per_core": 9.0}
GOALS: Final = {
    "ratio_added_p50": 0.5,
    "failed_under_changes": 0,
    "share_worst_sd": 4.0,
    "weight_edit_p99_ms": 100,
}


def main(arguments: list[str]) -> int:
    """Run the phases; returns 1 when a goal is missed."""
    phases: dict[str, Callable[[], Figures]] = {
        "speed": lambda: _run(_speed),
        "shares": lambda: _run(_shares),
        "changes": lambda: _run(_changes),
        "edits": lambda: _run(_edits),
        "wakes": lambda: _run(_wakes),
    }
    reference = "a plain proxy in Python (aiohttp), on the same core with the same pods"
    return Benchmark("router", reference, GOALS, LEAST).run(phases, arguments)


def _run(phase: Callable[[Running, Path], Coroutine[Any, Any, Figures]]) -> Figures:
    async def work(folder: Path) -> Figures:
        async with Running(folder / "router") as running:
            return await phase(running, folder)

    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(work(Path(name)))


@asynccontextmanager
async def _answering(running: Running, folder: Path, **numbers: int) -> AsyncIterator[dict[str, list[Address]]]:
    """Let pods of revisions answer their name; all of them are ready."""
    with Answering(folder, numbers) as pods:
        for name, addresses in pods.addresses.items():
            running.scene.pods[f"flights-{name}"] = dict.fromkeys(addresses, State.READY)
        await pods.listening()
        yield pods.addresses


async def _speed(running: Running, folder: Path) -> Figures:
    """Requests for each second of CPU time, and what is added to the time of a single request."""
    with one_core() as core:
        async with _answering(running, folder, old=1, new=1) as addresses:
            running.scene.route(split(1000))
            await running.follows()
            with Proxy(folder, addresses["old"][0], addresses["new"][0]) as proxy:
                await proxy.listening()
                subjects = {"router": (running.place.port, running.worker()), "python": (proxy.port, proxy.pid)}
                for _, pid in subjects.values():
                    pin(pid, core)
                rates: dict[str, list[float]] = {name: [] for name in subjects}
                times: dict[str, list[float]] = {name: [] for name in (*subjects, "direct")}
                for _ in range(ROUNDS):
                    times["direct"].append(await asyncio.to_thread(_serial, addresses["old"][0].port))
                    for name, (port, pid) in subjects.items():
                        times[name].append(await asyncio.to_thread(_serial, port))
                        rates[name].append(await asyncio.to_thread(_per_core_second, port, pid))
    p50 = {name: statistics.median(found) * 1e3 for name, found in times.items()}
    added = {name: p50[name] - p50["direct"] for name in subjects}
    ratios = [ours / theirs for ours, theirs in zip(rates["router"], rates["python"], strict=True)]
    print(f"  {min(ratios):.1f} to {max(ratios):.1f} times the Python proxy's requests per core-second")
    return {
        "requests_per_core_second": statistics.median(rates["router"]),
        "python_requests_per_core_second": statistics.median(rates["python"]),
        "ratio_requests_per_core": statistics.median(ratios),
        "direct_p50_ms": p50["direct"],
        "added_p50_ms": added["router"],
        "python_added_p50_ms": added["python"],
        "ratio_added_p50": added["router"] / added["python"],
        "rss_mb": _resident_mb(subjects["router"][1]),
    }


def _serial(port: int) -> float:
    """Return the median seconds of one request after the other."""
    with _connected(port, 1) as (one,):
        return statistics.median(_round([one]) for _ in range(SERIAL))


def _per_core_second(port: int, pid: int) -> float:
    """Return the requests for each second of CPU time, asked in rounds: one on each connection, then all answers."""
    with _connected(port, CONNECTIONS) as sockets:
        spent, rounds = Spent(pid), 0
        while (seconds := spent.seconds) < CPU_SECONDS:
            _round(sockets)
            rounds += 1
        spent.check()
        return rounds * CONNECTIONS / seconds


@contextmanager
def _connected(port: int, number: int) -> Iterator[list[socket.socket]]:
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def _round(sockets: list[socket.socket]) -> float:
    """Return the seconds until each connection had its answer.

    Raises:
        SystemExit: a request was not answered with 200; the figures would mean nothing.
    """
    begun = time.perf_counter()
    for one in sockets:
        one.sendall(QUESTION)
    for one in sockets:
        answer = one.recv(4096)
        while not answer.endswith((b"\r\n\r\nold", b"\r\n\r\nnew")):
            answer += one.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"a request was not answered: {answer[:60]!r}")
    return time.perf_counter() - begun


async def _asked(port: int, number: int) -> Counter[str]:
    """Ask so often, some at the same time, and count who answers.

    Raises:
        SystemExit: a request was not answered with 200; the figures would mean nothing.
    """
    counts: Counter[str] = Counter()

    async def work(times: int) -> None:
        client = Client(port)
        for _ in range(times):
            answer = await client.ask()
            if answer.status != 200:  # noqa: PLR2004  # OK
                raise SystemExit(f"a request was answered with {answer.status}: {answer.body}")
            counts[answer.body] += 1
        client.close()

    await asyncio.gather(*(work(number // CONNECTIONS) for _ in range(CONNECTIONS)))
    return counts


async def _shares(running: Running, folder: Path) -> Figures:
    """How far the shares are from what was asked for, in standard deviations of chance; one pod against seven."""
    figures: Figures = {}
    async with _answering(running, folder, old=1, new=7):
        for share in SPLITS:
            running.scene.route(split(share))
            await running.follows()
            counts = await _drawn(running.place.port, DRAWS)
            n, p = counts.total(), share / 10_000
            figures[f"share_{share / 100:g}_percent"] = 100 * counts["new"] / n
            figures[f"share_{share / 100:g}_sd"] = abs(counts["new"] - n * p) / math.sqrt(n * p * (1 - p))
    worst = max(value for name, value in figures.items() if name.endswith("_sd"))
    return {**figures, "share_worst_sd": worst}


async def _drawn(port: int, number: int) -> Counter[str]:
    """Ask so often, many requests at once on each connection, and count who answers: only the counts matter here.

    Raises:
        SystemExit: a request was not answered with 200.
    """
    counts: Counter[str] = Counter()

    async def work(batches: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(batches):
            writer.write(QUESTION * BATCH)
            left = BATCH
            while left:
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200 "):
                    raise SystemExit(f"a request was not answered: {head[:60]!r}")
                counts[(await reader.readexactly(3)).decode()] += 1
                left -= 1
        writer.close()

    await asyncio.gather(*(work(number // BATCH // CONNECTIONS) for _ in range(CONNECTIONS)))
    return counts


async def _changes(running: Running, folder: Path) -> Figures:
    """Shares change 200 times and pods come, drain and go 20 times under load; every failure counts."""
    del folder
    old, new = await running.pod("old", 0.002), await running.pod("new", 0.002)
    running.scene.ready("old", [old])
    running.scene.ready("new", [new])
    running.scene.route(split(1000))
    await running.follows()
    async with Crowd(running, CONNECTIONS) as crowd:
        for change in range(WEIGHT_CHANGES):
            running.scene.route(split(50 * (change % 200)))
            await running.follows()
            if change % (WEIGHT_CHANGES // POD_CHANGES) == 0:
                await _exchange(running)
    if crowd.failures:
        print(f"  failures: {dict(crowd.failures)}")
    return {"requests_under_changes": crowd.answers.total(), "failed_under_changes": crowd.failures.total()}


async def _exchange(running: Running) -> None:
    pod = await running.pod("old", 0.002)
    running.scene.ready("old", [pod])
    await running.follows()
    await asyncio.sleep(0.05)
    running.scene.ready("old", [pod], state=State.DRAIN)
    await running.follows()
    await asyncio.sleep(0.05)
    running.scene.gone("old", [pod])
    await running.follows()
    await pod.stop(abort=False)


async def _edits(running: Running, folder: Path) -> Figures:
    """From the moment when a route is known to that when HAProxy follows it."""
    async with _answering(running, folder, old=1, new=1):
        running.scene.route(split(0))
        await running.follows()
        found = []
        for turn in range(EDITS):
            running.scene.route(split(100 * turn + 100))
            found.append(await _seconds(lambda: _followed(running)))
    return {"weight_edit_p50_ms": statistics.median(found) * 1e3, "weight_edit_p99_ms": max(found) * 1e3}


async def _followed(running: Running) -> None:
    wanted = {name: digest(text) for name, text in running.scene.documents.items()}
    running.tell()
    while running.agent.applied != wanted:  # noqa: ASYNC110  # looked at more often than an event would tell
        await asyncio.sleep(0.0005)


async def _wakes(running: Running, folder: Path) -> Figures:
    """From a request without a pod to the signal, and from the pod that is ready to the answer."""
    del folder
    signals, answers = [], []
    running.scene.route({"old": [(0, 9999)]}, wakes=True)
    await running.follows()
    pod = await running.pod("old")
    for _ in range(WAKES):
        running.scene.woken.clear()
        running.agent._woken.clear()  # noqa: SLF001  # as if the last time were long ago
        asking = asyncio.create_task(_asked(running.place.port, CONNECTIONS))
        signals.append(await _seconds(lambda: soon(lambda: running.scene.woken, "a signal")))
        running.scene.ready("old", [pod])
        running.tell()
        answers.append(await _seconds(lambda task=asking: task))  # type: ignore[misc]
        running.scene.gone("old", [pod])
        await running.follows()
    return {"wake_signal_ms": statistics.median(signals) * 1e3, "wake_answer_ms": statistics.median(answers) * 1e3}


async def _seconds(act: Callable[[], Awaitable[Any]]) -> float:
    begun = time.perf_counter()
    await act()
    return time.perf_counter() - begun


def _resident_mb(pid: int) -> float:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
