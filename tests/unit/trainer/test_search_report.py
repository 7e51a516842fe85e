"""The page of a version tells how the search for its parameters went."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlwright.scoring import Goal
from mlwright.trainer.errors import SurroundingsError
from mlwright.trainer.report.search import Searched, search
from mlwright.trainer.tuning.settings import Objective
from mlwright.trainer.tuning.trials import TRIALS, Ended, read_trials

NEAR = Objective("near", "rmse", Goal.MIN)
GOOD = Objective("good", "roc_auc", Goal.MAX)


def _trial(number: int, value: float | None, state: str = "Complete", name: str = "near") -> Ended:
    return Ended(number, state, {"depth": number}, {} if value is None else {name: value})


def test_the_best_trial_stands_first_whichever_direction_is_better() -> None:
    """Small errors and large areas."""
    errors = Searched((NEAR,), (_trial(1, 3.0), _trial(2, 1.0), _trial(3, 2.0)))
    areas = Searched((GOOD,), tuple(_trial(n, v, name="good") for n, v in ((1, 0.6), (2, 0.9), (3, 0.7))))

    assert [trial.number for trial in errors.ranked()] == [2, 3, 1]
    assert [trial.number for trial in areas.ranked()] == [2, 3, 1]


def test_of_equal_trials_the_second_objective_decides() -> None:
    """As the step tune chooses."""
    trials = tuple(Ended(n, "Complete", {}, {"near": 1.0, "good": area}) for n, area in ((1, 0.5), (2, 0.8)))

    assert [trial.number for trial in Searched((NEAR, GOOD), trials).ranked()] == [2, 1]


def test_every_trial_is_counted_and_those_that_finished_are_drawn() -> None:
    """One failed, one was ended early and one had no time."""
    trials = (_trial(1, 2.0), _trial(2, None, "Fail"), _trial(3, None, "Pruned"), _trial(4, None, "Waiting"))
    page = search(Searched((NEAR,), (*trials, _trial(5, 1.0))))

    assert "Of 5 trials 2 finished, 1 were ended early, 1 failed, 1 did not begin." in page
    assert page.count("<circle") == 2
    assert "depth 5" in page
    assert "depth 2" not in page


def test_the_line_never_gets_worse() -> None:
    """It shows the best so far: further down on the page is a smaller error."""
    page = search(Searched((NEAR,), tuple(_trial(n, v) for n, v in enumerate((3.0, 5.0, 2.0, 4.0, 1.0), start=1))))
    [points] = re.findall(r'<polyline points="([^"]+)"', page)
    heights = [float(point.split(",")[1]) for point in points.split()]

    assert heights == sorted(heights)
    assert heights[0] < heights[2] < heights[4]


def test_one_trial_is_a_search_too() -> None:
    """There is no span to draw it in."""
    assert search(Searched((NEAR,), (_trial(1, 2.0),))).count("<circle") == 1


def test_what_a_choice_is_called_is_only_text() -> None:
    """A page holds no script, whoever names the choices."""
    page = search(Searched((NEAR,), (Ended(1, "Complete", {"kind": "<script>"}, {"near": 1.0}),)))

    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("content", [None, "{", "[{}]", '{"trial": 1}'])
def test_a_damaged_list_of_trials_is_told(tmp_path: Path, content: str | None) -> None:
    """It lies on a volume that others write as well."""
    if content is not None:
        (tmp_path / TRIALS).write_text(content)

    with pytest.raises(SurroundingsError, match=r"trials\.json of the step tune is missing or damaged"):
        read_trials(tmp_path)
