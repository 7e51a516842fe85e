"""The kopf shell: one low-level event handler for every kind, and nothing else of kopf.

No handlers of causes, timers or daemons: they would write annotations and finalizers into people's objects. Registry
and settings are this operator's own, so several operators can live in one process (each in an event loop of its own).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any, Final, cast

import aiohttp
import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from mlwright.constants import MANAGED_SELECTOR
from mlwright.controller.handover import Handover
from mlwright.controller.intake import Intake
from mlwright.plan.resources import ResourceKind

FINALIZER: Final = "mlwright.dev/never"
"""kopf takes away its own finalizer where it finds it; this name is found nowhere."""


def registry(kinds: Iterable[ResourceKind], intake: Intake, server: str, handover: Handover) -> kopf.OperatorRegistry:
    """Return the handlers of all kinds."""
    own = kopf.OperatorRegistry()

    @kopf.on.login(registry=own)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=server, aiohttp_session=cast("aiohttp.ClientSession", handover))

    for kind in kinds:
        name = f"{kind.plural}.{kind.group}"
        kopf.on.event(kind.group, kind.version, kind.plural, id=name, registry=own)(_seen(intake))
    return own


def _seen(intake: Intake) -> Callable[..., Awaitable[None]]:
    async def seen(event: Any, **_: object) -> None:  # a typed dict of kopf
        if event["type"] == "DELETED":
            intake.bury(event["object"])
        else:
            intake.observe(event["object"])

    return seen


def settings(kinds: Iterable[ResourceKind]) -> kopf.OperatorSettings:
    """Return kopf's settings: watch, and do nothing else."""
    own = kopf.OperatorSettings()
    own.posting.enabled = False
    own.scanning.disabled = True  # our kinds do not come and go; their absence is told at the start
    own.persistence.finalizer = FINALIZER
    own.persistence.diffbase_storage = _NoDiffs()
    own.networking.error_backoffs = _Patience()
    own.networking.connect_timeout = 10.0
    own.queueing.idle_timeout = 0.05  # for so long a task per object that changed lives on, and holds it
    own.queueing.exit_timeout = 0.5
    own.process.ultimate_exiting_timeout = None  # Kubernetes kills what does not end
    for kind in kinds:
        if kind.owned:
            own.watching.label_selectors[kind.group, kind.version, kind.plural] = MANAGED_SELECTOR
    return own


class Forgetful(ResourceMemories):
    """Remembers nothing: kopf would keep some kilobytes for every object for timers and daemons that we do not have."""

    async def recall(self, raw_body: Any, **options: Any) -> ResourceMemory:  # kopf's own types
        """Return a memory that is thrown away after use."""
        return await super().recall(raw_body, **(options | {"ephemeral": True}))


class _NoDiffs(kopf.DiffBaseStorage):
    """kopf computes a difference for every event, which nobody reads."""

    def build(self, **_: object) -> Any:  # a typed dict of kopf
        return {}

    def fetch(self, **_: object) -> None:
        return None

    def store(self, **_: object) -> None:
        return None


class _Patience:
    """Pauses between attempts to reach the API server: it is tried for ever, as giving up would end the operator."""

    def __iter__(self) -> Iterator[float]:
        return chain((0.2, 0.5, 1.0, 2.0, 5.0), repeat(10.0))
