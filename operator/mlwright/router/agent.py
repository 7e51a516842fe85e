"""The agent: keeps HAProxy as the routes and the pods are, wakes models that sleep, says which routes it follows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from mlwright.router import memory, metrics, slots, telling
from mlwright.router.config import MAPS, Place, render
from mlwright.router.document import Route, read
from mlwright.router.haproxy import Haproxy, HaproxyError
from mlwright.router.hold import Hold
from mlwright.router.maps import backend, maps, rules
from mlwright.router.memory import Memory, replace_file
from mlwright.router.servers import Address, Endpoints, Server, repair, wanted
from mlwright.router.servers import parse as parse_servers
from mlwright.router.slots import Shape, Slots

IDLE: Final = 0.25
"""Seconds between two looks when nothing is heard of: within them whatever happened to HAProxy is repaired."""
SETTLE: Final = 0.02
"""Seconds between two looks while a request waits for a pod."""
RENEWED: Final = 10.0
"""Seconds until a new worker must answer after a reload."""
SURE: Final = 3
"""Answers in a row by which the new worker is taken to be the only one that answers."""
WAKE_AGAIN: Final = 5.0
"""Seconds until a model that is still asked for and has no pod is woken once more."""

logger = logging.getLogger("mlwright.router")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the cluster at one moment."""

    routes: Mapping[str, Route]
    endpoints: Mapping[str, Endpoints]
    texts: Mapping[str, str]


class Outside(Protocol):
    """What the agent needs of the world around it."""

    def facts(self) -> Facts | None:
        """Return what is known; None before the first lists."""
        ...

    async def wake(self, model: str, sleep: str) -> None:
        """Let a model that sleeps have a pod; `sleep` names which sleep that ends, where it has a name.

        Failures are told there and tried again by the next call.
        """
        ...


class Agent:
    """One HAProxy and what it should do."""

    def __init__(
        self,
        place: Place,
        outside: Outside,
        *,
        news: asyncio.Event | None = None,
        followed: asyncio.Event | None = None,
    ) -> None:
        self.place = place
        self.applied: dict[str, str] = {}
        """Digest of the route of each model that HAProxy follows now."""
        self.followed = followed or asyncio.Event()
        """Set when that changed."""
        self.news = news or asyncio.Event()
        """Set when something is heard of; the next look begins at once."""
        self.looked = asyncio.Condition()
        """Told after each look."""
        self.leaving = False
        self.hold = Hold(self._ready, lambda: self._stale)
        self._haproxy = Haproxy(place.admin, place.master)
        self._outside = outside
        self._memory = memory.load(place.memory)
        self._worker = 0
        self._stale = True
        """Whether a worker may be there from before a reload, in this life or the last."""
        self._maps: dict[str, str] = {}
        self._usable: dict[str, Address] = {}
        self._begun = 0
        self._done = 0
        self._woken: dict[tuple[str, str], float] = {}

    @property
    def slots(self) -> Slots:
        """Who has which backend."""
        return self._memory.slots

    @property
    def worker(self) -> int:
        """The process that carries the requests; 0 before it was seen."""
        return self._worker

    async def run(self) -> None:
        """Look again and again; never returns."""
        pages = {
            "/metrics": telling.Told("text/plain; version=0.0.4", self.metrics),
            "/load": telling.Told("application/json", self.load),
        }
        held, told = await self.hold.listen(self.place.hold), await telling.listen(self.place.metrics, pages)
        async with held, told:
            while True:
                try:
                    await self.look()
                except HaproxyError as error:
                    logger.warning("HAProxy is not as it should be", extra={"error": str(error)})
                await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(SETTLE if any(self.hold.waiting.values()) else IDLE):
                await self.news.wait()
        except TimeoutError:
            pass
        self.news.clear()

    async def look(self) -> None:
        """Compare HAProxy with what it should do, and repair the difference.

        Pods first, then the maps: a request never goes to a variant whose pods HAProxy does not know yet. Pods of a
        variant that the maps name no more go at the next look: until then requests may be on their way to them.

        Raises:
            HaproxyError: HAProxy is away or refuses; the next look tries again.
        """
        self._begun += 1
        number = self._begun
        facts = self._outside.facts() or self._remembered()
        if facts is None:
            return
        await self._place(facts)
        worker, state = await self._haproxy.observe()
        if worker != self._worker:
            self._worker, self._maps = worker, {}
        desired = wanted(self.slots, slots.variants(facts.routes.values()), facts.endpoints)
        texts = maps(facts.routes.values(), self.slots, leaving=self.leaving)
        servers = parse_servers(state)
        known = [server for server in servers if texts == self._maps or server.backend in desired]
        commands = repair(known, desired)
        if commands:
            await self._haproxy.run(commands)
            servers = parse_servers((await self._haproxy.observe())[1])
        if self._stale:
            with suppress(HaproxyError):  # the master listens later than its worker: it is asked again at the next look
                self._stale = await self._haproxy.old_workers()
        self._usable = _usable(servers)
        await self._write_maps(texts)
        self._follow({model: route.digest for model, route in facts.routes.items()})
        self._done = number
        async with self.looked:
            self.looked.notify_all()

    async def metrics(self) -> str:
        """Return what HAProxy counted, by model and revision, as text for Prometheus.

        Raises:
            HaproxyError: HAProxy is away.
        """
        counts = metrics.parse(await self._haproxy.statistics())
        return metrics.render(counts, self.slots, self._memory.began, len(self.applied))

    async def load(self) -> str:
        """Return the requests under way and those that came, by model and revision, as JSON.

        Raises:
            HaproxyError: HAProxy is away.
        """
        return metrics.load(metrics.parse(await self._haproxy.statistics()), self.slots, self._memory.began)

    async def _began(self, after: Slots) -> dict[str, Mapping[str, int]]:
        """Return what had been counted when each variant got its backend; of a new one that is now."""
        known = {name: counts for name, counts in self._memory.began.items() if name in after.variants}
        new = [name for name in after.variants if name not in known]
        counts = metrics.parse(await self._haproxy.statistics()) if new else {}
        return known | {name: metrics.began(counts.get(backend(after.variants[name]), {})) for name in new}

    def _follow(self, applied: dict[str, str]) -> None:
        if applied != self.applied:
            self.applied = applied
            self.followed.set()

    async def lives(self) -> bool:
        """Return True while HAProxy answers.

        Raises:
            HaproxyError: it does not any more.
        """
        return bool((await self._haproxy.observe())[0])

    def _remembered(self) -> Facts | None:
        """Return what was known in the last life: without the API server requests still find their pods."""
        routes, _ = read(self._memory.routes)
        return Facts(routes, self._memory.endpoints, self._memory.routes) if routes else None

    async def _place(self, facts: Facts) -> None:
        """Give everything its number; a configuration that is too small is replaced by a larger one."""
        before = self._memory
        routes = list(facts.routes.values())
        names = slots.variants(routes)
        most = max((len(facts.endpoints.get(service, {})) for service in names.values()), default=0)
        shape = before.shape.grown(len(names), most, slots.headers(routes), rules(routes))
        after = slots.assign(before.slots, routes, shape)
        now = Memory(after, shape, dict(facts.texts), dict(facts.endpoints), await self._began(after))
        if shape != before.shape:
            await self._renew(shape)
        if now != before:  # last: a reload that failed is still owed at the next look, and in the next life
            memory.keep(self.place.memory, now)
            self._memory = now

    async def _renew(self, shape: Shape) -> None:
        """Let HAProxy read the configuration for a shape, and wait until it has.

        Raises:
            HaproxyError: it is away, or did not in time.
        """
        replace_file(self.place.config, render(shape, self.place))
        old, _ = await self._haproxy.observe()
        logger.info("HAProxy is reloaded for a larger configuration", extra={"backends": shape.backends})
        self._usable, self._stale = {}, True
        await self._haproxy.reload()
        try:
            async with asyncio.timeout(RENEWED):
                while await self._answers(old):  # noqa: ASYNC110  # another process tells no event
                    await asyncio.sleep(SETTLE)
        except TimeoutError as error:
            raise HaproxyError(f"no new worker {RENEWED:g} s after a reload") from error

    async def _answers(self, old: int) -> bool:
        """Tell whether the old worker still is the one that answers, or nobody does; for a moment both may."""
        try:
            return old in {(await self._haproxy.observe())[0] for _ in range(SURE)}
        except HaproxyError:
            return True

    async def _write_maps(self, texts: Mapping[str, str]) -> None:
        """Change the maps that are not as they should be: the file for a HAProxy that starts, then the running one."""
        for name in MAPS:
            if self._maps.get(name) != texts[name]:
                self._maps.pop(name, None)
                replace_file(self.place.map(name), texts[name])
                await self._haproxy.replace_map(self.place.map(name), texts[name])
                self._maps[name] = texts[name]

    async def _ready(self, name: str) -> Address:
        """Wait until a backend has a pod; wake its model when it sleeps.

        What a look found that began before the request came does not count: HAProxy sent it here because it found none.
        """
        begun = self._begun
        self.news.set()
        while True:
            await self._wake(self._model_of(name))
            async with self.looked:
                await self.looked.wait()
            if self._done > begun and name in self._usable:
                return self._usable[name]

    def _model_of(self, name: str) -> str:
        return next((key.partition("/")[0] for key, n in self.slots.variants.items() if backend(n) == name), "")

    async def _wake(self, model: str) -> None:
        facts, now = self._outside.facts(), asyncio.get_running_loop().time()
        route = facts.routes.get(model) if facts else None
        if route is None or not route.wakes:
            return
        if now - self._woken.get((model, route.sleep), now - WAKE_AGAIN) < WAKE_AGAIN:
            return
        self._woken = {key: at for key, at in self._woken.items() if now - at < WAKE_AGAIN}
        self._woken[model, route.sleep] = now
        await self._outside.wake(model, route.sleep)


def _usable(servers: Iterable[Server]) -> dict[str, Address]:
    """Return the backends that have a pod to which a request can be sent now, each with one of its pods."""
    return {server.backend: server.address for server in servers if server.usable}
