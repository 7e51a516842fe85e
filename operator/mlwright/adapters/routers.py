"""Questions to the pods of routers, on one kept connection each: a question costs a tenth of a millisecond of CPU time.

What the agent tells at `/load` is small, of one form and from a pod of ours, so HTTP is spoken by hand: a length, no
chunks, no redirects. Anything else is an error, and the next question begins on a new connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

from mlwright.errors import MetricsError
from mlwright.plan.loads import Passing

SECONDS: Final = 0.8
"""For an answer: the next question comes a second after the last one."""
LARGEST_BYTES: Final = 1_000_000
"""Some 20,000 variants."""


@dataclass(frozen=True, slots=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class RouterPods:
    """The pods of all routers."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lines: dict[str, _Line] = {}

    async def passing(self, address: str) -> Mapping[str, Passing]:
        """Return what a pod says. See `mlwright.ports.routers.Routers`."""
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._ask(address)
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError) as error:
            raise MetricsError(f"the router at {address} does not answer: {type(error).__name__} {error}") from error
        return _read(body, address)

    def keep(self, addresses: Collection[str]) -> None:
        """Close the connections to all other pods."""
        for address in self._lines.keys() - set(addresses):
            self._lines.pop(address).writer.close()

    async def _ask(self, address: str) -> bytes:
        """Ask on the kept connection; where the other side closed it meanwhile, once more on a new one."""
        kept = self._lines.pop(address, None)
        if kept is not None:
            try:
                return await self._exchange(address, kept)
            except (OSError, EOFError):
                pass
        host, _, port = address.rpartition(":")
        return await self._exchange(address, _Line(*await asyncio.open_connection(host.strip("[]"), int(port))))

    async def _exchange(self, address: str, line: _Line) -> bytes:
        """Ask, and keep the connection if the answer came as a whole."""
        whole = False
        try:
            line.writer.write(f"GET /load HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            head = (await line.reader.readuntil(b"\r\n\r\n")).lower()
            body = await line.reader.readexactly(_length(head, address))
            whole = b"\r\nconnection: close" not in head
            return body
        finally:
            if whole:
                self._lines[address] = line
            else:
                line.writer.close()


def _length(head: bytes, address: str) -> int:
    status = head.partition(b"\r\n")[0].split(b" ")[1:2]
    if status != [b"200"]:
        told = b"".join(status).decode(errors="replace") or "no HTTP"
        raise MetricsError(f"the router at {address} tells no load ({told})")
    text = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0].strip()
    if not text.isdigit() or int(text) > LARGEST_BYTES:
        raise MetricsError(f"the router at {address} tells a load of no length, or of more than {LARGEST_BYTES} bytes")
    return int(text)


def _read(body: bytes, address: str) -> dict[str, Passing]:
    """Return the sums over the variants of each deployment."""
    try:
        document: Any = from_json(body)
        variants: Any = document["variants"] if document["schemaVersion"] == 1 else None
        found: dict[str, Passing] = {}
        for variant, (under_way, came) in variants.items():
            name = variant.partition("/")[0]
            before = found.get(name) or Passing(0, 0)
            found[name] = Passing(before.under_way + max(0, int(under_way)), before.came + max(0, int(came)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MetricsError(f"the router at {address} tells a load of another form: {type(error).__name__}") from error
    return found
