"""A workshop for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.training import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
