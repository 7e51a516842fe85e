"""What all tests share: seeded property tests, and a mark and time limits that follow from the folder.

The limit of a test is that of its function, and ends in an exception. What goes before and after, and a function that
does not hear the exception, ends with the process, once it has said where every thread stands: of several workers the
next one goes on, and the test has failed.
"""

from __future__ import annotations

import faulthandler
import gc
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import hypothesis
import pytest

from mlwright.process.threads import pin_pools

pin_pools(os.environ, 1)  # as in a pod of one CPU: pools as large as the machine, one a worker, spin for each other

TESTS = Path(__file__).parent

# folder -> (mark, seconds that one test may take): limits catch what hangs, and must not catch a busy machine
LIMITS = {
    "unit": ("", 30),
    "integration": ("integration", 300),
    "cluster": ("e2e", 900),
    "e2e": ("e2e", 900),
}

SET_UP: Final = 2400.0
"""Seconds of a set-up: the first one builds Kubernetes where nobody has yet, in 20 minutes; other workers wait."""
GRACE: Final = 300.0
"""Seconds from a test's limit to the end of the process: what it awaits when it gives up has limits of its own."""
TEAR_DOWN: Final = 600.0
"""Seconds of a tear-down: the last one takes away what a session made."""

_words = pytest.StashKey[int]()
"""Where a process that is ended says why, whatever is captured."""

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


def pytest_collection_finish() -> None:
    """Keep Python from walking all that was imported, again and again, for circles of objects: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the standard error that people see: nothing is captured yet."""
    config.stash[_words] = os.dup(2)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """End a set-up that hangs."""
    with _ended_after(item, SET_UP):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """End a test that goes on after its limit."""
    marked = item.get_closest_marker("timeout")
    limit = marked.args[0] if marked else item.config.getoption("timeout") or 0
    with _ended_after(item, limit + GRACE):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """End a tear-down that hangs: of fixtures, and of a loop whose tasks do not end."""
    with _ended_after(item, TEAR_DOWN):
        return (yield)


@contextmanager
def _ended_after(item: pytest.Item, seconds: float) -> Iterator[None]:
    faulthandler.dump_traceback_later(seconds, exit=True, file=item.config.stash[_words])
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
