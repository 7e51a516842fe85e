"""Takes the echoes of our own writes out of a watch stream before kopf works on them.

Most of what an operator hears is what it just did itself: at a new run three events of four. The answer to the write
brought the same state into the cache already, so such an event would be ignored in the end; here it costs a look at its
version instead of kopf's whole machinery, which is most of the operator's own work in a burst. kopf then resumes a
broken stream a little earlier than it could, and what comes twice is an echo again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
from pydantic_core import from_json

from mlwright.plan.resources import Body

Known = Callable[[Body], bool]
"""Tells whether this very state of an object, or a newer one, is known."""

_STATES = frozenset({"ADDED", "MODIFIED"})


class Stream:
    """The answer to a watch request, as far as kopf uses it."""

    def __init__(self, response: aiohttp.ClientResponse, known: Known) -> None:
        self._response = response
        self.status = response.status
        self.content = _Content(response.content, known)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()

    async def __aenter__(self) -> Self:
        """Begin to read."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection: a watch that is not read any more is of no use."""
        self._response.close()


class _Content:
    def __init__(self, content: aiohttp.StreamReader, known: Known) -> None:
        self._content = content
        self._known = known

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield the lines that tell something, in chunks of whole lines."""
        rest = b""
        async for chunk in self._content.iter_chunked(size):
            *lines, rest = (rest + chunk).split(b"\n")
            told = [line for line in lines if line and not self._is_echo(line)]
            if told:
                yield b"\n".join((*told, b""))
        if rest:
            yield rest

    def _is_echo(self, line: bytes) -> bool:
        try:
            event: Any = from_json(line)
            return event["type"] in _STATES and self._known(event["object"])
        except (ValueError, KeyError, TypeError):  # what is no event of ours is for kopf to judge
            return False
