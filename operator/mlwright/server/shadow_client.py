"""A small HTTP client for copies: one kept connection, one request after the other.

Servers close connections on which nothing came for a while. That says nothing of the variant: such a request is sent
once more, on a new connection. Nothing else is tried again.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from mlwright.server.fellowship import Fellowship

MOST_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""What a peer may send at most before it is given up."""


class CopyError(Exception):
    """The copy got no answer that can be compared; `status` is that of the answer, 0 where there was none."""

    def __init__(self, words: str, status: int = 0) -> None:
        """Take what happened."""
        super().__init__(words)
        self.status = status


class ShadowConnection:
    """A connection to one address, opened when it is needed."""

    def __init__(self, address: tuple[str, int], fellowship: Fellowship) -> None:
        """Take where the other one is, and how both know each other."""
        self.address = address
        self._fellowship = fellowship
        self._own: Mapping[str, str] = {}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes, headers: dict[str, str], seconds: float) -> bytes:
        """The body of the answer to a POST.

        Raises:
            CopyError: There was no answer in time, or not one with status 200.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._post(path, body, headers)
        except (OSError, ValueError, LookupError, EOFError, asyncio.LimitOverrunError) as problem:
            self.close()
            raise CopyError(f"{type(problem).__name__}: {problem}") from problem
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
        self._reader = self._writer = None

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        kept = self._kept() is not None
        try:
            answer, reader = await self._answered(path, body, headers)
        except (ConnectionError, asyncio.IncompleteReadError) as problem:
            if not kept or (isinstance(problem, asyncio.IncompleteReadError) and problem.partial):
                raise
            self.close()
            answer, reader = await self._answered(path, body, headers)
        content = await reader.readexactly(_length(answer))
        if b"\r\nconnection: close" in answer:
            self.close()
        if (status := int(answer.split(b" ", 2)[1])) != HTTPStatus.OK:
            raise CopyError(f"status {status}", status)
        return content

    async def _answered(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[bytes, asyncio.StreamReader]:
        """Send the request; returns the head of the answer in lower case, and where the rest comes from."""
        reader, writer = await self._opened()
        lines = {"host": self.address[0], "content-type": "application/json", **self._own, **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        head = f"POST {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode("latin-1") + body)
        await writer.drain()
        return (await reader.readuntil(b"\r\n\r\n")).lower(), reader

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The connection that is kept; None where there is none, or the other end is known to have closed it."""
        if self._reader is None or self._writer is None or self._reader.at_eof() or self._writer.is_closing():
            return None
        return self._reader, self._writer

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The connection; nothing is sent on a new one before the other end is known."""
        if kept := self._kept():
            return kept
        self.close()
        self._own = self._fellowship.headers()
        context = self._fellowship.context()
        self._reader, self._writer = await asyncio.open_connection(*self.address, ssl=context)
        encryption = self._writer.get_extra_info("ssl_object")
        self._fellowship.check(encryption.getpeercert(binary_form=True) if encryption else None)
        return self._reader, self._writer


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    length = int(rest.split(b"\r\n", 1)[0]) if found else -1
    if not 0 <= length <= MOST_ANSWER_BYTES:
        raise ValueError("the answer does not say how long it is, or is too long")
    return length
