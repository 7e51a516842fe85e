"""Shares become a table of buckets, and a change of shares moves as few as possible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.plan.traffic import BUCKETS, Range
from mlwright.planners.buckets import rebalance

LONGEST = 24
"""Ranges that a table was never seen to exceed in thousands of changes of up to four variants."""


@st.composite
def weights(draw: st.DrawFn) -> dict[str, int]:
    """Percentages of one to four revisions that add up to 100."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(names) - 1, max_size=len(names) - 1)))
    return {name: end - begin for name, begin, end in zip(names, [0, *cuts], [*cuts, 100], strict=True)}


def owners(table: tuple[Range, ...]) -> list[str]:
    """Return the revision of each bucket."""
    return [part.revision for part in table for _ in range(part.size)]


@given(st.lists(weights(), min_size=1, max_size=20))
def test_every_table_is_whole_exact_and_short_and_moves_no_bucket_in_vain(changes: list[dict[str, int]]) -> None:
    """Who loses nothing keeps all buckets; who gains gets exactly what others gave up."""
    table: tuple[Range, ...] = ()
    for wanted in changes:
        before, table = table, rebalance(table, wanted)
        after = owners(table)
        assert {name: after.count(name) for name in wanted} == {name: 100 * share for name, share in wanted.items()}
        assert [part.first for part in table] == [0, *(part.last + 1 for part in table[:-1])]
        assert len(table) <= LONGEST
        if before:
            was = owners(before)
            moved = sum(one != other for one, other in zip(was, after, strict=True))
            assert moved == sum(max(0, 100 * share - was.count(name)) for name, share in wanted.items())


def test_the_same_shares_again_change_nothing() -> None:
    """Whoever looks twice writes once."""
    table = rebalance(rebalance((), {"a": 100}), {"a": 90, "b": 10})

    assert rebalance(table, {"b": 10, "a": 90}) == table


@pytest.mark.parametrize("wrong", [{}, {"a": 90}, {"a": 150, "b": -50}])
def test_weights_that_are_no_percentages_are_refused(wrong: dict[str, int]) -> None:
    """A table that does not cover all buckets would lose requests."""
    with pytest.raises(ValueError, match="percentages that add up to 100"):
        rebalance((Range(0, BUCKETS - 1, "a"),), wrong)
