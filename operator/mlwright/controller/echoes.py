"""Takes out of a watch stream, before kopf works on it, echoes of our own writes, and of news what nobody reads.

Most of what an operator hears is what it just did itself: at a new run three events of four. The answer to the write
brought the same state into the cache already, so such an event would be ignored in the end; here it costs a look at its
version instead of kopf's whole machinery, which is most of the operator's own work in a burst. kopf then resumes a
broken stream a little earlier than it could, and what comes twice is an echo again.

Of what is new only that goes on which the cache keeps: kopf holds each object for a while after it was told, and in a
burst whole pods and Jobs by the hundred took more memory than all that is known, which Python never gave back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
from pydantic_core import from_json, to_json

from mlwright.controller.pruning import pruned
from mlwright.plan.resources import DEPLOYMENT, Body, ResourceKind

Known = Callable[[Body], bool]
"""Tells whether this very state of an object, or a newer one, is known."""

_STATES = frozenset({"ADDED", "MODIFIED"})
_EVENTS = _STATES | {"DELETED"}


class Stream:
    """The answer to a watch request, as far as kopf uses it."""

    def __init__(self, response: aiohttp.ClientResponse, kind: ResourceKind, known: Known) -> None:
        self._response = response
        self.status = response.status
        self.content = _Content(response.content, kind, known)

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
    def __init__(self, content: aiohttp.StreamReader, kind: ResourceKind, known: Known) -> None:
        self._content = content
        self._kind = kind
        self._known = known

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield the lines that tell something, in chunks of whole lines."""
        rest = b""
        async for chunk in self._content.iter_chunked(size):
            *lines, rest = (rest + chunk).split(b"\n")
            told = [news for line in lines if line and (news := self._news(line))]
            if told:
                yield b"\n".join((*told, b""))
        if rest:
            yield rest

    def _news(self, line: bytes) -> bytes:
        """Return what kopf is told of a line; nothing of an echo."""
        try:
            event: Any = from_json(line)
            if event["type"] in _STATES and self._known(event["object"]):
                return b""
            # of a Deployment it matters who set the number of pods, which is found once, when the cache takes it in
            if event["type"] not in _EVENTS or self._kind is DEPLOYMENT:
                return line
            return to_json(event | {"object": pruned(self._kind, event["object"])})
        except (ValueError, KeyError, TypeError):  # what is no event of ours is for kopf to judge
            return line
