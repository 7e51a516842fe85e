"""Which pods a Prometheus of ours should scrape, told over HTTP in the form of its service discovery.

Debian's Prometheus cannot ask the API server, and the operator knows best which pods it made: whatever claims to serve
and is not a child of a deployment is never in the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import to_json

from mlwright.constants import SERVER_PORT
from mlwright.controller.cache import Cache
from mlwright.plan.resources import MODEL_DEPLOYMENT, POD, Body, Key

EVERY: Final = 2.0
"""Seconds between two looks; a new pod is scraped a few seconds after it has an address."""


class Targets:
    """The list as it is told; None while this replica does not lead and so does not know."""

    def __init__(self) -> None:
        self.body: bytes | None = None


async def keep(targets: Targets, cache: Cache) -> None:
    """Keep the list as the cache says, for ever; in the end this replica knows nothing any more."""
    try:
        while True:
            targets.body = to_json(list(found(cache)))
            await asyncio.sleep(EVERY)
    finally:
        targets.body = None


def found(cache: Cache) -> Iterator[dict[str, Any]]:
    """Yield an entry for each running pod of each deployment, with the two labels by which the operator asks."""
    for namespace, name in cache.everywhere(MODEL_DEPLOYMENT):
        for pod in cache.children(POD, Key(MODEL_DEPLOYMENT.name, namespace, name)):
            if address := _address(pod):
                labels = {"namespace": namespace, "pod": pod["metadata"]["name"]}
                yield {"targets": [address], "labels": labels}


def _address(pod: Body) -> str:
    """Return where a pod answers; nothing for one that does not run."""
    status = pod.get("status") or {}
    address = str(status.get("podIP") or "")
    if status.get("phase") != "Running" or not address:
        return ""
    return f"[{address}]:{SERVER_PORT}" if ":" in address else f"{address}:{SERVER_PORT}"
