"""Runs of flows under faults, each in a namespace of its own, and whether they end where the fault-free run ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self

from cluster.apiserver import ApiServer
from mlwright.plan.resources import KINDS
from mlwright.settings import Settings
from tests.support.flows import Flow
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.operators import SETTINGS, Call, FaultFree, InProcess, Schedule
from tests.support.schedules import SIDES, Armed, Count, KillAt, Side
from tests.support.scripts import Stories, Story
from tests.support.waiting import over, soon
from tests.support.world import Space, World, differences, normalised, records_ever, repeated

QUIET: Final = 0.3
"""Seconds without a write after which an operator counts as settled."""
PATIENCE: Final = 180.0
"""Seconds for one act of a flow: generous, because many runs share the processor."""
TRIES: Final = 4
"""Runs for one point at which an operator is to die, until one gets to it."""
NAMESPACES: Final = itertools.count(1)


class Complaints(logging.Handler):
    """Collects what operators log at ERROR or above, by operator."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: defaultdict[str, list[str]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record with its traceback."""
        error = record.exc_info[1] if record.exc_info else None
        self.told[threading.current_thread().name].append(f"{record.getMessage()}: {error!r}")


class Lab:
    """A kube-apiserver with the actor, the mirror of the world, and operators; an asynchronous context manager."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.kube = Kube(server)
        self.stories = Stories()
        self.world = World(self.kube)
        self.kubelet = Kubelet(self.kube, self.stories)
        self.complaints = Complaints()
        self._operators: list[InProcess] = []

    async def __aenter__(self) -> Self:
        logging.getLogger("mlwright").addHandler(self.complaints)
        await self.kube.__aenter__()
        await self.world.__aenter__()
        await self.kubelet.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._operators:
            each.kill()
        for each in self._operators:
            await each.ended()
        await self.kubelet.__aexit__(kind, error, trace)
        await self.world.__aexit__(kind, error, trace)
        await self.kube.__aexit__(kind, error, trace)
        logging.getLogger("mlwright").removeHandler(self.complaints)

    async def namespace(self, story: Story | None = None) -> str:
        """Make an empty namespace in which a story will happen."""
        name = f"fault-{next(NAMESPACES)}"
        self.stories.tell(name, story or Story())
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self.kube.accepted("POST", "/api/v1/namespaces", body)
        return name

    async def retell(self, namespace: str, story: Story) -> None:
        """Let something else happen in a namespace from now on, also to pods that are there."""
        self.stories.tell(namespace, story)
        await self.kubelet.look_again(namespace)

    def operator(
        self, namespace: str, schedule: Schedule | None = None, *, settings: Settings = SETTINGS, **options: Any
    ) -> InProcess:
        """Start an operator for a namespace."""
        made = InProcess(self.server, replace(settings, namespace=namespace), schedule, **options)
        self._operators.append(made)
        return made.start()

    def complained(self, operators: Sequence[InProcess]) -> list[str]:
        """Return the errors that these operators logged or ended with."""
        told = [line for each in operators for line in self.complaints.told[each.name]]
        return told + [f"{each.name} ended: {each.error!r}" for each in operators if each.error]


async def quiet(one: InProcess, seconds: float = QUIET) -> None:
    """Wait until an operator has nothing left to look at and has written nothing for a while.

    Raises:
        AssertionError: it does not come to rest.
    """
    await _quiet(lambda: one, seconds)


async def _quiet(newest: Callable[[], InProcess], seconds: float) -> None:
    """Wait for the operator that is asked for anew each time: what a dead one left in its queue is its successor's."""
    deadline = time.monotonic() + PATIENCE
    while (one := newest()).died.is_set() or not one.ledger.quiet_for(seconds) or one.reads("mlwright_queue_depth"):
        waits = f"{one.reads('mlwright_queue_depth'):g} keys wait, it last wrote {one.ledger.writes[-3:]}"
        assert time.monotonic() < deadline, f"{one.name} does not come to rest: {waits}"
        await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    objects: dict[str, Any]
    ever: set[str]
    """All records that were there at any time."""
    repeated: list[str]
    """Those that were there twice."""

    @classmethod
    def of(cls, namespace: str, space: Space) -> Ending:
        """Return what is there now."""
        return cls(normalised(namespace, space), records_ever(namespace, space), repeated(space))

    def divergences(self, other: Ending) -> list[str]:
        """Return in which ways another run ended differently."""
        found = list(differences(self.objects, other.objects))
        found += [f"{name} was made as well" for name in sorted(other.ever - self.ever)]
        return found + [f"{name} was made twice" for name in other.repeated]


async def ends_like(
    expected: Ending, namespace: str, space: Space, minor: Callable[[str], bool] = lambda _: False
) -> list[str]:
    """Wait until all is as in another run, minor differences aside; return what is different in the end."""

    def differs() -> list[str]:
        return [line for line in expected.divergences(Ending.of(namespace, space)) if not minor(line)]

    deadline = time.monotonic() + PATIENCE
    while (found := differs()) and time.monotonic() < deadline:
        space.changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await space.changed.wait()
    return found


@dataclass(slots=True)
class Run:
    """A flow in a namespace of its own, with the operators that see it through; an asynchronous context manager."""

    lab: Lab
    flow: Flow
    namespace: str
    schedule: Schedule
    options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the operators."""
    standby: bool = False
    """Whether a second operator stands by from the beginning; else one is started when the first has died."""
    operators: list[InProcess] = field(default_factory=list)
    watching: asyncio.Task[None] | None = None

    @property
    def space(self) -> Space:
        """What is in the namespace."""
        return self.lab.world.space(self.namespace)

    async def __aenter__(self) -> Self:
        first = self._start(self.schedule)
        if self.standby:
            await soon(lambda: first.reads("mlwright_leader"), f"{first.name} leads")
            self._start(FaultFree())
        else:
            self.watching = asyncio.create_task(self._replace_the_dead())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.watching is not None:
            self.watching.cancel()
            await over([self.watching], "what replaces dead operators has ended after it was cancelled")
        for each in self.operators:
            each.kill()

    def _start(self, schedule: Schedule, **options: Any) -> InProcess:
        made = self.lab.operator(self.namespace, schedule, **self.options | options)
        self.operators.append(made)
        return made

    async def _replace_the_dead(self) -> None:
        """Start a new operator when the first has died, as the kubelet would."""
        while not self.operators[-1].died.is_set():  # noqa: ASYNC110  # the event is of another thread
            await asyncio.sleep(0.01)
        self._start(FaultFree())

    async def through(self) -> None:
        """See all acts through, each to its goal.

        Raises:
            AssertionError: a goal was not reached.
        """
        for index, act in enumerate(self.flow.acts):
            if 0 < index == self.flow.prelude:
                await self.quiet()
            if isinstance(self.schedule, Armed):
                self.schedule.armed = index >= self.flow.prelude
            await act.do(self.lab.kube, self.namespace)
            await self.lab.world.until(self.namespace, act.goal, act.what, PATIENCE)

    async def quiet(self, seconds: float = QUIET) -> None:
        """Wait until the operator that lives has nothing left to look at and has written nothing for a while.

        Raises:
            AssertionError: it does not come to rest.
        """
        await _quiet(lambda: self.operators[-1], seconds)

    async def stop(self) -> None:
        """Stop the operator that lives, as a rollout of its own Deployment would."""
        self.operators[-1].ask_to_stop()
        await self.operators[-1].ended()

    async def resume(self, **options: Any) -> InProcess:
        """Start another operator and wait until it has seen everything."""
        made = self._start(FaultFree(), **options)
        await soon(lambda: made.ledger.calls >= len(KINDS), f"{made.name} has listed every kind")
        return made

    async def settled(self) -> Ending:
        """Wait until nothing happens any more, and return what is there then."""
        await self.quiet(1.0)
        return Ending.of(self.namespace, self.space)

    async def ends_like(self, expected: Ending) -> list[str]:
        """Wait until all is as in another run, and stays so; return what is different in the end, and all errors."""
        found = await ends_like(expected, self.namespace, self.space)
        if not found:
            await self.quiet()
            found = expected.divergences(Ending.of(self.namespace, self.space))
        return found + self.complaints

    @property
    def complaints(self) -> list[str]:
        """Errors that the operators logged or ended with."""
        return self.lab.complained(self.operators)


@dataclass(slots=True)
class Report:
    """What a campaign found."""

    flow: str
    write_points: int = 0
    runs: int = 0
    missed: list[KillAt] = field(default_factory=list)
    """Points that no run got to: writes are merged now and then."""
    divergences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        left = ", ".join(f"{point.side} write {point.number}" for point in self.missed) or "none"
        head = f"{self.flow}: {self.write_points} write points, {self.runs} runs, points that none got to: {left}"
        return "\n".join((head, *self.divergences))


async def baseline(lab: Lab, flow: Flow) -> tuple[Ending, list[Call]]:
    """See a flow through without faults; return how it ends and its writes after the prelude.

    Raises:
        AssertionError: it did not get to its end, or something was made twice, or errors were logged.
    """
    counted = Count()
    async with Run(lab, flow, await lab.namespace(flow.story()), counted) as run:
        await run.through()
        ending = await run.settled()
        assert run.complaints + ending.repeated == []
        return ending, counted.writes


async def attempt(lab: Lab, flow: Flow, schedule: Schedule, expected: Ending, **options: Any) -> list[str]:
    """Return in which ways a run under a schedule ends differently.

    Args:
        lab: where.
        flow: what people do.
        schedule: the faults.
        expected: how the run without faults ended.
        options: of the operators; `standby` is of the run.
    """
    standby = options.pop("standby", False)
    async with Run(lab, flow, await lab.namespace(flow.story()), schedule, options, standby) as run:
        try:
            await run.through()
        except AssertionError as error:
            return [str(error), *run.complaints]
        return await run.ends_like(expected)


async def crash_everywhere(lab: Lab, flow: Flow, places: asyncio.Semaphore) -> Report:
    """Let the operator die before and after each write of a flow, each time in a run of its own.

    A run with fewer writes, because two were merged, may end before its point: another one is tried for it.

    Args:
        lab: where.
        flow: what people do.
        places: how many runs may be under way at once, those of other flows included.
    """
    expected, writes = await baseline(lab, flow)
    report = Report(flow.name, len(writes))

    async def one(number: int, side: Side) -> None:
        tries = [KillAt(number, side) for _ in range(TRIES)]
        for point in tries:
            async with places:
                found = await attempt(lab, flow, point, expected)
            report.runs += 1
            report.divergences += [f"{point}: {line}" for line in found]
            if point.struck is not None:
                return
        report.missed.append(tries[-1])

    await asyncio.gather(*(one(number, side) for number in range(1, len(writes) + 1) for side in SIDES))
    return report
