"""Taking, keeping and giving back the Lease, in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from mlwright.controller.election import Election, LeadershipLostError
from mlwright.controller.lease import DEADLINE, DURATION, RETRY
from mlwright.errors import ConflictError, UnavailableError
from mlwright.ports.leases import Record
from tests.support.virtual_time import virtually


class LoopClock:
    """The time of the event loop."""

    def now(self) -> datetime:
        """The moment that the loop is at."""
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        """The seconds that the loop is at."""
        return asyncio.get_running_loop().time()


class MemoryLeases:
    """A Lease in memory that can be away, slow, or lose its answers."""

    def __init__(self) -> None:
        self.record: Record | None = None
        self.away = False
        self.delay = 0.0
        self.lose_answers = 0
        self._version = 0

    async def read(self) -> Record | None:
        """Return the record after the delay."""
        await asyncio.sleep(self.delay)
        if self.away:
            raise UnavailableError("away")
        return self.record

    async def write(self, record: Record) -> Record:
        """Replace the record after the delay, if it is still at that version."""
        await asyncio.sleep(self.delay)
        if self.away:
            raise UnavailableError("away")
        if record.version != (self.record.version if self.record else ""):
            raise ConflictError("changed")
        self._version += 1
        self.record = replace(record, version=str(self._version))
        if self.lose_answers:
            self.lose_answers -= 1
            raise UnavailableError("timed out, but applied")
        return self.record


def candidate(leases: MemoryLeases, name: str) -> Election:
    return Election(leases, LoopClock(), name, Random(1))  # noqa: S311  # seeded


def now() -> float:
    return asyncio.get_running_loop().time()


def test_the_first_candidate_leads_at_once() -> None:
    """There is nobody to wait for."""

    async def story() -> tuple[bool, float]:
        begun, election = now(), candidate(MemoryLeases(), "a")
        await election.acquire()
        return election.leading, now() - begun

    assert virtually(story()) == (True, 0.0)


def test_a_second_candidate_waits_until_the_first_gives_back() -> None:
    """A graceful end costs no more than one look."""

    async def story() -> float:
        leases = MemoryLeases()
        first, second = candidate(leases, "a"), candidate(leases, "b")
        await first.acquire()
        holding = asyncio.create_task(first.hold())
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(60)
        assert not waiting.done()
        holding.cancel()
        begun = now()
        await first.release()
        await waiting
        return now() - begun

    assert virtually(story()) <= RETRY * 1.2


def test_a_second_candidate_takes_over_when_the_first_is_silent() -> None:
    """A killed leader is followed after the duration of the Lease and at most one more look."""

    async def story() -> float:
        leases = MemoryLeases()
        first, second = candidate(leases, "a"), candidate(leases, "b")
        await first.acquire()
        begun = now()
        await second.acquire()
        return now() - begun

    assert DURATION < virtually(story()) <= DURATION + 2 * RETRY * 1.2


def test_a_leader_that_cannot_renew_stops_in_time() -> None:
    """Ten seconds after the last proof, five before anybody else may act."""

    async def story() -> float:
        leases = MemoryLeases()
        election = candidate(leases, "a")
        await election.acquire()
        leases.away, begun = True, now()
        with pytest.raises(LeadershipLostError):
            await election.hold()
        return now() - begun

    assert virtually(story()) == pytest.approx(DEADLINE)


def test_a_leader_whose_calls_hang_stops_in_time() -> None:
    """A time-out of the connection is longer than the Lease."""

    async def story() -> float:
        leases = MemoryLeases()
        election = candidate(leases, "a")
        await election.acquire()
        leases.delay, begun = 1000.0, now()
        with pytest.raises(LeadershipLostError):
            await election.hold()
        return now() - begun

    assert virtually(story()) == pytest.approx(DEADLINE)


def test_a_leader_survives_a_call_that_hangs() -> None:
    """One call without an answer must not take the whole time that is left."""

    async def story() -> bool:
        leases = MemoryLeases()
        election = candidate(leases, "a")
        await election.acquire()
        holding = asyncio.create_task(election.hold())
        leases.delay = 1000.0
        await asyncio.sleep(RETRY + 1)
        leases.delay = 0.0
        await asyncio.sleep(3 * DEADLINE)
        alive = not holding.done()
        holding.cancel()
        return alive

    assert virtually(story())


def test_a_leader_survives_an_api_server_that_answers_after_seconds() -> None:
    """It has much to do, of which the leader's end would make more."""

    async def story() -> bool:
        leases = MemoryLeases()
        election = candidate(leases, "a")
        await election.acquire()
        leases.delay = 3.5
        with suppress(TimeoutError):
            await asyncio.wait_for(election.hold(), 6 * DEADLINE)
        return election.leading

    assert virtually(story())


def test_a_leader_survives_a_short_outage() -> None:
    """Renewals go on when the API server is back within the deadline."""

    async def story() -> bool:
        leases = MemoryLeases()
        election = candidate(leases, "a")
        await election.acquire()
        holding = asyncio.create_task(election.hold())
        for _ in range(20):
            leases.away = True
            await asyncio.sleep(5)
            leases.away = False
            await asyncio.sleep(5)
        alive = not holding.done()
        holding.cancel()
        return alive

    assert virtually(story())


def test_a_renewal_whose_answer_was_lost_is_found_by_looking() -> None:
    """The version moved on by our own hand, so the next write conflicts; we still hold it."""

    async def story() -> bool:
        leases = MemoryLeases()
        election = candidate(leases, "a")
        await election.acquire()
        holding = asyncio.create_task(election.hold())
        for _ in range(10):
            leases.lose_answers = 1
            await asyncio.sleep(30)
        alive = not holding.done()
        holding.cancel()
        return alive

    assert virtually(story())


def test_taking_without_an_answer_is_no_proof() -> None:
    """Whether the Lease is ours is known only after a write that was answered."""

    async def story() -> tuple[bool, Record | None]:
        leases = MemoryLeases()
        leases.lose_answers = 1
        election = candidate(leases, "a")
        await election.acquire()
        return election.leading, leases.record

    leading, record = virtually(story())

    assert leading
    assert record is not None
    assert record.version == "2"


def test_a_leader_that_was_robbed_stops_at_once() -> None:
    """Somebody edited the Lease by hand."""

    async def story() -> float:
        leases = MemoryLeases()
        election = candidate(leases, "a")
        await election.acquire()
        begun = now()
        leases.record = Record("thief", 15, 9, "", "99")
        with pytest.raises(LeadershipLostError):
            await election.hold()
        return now() - begun

    assert virtually(story()) == pytest.approx(RETRY)


def test_the_fence_is_closed_before_and_after_the_term() -> None:
    """Nobody writes who has not the Lease."""

    async def story() -> list[bool]:
        election = candidate(MemoryLeases(), "a")
        seen = [election.leading]
        await election.acquire()
        seen.append(election.leading)
        await asyncio.sleep(DEADLINE + 0.1)
        seen.append(election.leading)
        await election.release()
        return [*seen, election.leading]

    assert virtually(story()) == [False, True, False, False]
