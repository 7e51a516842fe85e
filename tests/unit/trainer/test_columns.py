"""Which columns are used, and in which type."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlwright.bundle.manifest import Datatype
from mlwright.trainer.arrow_types import plain
from mlwright.trainer.columns import Roles, canonical, choose, count_missing, datatype_of
from mlwright.trainer.errors import UserError
from mlwright.trainer.step import Dataset, Split, SplitType, TimeRange, UntilType

NAMES = ("id", "hour", "carrier", "late", "ts", "seen")


def _dataset(**changes: Any) -> Dataset:
    fields: dict[str, Any] = {
        "uri": "pvc://lake/x.csv",
        "format": None,
        "target": "late",
        "features": None,
        "id_column": None,
        "time_column": None,
        "group_column": None,
        "time_range": None,
        "split": Split(SplitType.HASH, 0.2, 0),
    }
    return Dataset(**(fields | changes))


def test_features_are_all_columns_that_have_no_other_role() -> None:
    """Target, id and times are no features unless somebody says so."""
    span = TimeRange("seen", timedelta(hours=1), UntilType.NEWEST, None)

    roles = choose(_dataset(id_column="id", time_column="ts", time_range=span), NAMES)

    assert roles == Roles(("hour", "carrier"), "late", "id", ("ts", "seen"))
    assert roles.used == ("hour", "carrier", "late", "id", "ts", "seen")


def test_the_column_of_groups_is_no_feature() -> None:
    """What tells patients apart must not be learned from."""
    roles = choose(_dataset(group_column="id"), NAMES)

    assert roles.group_column == "id"
    assert "id" not in roles.features
    assert "id" in roles.used


def test_the_column_of_weights_is_no_feature() -> None:
    """Who asks a model knows nothing of it."""
    roles = choose(_dataset(weight_column="seen"), NAMES)

    assert roles.weight_column == "seen"
    assert "seen" not in roles.features
    assert "seen" in roles.used


def test_features_keep_the_order_of_the_file() -> None:
    """The order in the pipeline does not matter: the same rows stay held out."""
    assert choose(_dataset(features=("carrier", "hour")), NAMES).features == ("hour", "carrier")


@pytest.mark.parametrize(
    "changes,field,sentence,remedy",
    [
        pytest.param(
            {"target": "Late"},
            "spec.dataset.target",
            "the data has no column 'Late'",
            "did you mean 'late'?",
            id="a target in upper case",
        ),
        pytest.param(
            {"features": ("hours", "carrier")},
            "spec.dataset.features",
            "the data has no column 'hours'",
            "did you mean 'hour'?",
            id="a misspelt feature",
        ),
        pytest.param(
            {"id_column": "xyz"},
            "spec.dataset.idColumn",
            "the data has no column 'xyz'",
            "known are id, hour, carrier, late, ts, seen",
            id="an id like nothing",
        ),
        pytest.param(
            {"time_column": "tss"},
            "spec.dataset.timeColumn",
            "the data has no column 'tss'",
            "did you mean 'ts'?",
            id="a misspelt time",
        ),
        pytest.param(
            {"features": ("late", "hour")},
            "spec.dataset.features",
            "the target 'late' is among the features",
            "remove it from the features",
            id="the answer among the questions",
        ),
        pytest.param(
            {"features": ()},
            "spec.dataset.features",
            "the list is empty",
            "name columns, or leave the field out to use all",
            id="no features",
        ),
    ],
)
def test_a_column_that_does_not_fit_is_named(changes: dict[str, Any], field: str, sentence: str, remedy: str) -> None:
    """The field, what is wrong, and the nearest names."""
    with pytest.raises(UserError) as caught:
        choose(_dataset(**changes), NAMES)

    assert (caught.value.field, caught.value.sentence, caught.value.remedy) == (field, sentence, remedy)


def test_data_with_nothing_but_a_target_has_no_features() -> None:
    """There must be something to predict from."""
    with pytest.raises(UserError, match="no column is left to predict from"):
        choose(_dataset(), ("late",))


@pytest.mark.parametrize(
    "column,datatype,values",
    [
        pytest.param(pa.array([1, 2], pa.int16()), Datatype.INT64, [1, 2], id="whole numbers"),
        pytest.param(pa.array([1, None], pa.int64()), Datatype.FP64, [1.0, None], id="whole numbers with a gap"),
        pytest.param(pa.array([1.5, None, np.nan]), Datatype.FP64, [1.5, None, None], id="numbers with gaps"),
        pytest.param(pa.array([1, 2], pa.uint64()), Datatype.FP64, [1.0, 2.0], id="unsigned numbers"),
        pytest.param(pa.array([Decimal("1.25")]), Datatype.FP64, [1.25], id="decimals"),
        pytest.param(pa.array([0.5], pa.float32()), Datatype.FP64, [0.5], id="single precision"),
        pytest.param(pa.array([True, False]), Datatype.BOOL, [True, False], id="booleans"),
        pytest.param(pa.array([True, None]), Datatype.FP64, [1.0, None], id="booleans with a gap"),
        pytest.param(pa.array(["a", None, ""]), Datatype.BYTES, ["a", "", ""], id="texts with gaps"),
        pytest.param(pa.array(["a", "b"], pa.large_string()), Datatype.BYTES, ["a", "b"], id="large texts"),
        pytest.param(pa.array(["a", None]).dictionary_encode(), Datatype.BYTES, ["a", ""], id="categories"),
    ],
)
def test_each_column_has_one_canonical_type(column: Any, datatype: Datatype, values: list[Any]) -> None:
    """However it was stored; a missing number is NaN, a missing text is empty."""
    found = canonical("x", plain(column), "spec.dataset.features")

    assert datatype_of(found) is datatype
    assert found.null_count == 0
    assert [None if value != value else value for value in found.to_pylist()] == values  # noqa: PLR0124 - NaN


@pytest.mark.parametrize(
    "column,sentence",
    [
        pytest.param(pa.array([None, None]), "column 'x' has no values at all", id="nothing"),
        pytest.param(pa.array([np.nan, None]), "column 'x' has no values at all", id="gaps only"),
        pytest.param(pa.array(["", None]), "column 'x' has no values at all", id="empty texts only"),
        pytest.param(pa.array([datetime(2026, 1, 1)]), "column 'x' holds times", id="times"),  # noqa: DTZ001
        pytest.param(pa.array([date(2026, 1, 1)]), "column 'x' holds times", id="dates"),
        pytest.param(pa.array([b"\xff"]), "column 'x' holds bytes that are not UTF-8 text", id="bytes"),
        pytest.param(pa.array([[1, 2]]), "column 'x' holds values of type list<item: int64>", id="lists"),
        pytest.param(pa.array([1.0, np.inf, -np.inf]), "column 'x' holds infinite or huge numbers in 2 rows", id="inf"),
        pytest.param(pa.array([1e39]), "column 'x' holds infinite or huge numbers in 1 row", id="huge"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(column: Any, sentence: str) -> None:
    """Kinds and counts are told, values never."""
    with pytest.raises(UserError) as caught:
        canonical("x", plain(column), "spec.dataset.features")

    assert caught.value.sentence == sentence


def test_a_chunked_column_becomes_one_piece() -> None:
    """Files of many row groups read like one."""
    assert plain(pa.chunked_array([[1], [2, 3]])).to_pylist() == [1, 2, 3]


def test_missing_values_are_counted_whatever_they_look_like() -> None:
    """Null, NaN and the empty text all mean missing."""
    assert count_missing(pa.array([1.0, None, np.nan])) == 2
    assert count_missing(pa.array(["a", None, ""])) == 2
    assert count_missing(pa.array([True, None])) == 1
