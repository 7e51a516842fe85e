"""Whether a step runs, and the words in which it is told that it does not."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.planners.conditions import judge

VALIDATED = {"dataset": {"rows": 900, "digest": "sha256:d"}}
EVALUATED = {"metrics": {"f1": 0.9}}


@pytest.mark.parametrize(
    "when, says",
    [
        ({}, ""),
        ({"metric": "rows", "min": 900}, ""),
        ({"metric": "rows", "min": 1000}, "rows is 900, below 1000"),
        ({"metric": "f1", "max": 0.8}, "f1 is 0.9, above 0.8"),
        ({"metric": "f1", "min": 0.8, "max": 0.95}, ""),
        ({"metric": "rows", "equals": "900"}, ""),
        ({"metric": "season", "equals": "summer"}, ""),
        ({"metric": "season", "equals": "winter"}, "season is summer, not winter"),
        ({"metric": "season", "min": 1}, "season is summer, which is no number"),
        ({"metric": "fresh", "equals": "true"}, ""),
        ({"param": "max_iter", "min": 50}, ""),
        ({"param": "loss", "equals": "log"}, "loss is null, not log"),
    ],
    ids=str,
)
def test_what_runs_and_what_is_said_of_the_rest(when: dict[str, Any], says: str) -> None:
    """Bounds belong to what passes; a text is compared as it is, everything else as it is written in JSON."""
    reported: list[dict[str, Any]] = [{"season": "summer", "fresh": True}, VALIDATED, EVALUATED]
    answer = judge(when, {"max_iter": 100, "loss": None}, reported)

    assert (answer.runs, answer.known) == (not says, True)
    assert not says or answer.sentence == says


def test_of_two_numbers_of_one_name_the_nearest_counts() -> None:
    """A step that counts again after a filter is the one that is meant."""
    assert judge({"metric": "rows", "min": 50}, {}, [{"rows": 10}, {"rows": 60}]).runs


def test_what_nobody_reported_is_not_taken_for_a_no() -> None:
    """A misspelt name would skip the step for ever."""
    answer = judge({"metric": "row", "min": 1}, {}, [VALIDATED])

    assert (answer.runs, answer.known, answer.sentence) == (False, False, "no step before it reported row")
