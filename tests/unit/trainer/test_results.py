"""What a step reports."""

from __future__ import annotations

import json

import pytest

from mlwright.trainer.results import Outcome, Result

GOOD = Result("train", "run-1", 0, Outcome.SUCCEEDED, "trained", {"bundle": {"bytes": 7}})
BAD = Result("validate", "run-1", 2, Outcome.USER_ERROR, "no", field="spec.x", remedy="do", reason="DatasetMissing")


@pytest.mark.parametrize("result", [GOOD, BAD])
def test_a_result_survives_being_written_and_read(result: Result) -> None:
    """Absent fields are left out of the document."""
    read = Result.from_json(result.to_json())

    assert (read.outcome, read.field, read.remedy, read.reason) == (
        result.outcome,
        result.field,
        result.remedy,
        result.reason,
    )
    assert read.to_json() == result.to_json()
    assert b"null" not in result.to_json()


def test_each_outcome_has_its_exit_code() -> None:
    """0 goes on, 64 is for people, 70 is tried again."""
    assert [Result("s", "r", 0, outcome, "").exit_code for outcome in Outcome] == [0, 64, 70]


def test_the_termination_message_is_the_document() -> None:
    """As long as the kubelet keeps all of it."""
    assert json.loads(GOOD.termination_message()) == json.loads(GOOD.to_json())


@pytest.mark.parametrize("letter", ["x", "ä", "漢", '"'])
def test_long_texts_are_cut_in_the_termination_message(letter: str) -> None:
    """It stays JSON and below the limit, whatever alphabet the sentence is written in."""
    result = Result("s", "r", 0, Outcome.USER_ERROR, letter * 5000, field="spec.x", remedy=letter * 5000)

    message = result.termination_message()

    assert len(message) <= 4096
    assert json.loads(message)["sentence"].endswith("...")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"step": "s"}', b"\xff"])
def test_what_is_no_result_is_told(text: bytes) -> None:
    """Half a file must not pass for a result."""
    with pytest.raises(ValueError, match="not the result of a step"):
        Result.from_json(text)
