"""Asks the pods of routers every second what is under way, and wakes deployments to which more comes than they carry.

Only routers of namespaces in which a deployment wants it are asked, up to a number per second; of more, each in its
turn. A pod that does not answer is left alone for a while: all that it costs is the fast path.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mlwright.controller.cache import Cache
from mlwright.controller.targets import routers
from mlwright.errors import MetricsError
from mlwright.plan.loads import Glance, Passing
from mlwright.plan.resources import Key
from mlwright.planners.rush import AGAIN, fresh, rushes
from mlwright.ports.clock import Clock
from mlwright.ports.routers import Routers

EVERY: Final = 1.0
"""Seconds between two questions to one pod."""
MOST: Final = 64
"""Pods that are asked in one second: two for each of 32 namespaces."""
AWAY: Final = 10.0
"""Seconds for which a pod that did not answer is left alone."""
KNOWN: Final = 5.0
"""Seconds for which the addresses of the pods of a router are taken to be what they were."""

logger = logging.getLogger(__name__)

Said = Mapping[str, Passing]
"""What a pod says, by deployment."""


@dataclass(slots=True)
class _Namespace:
    """What is known of one router."""

    at: float = -math.inf
    """When it was asked last, by the clock that does not jump."""
    found: float = -math.inf
    """When its pods were looked up."""
    addresses: tuple[str, ...] = ()
    said: dict[str, Said] = field(default_factory=dict)
    """What each pod said last, by address."""


class RushMeter:
    """Watches for rushes, for one term of leading."""

    def __init__(self, pods: Routers, clock: Clock, cache: Cache, wake: Callable[[Key], None]) -> None:
        self._pods = pods
        self._clock = clock
        self._cache = cache
        self._wake = wake
        self._known: dict[str, _Namespace] = {}
        self._away: dict[str, float] = {}
        self._woken: dict[Key, float] = {}

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            begun = self._clock.monotonic()
            await self.round()
            await asyncio.sleep(max(0.0, begun + EVERY - self._clock.monotonic()))

    async def round(self) -> None:
        """Ask the routers whose turn it is, all at once."""
        watched: dict[str, list[Key]] = {}
        for key in self._cache.loads.watched:
            watched.setdefault(key.namespace, []).append(key)
        self._known = {namespace: self._known.get(namespace) or _Namespace() for namespace in watched}
        due = self._due()
        self._forget()
        await asyncio.gather(*(self._glance(namespace, watched[namespace]) for namespace in due))

    def _due(self) -> list[str]:
        """Return the namespaces whose turn it is: as many as have no more pods together than may be asked."""
        due: list[str] = []
        pods = 0
        for namespace, known in sorted(self._known.items(), key=lambda entry: entry[1].at):
            self._look_up(namespace, known)
            pods += len(known.addresses)
            if due and pods > MOST:
                break
            due.append(namespace)
        return due

    def _look_up(self, namespace: str, known: _Namespace) -> None:
        now = self._clock.monotonic()
        if now - known.found >= KNOWN:
            known.found, known.addresses = now, tuple(address for _, address in routers(self._cache, namespace))

    def _forget(self) -> None:
        """Forget what does not matter any more."""
        now = self._clock.monotonic()
        self._away = {address: until for address, until in self._away.items() if until + AWAY > now}
        self._woken = {key: at for key, at in self._woken.items() if now - at < AGAIN}

    async def _glance(self, namespace: str, keys: Iterable[Key]) -> None:
        """Ask the pods of one router; what was not heard is not known, and makes nothing larger."""
        known, now = self._known[namespace], self._clock.monotonic()
        asked = [address for address in known.addresses if self._away.get(address, 0.0) <= now]
        answers = await asyncio.gather(*(self._ask(address) for address in asked))
        said = {address: answer for address, answer in zip(asked, answers, strict=True) if answer is not None}
        before, seconds = known.said, now - known.at
        known.at, known.said = now, said
        if not said:
            return
        at = self._clock.now().timestamp()
        for key in keys:
            self._take(key, _seen(key.name, said, before, at, seconds), now)

    def _take(self, key: Key, glance: Glance, now: float) -> None:
        allowed = self._cache.loads.watched.get(key)
        if allowed is None:  # it went while its router was asked
            return
        glances = self._cache.loads.glance(key, glance)
        above = glance.under_way > allowed.under_way or glance.came > allowed.rate * glance.seconds  # nearly never
        if above and key not in self._woken and rushes(allowed, fresh(glances, glance.at)):
            self._woken[key] = now
            self._wake(key)

    async def _ask(self, address: str) -> Said | None:
        try:
            said = await self._pods.passing(address)
        except MetricsError as error:
            if address not in self._away:
                logger.warning(
                    "a pod of a router does not tell its load: a rush there is seen by Prometheus alone",
                    extra={"error": str(error)},
                )
            self._away[address] = self._clock.monotonic() + AWAY
            return None
        self._away.pop(address, None)
        return said


def _seen(name: str, said: Mapping[str, Said], before: Mapping[str, Said], at: float, seconds: float) -> Glance:
    """Return what all pods of a router say of a deployment; only of pods heard twice is known how many came."""
    under_way = came = 0
    for address, passing in said.items():
        if name in passing:
            under_way += passing[name].under_way
            earlier = before.get(address, {}).get(name)
            came += max(0, passing[name].came - earlier.came) if earlier else 0
    return Glance(at, under_way, came, seconds if math.isfinite(seconds) else 0.0)
