"""Where clients come in: the ports, who may ask, how connections are encrypted; as new as the Secrets behind them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from mlwright.server.access import Gate, Scheme
from mlwright.server.application import Application
from mlwright.server.encryption import Encryption
from mlwright.server.failures import UnreadySecretError
from mlwright.server.following import Files, follow, read_folder
from mlwright.server.listener import Listener
from mlwright.server.settings import Settings


class Doors:
    """The listeners of one server."""

    def __init__(self, settings: Settings) -> None:
        """Read the Secrets.

        Raises:
            UnreadySecretError: One is not there, or holds nothing of use; another start may find it.
        """
        self._settings = settings
        self._followed: list[tuple[Path, Files, Callable[[Files], None]]] = []
        self.gate = self._gate()
        self.encryption = self._encryption()
        self.ports: dict[str, int] = {}

    @asynccontextmanager
    async def open(self, app: Application, sock: socket.socket) -> AsyncIterator[None]:
        """Take clients; at the end, finish what is under way.

        Raises:
            OSError: The port for gRPC is taken.
        """
        listener = await Listener.on(sock, app, self.encryption.context if self.encryption else None)
        self.ports["port"] = sock.getsockname()[1]
        stops: list[Callable[[float], Awaitable[None]]] = [listener.stop]
        try:
            stops += await self._remote(app)
            yield
        finally:  # together: the pod's grace allows for one time limit, not for two
            await asyncio.gather(*(stop(self._settings.timeout_seconds) for stop in stops))

    async def follow(self) -> None:
        """Take in what changes in the Secrets, for ever."""
        async with asyncio.TaskGroup() as work:
            for folder, files, use in self._followed:
                work.create_task(follow(folder, files, use))

    async def _remote(self, app: Application) -> list[Callable[[float], Awaitable[None]]]:
        """Listen for gRPC, where that is asked for; returns what stops it."""
        given = self._settings
        if given.grpc_port is None:
            return []
        from mlwright.server.remote import RemoteListener  # noqa: PLC0415 - it takes memory that others need not give

        listener = await RemoteListener.on(given.grpc_port, app, self.encryption, given.drain_seconds)
        self.ports["grpc_port"] = listener.port
        return [listener.stop]

    def _gate(self) -> Gate | None:
        file = self._settings.auth_file
        if self._settings.auth is Scheme.NONE or file is None:
            return None
        gate = Gate(self._settings.auth, file.name)
        self._read("spec.server.auth.secretRef", file.parent, gate.use)
        return gate

    def _encryption(self) -> Encryption | None:
        folder = self._settings.tls_folder
        if folder is None:
            return None
        encryption = Encryption(folder)
        self._read("spec.server.tls.secretRef", folder, encryption.use)
        return encryption

    def _read(self, field: str, folder: Path, use: Callable[[Files], None]) -> None:
        files = read_folder(folder)
        try:
            use(files)
        except ValueError as problem:
            raise UnreadySecretError(f"{field}: the Secret is not usable: {problem}") from problem
        self._followed.append((folder, files, use))
