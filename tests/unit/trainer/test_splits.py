"""Which rows are held out: stable, independent of the file format, true to time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.trainer.arrow_types import plain
from mlwright.trainer.columns import canonical
from mlwright.trainer.row_hashes import hash_rows
from mlwright.trainer.splits import drawn_split, hash_split, row_order, strata_of, stratified_split, temporal_split

pytestmark = pytest.mark.timeout(20)  # property tests compute

# No text here reads as a number, a boolean or a time: a CSV file could not tell them apart.
texts = st.one_of(st.none(), st.text("xyzäß ,\"'", min_size=1, max_size=6).map(lambda text: f"t{text}t"))
rows = st.lists(
    st.tuples(
        st.integers(-(2**62), 2**62),
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=32)),
        st.booleans(),
        texts,
    ),
    min_size=1,
    max_size=30,
)


def _table(values: list[tuple[Any, ...]]) -> Any:
    # The row that fixes the types of a CSV file: a fraction and a text in any case.
    whole, fraction, flag, text = zip(*values, (0, 0.5, True, "text"), strict=True)
    return pa.table(
        {
            "whole": pa.array(whole, pa.int64()),
            "fraction": pa.array(fraction, pa.float64()),
            "flag": pa.array(flag, pa.bool_()),
            "text": pa.array(text, pa.string()),
        }
    )


def _columns(table: Any) -> list[Any]:
    return [canonical(name, plain(table.column(name)), "spec.dataset.features") for name in table.column_names]


def _through_csv(table: Any) -> Any:
    stream = io.BytesIO()
    pyarrow.csv.write_csv(table, stream)
    return pyarrow.csv.read_csv(io.BytesIO(stream.getvalue()))


def _through_parquet(table: Any) -> Any:
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream)
    return pyarrow.parquet.read_table(io.BytesIO(stream.getvalue()))


@given(rows)
def test_the_same_data_is_split_alike_from_csv_and_from_parquet(values: list[tuple[Any, ...]]) -> None:
    """Hashes are made of values, not of how a file format stores them."""
    table = _table(values)

    from_csv = hash_rows(_columns(_through_csv(table)), person=b"test")
    from_parquet = hash_rows(_columns(_through_parquet(table)), person=b"test")

    np.testing.assert_array_equal(from_csv, from_parquet)


@given(rows, rows)
def test_rows_that_come_later_move_no_row(values: list[tuple[Any, ...]], later: list[tuple[Any, ...]]) -> None:
    """A row is held out or not for ever, whatever stands around it."""
    alone = hash_split(_columns(_table(values)), test=0.3, seed=1)
    among = hash_split(_columns(_table(later + values)), test=0.3, seed=1)

    np.testing.assert_array_equal(among[len(later) :], alone)


def test_about_the_share_asked_for_is_held_out() -> None:
    """Of 20,000 rows a fifth, give or take what chance allows."""
    test = hash_split([pa.array(range(20_000))], test=0.2, seed=0)

    assert 0.19 < test.mean() < 0.21


def test_a_larger_share_only_adds_rows() -> None:
    """What was held out stays held out."""
    ids = [pa.array(range(1000))]

    assert not (hash_split(ids, test=0.1, seed=0) & ~hash_split(ids, test=0.3, seed=0)).any()


def test_another_seed_gives_another_split() -> None:
    """The seed belongs to the hash."""
    ids = [pa.array(range(1000))]

    assert (hash_split(ids, test=0.5, seed=0) != hash_split(ids, test=0.5, seed=1)).any()


@pytest.mark.parametrize(
    "one,other,equal",
    [
        pytest.param(pa.array([7]), pa.array([7.0]), True, id="a whole number and the same fraction"),
        pytest.param(pa.array([0.0]), pa.array([-0.0]), True, id="zero and minus zero"),
        pytest.param(pa.array([1]), pa.array([True]), False, id="one and true"),
        pytest.param(pa.array(["7"]), pa.array([7]), False, id="a text and a number"),
        pytest.param(pa.array([2**53]), pa.array([2**53 + 1]), False, id="neighbours that no double tells apart"),
        pytest.param(pa.array([0.0]), pa.array([np.nan]), False, id="zero and missing"),
    ],
)
def test_values_are_equal_by_meaning(one: Any, other: Any, *, equal: bool) -> None:
    """Numbers are numbers; other types are never confused with them."""
    same = (hash_rows([one], person=b"test") == hash_rows([other], person=b"test")).all()

    assert bool(same) is equal


def test_texts_do_not_run_into_each_other() -> None:
    """Columns "ab", "c" are not columns "a", "bc"."""
    one = hash_rows([pa.array(["ab"]), pa.array(["c"])], person=b"test")
    other = hash_rows([pa.array(["a"]), pa.array(["bc"])], person=b"test")

    assert (one != other).all()


def test_a_table_of_many_chunks_hashes_like_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are hashed in pieces, which nobody can see in the result."""
    columns = [pa.array([f"t{place % 7}" for place in range(100)]), pa.array(range(100))]
    whole = hash_rows(columns, person=b"test")
    monkeypatch.setattr("mlwright.trainer.row_hashes._CHUNK_ROWS", 13)

    np.testing.assert_array_equal(hash_rows(columns, person=b"test"), whole)


times = st.lists(st.integers(0, 20), min_size=1, max_size=60)


@given(times, st.floats(0.01, 0.99))
def test_the_newest_rows_are_held_out_and_equal_times_stay_together(values: list[int], test: float) -> None:
    """Everything held out is newer than everything learned from."""
    array = np.array(values, dtype=np.int64)
    mask = temporal_split(array, test=test)

    if len(set(values)) == 1:
        assert not mask.any()
    else:
        assert array[~mask].max() < array[mask].min()


@given(times, st.floats(0.01, 0.99))
def test_no_other_boundary_is_nearer_to_the_share(values: list[int], test: float) -> None:
    """The boundary is the best of all that keep equal times together and leave something on both sides."""
    array = np.array(values, dtype=np.int64)
    wanted = test * len(values)
    possible = [int((array > boundary).sum()) for boundary in sorted(set(values))[:-1]]

    if possible:
        found = int(temporal_split(array, test=test).sum())
        assert abs(found - wanted) == min(abs(count - wanted) for count in possible)


members = st.lists(st.integers(0, 12), min_size=1, max_size=80)


@given(members, st.floats(0.01, 0.99), st.integers(0, 5))
def test_groups_are_never_on_both_sides(values: list[int], test: float, seed: int) -> None:
    """A patient whose rows were learned from is no proof of anything; two groups suffice for a split."""
    groups = np.array(values)
    mask = drawn_split([pa.array(values)], test=test, seed=seed)

    assert not set(groups[mask]) & set(groups[~mask])
    assert mask.any() == (len(set(values)) > 1)


@given(members, st.floats(0.01, 0.99), st.integers(0, 5))
def test_whole_groups_come_as_near_to_the_share_as_their_order_allows(
    values: list[int], test: float, seed: int
) -> None:
    """Moving the boundary by one group more or less is never nearer."""
    groups = np.array(values)
    mask = drawn_split([pa.array(values)], test=test, seed=seed)
    order = row_order([pa.array(values)], seed)

    if mask.any():
        possible = [int((order > bound).sum()) for bound in sorted(set(order.tolist()))[:-1]]
        assert abs(mask.sum() - test * len(groups)) == min(abs(count - test * len(groups)) for count in possible)


def test_a_random_split_holds_out_just_the_share() -> None:
    """Of 1,000 different rows 250 are held out, not about 250."""
    assert drawn_split([pa.array(range(1000))], test=0.25, seed=3).sum() == 250


@given(members, st.integers(0, 5))
def test_equal_rows_are_never_torn_apart_by_chance(values: list[int], seed: int) -> None:
    """A row that was learned from and asked for proves nothing."""
    mask = drawn_split([pa.array(values)], test=0.5, seed=seed)

    assert not set(np.array(values)[mask]) & set(np.array(values)[~mask])


@given(rows, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_same_seed_holds_out_the_same_rows_in_any_order(
    values: list[tuple[Any, ...]], seed: int, chance: Any
) -> None:
    """What is drawn is drawn by content: sorting a table again changes nothing."""
    order = list(range(len(values) + 1))
    chance.shuffle(order)
    table = _table(values)

    mask = drawn_split(_columns(table), test=0.4, seed=seed)
    shuffled = drawn_split(_columns(table.take(order)), test=0.4, seed=seed)

    np.testing.assert_array_equal(shuffled, mask[order])


labels = st.lists(st.sampled_from(["rare", "often", "always"]), min_size=1, max_size=80)


def _stratified(classes: list[str], ids: Sequence[int], test: float = 0.3, seed: int = 0) -> Any:
    order = row_order([pa.array(ids)], seed)
    return stratified_split(strata_of(pa.array(classes), quantity=False), (order,), test=test)


@given(labels, st.floats(0.01, 0.99), st.integers(0, 5))
def test_each_class_has_its_share_to_within_one_row(values: list[str], test: float, seed: int) -> None:
    """A class of several rows is on both sides, one of a single row is learned from."""
    classes = np.array(values)
    mask = _stratified(values, range(len(values)), test, seed)

    for label in set(values):
        rows_of = int((classes == label).sum())
        held_out = int(mask[classes == label].sum())
        assert abs(held_out - test * rows_of) < 1
        assert (0 < held_out < rows_of) == (rows_of > 1)


@given(labels, st.randoms(use_true_random=False))
def test_a_stratified_split_holds_out_the_same_rows_in_any_order(values: list[str], chance: Any) -> None:
    """Classes are told apart by what they are, not by which comes first."""
    ids = list(range(len(values)))
    mask = _stratified(values, ids)
    chance.shuffle(ids)

    np.testing.assert_array_equal(_stratified([values[place] for place in ids], ids), mask[ids])


def test_equal_rows_are_told_apart_by_the_rest_of_what_they_hold() -> None:
    """Where the first order is equal the next one decides, wherever the rows stand."""
    same, rest = np.zeros(4, dtype=np.uint64), np.array([3, 1, 2, 0], dtype=np.uint64)

    mask = stratified_split(np.zeros(4, dtype=np.int64), (same, rest), test=0.5)

    assert mask.tolist() == [False, True, False, True]


def test_a_quantity_is_stratified_by_its_tenths() -> None:
    """The largest values are on both sides, in their share."""
    strata = strata_of(pa.array([float(value) for value in range(100)]), quantity=True)

    assert np.bincount(strata).tolist() == [10] * 10


def test_a_quantity_of_few_values_has_as_many_strata() -> None:
    """Equal values are never in different strata."""
    strata = strata_of(pa.array([0.0] * 95 + [1.0] * 5), quantity=True)

    assert len(set(strata[:95])) == 1
