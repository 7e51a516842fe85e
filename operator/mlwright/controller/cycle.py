"""One look at one object: gather, decide, record, act, tell.

| what happens | what follows |
|---|---|
| the spec is impossible (InvalidSpecError) | Stalled/InvalidSpec, nothing touched; a change of the object wakes it |
| a name is taken (NameConflictError) | Stalled/NameConflict; tried again with growing delay |
| the API server refuses an object (RefusedError) | Stalled/Refused with its words; tried again with growing delay |
| the world moved on (SupersededError) | the cache is brought up to date; looked at again at once |
| busy, away, timed out (UnavailableError) | tried again with growing delay, or when the server said; told if it lasts |
| anything else | Stalled/InternalError with its words, the traceback in the log; tried again with growing delay |
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, merge
from mlwright.api.reasons import Reason
from mlwright.controller import status
from mlwright.controller.election import LeadershipLostError
from mlwright.controller.executor import Executor, Performed, SupersededError
from mlwright.controller.intake import Intake
from mlwright.controller.reconciler import Reconciler
from mlwright.errors import (
    ClusterError,
    ConflictError,
    InvalidSpecError,
    NameConflictError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from mlwright.plan.plan import Plan
from mlwright.plan.resources import BY_NAME, Body, Key
from mlwright.ports.events import Notice
from mlwright.ports.outside import Outside
from mlwright.settings import Settings

logger = logging.getLogger(__name__)

ALIAS_AGAIN: Final = 60.0
"""Seconds until an alias that belongs to somebody else is asked for again."""


UNHEARD: Final = 45.0
"""Seconds of failures in a row after which they are told on the object: a new leader of the API server, or of a
webhook, is there sooner."""


class Result(StrEnum):
    """How a look ended; a label of metrics."""

    DONE = "done"
    GONE = "gone"
    INVALID = "invalid"
    NAME_CONFLICT = "name_conflict"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    UNAVAILABLE = "unavailable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a look ended and when to look again."""

    result: Result
    again: float | None = None
    """Seconds; for results that are repeated by themselves at least these."""
    retells: bool = False
    """Whether there is something left to say, in a look of its own."""


class Cycle:
    """Looks at objects; holds nothing that could not be forgotten."""

    def __init__(
        self,
        reconcilers: Iterable[Reconciler[Any]],
        outside: Outside,
        intake: Intake,
        *,
        settings: Settings,
        tell: Callable[[Notice], None],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._reconcilers = {reconciler.kind.name: reconciler for reconciler in reconcilers}
        self._cluster = outside.cluster
        self._clock = outside.clock
        self._intake = intake
        self._settings = settings
        self._tell = tell
        self._fence = fence
        self._told: dict[Key, float] = {}
        """When the status of an object was last written; only to write mere numbers seldom."""
        self._postponed: set[Key] = set()
        """New objects whose first status waits for the next look, which comes at once."""
        self._complaints: dict[Key, float] = {}
        """When it is next told on an object that each look at it ended before all was written."""

    async def look(self, key: Key) -> Outcome:
        """Look at one object and move it at most one step forward.

        Raises:
            LeadershipLostError: nothing may be written any more. Everything else becomes an outcome.
        """
        body = self._intake.cache.get(BY_NAME[key.kind], key.namespace, key.name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self._told.pop(key, None)
            self._postponed.discard(key)
            self._complaints.pop(key, None)
            self._intake.cache.want(key, None)
            self._intake.cache.loads.want(key, (), None)
            self._intake.cache.tallies.want(key, None)
            return Outcome(Result.GONE)
        try:
            outcome = await self._move(key, body)
        except LeadershipLostError:
            raise
        except SupersededError as error:
            logger.debug("superseded", extra=_fields(key) | {"error": str(error)})
            return Outcome(Result.SUPERSEDED)
        except UnavailableError as error:
            logger.warning("unavailable", extra=_fields(key) | {"error": str(error)})
            await self._complain(key, body, error)
            return Outcome(Result.UNAVAILABLE, error.retry_after)
        except Exception as error:
            logger.exception("unexpected error", extra=_fields(key))
            await self._admit(key, body, error)
            return Outcome(Result.ERROR)
        self._complaints.pop(key, None)
        return outcome

    async def _move(self, key: Key, body: Body) -> Outcome:
        try:
            plan = self._decide(key, body)
            self._ask(key, plan)
            done = await self._perform(key, body, plan)
        except InvalidSpecError as error:
            return await self._stall(key, body, Reason.INVALID_SPEC, error)
        except NameConflictError as error:
            return await self._stall(key, body, Reason.NAME_CONFLICT, error)
        except RefusedError as error:
            return await self._stall(key, body, Reason.REFUSED, error)
        return await self._settle(key, body, plan, done)

    def _decide(self, key: Key, body: Body) -> Plan:
        reconciler = self._reconcilers[key.kind]
        observed = reconciler.gather(body, self._intake.cache)
        return reconciler.plan(observed, self._settings, self._clock.now())

    def _ask(self, key: Key, plan: Plan) -> None:
        """Let be counted what the plan asks for, whatever becomes of its writes: a refusal must not blind who judges.

        That nothing is asked for any more is believed when all is written; until then the same may be decided again.
        """
        if plan.measure is not None:
            self._intake.cache.want(key, plan.measure)
        if plan.questions:
            self._intake.cache.loads.want(key, plan.questions, None, plan.bounds, plan.standing)
        if plan.wanted is not None:
            self._intake.cache.tallies.want(key, plan.wanted)

    async def _perform(self, key: Key, body: Body, plan: Plan) -> Performed:
        executor = Executor(self._cluster, self._intake, body, plan, self._fence)
        try:
            return await executor.perform()
        finally:
            if executor.scaled:  # what limits the next step must know of this one, though another write failed
                self._intake.cache.loads.remember(key, plan.memory)

    async def _stall(self, key: Key, body: Body, reason: Reason, error: Exception) -> Outcome:
        sentence, result = str(error), _STALLED[reason]
        draft = status.stuck(body.get("status") or {}, reason, sentence)
        await self._write_status(key, body, draft, sentence, repeated=result is not Result.INVALID)
        return Outcome(result)

    async def _complain(self, key: Key, body: Body, error: UnavailableError) -> None:
        """Tell on the object what has kept its changes from it for a while; where that fails as well, the log has.

        A server that says when to come back is left alone until then. Every other attempt counts, whatever became of
        it: what fails is not made more by what is told of it.
        """
        now = self._clock.monotonic()
        if now < self._complaints.setdefault(key, now + UNHEARD) or error.retry_after is not None:
            return
        self._complaints[key] = now + status.NUMBERS_EVERY
        draft = status.hindered(body.get("status") or {}, str(error), body["metadata"].get("generation", 0))
        with suppress(SupersededError, ClusterError):
            await self._write_status(key, body, draft, draft.summary, repeated=True)

    async def _admit(self, key: Key, body: Body, fault: Exception) -> None:
        """Tell an error of our own on the object; where that fails as well, the log has told."""
        draft = status.undecided(body.get("status") or {}, fault)
        try:
            await self._write_status(key, body, draft, draft.summary, repeated=True)
        except LeadershipLostError:
            raise
        except Exception:
            logger.exception("the error is told in the log alone", extra=_fields(key))

    async def _settle(self, key: Key, body: Body, plan: Plan, done: Performed) -> Outcome:
        self._intake.cache.want(key, plan.measure)
        self._intake.cache.loads.want(key, plan.questions, plan.memory, plan.bounds, plan.standing)
        self._intake.cache.tallies.want(key, plan.wanted)
        if done.seen and not body.get("status") and key not in self._postponed:
            # what was just made is in the cache: one look further the first status says more, and is written once
            self._postponed.add(key)
            logger.info(plan.sentence, extra=_fields(key))
            return Outcome(Result.DONE, retells=True)
        self._postponed.discard(key)
        draft = status.with_verdicts(plan.status, done.verdicts)
        later = await self._write_status(key, body, draft, plan.sentence, acted=bool(done.writes))
        moments = [plan.again.total_seconds()] if plan.again is not None else []
        moments += [later] if later else []
        moments += [ALIAS_AGAIN] if done.verdicts else []
        return Outcome(Result.DONE, min(moments, default=None))

    async def _write_status(
        self, key: Key, body: Body, draft: StatusDraft, sentence: str, *, acted: bool = False, repeated: bool = False
    ) -> float:
        """Write the status if it changed, and tell. Returns the seconds after which mere numbers may be written.

        `repeated`: it tells of a failure, after which the object is looked at again with growing delay. Neither the
        words of each failure nor the news that they were written shorten that: a webhook may say something new
        each time.
        """
        before = body.get("status") or {}
        generation = body["metadata"].get("generation", 0)
        after = merge(before, draft, generation, self._clock.now())
        if after == before or (after := status.compact(after)) == before:
            if acted:
                logger.info(sentence, extra=_fields(key))
            return 0.0
        now = self._clock.monotonic()
        wait = status.pause(before, after, now - self._told.get(key, float("-inf")), repeated=repeated)
        if wait:
            return wait
        self._fence()
        try:
            written = await self._cluster.write_status(body | {"status": after})
        except (ConflictError, NotFoundError) as error:
            await self._refresh(key)
            raise SupersededError(str(error)) from error
        self._told[key] = now
        self._intake.observe(written, own=True, unless=key if repeated else None)
        logger.info(sentence, extra=_fields(key))
        for notice in status.notices(written, before, after):
            self._tell(notice)
        return 0.0

    async def _refresh(self, key: Key) -> None:
        live = await self._cluster.get(BY_NAME[key.kind], key.namespace, key.name)
        if live is not None:
            self._intake.observe(live)


_STALLED: Final = {
    Reason.INVALID_SPEC: Result.INVALID,
    Reason.NAME_CONFLICT: Result.NAME_CONFLICT,
    Reason.REFUSED: Result.REFUSED,
}


def _fields(key: Key) -> dict[str, str]:
    return {"kind": key.kind, "namespace": key.namespace, "object": key.name}
