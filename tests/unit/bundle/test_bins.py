"""Live values fall into the bins of the profile, by the rules that made it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.bins import MANY, MOST_SLOTS, feature_counter, output_counter
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profile import Counts, Distribution
from mlwright.bundle.profiling import (
    BINS,
    RARE_LISTED,
    count_numbers,
    profile_booleans,
    profile_labels,
    profile_numbers,
    profile_texts,
)
from mlwright.bundle.tensors import Array

numbers = st.lists(st.one_of(st.integers(-5, 5).map(float), st.floats(allow_nan=True)), max_size=60)


def counted(distribution: Distribution, values: Array) -> dict[str, int]:
    """Counts by slot, without the zeros."""
    counter = feature_counter(distribution)
    tally = counter.count(values)
    return {slot: count for slot, count in zip(counter.slots, tally.tolist(), strict=True) if count}


def expected(counts: Counts) -> dict[str, int]:
    """The same of a profile's counts."""
    outside = {"below": counts.below, "above": counts.above, "missing": counts.missing, "unseen": counts.unseen}
    found = {str(place): count for place, count in enumerate(counts.bins)} | outside
    return {slot: count for slot, count in found.items() if count}


def texts(*values: str) -> Array:
    return np.array(values, dtype=object).reshape(-1, 1)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=60), numbers)
def test_numbers_are_counted_as_the_profile_counts_them(learned: list[float], live: list[float]) -> None:
    """Whatever arrives, infinities and gaps included, falls where the profile's own count puts it."""
    profile = profile_numbers("x", Datatype.FP64, np.array(learned))
    values = np.array(live, dtype=np.float64)

    assert counted(profile, values.reshape(-1, 1)) == expected(count_numbers(values, profile.edges))


@given(st.lists(st.floats(-10, 10), max_size=60), numbers.filter(len))
def test_many_numbers_are_counted_as_few_are(learned: list[float], live: list[float]) -> None:
    """Stored rows come by the thousand and are counted in another way: the same, infinities and gaps included."""
    counter = feature_counter(profile_numbers("x", Datatype.FP64, np.array(learned)))
    few, times = np.array(live), -(-MANY // len(live))

    assert counter.count(np.tile(few, times)).tolist() == (times * counter.count(few)).tolist()


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=60), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_many_whole_numbers_are_counted_as_few_are(learned: list[int], live: list[int]) -> None:
    """They have no gaps, and reach beyond what a float tells apart."""
    counter = feature_counter(profile_numbers("x", Datatype.INT64, np.array(learned, dtype=np.float64)))
    few, times = np.array(live, dtype=np.int64), -(-MANY // len(live))

    assert counter.count(np.tile(few, times)).tolist() == (times * counter.count(few)).tolist()


def test_whole_numbers_cannot_be_missing() -> None:
    """A series that can never count anything is not made."""
    profile = profile_numbers("hour", Datatype.INT64, np.array([1.0, 2.0, 3.0]))

    assert feature_counter(profile).slots == ("below", "0", "1", "2", "above")
    assert counted(profile, np.array([[0], [2], [9]])) == {"below": 1, "1": 1, "above": 1}


def test_a_number_that_training_never_had_is_unseen() -> None:
    """A column that was empty in training has no bins."""
    profile = profile_numbers("x", Datatype.FP64, np.full(3, np.nan))

    assert counted(profile, np.array([1.0, np.nan])) == {"unseen": 1, "missing": 1}


def test_booleans_have_two_bins() -> None:
    """False first, as in the profile."""
    assert counted(profile_booleans("weekend", np.array([True])), np.array([[True], [False], [True]])) == {
        "0": 1,
        "1": 2,
    }


def test_texts_are_frequent_rare_unseen_or_missing() -> None:
    """A rare text of the training is told from one that never occurred, without its clear text."""
    profile = profile_texts("carrier", {"UA": 90, "AA": 50, "ZZ": 1})

    assert counted(profile, texts("AA", "ZZ", "XX", "", "AA")) == {"1": 2, "2": 1, "unseen": 1, "missing": 1}


def test_texts_without_rare_ones_have_no_bin_for_them() -> None:
    """What is not listed is unseen."""
    assert counted(profile_texts("carrier", {"UA": 90}), texts("UA", "AA")) == {"0": 1, "unseen": 1}


def test_too_many_rare_texts_are_not_told_from_unseen_ones() -> None:
    """Where the profile lists no rare texts, every other text counts as one."""
    profile = profile_texts("name", {"frequent": 99} | {f"name {place}": 1 for place in range(RARE_LISTED + 1)})

    assert counted(profile, texts("frequent", "nobody")) == {"0": 1, "1": 1}


def test_labels_are_counted_in_the_order_of_the_classes() -> None:
    """Labels may be texts, and are never hashed."""
    counter = output_counter(profile_labels("label", Datatype.BYTES, ("no", "yes"), (3, 1)))

    assert counter.slots == ("0", "1")
    assert counter.count(np.array(["yes", "no", "yes"], dtype=object)).tolist() == [1, 2]


def test_many_classes_share_a_slot() -> None:
    """A model of a thousand classes must not make a thousand series: the most frequent ones have their own."""
    classes = tuple(range(1000))
    counter = output_counter(
        profile_labels("label", Datatype.INT64, classes, [2 if one > 500 else 1 for one in classes])
    )

    assert counter.slots == (*map(str, range(501, 501 + BINS - 1)), "other")
    assert counter.count(np.array([501, 3, 999, 501])).tolist() == [2, *[0] * (BINS - 2), 2]


@pytest.mark.parametrize("datatype", [Datatype.FP64, Datatype.INT64])
def test_no_distribution_has_more_slots_than_the_budget_knows(datatype: Datatype) -> None:
    """The budget of series rests on it."""
    profile = profile_numbers("x", datatype, np.arange(5000.0))
    many = profile_texts("t", {f"t{place}": 100 for place in range(500)})

    assert len(feature_counter(profile).slots) <= MOST_SLOTS
    assert len(feature_counter(many).slots) <= MOST_SLOTS
