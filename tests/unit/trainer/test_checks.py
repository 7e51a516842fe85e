"""Expectations held against columns: the counts are exact, however the rows are cut into pieces."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.documents import Document
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profiling import profile_numbers, profile_texts
from mlwright.trainer.checks.columns import ColumnWatch
from mlwright.trainer.checks.expectations import Checks, ColumnCheck, ColumnType, read_checks
from mlwright.trainer.checks.findings import Finding, compact, told, worst_first
from mlwright.trainer.checks.summaries import DISTINCT, SAMPLE, Bins, Summary
from mlwright.trainer.checks.values import Values
from mlwright.trainer.errors import UserError
from mlwright.trainer.step_document import parse_duration

pytestmark = pytest.mark.timeout(20)  # property tests compute


def _watched(check: ColumnCheck, column: Any, cut: int) -> list[Finding]:
    watch = ColumnWatch(check)
    for start in range(0, len(column), cut):
        piece = column.slice(start, cut)
        watch.add(Values.of(piece), np.arange(start + 1, start + 1 + len(piece)))
    return watch.findings()


def _by_member(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.field.rpartition(".")[2]: finding for finding in findings}


numbers = st.lists(st.one_of(st.none(), st.integers(-5, 15).map(float), st.just(2.5)), min_size=1, max_size=50)


@given(numbers, st.integers(1, 60))
def test_each_expectation_counts_its_rows_exactly(values: list[float | None], cut: int) -> None:
    """The same counts and positions as a loop over the rows gives, whatever the pieces."""
    check = ColumnCheck("x", ColumnType.INTEGER, 0.0, 10.0, 0.0, (1, 2, 3), unique=True)
    found = _by_member(_watched(check, pa.array(values, pa.float64()), cut))
    rows = list(enumerate(values, 1))
    expected = {
        "maxMissing": [row for row, value in rows if value is None],
        "type": [row for row, value in rows if value == 2.5],
        "min": [row for row, value in rows if value is not None and value < 0],
        "max": [row for row, value in rows if value is not None and value > 10],
        "allowed": [row for row, value in rows if value is not None and value not in {1, 2, 3}],
        "unique": [row for row, value in rows if value is not None and value in values[: row - 1]],
    }

    for member, places in expected.items():
        if places:
            assert (found[member].count, list(found[member].rows)) == (len(places), places[:10])
        else:
            assert member not in found


@pytest.mark.parametrize(
    "kind,column,failing",
    [
        pytest.param(ColumnType.NUMBER, pa.array(["1", "2.5e3", "x", ""]), [3], id="numbers in texts"),
        pytest.param(ColumnType.NUMBER, pa.array([True, None]), [1], id="booleans are no numbers"),
        pytest.param(ColumnType.INTEGER, pa.array([1.0, 1.5, None]), [2], id="a fraction"),
        pytest.param(ColumnType.TEXT, pa.array([1, 2]), [1, 2], id="numbers are no texts"),
        pytest.param(ColumnType.TEXT, pa.array(["1", None]), [], id="texts of digits"),
        pytest.param(ColumnType.BOOLEAN, pa.array(["true", "False", "yes"]), [3], id="booleans in texts"),
        pytest.param(ColumnType.TIME, pa.array(["2026-01-31T10:00:00Z", "soon"]), [2], id="times in texts"),
        pytest.param(ColumnType.TIME, pa.array([1, 2], pa.timestamp("s")), [], id="timestamps"),
        pytest.param(ColumnType.TIME, pa.array([1, 2]), [1, 2], id="numbers are no times"),
    ],
)
def test_a_value_is_of_a_type_by_what_it_says(kind: ColumnType, column: Any, failing: list[int]) -> None:
    """A file of texts in which one number is no number tells which row that is."""
    found = _by_member(_watched(ColumnCheck("x", kind), column, 2))

    assert list(found["type"].rows if found else ()) == failing


@pytest.mark.parametrize(
    "column,allowed,failing",
    [
        pytest.param(pa.array(["a", "b", None, ""]), ("a",), [2], id="texts"),
        pytest.param(pa.array([True, False]), (True,), [2], id="booleans"),
        pytest.param(pa.array([1, 2]), (1.0, "2"), [2], id="a text is no number"),
        pytest.param(pa.array([1, 0]), (True, False), [1, 2], id="a boolean is no number"),
    ],
)
def test_only_what_is_allowed_passes(column: Any, allowed: tuple[Any, ...], failing: list[int]) -> None:
    """Values are compared as what they are; a missing one is another check's matter."""
    found = _by_member(_watched(ColumnCheck("x", allowed=allowed), column, 3))

    assert list(found["allowed"].rows) == failing


def test_whole_numbers_that_no_double_tells_apart_are_different() -> None:
    """Long ids are exact."""
    ids = pa.array([2**60, 2**60 + 1, 2**60])

    (found,) = _watched(ColumnCheck("id", unique=True), ids, 2)

    assert found.rows == (3,)


def test_bounds_of_times_hold_for_timestamps_and_texts_alike() -> None:
    """2026-01-01 is 1,767,225,600 seconds after 1970."""
    bound = 1_767_225_600_000_000.0
    check = ColumnCheck("ts", ColumnType.TIME, minimum=bound)
    stamps = pa.array([1_767_225_600, 1_767_225_599], pa.timestamp("s"))
    texts = pa.array(["2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z"])

    for column in (stamps, texts):
        (found,) = _watched(check, column, 1)
        assert found.sentence == "column 'ts' lies below 2026-01-01T00:00:00Z in 1 row"
        assert found.rows == (2,)


def test_the_worst_comes_first_and_is_told_with_the_number_of_the_others() -> None:
    """What concerns all of the data, then what concerns the most rows."""
    few, many = (
        Finding("a", "few", share=0.1, count=1, rows=(7,)),
        Finding("b", "many", share=0.5, count=4, rows=(1, 2, 3)),
    )

    ordered = worst_first([few, Finding("c", "everything"), many])

    assert [finding.field for finding in ordered] == ["c", "b", "a"]
    assert told([few]) == "a data check failed: few (row 7)"
    assert told([many, few]) == "2 data checks failed, the worst: many (rows 1, 2, 3, ...)"


def test_a_thousand_findings_leave_room_in_the_termination_message() -> None:
    """4,096 bytes hold all of a result; the report has the rest."""
    findings = [Finding(f"spec.x[{place}]", "wrong " * 20, "c", 3, 0.5, (1, 2, 3)) for place in range(1000)]

    assert 1 < len(compact(findings)) < 50
    assert len(json.dumps(compact(findings)).encode()) < 1700


def _checks(**members: Any) -> Checks:
    return read_checks(Document.of(members, "spec.dataset.checks", _refuse), parse_duration)


def _refuse(path: str, problem: str) -> UserError:
    return UserError(path, problem, "")


@pytest.mark.parametrize(
    "column,field,sentence",
    [
        pytest.param({"min": 3, "max": 2}, "min", "should not be above max, and both should be", id="nothing between"),
        pytest.param(
            {"min": 3, "max": "2026-01-01"}, "min", "both should be numbers or both times", id="a number and a time"
        ),
        pytest.param({"min": "soon"}, "min", "should be a number, or a time such as", id="a word as a bound"),
        pytest.param({"max": "9999-12-31T23:59:59-05:00"}, "max", "or a time such as", id="a bound in the year 10000"),
        pytest.param({"max": True}, "max", "should be a number, or a time such as", id="true as a bound"),
        pytest.param(
            {"type": "Text", "max": 3}, "max", "has no meaning for type Text: use allowed", id="bounds of texts"
        ),
        pytest.param({"type": "Time", "max": 3}, "max", "should be a time such as", id="a number for times"),
        pytest.param({"type": "Number", "max": "2026-01-01"}, "max", "should be a number", id="a time for numbers"),
        pytest.param({"allowed": []}, "allowed", "is empty, so that no value could pass", id="nothing allowed"),
        pytest.param({"allowed": [{}]}, "allowed[0]", "should be a text, a number, true or false", id="an object"),
        pytest.param({"maxMissing": 2}, "maxMissing", "should be a number from 0 to 1", id="a share above 1"),
    ],
)
def test_what_cannot_be_expected_is_refused(column: dict[str, Any], field: str, sentence: str) -> None:
    """The error names the column's field in the pipeline."""
    with pytest.raises(UserError) as refused:
        _checks(columns=[{"name": "age", **column}])

    assert refused.value.field == f"spec.dataset.checks.columns[age].{field}"
    assert sentence in refused.value.sentence


def test_all_of_a_document_is_read() -> None:
    """Bounds imply a type; a column without a share of its own has that of all."""
    checks = _checks(
        minRows=10,
        maxMissing=0.5,
        freshness={"column": "ts", "maxAge": "48h"},
        columns=[{"name": "age", "min": 0, "unique": True}, {"name": "ts", "max": "2026-01-01", "maxMissing": 0}],
        againstChampion={"maxDrift": 0.2},
        onFailure="Warn",
    )

    assert (checks.min_rows, checks.warns, checks.champion_schema, checks.champion_drift) == (10, True, True, 0.2)
    assert checks.of("age") == ColumnCheck("age", ColumnType.NUMBER, 0.0, max_missing=0.5, unique=True)
    assert checks.of("ts").type is ColumnType.TIME
    assert checks.of("ts").max_missing == 0
    assert checks.of("other") == ColumnCheck("other", max_missing=0.5)
    assert checks.names == ("age", "ts")


def test_a_freshness_that_is_no_time_is_refused() -> None:
    """48 of what?"""
    with pytest.raises(UserError) as refused:
        _checks(freshness={"column": "ts", "maxAge": "48"})

    assert refused.value.field == "spec.dataset.checks.freshness.maxAge"


reference_numbers = st.lists(st.one_of(st.just(np.nan), st.integers(-20, 20).map(float)), min_size=1, max_size=60)


@given(reference_numbers, reference_numbers, st.integers(1, 20))
def test_numbers_are_counted_in_the_bins_of_then(then: list[float], now: list[float], cut: int) -> None:
    """Every row falls into exactly one bin, and the data of then falls into its own."""
    bins = Bins(profile_numbers("x", Datatype.FP64, np.array(then)))
    again = Bins(bins.reference)
    for start in range(0, len(now), cut):
        bins.add(Values.of(pa.array(now[start : start + cut], pa.float64())))
    again.add(Values.of(pa.array(then, pa.float64())))

    assert sum(count for _, count in bins.pairs()) == len(now)
    assert all(before == after for before, after in again.pairs())


texts = st.lists(st.sampled_from(["a", "b", "c", "", "d", "e"]), min_size=1, max_size=60)


@given(texts, texts)
def test_texts_are_counted_in_the_bins_of_then(then: list[str], now: list[str]) -> None:
    """A text that was rare is told from one that was never there, without being stored."""
    bins = Bins(profile_texts("x", {text: then.count(text) for text in set(then)}))
    bins.add(Values.of(pa.array(now)))
    unseen = sum(text != "" and text not in then for text in now)

    assert bins.unseen == unseen
    assert bins.missing == now.count("")
    assert sum(count for _, count in bins.pairs()) == len(now)


def test_a_column_of_another_kind_is_unseen_in_all_rows() -> None:
    """Texts where numbers were are no numbers that are missing."""
    bins = Bins(profile_numbers("x", Datatype.FP64, np.arange(10.0)))
    bins.add(Values.of(pa.array(["a", "b"])))

    assert bins.unseen == 2


def test_the_sample_of_numbers_stays_small_and_spans_all_rows() -> None:
    """A sorted file is sampled from its first row to its last."""
    summary = Summary("x")
    for start in range(0, 300_000, 50_000):
        summary.add(Values.of(pa.array(np.arange(start, start + 50_000, dtype=np.float64))))

    assert SAMPLE <= len(summary.numbers()) <= 2 * SAMPLE
    assert (summary.minimum, summary.maximum, summary.rows) == (0.0, 299_999.0, 300_000)
    assert summary.numbers().max() > 290_000


def test_texts_that_are_all_different_are_not_collected() -> None:
    """Ids would fill the memory and show nothing."""
    summary = Summary("id")
    for start in (0, DISTINCT):
        summary.add(Values.of(pa.array([f"id {place}" for place in range(start, start + DISTINCT)])))

    assert summary.texts is None
