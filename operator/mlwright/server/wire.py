"""HTTP requests and replies as plain values, and the bytes of a reply."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

Headers = tuple[tuple[bytes, bytes], ...]

JSON: Final[Headers] = ((b"content-type", b"application/json"),)

_STARTS: Final[Mapping[int, bytes]] = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class Head(NamedTuple):
    """A request without its body. Of a header that came twice, the last value counts."""

    method: str
    path: str  # percent signs decoded, no query
    headers: Mapping[bytes, bytes]  # names in small letters
    keep_alive: bool = True
    encoded: bool = False
    """Whether there were percent signs in the path: who compared it on the way may have taken it for another one."""


class Reply(NamedTuple):
    """One answer, complete."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    headers: Headers = JSON
    closes: bool = False
    """Whether nothing more is read from the connection."""


class Dater:
    """The `date` header, written once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        """The header with the time now."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = time.strftime("date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime(second)).encode()
        return self._line


def read_target(url: bytes) -> tuple[str, bool]:
    """The path of a request target, percent signs decoded, and whether it had any; what is no text has no such path."""
    path = url.partition(b"?")[0]
    if not path.startswith(b"/") and b"://" in path:  # the absolute form, which proxies send
        path = b"/" + path.split(b"/", 3)[3] if path.count(b"/") > 2 else b"/"  # noqa: PLR2004 - scheme://host/path
    encoded = b"%" in path
    return (unquote_to_bytes(path) if encoded else path).decode("utf-8", "replace"), encoded


def render(reply: Reply, date: bytes, *, closing: bool, without_body: bool) -> bytes:
    """The bytes of a reply; an answer to HEAD says how long its body would be and has none."""
    lines = [_STARTS[reply.status], date]
    for name, value in reply.headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"content-length: %d\r\n" % len(reply.body))
    lines.append(b"connection: close\r\n\r\n" if closing else b"\r\n")
    if not without_body:
        lines.append(reply.body)
    return b"".join(lines)
