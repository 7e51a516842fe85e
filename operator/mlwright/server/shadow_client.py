"""A small HTTP client for copies: one kept connection, one request after the other, no retries."""

import asyncio
import contextlib
from typing import Final

MOST_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""What a peer may send at most before it is given up."""


class CopyError(Exception):
    """The copy got no answer that can be compared."""


class ShadowConnection:
    """A connection to one address, opened when it is needed."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
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
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
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
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self.address)
        lines = {"host": self.address[0], "content-type": "application/json", **headers, "content-length": len(body)}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        await self._writer.drain()
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        content = await self._reader.readexactly(_length(answer))
        if b"\r\nconnection: close" in answer:
            self.close()
        if answer.split(b" ", 2)[1] != b"200":
            raise CopyError(f"status {answer.split(b' ', 2)[1].decode('latin-1')}")
        return content


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    length = int(rest.split(b"\r\n", 1)[0]) if found else -1
    if not 0 <= length <= MOST_ANSWER_BYTES:
        raise ValueError("the answer does not say how long it is, or is too long")
    return length
