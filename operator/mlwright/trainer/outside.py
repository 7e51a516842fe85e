"""Ask hosts outside the cluster: those that the installation allows, and no others.

Every address is looked at before it is connected to, and that very address is connected to: a name that leads to this
machine or to the metadata service of a cloud is refused, wherever it comes from, a redirect included. No proxy is used.
"""

import hashlib
import http.client
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from mlwright.bundle.origins import Origin, is_allowed
from mlwright.trainer.errors import STORAGE_AWAY, UserError

LARGEST: Final = 2 * 1024**3
"""Bytes that are fetched at most: a model server reads no larger bundle."""
LARGEST_ANSWER: Final = 16 * 1024**2
"""Bytes of an answer that is kept in memory."""
LONGEST: Final = 900.0
"""Seconds that one transfer may take."""
SILENCE: Final = 30.0
"""Seconds without a byte after which a host counts as away."""
REDIRECTS: Final = 5
PIECE: Final = 1 << 20
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_BUSY: Final = 429
_LATER: Final = "it is asked again by itself"

_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure, beside its link-local one
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # Amazon
        "fd20:ce::254",  # Google
    )
)
"""Addresses of metadata services that are not link-local."""
_NAT64: Final = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48"))
"""Networks of addresses that end with an IPv4 address, to which a gateway leads (RFC 6052, RFC 8215)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what is asked of whom. `body` may be a file."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read whole."""

    status: int
    body: bytes

    def document(self) -> Any:
        """The JSON that it holds; None if it holds none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Outside:
    """Hosts that may be asked, and the field of the spec that names the one which is."""

    hosts: tuple[str, ...]
    field: str
    longest: float = LONGEST

    def ask(self, asked: Asked) -> Answer:
        """Ask, and read the answer whole, whatever its status.

        Raises:
            UserError: The host is not allowed, or does not answer; the latter may pass.
        """
        with self._answered(asked) as answer:
            body = b"".join(self._pieces(answer, LARGEST_ANSWER))
            return Answer(answer.status, body)

    def fetch(self, asked: Asked, target: Path, *, largest: int = LARGEST) -> tuple[int, str]:
        """Fetch a file; its status and the hexadecimal SHA-256 of what was written. Errors of the host are not kept.

        Raises:
            UserError: As `ask`, or the file is too large.
        """
        seen = hashlib.sha256()
        with self._answered(asked) as answer:
            if answer.status != HTTPStatus.OK:
                return answer.status, ""
            with target.open("wb") as file:
                for piece in self._pieces(answer, largest):
                    seen.update(piece)
                    file.write(piece)
            return answer.status, seen.hexdigest()

    @contextmanager
    def _answered(self, asked: Asked) -> Iterator[http.client.HTTPResponse]:
        """The answer behind all redirects."""
        url, headers = asked.url, dict(asked.headers)
        first = self._origin(url)
        for _ in range(REDIRECTS + 1):
            origin = self._origin(url)
            if origin != first:
                headers.pop("Authorization", None)  # what opens one host is nobody else's to see
            with self._sent(origin, Asked(asked.method, url, headers, asked.body)) as answer:
                where = answer.getheader("Location", "") if answer.status in _MOVED else ""
                if not where or asked.method != "GET":
                    yield answer
                    return
            url = urljoin(url, where)
        raise self._refused(f"{first} leads from one address to the next without end", "name the file itself")

    def _origin(self, url: str) -> Origin:
        try:
            origin = Origin.of(url)
        except ValueError as problem:
            raise self._refused(str(problem), "correct the address") from None
        if not is_allowed(origin, self.hosts):
            remedy = "let the administrator add it to the chart's outside.hosts, or name another address"
            raise self._refused(f"{origin} is not among the hosts that pods may ask here", remedy)
        return origin

    @contextmanager
    def _sent(self, origin: Origin, asked: Asked) -> Iterator[http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if origin.scheme == "https" else http.client.HTTPConnection
        connection = kind(origin.host, origin.port, timeout=SILENCE)
        try:
            with self._first_answer(connection, origin, asked) as answer:
                yield answer
        finally:
            connection.close()

    def _first_answer(
        self, connection: http.client.HTTPConnection, origin: Origin, asked: Asked
    ) -> http.client.HTTPResponse:
        try:
            connection.sock = self._connected(origin)
            with _opened(asked.body) as (body, size):
                sized = {"Content-Length": str(size)} if body is not None else {}
                connection.request(asked.method, _path(asked.url), body, {**asked.headers, **sized})
                return connection.getresponse()
        except ssl.SSLCertVerificationError as problem:
            reason = f"{origin} shows a certificate that nobody vouches for: {problem.verify_message}"
            raise self._refused(reason, "use a certificate of an authority that the image knows") from problem
        except (OSError, http.client.HTTPException) as problem:
            raise self._away(f"{origin} does not answer: {_brief(problem)}") from problem

    def _connected(self, origin: Origin) -> socket.socket:
        """A connection to an address of the host that was looked at."""
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if _is_inner(address) and address != origin.host:
                problem = f"{origin.host} leads to {address}, which is this machine or its surroundings"
                raise self._refused(problem, "name a host of the network")
        plain = socket.create_connection((addresses[0], origin.port), timeout=SILENCE)
        if origin.scheme == "http":
            return plain
        with ExitStack() as undo:
            undo.callback(plain.close)
            secured = ssl.create_default_context().wrap_socket(plain, server_hostname=origin.host)
            undo.pop_all()
            return secured

    def _pieces(self, answer: http.client.HTTPResponse, largest: int) -> Iterator[bytes]:
        """What comes, with limits on size and time."""
        read, end, announced = 0, time.monotonic() + self.longest, answer.length
        if (announced or 0) > largest:
            raise self._too_large(largest)
        while piece := self._piece(answer):
            read += len(piece)
            if read > largest:
                raise self._too_large(largest)
            if time.monotonic() > end:
                raise self._away(f"the transfer takes longer than {self.longest:g} s")
            yield piece
        if announced is not None and read < announced:
            raise self._away(f"the transfer ended after {read:,} of {announced:,} bytes")

    def _piece(self, answer: http.client.HTTPResponse) -> bytes:
        try:
            return answer.read(PIECE)
        except (OSError, http.client.HTTPException) as problem:
            raise self._away(f"the transfer broke off: {_brief(problem)}") from problem

    def _too_large(self, largest: int) -> UserError:
        return self._refused(f"has more than {largest:,} bytes", "take in a smaller model: servers read no larger one")

    def _refused(self, problem: str, remedy: str) -> UserError:
        return UserError(self.field, problem, remedy)

    def _away(self, problem: str) -> UserError:
        return UserError(self.field, problem, _LATER, reason=STORAGE_AWAY)


def away(field: str, who: str, status: int) -> UserError | None:
    """The error of a host that is busy or broken; None for any other status."""
    if status == _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UserError(field, f"{who} answers {status}", _LATER, reason=STORAGE_AWAY)
    return None


def _is_inner(text: str) -> bool:
    """Whether an address is this machine, the link that it hangs on (metadata services), or no host at all."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return any(_is_near(meant) for meant in (address, *_embedded(address)))


def _is_near(address: Address) -> bool:
    known = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    return known or address in _METADATA


def _embedded(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses to which an IPv6 address may lead."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    translated = (last,) if any(address in network for network in _NAT64) else ()
    return tuple(found for found in (address.ipv4_mapped, address.sixtofour, *translated) if found is not None)


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@contextmanager
def _opened(body: bytes | Path | None) -> Iterator[tuple[Any, int]]:
    if isinstance(body, Path):
        with body.open("rb") as file:
            yield file, body.stat().st_size
    else:
        yield body, len(body or b"")


def _brief(problem: Exception) -> str:
    return str(getattr(problem, "strerror", "") or str(problem) or type(problem).__name__)[:200]
