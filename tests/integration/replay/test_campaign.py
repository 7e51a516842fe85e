"""Every story with every kind of fault at each of its writes. In memory, but too long for the unit tests."""

from __future__ import annotations

import pytest

from tests.support.replay.leaders import stalled_leaders
from tests.support.replay.operator import Mode
from tests.support.replay.stories import STORIES
from tests.support.replay.story import divergences


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("name", STORIES)
def test_a_fault_at_any_write_changes_nothing_in_the_end(name: str, mode: Mode) -> None:
    """Lost, unanswered, sent twice, or late: the world rests as it does without the fault."""
    _, points = STORIES[name].tell()

    assert list(divergences(points, mode)) == []


@pytest.mark.parametrize("name", STORIES)
def test_a_leader_that_wakes_up_late_does_no_harm(name: str) -> None:
    """It decides on any moment of the past; nothing that it writes changes where the world rests, or stops answers."""
    assert stalled_leaders(STORIES[name]).divergences == []


def test_a_leader_that_wakes_up_late_does_write() -> None:
    """Otherwise the test above would show nothing."""
    assert sum(stalled_leaders(STORIES[name]).writes for name in ("back and forth", "an alias moves")) > 10
