"""Which numbered place of HAProxy's configuration serves which model and variant. Pure.

HAProxy cannot add backends while it runs, so its configuration holds a number of empty ones. A backend that became
free is used again as late as possible: its counters and late answers belong to whom it served before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mlwright.router.document import Route

BACKENDS: Final = 16
SERVERS: Final = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a configuration: what needs a reload when it changes."""

    backends: int = BACKENDS
    servers: int = SERVERS
    """Pods for each backend."""
    headers: tuple[str, ...] = ()
    """Headers that some route looks at, in lower case, sorted."""
    rules: tuple[str, ...] = ()
    """Names of rules that some route asks for, sorted."""

    def grown(self, backends: int, servers: int, headers: Iterable[str], rules: Iterable[str]) -> Shape:
        """Return a shape that holds so much; never smaller than this one, and twice as large when it grows."""
        return Shape(
            _doubled(self.backends, backends),
            _doubled(self.servers, servers),
            tuple(sorted({*self.headers, *headers})),
            tuple(sorted({*self.rules, *rules})),
        )


def _doubled(size: int, needed: int) -> int:
    while size < needed:
        size *= 2
    return size


@dataclass(frozen=True, slots=True)
class Slots:
    """Who has which number. A variant is `MODEL/REVISION`."""

    models: Mapping[str, int] = field(default_factory=dict)
    variants: Mapping[str, int] = field(default_factory=dict)
    cursor: int = 0
    """The backend that is tried first for the next variant."""

    def to_json(self) -> dict[str, Any]:
        """Return what survives a restart of the agent."""
        return {"models": dict(self.models), "variants": dict(self.variants), "cursor": self.cursor}


def from_json(found: Mapping[str, Any]) -> Slots:
    """Read what `to_json` wrote."""
    return Slots(dict(found["models"]), dict(found["variants"]), int(found["cursor"]))


def variant(model: str, revision: str) -> str:
    """Return the name under which a variant has its number."""
    return f"{model}/{revision}"


def variants(routes: Iterable[Route]) -> dict[str, str]:
    """Return all variants of some routes, each with its headless Service."""
    return {variant(r.model, share.revision): share.service for r in routes for share in r.shares}


def assign(slots: Slots, routes: Iterable[Route], shape: Shape) -> Slots:
    """Return the numbers of what the routes name; who has one keeps it, who is gone loses it.

    The shape must have room for all; see `needed`.
    """
    known = list(routes)
    wanted = variants(known)
    models = {name: number for name, number in slots.models.items() if name in {route.model for route in known}}
    for route in known:
        if route.model not in models:
            models[route.model] = next(n for n in range(len(models) + 1) if n not in models.values())
    kept = replace(slots, models=models, variants={k: n for k, n in slots.variants.items() if k in wanted})
    for name in wanted:
        if name not in kept.variants:
            kept = _placed(kept, name, shape)
    return kept


def _placed(slots: Slots, name: str, shape: Shape) -> Slots:
    taken = set(slots.variants.values())
    order = ((slots.cursor + step) % shape.backends for step in range(shape.backends))
    number = next(candidate for candidate in order if candidate not in taken)
    return replace(slots, variants={**slots.variants, name: number}, cursor=(number + 1) % shape.backends)


def headers(routes: Iterable[Route]) -> set[str]:
    """Return the headers that routes look at."""
    known = list(routes)
    sticky = {route.sticky.removeprefix("header:") for route in known if route.sticky.startswith("header:")}
    return sticky | {route.override for route in known if route.override}
