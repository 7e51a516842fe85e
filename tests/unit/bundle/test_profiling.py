"""Edges and exact counts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profile import Profile, rare_hash, read_profile
from mlwright.bundle.profiling import (
    BINS,
    RARE_LISTED,
    SMALLEST_GROUP,
    count_numbers,
    profile_booleans,
    profile_labels,
    profile_numbers,
    profile_texts,
    quantile_edges,
)

numbers = st.lists(
    st.one_of(
        st.integers(-5, 5).map(float),
        st.floats(allow_nan=True, allow_infinity=False, width=32),
    ),
    max_size=60,
)


@given(numbers, numbers)
def test_counts_are_exact_for_the_edges(values: list[float], others: list[float]) -> None:
    """Counting equals looking at each value, on the rows of the edges and on any other rows."""
    edges = quantile_edges(np.array([value for value in values if value == value]))  # noqa: PLR0124 - not NaN
    array = np.array(others, dtype=np.float64)

    counts = count_numbers(array, edges)

    present = [value for value in others if value == value]  # noqa: PLR0124 - not NaN
    assert counts.missing == len(others) - len(present)
    if edges:
        assert list(counts.bins) == [sum(low < value <= high for value in present) for low, high in pairwise(edges)]
        assert counts.below == sum(value <= edges[0] for value in present)
        assert counts.above == sum(value > edges[-1] for value in present)
        assert counts.total == len(others)


@given(numbers)
def test_a_profile_holds_every_row_in_at_most_twenty_bins(values: list[float]) -> None:
    """On the rows it was made of, nothing lies outside, no bin is empty, and edges rise."""
    profile = profile_numbers("x", Datatype.FP64, np.array(values, dtype=np.float64))

    assert len(profile.counts.bins) <= BINS
    assert profile.counts.below == profile.counts.above == 0
    assert profile.counts.total == len(values)
    assert all(low < high for low, high in pairwise(profile.edges))
    assert all(profile.counts.bins)


def test_bins_have_about_equal_mass() -> None:
    """Of a thousand different numbers, each of twenty bins holds fifty."""
    values = np.random.default_rng(0).normal(size=1000)

    assert profile_numbers("x", Datatype.FP64, values).counts.bins == (50,) * 20


def test_a_frequent_value_has_a_bin_of_its_own() -> None:
    """Half of the rows are zero: neither smaller nor slightly larger numbers are counted with them."""
    values = np.concatenate([np.zeros(500), np.linspace(-1, -0.1, 250), np.linspace(0.1, 1, 250)])
    edges = quantile_edges(values)

    counts = count_numbers(np.array([-1e-9, 0.0, 1e-9]), edges)

    assert 0.0 in edges
    assert [count for count in counts.bins if count] == [1, 1, 1]


def test_few_distinct_values_have_a_bin_each() -> None:
    """Five different numbers give five bins."""
    values = np.repeat([1.0, 2.0, 3.0, 5.0, 8.0], [10, 1, 1, 1, 100])

    assert profile_numbers("x", Datatype.INT64, values).counts.bins == (10, 1, 1, 1, 100)


def test_a_column_without_numbers_has_no_edges() -> None:
    """Only missing values: nothing but their count is known."""
    profile = profile_numbers("x", Datatype.FP64, np.full(7, np.nan))

    assert (profile.edges, profile.minimum, profile.counts.missing) == ((), None, 7)


def test_rare_texts_are_counted_together_and_stored_as_hashes() -> None:
    """A text that few rows hold could point at a person; it is not written in clear."""
    profile = profile_texts("name", {"frequent": 90, "seldom": SMALLEST_GROUP, "Ada": 1, "Bob": 2, "": 3})

    assert profile.categories == ("frequent", "seldom")
    assert profile.counts.bins == (90, SMALLEST_GROUP, 3)
    assert profile.counts.missing == 3
    assert set(profile.rare or ()) == {rare_hash("Ada"), rare_hash("Bob")}
    assert b"Ada" not in Profile(1, (profile,), ()).to_json()


def test_texts_are_ordered_by_count_and_then_by_alphabet() -> None:
    """The order does not depend on the order of the rows."""
    profile = profile_texts("x", {"b": 10, "a": 10, "c": 20})

    assert profile.categories == ("c", "a", "b")
    assert profile.rare == ()


def test_many_texts_fill_twenty_bins_with_the_rest_in_the_last() -> None:
    """The most frequent nineteen are shown."""
    profile = profile_texts("x", {f"t{place:02}": 100 - place for place in range(50)})

    assert len(profile.categories) == BINS - 1
    assert len(profile.counts.bins) == BINS
    assert profile.counts.total == sum(100 - place for place in range(50))


def test_twenty_frequent_texts_need_no_rest() -> None:
    """Exactly as many texts as bins are all shown."""
    profile = profile_texts("x", {f"t{place:02}": 100 for place in range(BINS)})

    assert len(profile.categories) == len(profile.counts.bins) == BINS


def test_too_many_rare_texts_are_not_listed() -> None:
    """A column of names would make the profile as large as the data."""
    profile = profile_texts("x", {f"name {place}": 1 for place in range(RARE_LISTED + 1)})

    assert profile.rare is None
    assert profile.counts.bins == (RARE_LISTED + 1,)


def test_a_profile_survives_being_written_and_read(tmp_path: Path) -> None:
    """What is read equals what was written."""
    profile = Profile(
        rows=4,
        features=(
            profile_numbers("x", Datatype.FP64, np.array([0.1, 0.2, np.nan, 7.0])),
            profile_booleans("b", np.array([True, False, True, True])),
            profile_texts("t", {"a": 9, "rare": 1}),
        ),
        outputs=(profile_labels("label", Datatype.BOOL, (False, True), (3, 1)),),
    )
    (tmp_path / "profile.json").write_bytes(profile.to_json())

    assert read_profile(tmp_path) == profile


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schemaVersion": 1}', b'{"schemaVersion": 2}'])
def test_a_damaged_profile_is_a_bundle_error(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in the file, the reader gets one kind of error."""
    (tmp_path / "profile.json").write_bytes(content)

    with pytest.raises(BundleError, match=r"profile.json"):
        read_profile(tmp_path)
