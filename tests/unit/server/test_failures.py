"""How the process ends when it cannot serve."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlwright.server.__main__ import main
from mlwright.server.failures import UnservableError, exit_code, sentence


@pytest.mark.parametrize("failure, code", [(UnservableError("x"), 64), (OSError("x"), 70), (ValueError("x"), 70)])
def test_only_what_a_person_must_change_is_final(failure: Exception, code: int) -> None:
    """A broken bundle stays broken; everything else is worth another start."""
    assert exit_code(failure) == code


def test_an_unexpected_failure_is_one_line() -> None:
    """A termination message is read in one line of a table."""
    assert sentence(OSError("no\nspace")) == "the server failed unexpectedly: OSError: no space"


def test_a_failure_among_several_tasks_is_told_by_its_own_name() -> None:
    """That it came in a group says nothing to people."""
    group = ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("again", [LookupError("no key")])])

    assert sentence(group) == "the server failed unexpectedly: LookupError: no key"


@pytest.fixture
def quiet_root() -> Iterator[None]:
    """The root logger as it was before the test."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


@pytest.mark.usefixtures("quiet_root")
def test_a_wrong_setting_ends_the_process_with_its_name(tmp_path: Path) -> None:
    """Even before there are settings, the last words reach the pod's status."""
    code = main({"MLWRIGHT_TERMINATION_LOG": str(tmp_path / "log")})

    assert code == 64
    assert (tmp_path / "log").read_text() == ("MLWRIGHT_MODEL_NAME is not set: the server cannot start without it")
