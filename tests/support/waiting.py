"""Waiting for what a real server does in its own time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(read: Callable[[], T | None], what: str, seconds: float = 20) -> T:
    """Return the first value that is not None.

    Raises:
        AssertionError: it did not come in time; names what was awaited.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := read()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:g} s")


async def soon(holds: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait until something holds, letting other tasks work meanwhile.

    Raises:
        AssertionError: it did not come true in time; names what was awaited.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        await asyncio.sleep(0.02)
