"""The API server refuses, is busy, or its answers get lost, once for every call: the flows end as ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from mlwright.controller import queue
from tests.support.campaign import Lab, attempt, baseline
from tests.support.flows import FLOWS
from tests.support.operators import Call
from tests.support.schedules import BusyOnce, ConflictOnce, LostAnswerOnce, Once

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what failed be tried again ten times as soon: how long it waits is no matter here and tested elsewhere."""
    monkeypatch.setattr(queue, "FIRST_DELAY", queue.FIRST_DELAY / 10)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("schedule", [ConflictOnce, BusyOnce, LostAnswerOnce], ids=lambda kind: kind.__name__)
async def test_every_call_failing_once_changes_nothing(
    lab: Lab, schedule: type[Once], tell: Callable[[object], None]
) -> None:
    """The same objects with the same content, nothing made twice, no error logged."""
    used = [schedule() for _ in FLOWS]
    endings = await asyncio.gather(*(baseline(lab, flow) for flow in FLOWS))
    found = await asyncio.gather(
        *(attempt(lab, flow, one, expected) for flow, one, (expected, _) in zip(FLOWS, used, endings, strict=True))
    )
    tell(f"{schedule.__name__}: {[one.failed.total() for one in used]} failures")
    spared = [_kinds(writes) - _kinds(one.failed) for one, (_, writes) in zip(used, endings, strict=True)]

    assert [f"{flow.name}: {line}" for flow, lines in zip(FLOWS, found, strict=True) for line in lines] == []
    assert [flow.name for flow, some in zip(FLOWS, spared, strict=True) if some] == []


def _kinds(calls: Iterable[Call]) -> Counter[tuple[str, str]]:
    """Count different calls by verb and kind: hashes of which names are made differ between two runs."""
    return Counter((call.verb, call.kind) for call in {*calls})
