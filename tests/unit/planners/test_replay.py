"""Whole stories once more, with a fault at each write: the world comes to rest in the same state.

A write that is unanswered is also what a process leaves that is killed after it. All four kinds
of faults in longer stories are played in `tests/integration/replay`.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.support.replay.operator import Mode, Operator
from tests.support.replay.stories import STORIES
from tests.support.replay.story import divergences

pytestmark = pytest.mark.timeout(20)
QUICK = ("a model is trained", "a better version takes over", "a broken version is rejected")


@pytest.mark.parametrize("mode", [Mode.UNANSWERED])
@pytest.mark.parametrize("name", QUICK)
def test_a_fault_at_any_write_changes_nothing_in_the_end(name: str, mode: Mode) -> None:
    """A write that had effect although nobody heard of it is repeated, and does no harm."""
    _, points = STORIES[name].tell()

    assert list(divergences(points, mode)) == []


@cache
def told(name: str) -> Operator:
    """Return the operator at the end of a story."""
    return STORIES[name].tell()[0]


@pytest.mark.parametrize("name", STORIES)
def test_a_second_look_at_a_settled_world_writes_nothing(name: str) -> None:
    """The fixed point: everything is looked at again, as after a restart, and nothing is sent nor changed."""
    operator = told(name)
    tried, before = operator.written, operator.world.fork().objects
    operator.look_at_all()
    operator.settle()

    assert (operator.written - tried, operator.world.objects == before) == (0, True)


@pytest.mark.parametrize("name", STORIES)
def test_only_declared_edges_are_taken(name: str) -> None:
    """A run that ended stays ended, and what serves changes only to what was about to take over."""
    assert told(name).undeclared() == []
