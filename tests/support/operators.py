"""Operators in this process, each in a thread with an event loop of its own, and what they say to the API server.

Every call goes through a Recorder around the port `Cluster`. There a schedule may let it fail, and there an operator
dies: from that instant none of its calls reaches the API server, as if its process had been killed.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from cluster.apiserver import ApiServer
from mlwright.adapters.clock import SystemClock
from mlwright.adapters.kube.client import KubeCluster
from mlwright.adapters.kube.connect import connect
from mlwright.adapters.kube.events import KubeEvents
from mlwright.adapters.kube.leases import KubeLeases
from mlwright.adapters.routers import RouterPods
from mlwright.controller import operator
from mlwright.controller.health import Pulse
from mlwright.controller.kinds import RECONCILERS
from mlwright.controller.leader import Gauges
from mlwright.controller.metrics import Metrics
from mlwright.plan.resources import KINDS, Body, ResourceKind, foreign
from mlwright.ports.access import Access
from mlwright.ports.clock import Clock
from mlwright.ports.cluster import Page
from mlwright.ports.events import Notice
from mlwright.ports.leases import Record
from mlwright.ports.metrics import MetricsStore
from mlwright.ports.outside import Outside
from mlwright.settings import Settings

SETTINGS: Final = Settings(
    trainer_image="example/trainer:1",
    server_image="example/server:1",
    artifacts_uri="pvc://artifacts/mlwright",
    leader_election=False,
    workers=4,
)
"""Settings of an operator under test; the namespace is added."""

LINGER: Final = 5.0
"""Seconds in which connections that were closed come to their end, at most: the other side has to close as well."""

_numbers = itertools.count(1)

Send = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call at the port: its verb, the object it is about, and what is sent."""

    verb: str
    kind: str
    name: str
    body: Body = field(default_factory=dict, hash=False, compare=False)

    @property
    def writes(self) -> bool:
        """Whether it changes the world."""
        return self.verb not in {"get", "list"}

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.name}"


class Schedule(Protocol):
    """Decides what becomes of each call."""

    async def call(self, call: Call, send: Send, die: Callable[[], None]) -> Any:
        """Let the call pass (`await send()`), fail, or end the operator (`die()`)."""
        ...


class FaultFree:
    """Lets every call pass."""

    async def call(self, call: Call, send: Send, die: Callable[[], None]) -> Any:
        """Send."""
        del call, die
        return await send()


@dataclass(slots=True)
class Ledger:
    """The writes that reached the API server, how many calls there were, and when the last write was over."""

    writes: list[Call] = field(default_factory=list)
    calls: int = 0
    last: float = field(default_factory=time.monotonic)
    under_way: int = 0

    def quiet_for(self, seconds: float) -> bool:
        """Tell whether nothing was written for so long."""
        return not self.under_way and time.monotonic() - self.last > seconds


class Recorder:
    """Implements `Cluster`, `Events` and `Leases` around the real ports."""

    def __init__(self, outside: Outside, schedule: Schedule, ledger: Ledger, die: Callable[[], None]) -> None:
        self._outside = outside
        self._inner = outside.cluster
        self._schedule = schedule
        self._ledger = ledger
        self._die = die
        self.dead = False

    async def _alive(self, send: Send) -> Any:
        """Send while the operator lives; a dead one neither sends nor hears the answer."""
        if self.dead:
            await _for_ever()
        self._ledger.calls += 1
        answer = await send()
        if self.dead:
            await _for_ever()
        return answer

    async def _scheduled(self, call: Call, send: Send) -> Any:
        async def sent() -> Any:
            if not call.writes:
                return await send()
            self._ledger.writes.append(call)
            self._ledger.under_way += 1
            try:
                return await send()
            finally:
                self._ledger.under_way -= 1
                self._ledger.last = time.monotonic()

        return await self._alive(lambda: self._schedule.call(call, sent, self._kill))

    def _kill(self) -> None:
        self.dead = True
        self._die()

    async def pages(self, kind: ResourceKind) -> AsyncIterator[Page]:
        """List; the schedule is asked for the first page."""
        pages = self._inner.pages(kind)
        page = await self._scheduled(Call("list", kind.name, ""), lambda: anext(pages, None))
        while page is not None:
            yield page
            page = await self._alive(lambda: anext(pages, None))

    async def probe(self, kind: ResourceKind) -> None:
        """List next to nothing."""
        await self._alive(lambda: self._inner.probe(kind))

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Body | None:
        """GET."""
        call = Call("get", kind.name, name)
        found: Body | None = await self._scheduled(call, lambda: self._inner.get(kind, namespace, name))
        return found

    async def create(self, body: Body) -> Body:
        """POST."""
        return await self._body("create", body, lambda: self._inner.create(body))

    async def apply(self, body: Body, *, manager: str, force: bool) -> Body:
        """Server-side apply."""
        return await self._body("apply", body, lambda: self._inner.apply(body, manager=manager, force=force))

    async def adopt(self, body: Body, owner: Body) -> Body:
        """PATCH of the owner reference."""
        return await self._body("adopt", body, lambda: self._inner.adopt(body, owner))

    async def relabel(self, body: Body) -> Body:
        """PATCH of the label that watches ask for."""
        return await self._body("relabel", body, lambda: self._inner.relabel(body))

    async def rewrite_managers(self, body: Body) -> Body:
        """PATCH of the field managers."""
        return await self._body("rewrite managers of", body, lambda: self._inner.rewrite_managers(body))

    async def write_status(self, body: Body) -> Body:
        """PUT of the status."""
        return await self._body("write status of", body, lambda: self._inner.write_status(body))

    async def _body(self, verb: str, body: Body, send: Send) -> Body:
        written: Body = await self._scheduled(Call(verb, body["kind"], body["metadata"]["name"], body), send)
        return written

    async def scale(self, kind: ResourceKind, namespace: str, name: str, replicas: int, resource_version: str) -> None:
        """PUT of the scale subresource."""
        call = Call("scale", kind.name, name)
        await self._scheduled(call, lambda: self._inner.scale(kind, namespace, name, replicas, resource_version))

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str) -> None:
        """DELETE."""
        call = Call("delete", kind.name, name)
        await self._scheduled(call, lambda: self._inner.delete(kind, namespace, name, uid))

    async def tell(self, notice: Notice) -> None:
        """Event; nothing rests on it, so no schedule is asked."""
        await self._alive(lambda: self._outside.events.tell(notice))

    async def read(self) -> Record | None:
        """Read the Lease."""
        found: Record | None = await self._alive(self._outside.leases.read)
        return found

    async def write(self, record: Record) -> Record:
        """Write the Lease."""
        written: Record = await self._alive(lambda: self._outside.leases.write(record))
        return written


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _end_the_rest() -> None:
    """End the tasks of a dead operator, so that they close their connections before the loop is gone."""
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


class InProcess:
    """One operator for one namespace."""

    def __init__(
        self,
        server: ApiServer,
        settings: Settings,
        schedule: Schedule | None = None,
        *,
        access: Access | None = None,
        clock: Clock | None = None,
        routers: Callable[[], RouterPods] | None = None,
        store: MetricsStore | None = None,
        also: tuple[ResourceKind, ...] = (),
    ) -> None:
        self.ledger = Ledger()
        self.died = threading.Event()
        self.metrics = Metrics()
        self.error: BaseException | None = None
        self.name = f"operator-{next(_numbers)}"
        self._server = server
        self._settings = settings
        self._schedule = schedule or FaultFree()
        self._access = access
        self._clock = clock or SystemClock()
        self._routers = routers
        self._store = store
        self._also = also
        self._recorder: Recorder | None = None
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> InProcess:
        """Begin."""
        self._thread.start()
        return self

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._operate())
            except asyncio.CancelledError:
                pass
            except BaseException as error:  # noqa: BLE001  # told to the test, which is in another thread
                self.error = error

    async def _operate(self) -> None:
        self._task = asyncio.current_task()
        if self.died.is_set():
            return
        environ = {"KUBECONFIG": str(self._server.kubeconfig)}
        transport, access = await connect(environ, self._settings.workers + 4, self.metrics.called)
        settings, clock = self._settings, self._clock
        routers = self._routers() if self._routers else None
        kinds = (*KINDS, *self._also, *foreign(settings.training_resources))
        real = Outside(
            cluster=KubeCluster(transport, settings.namespace, kinds),
            access=self._access or access,
            leases=KubeLeases(transport, clock, settings.namespace, settings.lease_name),
            events=KubeEvents(transport, clock, self.name),
            clock=clock,
            routers=routers,
            metrics=self._store,
        )
        self._recorder = recorder = Recorder(real, self._schedule, self.ledger, self._dies)
        recorder.dead = self.died.is_set()
        outside = replace(real, cluster=recorder, leases=recorder, events=recorder)
        try:
            gauges = Gauges(self.metrics, Pulse(clock))
            await operator.run(outside, settings, RECONCILERS, self._stop, gauges=gauges, kinds=kinds)
        finally:
            await _end_the_rest()
            await transport.close()
            if routers is not None:
                await routers.close()
            await self._connections_closed()

    async def _connections_closed(self) -> None:
        """Wait until the loop listens to nothing but itself: what is open when it goes is warned of later, anywhere."""
        deadline = time.monotonic() + LINGER
        selector: Any = self._loop._selector  # type: ignore[attr-defined]
        while len(selector.get_map()) > 1 and time.monotonic() < deadline:  # noqa: ASYNC110  # the selector rings no bell
            await asyncio.sleep(0.01)

    def _dies(self) -> None:
        if not self.died.is_set():
            self.died.set()
            self._call(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def kill(self) -> None:
        """End it as a SIGKILL would: nothing more reaches the API server; returns at once."""
        if self._recorder is not None:
            self._recorder.dead = True
        self._dies()

    def reads(self, metric: str, **labels: str) -> float:
        """Return one of its metrics, 0 when it has none yet."""
        return self.metrics.registry.get_sample_value(metric, labels) or 0.0

    def ask_to_stop(self) -> None:
        """Begin a graceful stop."""
        self._call(self._stop.set)

    def _call(self, what: Callable[[], object]) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(what)

    async def ended(self, seconds: float = 15.0) -> None:
        """Wait until the thread has ended.

        Raises:
            TimeoutError: it did not end.
        """
        deadline = time.monotonic() + seconds
        while self._thread.is_alive():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} did not end")
            await asyncio.sleep(0.02)
