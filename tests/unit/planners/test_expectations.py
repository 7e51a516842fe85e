"""Checks of data that make no sense are refused before a pod is started."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.errors import InvalidSpecError
from mlwright.planners.template import check
from tests.unit.planners.given import PIPELINE, SETTINGS, a_pipeline


def _checked(**column: Any) -> None:
    data = {**PIPELINE["dataset"], "checks": {"columns": [{"name": "age", **column}]}}
    check(a_pipeline().asking(dataset=data).done(), SETTINGS)


@pytest.mark.parametrize(
    "column,said",
    [
        ({"min": {}}, "columns[age].min: must be a number, or a time as text"),
        ({"max": True}, "columns[age].max: must be a number, or a time as text"),
        ({"min": 3, "max": 2}, "columns[age].min: is above max"),
        ({"allowed": ["a", []]}, "columns[age].allowed: holds a list or an object"),
    ],
)
def test_an_impossible_expectation_names_its_column(column: dict[str, Any], said: str) -> None:
    """With the field, as the step validate would say it a minute later."""
    with pytest.raises(InvalidSpecError) as refused:
        _checked(**column)

    assert f"spec.dataset.checks.{said}" in str(refused.value)


@pytest.mark.parametrize(
    "column", [{"min": 0, "max": 0}, {"min": "2026-01-01", "max": 9}, {"allowed": ["a", 1, True]}, {}]
)
def test_what_only_the_data_can_tell_is_left_to_the_step(column: dict[str, Any]) -> None:
    """Whether a text is a time is for the program that reads times."""
    _checked(**column)
