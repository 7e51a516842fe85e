"""Speaks with HAProxy over its sockets: one connection for each batch of commands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

CHUNK: Final = 8_000
"""Characters of one command or batch: HAProxy closes the connection when one does not fit its buffer of 16 KiB."""
PATIENCE: Final = 5.0
"""Seconds for an answer."""


class HaproxyError(Exception):
    """HAProxy is away, or refused a command; looked at again at the next look."""


class Haproxy:
    """The running HAProxy."""

    def __init__(self, admin: Path, master: Path) -> None:
        self._admin = admin
        self._master = master

    async def observe(self) -> tuple[int, str]:
        """Return the process id of the worker and what it says to `show servers state`."""
        answer = await self._ask(self._admin, "show info;show servers state")
        info, _, state = answer.partition("\n\n")
        pid = next((line.split(": ")[1] for line in info.splitlines() if line.startswith("Pid: ")), "")
        if not pid or "# be_id" not in state:
            raise HaproxyError(f"an answer was not understood: {answer[:200]!r}")
        return int(pid), state

    async def statistics(self) -> str:
        """Return the statistics of the backends as CSV."""
        return await self._ask(self._admin, "show stat -1 2 -1")

    async def run(self, commands: Iterable[str]) -> None:
        """Run commands that say nothing when they succeed.

        Raises:
            HaproxyError: one said something else than that an address was changed, or HAProxy is away.
        """
        for batch in _batches(commands):
            answer = await self._ask(self._admin, batch)
            complaints = [line for line in answer.splitlines() if line and not line.startswith(_HARMLESS)]
            if complaints:
                raise HaproxyError(complaints[0])

    async def replace_map(self, file: Path, text: str) -> None:
        """Replace all entries of a map at once: a request sees the old ones or the new ones.

        Raises:
            HaproxyError: the new entries were not taken in; the old ones stay.
        """
        answer = await self._ask(self._admin, f"prepare map {file}")
        version = answer.strip().rpartition(" ")[2]
        if not version.isdecimal():
            raise HaproxyError(f"{file.name}: {answer.strip()}")
        for part in _parts(text):
            await self.run([f"add map @{version} {file} <<\n{part}"])
        await self.run([f"commit map @{version} {file}"])

    async def reload(self) -> None:
        """Let the master read the configuration again; connections go on."""
        await self._ask(self._master, "reload")

    async def old_workers(self) -> bool:
        """Tell whether workers from before a reload still finish what they have.

        HAProxy tells them of no pods any more: it refuses to set their servers.
        """
        answer = await self._ask(self._master, "show proc;quit")
        _, _, told = answer.partition("# old workers")
        return " worker " in told.partition("#")[0]

    async def _ask(self, socket: Path, command: str) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                return await _exchange(socket, command)
        except (OSError, TimeoutError) as error:
            raise HaproxyError(f"{socket.name} does not answer: {error}") from error


_HARMLESS: Final = ("IP changed from", "port changed from", "no need to change", "nothing changed")
"""How answers to `set server ... addr` begin that succeeded."""


async def _exchange(socket: Path, command: str) -> str:
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(f"{command}\n".encode())
        await writer.drain()
        return (await reader.read(-1)).decode()
    finally:
        writer.close()


def _batches(commands: Iterable[str]) -> Iterator[str]:
    batch = ""
    for command in commands:
        if batch and len(batch) + len(command) > CHUNK:
            yield batch
            batch = ""
        batch = f"{batch};{command}" if batch else command
    if batch:
        yield batch


def _parts(text: str) -> Iterator[str]:
    """Cut the lines of a map into parts that fit a command."""
    part = ""
    for line in text.splitlines(keepends=True):
        if len(part) + len(line) > CHUNK:
            yield part
            part = ""
        part += line
    if part:
        yield part
