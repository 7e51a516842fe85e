"""The port to watching: what a watch stream needs to reach the API server. The streams themselves are kopf's."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API server is and how to prove who we are."""

    server: str
    """Address, such as `https://10.96.0.1:443`."""
    tls: ssl.SSLContext | None
    """Trust and client certificate; None for a plain connection."""
    authorization: Callable[[], Awaitable[str | None]]
    """Returns the current value of the Authorization header; tokens are renewed while we run."""
    proxy: str | None = None
    """Address of an HTTP proxy on the way, if there is one."""
