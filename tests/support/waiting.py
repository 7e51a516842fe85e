"""Waiting for what a real server does in its own time."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable
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


async def answered(read: Callable[[], Awaitable[T | None]], what: str, seconds: float = 30) -> T:
    """Return the first answer that says something.

    Raises:
        AssertionError: none came in time; names what was awaited.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := await read():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:g} s")


async def over(tasks: Iterable[asyncio.Task[None]], what: str, seconds: float = 30) -> None:
    """Wait until all tasks have ended, in whichever way; those that have not in time are told to.

    Raises:
        AssertionError: one did not end in time; names what was awaited.
    """
    all_tasks = tuple(tasks)
    if all_tasks:
        await asyncio.wait(all_tasks, timeout=seconds)
    late = [task for task in all_tasks if not task.done()]
    for task in late:
        task.cancel()
    for task in all_tasks:
        _ = task.done() and not task.cancelled() and task.exception()  # asyncio complains of errors nobody asked for
    if late:
        raise AssertionError(f"{what}: not within {seconds:g} s")


def exit_code(process: subprocess.Popen[bytes], what: str, seconds: float = 30) -> int:
    """Return the exit code of a process once it has ended.

    Raises:
        AssertionError: it did not end in time; names what was awaited.
    """
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{what}: not within {seconds:g} s") from None


def stop(process: subprocess.Popen[bytes], what: str, seconds: float = 20) -> None:
    """End a process, by SIGKILL where it does not hear SIGTERM in time.

    Raises:
        AssertionError: it did not end even so; names it.
    """
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        exit_code(process, f"{what} is gone after SIGKILL")
