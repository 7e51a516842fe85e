"""Waiting for what a real server does in its own time."""

from __future__ import annotations

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
