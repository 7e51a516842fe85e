"""Quantities mean the same however they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.fields import QUANTITY_PATTERN
from mlwright.plan.quantities import parse


@pytest.mark.parametrize(
    "written, means",
    [
        ("0", 0),
        ("500m", Decimal("0.5")),
        ("1.5", Decimal("1.5")),
        ("1k", 1000),
        ("1Ki", 1024),
        ("1e3", 1000),
        ("2E", Decimal(2) * 10**18),
        ("2E1", 20),
        ("2Ei", Decimal(2) * 2**60),
        ("100u", Decimal("0.0001")),
    ],
)
def test_a_quantity_has_a_value(written: str, means: Decimal) -> None:
    """Binary and decimal multiples, fractions and powers."""
    assert parse(written) == means


@pytest.mark.parametrize("written", ["", "much", "1 Gi", "1Gib", "--1", "1m5"])
def test_what_is_none_has_no_value(written: str) -> None:
    """Nothing is guessed."""
    assert parse(written) is None


@given(st.from_regex(QUANTITY_PATTERN.removesuffix("$") + r"\Z"))
def test_all_that_admission_takes_has_a_value(written: str) -> None:
    """A quantity that only the API server understands would be compared with nothing."""
    assert parse(written) is not None
