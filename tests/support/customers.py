"""A small seeded data set: customers of a shop, whether each left, and what each spent."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

ROWS: Final = 2000
PLANS: Final = ("basic", "family", "premium")
BEGIN: Final = datetime(2025, 1, 1)  # noqa: DTZ001 - as a shop would store it
HOURS: Final = 2
"""Hours between two rows: 2,000 rows span 166 days."""


def customers(rows: int = ROWS) -> Any:
    """Return the table: six features (one with missing values), a time, and the targets `churned` and `spend`."""
    chance = np.random.default_rng(7)
    age, months = chance.integers(18, 90, rows), chance.integers(0, 60, rows)
    plan = chance.integers(0, len(PLANS), rows)
    calls, active = chance.exponential(3.0, rows), chance.random(rows) < 0.6
    balance = np.where(chance.random(rows) < 0.1, np.nan, chance.normal(100.0, 30.0, rows))
    leaning = 0.5 * calls - 0.05 * months - 1.2 * active + 0.4 * (plan == 0)
    churned = leaning + chance.normal(0.0, 0.5, rows) > 0
    spend = 10.0 * plan + 0.5 * months + 2.0 * calls + chance.normal(0.0, 1.0, rows)
    seen = [BEGIN + timedelta(hours=HOURS * row) for row in range(rows)]
    return pa.table(
        {
            "age": age,
            "months": months,
            "plan": [PLANS[number] for number in plan],
            "calls": calls.round(3),
            "active": active,
            "balance": pa.array(balance.round(2), from_pandas=True),
            "seen": pa.array(seen, pa.timestamp("s")),
            "churned": churned,
            "spend": spend.round(2),
        }
    )


def csv(table: Any) -> bytes:
    """Return a table as CSV."""
    written = io.BytesIO()
    pyarrow.csv.write_csv(table, written)
    return written.getvalue()


def parquet(table: Any) -> bytes:
    """Return a table as Parquet."""
    written = io.BytesIO()
    pyarrow.parquet.write_table(table, written)
    return written.getvalue()


def json_lines(table: Any) -> bytes:
    """Return a table as JSON lines."""
    return b"".join(json.dumps(row, default=str).encode() + b"\n" for row in table.to_pylist())
