"""One HTTP call to the API server and its translation into a value or one of our errors."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlencode

import aiohttp
from pydantic_core import from_json, to_json

from mlwright.adapters.kube.failures import translate
from mlwright.errors import UnavailableError
from mlwright.plan.resources import Body
from mlwright.ports.access import Access

TIMEOUT: Final = aiohttp.ClientTimeout(total=30.0)
"""Seconds for one call; each page of a list is a call of its own."""

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

_ESCAPED: Final = re.compile("[<>&\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What Go escapes inside JSON, and what JSON allows but not YAML, as which the API server reads an apply."""

Watcher = Callable[[str, str, int, float], None]
"""Is told verb, kind, HTTP code (0: no answer) and seconds of every call."""

Dated = Callable[[str, float], None]
"""Is told the Date header of every answer that is a success (empty without one) and how many seconds it took."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it is for people (verb, kind, name) and for HTTP."""

    verb: str
    kind: str
    method: str
    path: str
    query: Mapping[str, str | int] | None = None
    body: Body | None = None
    content: str = JSON

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.path.rsplit('/', 1)[-1]}"

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


HEADERS: Final = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "mlwright"}
"""What every call says. The API server would compress what is longer than 128 KiB, pages of lists; within a cluster's
network that costs both sides more time than it saves."""


class Transport:
    """Sends calls. Every failure leaves as one of `mlwright.errors`."""

    def __init__(self, access: Access, connections: int, watcher: Watcher, dated: Dated) -> None:
        """Take the way to the API server and how many calls may be under way at once; needs a running loop."""
        self._access = access
        self._dated = dated
        self._watcher = watcher
        connector = aiohttp.TCPConnector(limit=connections, ssl=access.tls or True)
        # Without trust_env=False every call would look for a netrc file, in a thread of its own.
        self._session = aiohttp.ClientSession(connector=connector, proxy=access.proxy, trust_env=False)

    async def send(self, call: Call) -> Body:
        """Send one call and return the JSON object of its answer.

        Raises:
            ClusterError: any of its kinds; `UnavailableError` means that the call may or may not have had effect.
        """
        begun = time.monotonic()
        code = 0
        try:
            code, headers, payload = await self._exchange(call)
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"{call}: {type(error).__name__} {error}".rstrip()) from error
        finally:
            self._watcher(call.verb, call.kind, code, time.monotonic() - begun)
        if not 200 <= code < 300:  # noqa: PLR2004  # the successes of HTTP
            raise translate(str(call), code, headers, payload)
        # A failure may be the page of a proxy on the way, with the proxy's time.
        self._dated(headers.get("Date", ""), time.monotonic() - begun)
        return cast("Body", from_json(payload))

    async def _exchange(self, call: Call) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Content-Type": call.content, **HEADERS}
        if authorization := await self._access.authorization():
            headers["Authorization"] = authorization
        async with self._session.request(
            call.method,
            self._access.server + call.target,
            headers=headers,
            data=None if call.body is None else encoded(call.body),
            timeout=TIMEOUT,
        ) as response:
            return response.status, response.headers, await response.read()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def encoded(body: Body) -> bytes:
    r"""Return an object as JSON, byte for byte as the API server writes it.

    It compares `data` of a ControllerRevision by its bytes, and any patch of one makes it write them anew: had they
    come with blanks, or without Go's escapes, every later change of the metadata, such as an adoption, would be refused
    as a change of immutable data.

    >>> encoded({"a": "<b>", "c": [1]})
    b'{"a":"\\u003cb\\u003e","c":[1]}'
    """
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", to_json(body).decode()).encode()
