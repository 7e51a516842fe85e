"""What hangs outside the limit of a test ends all the same, and says where it hung."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFTEST = """
import tests.conftest as limits
from tests.conftest import *

limits.TEAR_DOWN = 1.0
"""
HANGING = """
import threading

import pytest


@pytest.fixture
def thing():
    yield
    threading.Event().wait()


def test_is_fine(thing):
    pass
"""


def test_a_tear_down_that_hangs_ends_with_its_process(tmp_path: Path) -> None:
    """Its stack is printed although output is captured: whoever reads the log sees the line."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_hanging.py").write_text(HANGING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-c", os.devnull, str(tmp_path)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}

    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 1
    assert "Timeout (0:00:01)!" in done.stderr
    assert 'test_hanging.py", line 10 in thing' in done.stderr
