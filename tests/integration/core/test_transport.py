"""What one call to the API server tells besides its answer."""

from __future__ import annotations

import pytest

from mlwright.adapters.kube.transport import Call, Transport
from mlwright.errors import UnavailableError
from mlwright.ports.access import Access
from tests.support.webserver import serving

YESTERDAY = "Thu, 01 Jan 2026 12:00:00 GMT"


async def nobody() -> None:
    """Say nothing of who asks."""


async def test_only_a_success_says_what_the_time_is() -> None:
    """The page of a proxy that finds no API server bears the time of the proxy."""
    dates = list[str]()
    with serving() as server:
        server.put("/healthy", b"{}")
        server.put("/lost", b"bad gateway", status=502, headers={"Date": YESTERDAY})
        transport = Transport(Access(server.url, None, nobody), 1, lambda *_: None, lambda date, _: dates.append(date))
        try:
            with pytest.raises(UnavailableError):
                await transport.send(Call("get", "Model", "GET", "/lost"))
            await transport.send(Call("get", "Model", "GET", "/healthy"))
        finally:
            await transport.close()

    assert len(dates) == 1
    assert dates != [YESTERDAY]
