"""Rows are read twice: judged first, then learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlwright.trainer import sources
from mlwright.trainer.checks.champion import Reference
from mlwright.trainer.checks.expectations import Checks
from mlwright.trainer.checks.judging import Subject, judge
from mlwright.trainer.columns import Roles
from mlwright.trainer.data import load
from mlwright.trainer.errors import SurroundingsError
from tests.support.training import Workshop, dataset, flights_table

ROLES = Roles(("hour",), "late", None, ())


def _source(root: Path) -> sources.Source:
    shop = Workshop(root)
    return sources.find(dataset(shop.write(flights_table(100))), shop.root)


def test_rows_that_came_between_the_two_readings_are_not_learned_from(tmp_path: Path) -> None:
    """Nobody judged them; another attempt does."""
    with pytest.raises(SurroundingsError, match="the data changed while it was read"):
        load(_source(tmp_path), ROLES.used, None, 99)


def test_rows_that_came_after_the_time_range_was_resolved_are_told(tmp_path: Path) -> None:
    """No row is taken for another."""
    subject = Subject(_source(tmp_path), ("hour", "late"), ROLES, np.ones(99, dtype=np.bool_), None)

    with pytest.raises(SurroundingsError, match="the data changed while it was read"):
        judge(Checks(), subject, Reference())


def test_only_rows_of_the_range_are_loaded(tmp_path: Path) -> None:
    """As they were selected a moment ago."""
    kept = np.arange(100) < 7

    assert load(_source(tmp_path), ROLES.used, kept, 7).num_rows == 7
