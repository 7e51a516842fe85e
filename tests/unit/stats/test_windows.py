"""Windows put together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlwright.stats.windows import based, pooled, unknown

windows = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=12)


@given(windows, st.integers(1, 2000))
def test_earlier_windows_are_added_only_as_far_as_needed(counts: list[tuple[int, int]], rows: int) -> None:
    """With one window less there would be too few rows, and all windows are used before giving up."""
    found, used = pooled(counts, rows)

    assert found == tuple(map(sum, zip(*counts[:used], strict=True)))
    assert sum(found) >= rows or used == len(counts)
    assert used == 1 or sum(map(sum, counts[: used - 1])) < rows


def test_each_hour_of_the_day_has_counts_of_its_own() -> None:
    """Lunch is compared with lunch."""
    found = based(based(based(unknown(2), 12, (5, 1)), 12, (1, 1)), 3, (0, 7))

    assert found.hours[12] == (6, 2)
    assert found.hours[3] == (0, 7)
    assert sum(map(sum, found.hours)) == 15
