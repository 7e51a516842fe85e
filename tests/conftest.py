"""What all tests share: seeded property tests, and a mark and a time limit that follow from the folder."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

TESTS = Path(__file__).parent

# folder -> (mark, seconds that one test may take): limits catch what hangs, and must not catch a busy machine
LIMITS = {
    "unit": ("", 30),
    "integration": ("integration", 300),
    "cluster": ("e2e", 900),
    "e2e": ("e2e", 900),
}

hypothesis.settings.register_profile("house", derandomize=True, deadline=None, max_examples=25)
hypothesis.settings.register_profile("thorough", derandomize=True, deadline=None, max_examples=200)
hypothesis.settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the folder it lies in, so that nobody can forget to."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        if folder in LIMITS:
            mark, seconds = LIMITS[folder]
            if mark:
                item.add_marker(mark)
            if item.get_closest_marker("timeout") is None and item.config.getoption("timeout") is None:
                item.add_marker(pytest.mark.timeout(seconds))
