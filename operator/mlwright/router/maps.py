"""What stands in HAProxy's maps for some routes. Pure: routes and numbers in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mlwright.router.config import QUEUE_SECONDS
from mlwright.router.document import BUCKETS, Route, Share
from mlwright.router.slots import Slots, variant

SPARE_MS: Final = 5_000
"""The pod ends a request that takes too long; the router only when the pod does not."""


_USUAL_MS: Final = 1000 * QUEUE_SECONDS + SPARE_MS
"""The same as `timeout server` in the configuration."""
SUSPENDED: Final = "suspended"
"""Name of the backend that refuses requests for which no pod will come."""


def backend(number: int) -> str:
    """Return the name of a numbered backend."""
    return f"v{number}"


def maps(routes: Iterable[Route], slots: Slots, *, leaving: bool = False) -> dict[str, str]:
    """Return the text of every map by its name; one entry a line, sorted, so that equal maps are equal texts."""
    entries: dict[str, list[tuple[str, str]]] = {
        name: [] for name in ("limits", "timeouts", "sticky", "overrides", "force", "split", "models")
    }
    for route in sorted(routes, key=lambda found: found.model):
        number = slots.models[route.model]
        entries["models"].append((route.model, str(number)))
        entries["limits"].append((str(number), str(route.body_bytes)))
        entries["timeouts"].append((str(number), str(_patience(route))))
        entries["sticky"] += [(str(number), route.sticky)] if route.sticky else []
        entries["overrides"] += [(str(number), route.override)] if route.override else []
        entries["force"] += _forced(route, number, slots)
        entries["split"] += sorted(_split(route, number, slots), key=lambda entry: int(entry[0].partition(":")[0]))
    entries["state"] = [("ready", "1"), *([("leaving", "1")] if leaving else [])]
    return {name: "".join(f"{key} {value}\n" for key, value in found) for name, found in entries.items()}


def rules(routes: Iterable[Route]) -> set[str]:
    """Return the names of the rules that only some routes ask for, and these do."""
    known = list(routes)
    asked = {
        "cookies": any(route.sticky == "cookie" for route in known),
        "timeouts": any(_patience(route) > _USUAL_MS for route in known),
    }
    return {name for name, some in asked.items() if some}


def _patience(route: Route) -> int:
    """Return the milliseconds that a pod may take, or a request may wait for one."""
    return max(route.timeout_ms + SPARE_MS, _USUAL_MS)


def _forced(route: Route, number: int, slots: Slots) -> Iterator[tuple[str, str]]:
    for share in route.shares:
        yield f"{number}:{share.variant}", _answering(route, share, slots)


def _split(route: Route, number: int, slots: Slots) -> Iterator[tuple[str, str]]:
    """Return key and value of the ranges; the key is the model's number times 10,000 plus the bucket."""
    for share in route.shares:
        name = _answering(route, share, slots)
        for first, last in share.ranges:
            yield f"{number * BUCKETS + first}:{number * BUCKETS + last}", name


def _answering(route: Route, share: Share, slots: Slots) -> str:
    """Return the backend that answers for a share."""
    return SUSPENDED if route.suspended else backend(slots.variants[variant(route.model, share.revision)])
