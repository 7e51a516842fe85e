"""Unit tests see no network: an attempt to reach any address fails the test that made it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

_NETWORK_EVENTS = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"})


class _Network:
    """A switch read by the audit hook, which the interpreter never lets go of again."""

    closed = False


def _refuse(event: str, args: tuple[object, ...]) -> None:
    if not _Network.closed or event not in _NETWORK_EVENTS:
        return
    if isinstance(args[0], socket.socket) and args[0].family == socket.AF_UNIX:
        return  # asyncio and multiprocessing talk to themselves this way
    raise RuntimeError(f"unit tests have no network, but one asked for {event} {args[1:]}")


sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    _Network.closed = True
    yield
    _Network.closed = False
