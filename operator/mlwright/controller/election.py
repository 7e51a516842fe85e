"""Takes, keeps and gives back the Lease."""

from __future__ import annotations

import asyncio
import logging
from random import Random

from mlwright.controller.lease import ATTEMPT, DEADLINE, RETRY, Move, Sighting, claim, move, release
from mlwright.errors import ClusterError, ConflictError, MlwrightError
from mlwright.ports.clock import Clock
from mlwright.ports.leases import Leases, Record

logger = logging.getLogger(__name__)


class LeadershipLostError(MlwrightError):
    """It cannot be proven any more that nobody else acts: stop at once."""


class Election:
    """One candidate. Its identity must be new in every process, so that nobody continues the term of a dead one."""

    def __init__(self, leases: Leases, clock: Clock, identity: str, random: Random) -> None:
        self.identity = identity
        self._leases = leases
        self._clock = clock
        self._random = random
        self._sighting = Sighting()
        self._proven_until = float("-inf")

    @property
    def leading(self) -> bool:
        """Whether it is certain that nobody else acts."""
        return self._clock.monotonic() < self._proven_until

    def fence(self) -> None:
        """Let pass who may act.

        Raises:
            LeadershipLostError: the last renewal is too long ago.
        """
        if not self.leading:
            raise LeadershipLostError("the Lease was not renewed in time")

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while True:
            try:
                if await self._try() and self.leading:
                    logger.info("leading", extra={"identity": self.identity})
                    return
            except ClusterError as error:
                logger.warning("lease not taken", extra={"error": str(error)})
            await asyncio.sleep(RETRY * self._random.uniform(1.0, 1.2))

    async def hold(self) -> None:
        """Renew for ever.

        Raises:
            LeadershipLostError: somebody else holds it, or no renewal succeeded in time.
        """
        pause = RETRY
        while True:
            await asyncio.sleep(min(pause, self._left()))
            pause = await self._renew()
            self.fence()

    async def _renew(self) -> float:
        """Try once to stay the leader; return the seconds until the next time: none after a call that hung."""
        try:
            async with asyncio.timeout(min(ATTEMPT, self._left())):
                if not await self._try():
                    self._proven_until = float("-inf")
        except (ClusterError, TimeoutError) as error:
            logger.warning("lease not renewed", extra={"error": str(error) or "no answer in time"})
            return RETRY if isinstance(error, ClusterError) else 0.0
        return RETRY

    def _left(self) -> float:
        """Seconds for which it is certain that nobody else acts."""
        return max(0.0, self._proven_until - self._clock.monotonic())

    async def _try(self) -> bool:
        """Look, and take or renew if that is the move. Returns whether the Lease is ours; raises when unknown."""
        record = self._sighting.record
        if record is None or record.holder != self.identity:
            await self._look()
        if move(self.identity, self._sighting, self._clock.monotonic()) is Move.WAIT:
            return False
        try:
            await self._write(claim(self.identity, self._sighting.record, self._clock.now()))
        except ConflictError:  # somebody was faster, or our own last write took effect though it timed out
            await self._look()
        return self._holds()

    async def _look(self) -> None:
        record = await self._leases.read()
        self._sighting = self._sighting.then(record, self._clock.monotonic())

    async def _write(self, record: Record) -> None:
        begun = self._clock.monotonic()
        written = await self._leases.write(record)
        self._sighting = self._sighting.then(written, self._clock.monotonic())
        self._proven_until = begun + DEADLINE

    def _holds(self) -> bool:
        return self._sighting.record is not None and self._sighting.record.holder == self.identity

    async def release(self) -> None:
        """Give the Lease back, so that the next replica need not wait. Nothing may be written after this."""
        if not self._holds() or self._sighting.record is None:
            return
        self._proven_until = float("-inf")
        try:
            async with asyncio.timeout(RETRY):
                await self._leases.write(release(self._sighting.record))
        except (ClusterError, TimeoutError) as error:
            logger.warning("lease not released", extra={"error": str(error) or "no answer in time"})
