"""Schedules of faults at the port to the API server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Literal

from mlwright.errors import ConflictError, UnavailableError
from tests.support.operators import Call, Send

Side = Literal["before", "after"]
SIDES: Final[tuple[Side, ...]] = ("before", "after")


class Armed:
    """A schedule that begins when it is told to: after the prelude of a flow."""

    def __init__(self) -> None:
        self.armed = False

    async def call(self, call: Call, send: Send, die: Callable[[], None]) -> Any:
        """Let pass what is not armed yet."""
        return await self.fault(call, send, die) if self.armed else await send()

    async def fault(self, call: Call, send: Send, die: Callable[[], None]) -> Any:
        """Decide what becomes of a call."""
        raise NotImplementedError


class Count(Armed):
    """Lets everything pass and counts the writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[Call] = []

    async def fault(self, call: Call, send: Send, die: Callable[[], None]) -> Any:
        """Count and send."""
        del die
        if call.writes:
            self.writes.append(call)
        return await send()


class KillAt(Armed):
    """Ends the operator before or after its n-th write, counted from 1."""

    def __init__(self, number: int, side: Side) -> None:
        super().__init__()
        self.number = number
        self.side = side
        self.struck: Call | None = None
        """The write at which it happened."""
        self._count = 0

    def __str__(self) -> str:
        return f"killed {self.side} write {self.number} ({self.struck})"

    async def fault(self, call: Call, send: Send, die: Callable[[], None]) -> Any:
        """Send, or die."""
        self._count += call.writes
        if not call.writes or self._count != self.number:
            return await send()
        self.struck = call
        if self.side == "after":
            await send()
        die()
        await asyncio.Event().wait()
        return None


class StuckAt(Armed):
    """Ends the operator before the n-th object of a kind is created; what was to be created is kept."""

    def __init__(self, kind: str, number: int) -> None:
        super().__init__()
        self.stuck: Call | None = None
        self._kind = kind
        self._left = number

    async def fault(self, call: Call, send: Send, die: Callable[[], None]) -> Any:
        """Send, or keep it and die."""
        if (call.verb, call.kind) != ("create", self._kind):
            return await send()
        self._left -= 1
        if self._left:
            return await send()
        self.stuck = call
        die()
        await asyncio.Event().wait()
        return None


class Once(Armed):
    """Lets every call fail once before it passes; what is read again and again fails once between two writes.

    Were a read to fail every second time, a look with n reads would come to its end once in 2^n tries.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failed: Counter[Call] = Counter()
        self._passes: set[Call] = set()

    async def fault(self, call: Call, send: Send, die: Callable[[], None]) -> Any:
        """Fail, and send the next time."""
        del die
        if call in self._passes:
            if call.writes:
                self._passes.clear()
            return await send()
        self._passes.add(call)
        self.failed[call] += 1
        return await self.fail(call, send)

    async def fail(self, call: Call, send: Send) -> Any:
        """Fail."""
        raise NotImplementedError


class ConflictOnce(Once):
    """The object changed since it was read: 409."""

    async def fail(self, call: Call, send: Send) -> Any:
        """Raise without sending."""
        if call.writes:
            raise ConflictError(f"{call}: the object has been modified")
        return await send()


class BusyOnce(Once):
    """The API server is busy and says when to come again: 429 with Retry-After."""

    async def fail(self, call: Call, send: Send) -> Any:
        """Raise without sending; reads are refused as well."""
        del send
        raise UnavailableError(f"{call}: too many requests, please try again later", retry_after=0.1)


class LostAnswerOnce(Once):
    """The call takes effect, but its answer never comes."""

    async def fail(self, call: Call, send: Send) -> Any:
        """Send, then raise."""
        await send()
        raise UnavailableError(f"{call}: timeout")
