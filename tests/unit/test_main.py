"""What the operator's process does before it begins."""

from __future__ import annotations

import asyncio
import gc
import ssl
from asyncio.sslproto import SSLProtocol

import pytest

from mlwright.main import TLS_BUFFER, slim


async def test_a_tls_connection_holds_a_small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of a megabyte each, as Python has it, would be a tenth of the operator's memory."""
    monkeypatch.setattr(SSLProtocol, "max_size", SSLProtocol.max_size)  # the other tests keep what they have
    monkeypatch.setattr(gc, "freeze", lambda: None)

    slim()

    loop, trust = asyncio.get_running_loop(), ssl.create_default_context()
    connection = SSLProtocol(loop, asyncio.Protocol(), trust, None, server_hostname="there")  # type: ignore[arg-type]
    connection._get_app_transport().abort()  # type: ignore[attr-defined]
    assert len(connection._ssl_buffer) == TLS_BUFFER  # type: ignore[attr-defined]
