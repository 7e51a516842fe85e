"""A folder that appears complete or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlwright.trainer.errors import SurroundingsError
from mlwright.trainer.results import Outcome, Result
from mlwright.trainer.step import StepName
from mlwright.trainer.workspace import Workspace, read_earlier

DONE = Result("train", "run-1", 0, Outcome.SUCCEEDED, "trained", {})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs" / "run-1", StepName.TRAIN, 0)


def test_nothing_is_seen_before_everything_is_there(workspace: Workspace) -> None:
    """Files are written beside the folder, and the result comes last."""
    (workspace.begin() / "model").write_text("weights")

    assert not workspace.folder.exists()
    assert workspace.finished() is None

    workspace.publish(DONE)

    assert (workspace.folder / "model").read_text() == "weights"
    assert workspace.finished() == DONE
    assert [path.name for path in workspace.run.iterdir()] == ["train-0"]


def test_a_crashed_attempt_leaves_nothing_to_the_next(workspace: Workspace) -> None:
    """Drafts of this step are removed, whatever attempt they were of; other steps are left alone."""
    (workspace.begin() / "half").write_text("a model")
    other = Workspace(workspace.run, StepName.EVALUATE, 0).begin()

    fresh = Workspace(workspace.run, StepName.TRAIN, 1).begin()

    assert list(fresh.iterdir()) == []
    assert not workspace.draft.exists()
    assert other.exists()


def test_a_failure_keeps_its_result_and_nothing_else(workspace: Workspace) -> None:
    """What was written before it failed is of no use."""
    (workspace.begin() / "half").write_text("a model")

    workspace.publish(Result("train", "run-1", 0, Outcome.USER_ERROR, "no"))

    assert [path.name for path in workspace.folder.iterdir()] == ["result.json"]


def test_the_first_result_wins(workspace: Workspace) -> None:
    """Two pods of one attempt report the same."""
    workspace.begin()
    workspace.publish(DONE)
    workspace.begin()

    reported = workspace.publish(Result("train", "run-1", 0, Outcome.SUCCEEDED, "trained again", {}))

    assert reported == DONE
    assert [path.name for path in workspace.run.iterdir()] == ["train-0"]


def test_a_damaged_result_asks_for_another_attempt(workspace: Workspace) -> None:
    """It may have been a good one: nobody guesses."""
    workspace.folder.mkdir(parents=True)
    (workspace.folder / "result.json").write_text("{")

    with pytest.raises(SurroundingsError, match=r"result.json of train-0 is damaged; start another attempt"):
        workspace.finished()


def test_an_earlier_step_without_a_result_is_told(tmp_path: Path) -> None:
    """The folder is named."""
    with pytest.raises(SurroundingsError, match="validate-0 holds no result of its step"):
        read_earlier(tmp_path / "validate-0")
