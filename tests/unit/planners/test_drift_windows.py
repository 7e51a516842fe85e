"""The windows of a monitor: what they hold, and that what was counted is not forgotten before the next is."""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.plan.drift_counts import Block
from mlwright.planners.drift_windows import windows
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)
ROWS = st.integers(1, 9)
SAME = st.fixed_dictionaries(
    {"x": st.fixed_dictionaries({"a": ROWS, "c": ROWS}), "y": st.fixed_dictionaries({"b": ROWS})}
)
OTHER = st.dictionaries(st.sampled_from("xy"), st.dictionaries(st.sampled_from("abc"), ROWS))
BLOCKS = st.one_of(*(st.lists(st.tuples(st.integers(1, 3), counted), max_size=12) for counted in (SAME, OTHER)))
"""Spans between two ends, and rows by distribution and bin: the same of them in all spans, or whichever."""
SHORT: dict[str, Any] = {"slow": {"length": "10s", "every": "10s"}}


@given(BLOCKS, st.integers(1, 5), st.integers(1, 5))
def test_a_window_holds_the_rows_of_its_blocks(
    found: list[tuple[int, dict[str, dict[str, int]]]], several: int, of: int
) -> None:
    """Windows that overlap are not added up anew, and yet hold what adding up gives; spans may be missing."""
    ends = accumulate(gap for gap, _ in found)
    blocks = [Block("r", 10 * end - 10, 10 * end, rows) for end, (_, rows) in zip(ends, found, strict=True)]

    for last, window in zip(blocks[-of:], windows(blocks, several, of), strict=True):
        within = [one.counts for one in blocks if last.until - 10 * several <= one.since < last.until]
        total = {name: {slot: sum(one.get(name, {}).get(slot, 0) for one in within) for slot in "abc"} for name in "xy"}
        counted = {name: {slot: window.counts.get(name, {}).get(slot, 0) for slot in "abc"} for name in "xy"}
        assert counted == total
        assert (window.until, window.rows) == (last.until, max(sum(rows.values()) for rows in total.values()))


def watching(**spec: Any) -> Operator:
    """Return an operator that watches in windows of ten seconds, and the season has changed."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.pipeline())
    operator.world.add(people.deployment())
    operator.settle()
    operator.world.add(people.monitor(windows=SHORT, **spec))
    operator.settle(timedelta(minutes=2))
    operator.world.drift()
    operator.settle(timedelta(minutes=2))
    return operator


def test_windows_that_are_shorter_than_counting_takes_are_judged() -> None:
    """Rows are counted ten seconds after a window is over, when the next one is over as well."""
    operator = watching()

    assert people.conditions(operator.world, "DriftMonitor")["Drifted"] == "True"
    assert "hour: 0.38 [0.37, 0.4] > 0.1 in 5 of the last 5 windows" in people.summary(operator.world, "DriftMonitor")


def test_a_single_window_that_is_shorter_than_counting_takes_is_judged() -> None:
    """Nothing rests on the window before, and yet it is counted when the next one is over."""
    at_once = {"persistence": {"required": 1, "of": 1}}
    operator = watching(checks=[{"name": "data", "type": "DataDrift", "dataDrift": at_once}])

    assert "> 0.1 in 1 of the last 1 window; " in people.summary(operator.world, "DriftMonitor")


def test_what_was_found_stays_while_nothing_can_be_counted() -> None:
    """A Prometheus that is away for hours takes nothing back."""
    operator = watching()
    operator.world.rows.trouble = "the store of metrics does not answer"
    operator.settle(timedelta(hours=3))
    operator.look_at_all()
    operator.settle()

    assert people.conditions(operator.world, "DriftMonitor")["Drifted"] == "True"
    assert "nothing new is counted: the store of metrics does not answer" in people.summary(
        operator.world, "DriftMonitor"
    )
