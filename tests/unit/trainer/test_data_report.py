"""What the plots of the data report show."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest

from mlwright.trainer.checks.champion import Comparison
from mlwright.trainer.checks.judging import Judgement
from mlwright.trainer.checks.summaries import Summary
from mlwright.trainer.checks.values import Values
from mlwright.trainer.report.data_report import Facts, data_report


def _page(column: pa.Array) -> str:
    summary = Summary("x")
    summary.add(Values.of(column))
    judged = Judgement(len(column), {"x.parquet": 1}, (summary,), {}, Comparison(""), ())
    return data_report(Facts("run", "pvc://lake/x.parquet", "Parquet", ""), judged)


def _titles(page: str) -> list[str]:
    return re.findall(r"<g><title>(.*?)</title>", page)


def test_few_values_have_a_bar_each() -> None:
    """Seventeen hours in twenty bins would show gaps that are not there."""
    titles = _titles(_page(pa.array([5 + row % 17 for row in range(170)])))

    assert len(titles) == 17
    assert titles[0] == "5: 5.9%"


def test_many_numbers_have_twenty_bins_without_the_outermost() -> None:
    """One huge value does not press all others into one bar."""
    values = np.append(np.linspace(0, 1, 9_999), 1e9)

    titles = _titles(_page(pa.array(values)))

    assert len(titles) == 20
    assert all(title.endswith("5.0%") for title in titles)


@pytest.mark.parametrize(
    "column,said",
    [
        pytest.param(pa.array([None, None], pa.float64()), "2 missing", id="nothing but gaps"),
        pytest.param(pa.array([True, None, False, False]), "1 missing", id="booleans with a gap"),
        pytest.param(
            pa.array([f"name {row}" for row in range(9)]), "9 different texts, each in fewer than 5", id="names"
        ),
        pytest.param(pa.array([[1], [2]]), "other values", id="lists"),
    ],
)
def test_a_column_of_any_kind_is_shown(column: pa.Array, said: str) -> None:
    """No column breaks the page."""
    assert said in _page(column)


def test_a_text_of_few_rows_is_not_shown() -> None:
    """It could point at a person."""
    page = _page(pa.array(["often"] * 20 + ["Ada Lovelace"] * 4))

    assert "Ada" not in page
    assert "1 more: 16.7%" in page
