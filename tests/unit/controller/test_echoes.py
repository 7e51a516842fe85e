"""Echoes of own writes do not reach kopf, nor what nobody reads of other news."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from mlwright.controller.cache import Cache
from mlwright.controller.echoes import Stream
from mlwright.controller.pruning import pruned
from mlwright.plan.resources import DEPLOYMENT, JOB, KINDS, TRAINING_RUN, Body, ResourceKind
from tests.support.toys import run

BOOKMARK = {"type": "BOOKMARK", "object": {"kind": "TrainingRun", "metadata": {"resourceVersion": "99"}}}


def event(type_: str, version: int, name: str = "flights-1") -> dict[str, Any]:
    body = run(name)
    body["metadata"]["resourceVersion"] = str(version)
    return {"type": type_, "object": body}


class Wire:
    """Bytes that arrive in pieces of any size."""

    def __init__(self, data: bytes, size: int) -> None:
        self._pieces = [data[start : start + size] for start in range(0, len(data), size)]

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        for piece in self._pieces:
            yield piece


async def heard(events: list[dict[str, Any]], size: int = 10_000, ending: bytes = b"") -> list[str]:
    """Return what kopf gets to hear when the cache holds flights-1 at version 7."""
    data = b"".join(json.dumps(line).encode() + b"\n" for line in events) + ending
    passed = await told(TRAINING_RUN, data, size)
    return [f"{line['type']} {line['object']['metadata']['resourceVersion']}" for line in passed]


async def told(kind: ResourceKind, data: bytes, size: int = 10_000) -> list[Any]:
    """Return the lines of a watch that reach kopf."""
    cache = Cache()
    cache.put(event("ADDED", 7)["object"])
    response = SimpleNamespace(status=200, content=Wire(data, size), close=lambda: None)
    stream = Stream(cast("aiohttp.ClientResponse", response), kind, cache.knows)
    async with stream:
        text = b"".join([chunk async for chunk in stream.content.iter_chunked(1)])
    return _lines(text)


def _lines(text: bytes) -> list[Any]:
    return [json.loads(line) for line in text.split(b"\n") if line]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_only_news_is_passed_on(size: int) -> None:
    """However the bytes are cut into pieces."""
    events = [event("MODIFIED", 6), event("MODIFIED", 7), event("MODIFIED", 8), event("ADDED", 9, "flights-2")]

    assert await heard(events, size) == ["MODIFIED 8", "ADDED 9"]


async def test_deletions_bookmarks_and_errors_are_always_passed_on() -> None:
    """A deletion is news at any version, a bookmark says where to resume."""
    error = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "metadata": {"resourceVersion": ""}}}

    assert await heard([event("DELETED", 7), BOOKMARK, error]) == ["DELETED 7", "BOOKMARK 99", "ERROR "]


async def test_what_is_no_event_is_left_to_kopf() -> None:
    """Half a line at the end of a broken stream is kopf's to judge."""
    with pytest.raises(ValueError, match="Unterminated"):
        await heard([event("MODIFIED", 8)], ending=b'{"type": "MODI')


def child(kind: ResourceKind) -> Body:
    """Return a child as the API server tells it, which notes who set which field."""
    stamp = {"name": "c", "namespace": "demo", "uid": "u", "resourceVersion": "8", "managedFields": [{"manager": "m"}]}
    spec = {"replicas": 2, "template": {"spec": {"containers": [{"name": "step"}]}}}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": stamp, "spec": spec}


@pytest.mark.parametrize("type_", ["ADDED", "MODIFIED", "DELETED"])
async def test_of_news_goes_on_what_the_cache_keeps(type_: str) -> None:
    """Each object is held for a while after it was told, which in a burst is more than all that is known."""
    news = {"type": type_, "object": child(JOB)}

    assert await told(JOB, json.dumps(news).encode() + b"\n") == [{**news, "object": pruned(JOB, child(JOB))}]


async def test_a_deployment_goes_on_whole() -> None:
    """Who set its number of pods is found when the cache takes it in."""
    news = {"type": "ADDED", "object": child(DEPLOYMENT)}

    assert await told(DEPLOYMENT, json.dumps(news).encode() + b"\n") == [news]


def test_what_is_kept_of_news_is_what_is_kept_of_them_as_they_came() -> None:
    """What the stream leaves out the cache would leave out as well; leaving out twice loses no more."""
    for kind in set(KINDS) - {DEPLOYMENT}:
        once = pruned(kind, child(kind))
        assert pruned(kind, once) == once
