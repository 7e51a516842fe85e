"""The closing report of `make test`."""

from __future__ import annotations

import pytest

from scripts.stages import Outcome, Stage, main, report


def test_the_report_ends_with_a_count_that_tools_can_read() -> None:
    """The last line is 'stages: N passed, N failed' and stages that were not run count as failed."""
    stages = [
        Stage("venv", Outcome.PASSED, 1.0),
        Stage("lint", Outcome.FAILED, 2.0),
        Stage("unit", Outcome.NOT_RUN, 0.0),
    ]

    lines = report(stages).splitlines()

    assert lines[-2:] == ["did not pass: lint, unit", "stages: 1 passed, 2 failed"]


def test_the_report_adds_up_the_seconds() -> None:
    """One line carries the total time of all stages."""
    lines = report([Stage("venv", Outcome.PASSED, 1.25), Stage("unit", Outcome.PASSED, 2.5)]).splitlines()

    assert [line.split() for line in lines if "total" in line] == [["total", "3.8", "s"]]


def test_naming_no_stage_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without targets the script says how it is used and exits with 2."""
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
