"""What HAProxy counted, by model and revision, as text for Prometheus. Pure, but for the little server at the end.

HAProxy counts by backend, and a backend serves one variant after the other. What it had counted before a variant came
is remembered and taken off, so every series begins at 0.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from mlwright.router.maps import backend
from mlwright.router.slots import Slots

Counts = Mapping[str, int]
"""Figures of one backend by HAProxy's name for them."""

CODES: Final = {f"hrsp_{digit}xx": f"{digit}xx" for digit in "12345"}
COUNTERS: Final = {
    "wretr": ("retries_total", "Requests that were sent again to the same pod."),
    "wredis": ("redispatches_total", "Requests that were sent again to another pod."),
    "econ": ("connection_errors_total", "Connections to pods that failed."),
}
GAUGES: Final = {
    "qcur": ("waiting", "Requests that wait for a pod."),
    "act": ("pods", "Pods that are sent requests."),
}
COUNTED: Final = (*CODES, *COUNTERS)


def parse(text: str) -> dict[str, Counts]:
    """Read the answer to `show stat` for backends."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    names = (*COUNTED, *GAUGES)
    return {
        row["pxname"]: {name: int(row[name] or 0) for name in names} for row in rows if row.get("svname") == "BACKEND"
    }


def began(seen: Counts) -> dict[str, int]:
    """Return what had been counted when a variant got its backend."""
    return {name: seen.get(name, 0) for name in COUNTED}


def render(counts: Mapping[str, Counts], slots: Slots, before: Mapping[str, Counts], followed: int) -> str:
    """Return all series.

    Args:
        counts: of each backend.
        slots: who has which backend.
        before: what had been counted when a variant got it.
        followed: how many routes HAProxy follows.
    """
    lines = ["# HELP mlwright_router_routes Routes that this pod follows.", "# TYPE mlwright_router_routes gauge"]
    lines.append(f"mlwright_router_routes {followed}")
    own = {
        name: _less(counts.get(backend(number), {}), before.get(name, {})) for name, number in slots.variants.items()
    }
    lines += _series("requests_total", "counter", "Answers by the first digit of their status.", _by_code(own))
    for kind, table in (("counter", COUNTERS), ("gauge", GAUGES)):
        for name, (series, text) in table.items():
            found = ((_labels(variant), found.get(name, 0)) for variant, found in sorted(own.items()))
            lines += _series(series, kind, text, found)
    return "\n".join([*lines, ""])


def _less(seen: Counts, before: Counts) -> dict[str, int]:
    """Return what was counted since; after a start of HAProxy all of it."""
    return {
        name: value - before.get(name, 0) if value >= before.get(name, 0) else value for name, value in seen.items()
    }


def _by_code(own: Mapping[str, Counts]) -> Iterator[tuple[str, int]]:
    for variant, found in sorted(own.items()):
        for name, code in CODES.items():
            yield f'{_labels(variant)},code="{code}"', found.get(name, 0)


def _labels(variant: str) -> str:
    model, _, revision = variant.partition("/")
    return f'deployment="{model}",revision="{revision}"'


def _series(name: str, kind: str, text: str, values: Iterator[tuple[str, int]]) -> list[str]:
    full = f"mlwright_router_{name}"
    return [
        f"# HELP {full} {text}",
        f"# TYPE {full} {kind}",
        *(f"{full}{{{labels}}} {value}" for labels, value in values),
    ]


async def listen(socket: Path, read: Callable[[], Awaitable[str]]) -> asyncio.Server:
    """Answer every request on a socket with the metrics; HAProxy stands before it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            body = (await read()).encode()
            kind = b"Content-Type: text/plain; version=0.0.4\r\nConnection: close"
            writer.write(b"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(body), body))
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(serve, socket)
