"""Which shard answers which rows: together all of them, each once."""

from __future__ import annotations

import doctest
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mlwright.trainer.batch import parts
from mlwright.trainer.batch.parts import Part, by_files, by_rows

COUNTS = st.lists(st.integers(0, 40), max_size=8)
SHARDS = st.integers(1, 12)


def rows_of(part: Part) -> list[tuple[int, int]]:
    """Return the rows of a part as file and number."""
    assert part.stop is not None
    return [(part.file, row) for row in range(part.start, part.stop)]


@given(COUNTS, SHARDS)
def test_every_row_is_answered_once(counts: list[int], shards: int) -> None:
    """No row is lost between two shards, and none is answered by both."""
    found = Counter(row for shard in by_rows(counts, shards) for part in shard for row in rows_of(part))

    assert found == {(file, row): 1 for file, count in enumerate(counts) for row in range(count)}


@given(COUNTS, SHARDS)
def test_shards_have_equal_numbers_of_rows(counts: list[int], shards: int) -> None:
    """But for one row: the slowest shard decides how long a run takes."""
    sizes = [sum(len(rows_of(part)) for part in shard) for shard in by_rows(counts, shards)]

    assert max(sizes) - min(sizes) <= 1


@given(COUNTS, SHARDS)
def test_every_file_is_read_by_one_shard(sizes: list[int], shards: int) -> None:
    """Also empty ones, about which the reader has a word to say."""
    found = by_files(sizes, shards)

    assert len(found) == shards
    assert Counter(part.file for shard in found for part in shard) == dict.fromkeys(range(len(sizes)), 1)


@given(COUNTS, SHARDS)
def test_neighbours_stay_together(sizes: list[int], shards: int) -> None:
    """Files of one day are answered by one shard or by the next one."""
    order = [part.file for shard in by_files(sizes, shards) for part in shard]

    assert order == sorted(order)


def test_the_examples_are_true() -> None:
    """Those of the module."""
    assert doctest.testmod(parts).failed == 0
