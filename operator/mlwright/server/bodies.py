"""Reading the body of a prediction request, within its limits."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

from mlwright.server.admission import Ticket
from mlwright.server.problems import RefusedError, bad_request

_LENGTH = b"content-length"
_ENCODING = b"content-encoding"
_BINARY = b"inference-header-content-length"


class DisconnectedError(Exception):
    """The client went away before its request was complete: there is nobody to answer."""


def announced_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """How long the headers say the body is, 0 when they do not; a body in a form not read here is refused."""
    announced = 0
    for name, value in headers:
        if name == _LENGTH:
            announced = int(value)  # the HTTP parser lets nothing but digits through
        elif name == _ENCODING and value.lower() != b"identity":
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is compressed: send JSON without Content-Encoding"
            )
        elif name == _BINARY:
            raise bad_request("binary tensors are not supported: send the data as JSON")
    return announced


async def read(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]], ticket: Ticket, announced: int, limit: int
) -> bytes:
    """Read the body to its end; raises RefusedError (413, or 429 when memory runs short) or DisconnectedError."""
    _check(announced, limit)
    ticket.hold(announced)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
        _check(size, limit)
        if size > ticket.held_bytes:
            ticket.hold(size - ticket.held_bytes)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit} bytes: split the batch"
        )
