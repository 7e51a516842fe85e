"""Every story with every kind of fault at each of its writes. In memory, but too long for the unit tests."""

from __future__ import annotations

import pytest

from tests.support.replay.operator import Mode
from tests.support.replay.stories import STORIES
from tests.support.replay.story import divergences


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("name", STORIES)
def test_a_fault_at_any_write_changes_nothing_in_the_end(name: str, mode: Mode) -> None:
    """Lost, unanswered, sent twice, or late: the world rests as it does without the fault."""
    _, points = STORIES[name].tell()

    assert list(divergences(points, mode)) == []
