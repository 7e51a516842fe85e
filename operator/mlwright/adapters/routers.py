"""Questions to the pods of routers, over HTTP connections that aiohttp keeps: one costs a quarter of a millisecond.

What the agent tells at `/load` is small and of one form. Anything else is an error, and all that it costs is the fast
path.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from pydantic_core import from_json

from mlwright.errors import MetricsError
from mlwright.plan.loads import Passing

SECONDS: Final = 0.8
"""For an answer: the next question comes a second after the last one."""
LARGEST_BYTES: Final = 1_000_000
"""Some 20,000 variants."""


class RouterPods:
    """The pods of all routers; to be made in a running event loop, and closed there."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # the rounds bound how many are asked at once
            timeout=aiohttp.ClientTimeout(total=seconds),
            trust_env=False,
        )

    async def passing(self, address: str) -> Mapping[str, Passing]:
        """Return what a pod says. See `mlwright.ports.routers.Routers`."""
        try:
            async with self._session.get(f"http://{address}/load", allow_redirects=False) as answer:
                if answer.status != HTTPStatus.OK:
                    raise MetricsError(f"the router at {address} tells no load ({answer.status})")
                body = await _whole(answer.content, address)
        except (aiohttp.ClientError, OSError) as error:
            raise MetricsError(f"the router at {address} does not answer: {type(error).__name__} {error}") from error
        return _read(body, address)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _whole(content: aiohttp.StreamReader, address: str) -> bytes:
    """Read to the end, but not what is far too long."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > LARGEST_BYTES:
            raise MetricsError(f"the router at {address} tells a load of more than {LARGEST_BYTES} bytes")
    return bytes(body)


def _read(body: bytes, address: str) -> dict[str, Passing]:
    """Return the sums over the variants of each deployment."""
    try:
        document: Any = from_json(body)
        variants: Any = document["variants"] if document["schemaVersion"] == 1 else None
        found: dict[str, Passing] = {}
        for variant, (under_way, came) in variants.items():
            name = variant.partition("/")[0]
            before = found.get(name) or Passing(0, 0)
            found[name] = Passing(before.under_way + max(0, int(under_way)), before.came + max(0, int(came)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MetricsError(f"the router at {address} tells a load of another form: {type(error).__name__}") from error
    return found
