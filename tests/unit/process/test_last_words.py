"""The termination message of a container."""

from __future__ import annotations

from pathlib import Path

from mlwright.process.last_words import leave_last_words, termination_log


def test_last_words_fit_what_is_kept_of_them(tmp_path: Path) -> None:
    """A termination message is cut at 4,096 bytes, so ours is never longer."""
    leave_last_words(tmp_path / "log", b"x" * 5000)

    assert len((tmp_path / "log").read_bytes()) == 4096


def test_last_words_outside_a_pod_go_nowhere(tmp_path: Path) -> None:
    """Without a file to write there is still the log."""
    leave_last_words(tmp_path / "absent" / "log", b"words")

    assert list(tmp_path.iterdir()) == []


def test_the_place_can_be_moved() -> None:
    """A program that runs outside a pod can still be asked for its last words."""
    assert termination_log({}) == Path("/dev/termination-log")
    assert termination_log({"MLWRIGHT_TERMINATION_LOG": "words"}) == Path("words")
