"""How far a tuning is, as it is told while trials go on."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from mlwright.process.last_words import KEPT_BYTES
from mlwright.scoring import Goal
from mlwright.trainer.copies import OnVolume
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.program import main
from mlwright.trainer.results import Outcome, Result
from mlwright.trainer.tuning import progress, space, standing
from mlwright.trainer.tuning import study as studies
from mlwright.trainer.tuning.settings import Objective, Parameter, PrunerName, SamplerName, Tuning


def a_tuning(*parameters: Parameter, objectives: int = 1) -> Tuning:
    """Return a tuning that is made as good as can be in some metrics."""
    wanted = tuple(Objective(f"objective-{place}".ljust(40, "x"), "roc_auc", Goal.MAX) for place in range(objectives))
    return Tuning(4, 2, SamplerName.TPE, PrunerName.NONE, wanted, parameters, 3, None, None)


def a_study(**states: TrialState) -> optuna.Study:
    """Return a study of trials that have ended; the value of each is its number."""
    study = optuna.create_study(direction="maximize")
    for slot, state in enumerate(states.values(), start=1):
        value = float(slot) / 10 if state is TrialState.COMPLETE else None
        study.add_trial(create_trial(state=state, value=value, user_attrs={studies.SLOT: slot, studies.TRY: 1}))
    return study


def test_the_best_so_far_is_told_with_the_counts() -> None:
    """In the words of the end, but for `so far`."""
    study = a_study(a=TrialState.COMPLETE, b=TrialState.FAIL, c=TrialState.COMPLETE, d=TrialState.WAITING)
    sentence, record = standing.so_far(studies.slots(study), a_tuning(), seed=7)

    assert sentence == "2 of 4 trials finished, 1 failed; the best so far is roc_auc 0.3 in trial 3"
    assert {key: record[key] for key in ("trials", "finished", "failed", "pruned")} == {
        "trials": 4,
        "finished": 2,
        "failed": 1,
        "pruned": 0,
    }
    assert record["best"]["trial"] == 3


def test_before_a_trial_has_ended_there_is_no_best() -> None:
    """And the counts say why."""
    sentence, record = standing.so_far(studies.slots(a_study(a=TrialState.WAITING)), a_tuning(), seed=7)

    assert sentence == "0 of 1 trials finished"
    assert "best" not in record


def test_what_is_told_while_trials_go_on_is_what_a_look_reports(tmp_path: Path) -> None:
    """Through the file in the run's folder, as the program does it in a pod."""
    run = tmp_path / "pvc" / "store" / "run"
    run.mkdir(parents=True)
    env = {
        "MLWRIGHT_STEP": json.dumps({"schemaVersion": 1, "runUri": "pvc://store/run"}),
        "MLWRIGHT_MOUNT_ROOT": str(tmp_path),
        "MLWRIGHT_TERMINATION_LOG": str(tmp_path / "words"),
    }

    def look() -> dict[str, Any]:
        assert main(["progress"], env) == 0
        found: dict[str, Any] = json.loads((tmp_path / "words").read_bytes())
        return found

    assert look()["results"] == {}
    written = threading.Event()

    def tell() -> progress.Told:
        written.set()
        return "1 of 4 trials finished", {"trials": 4, "finished": 1}

    with progress.told(run, OnVolume(), tell, every=0.001):
        assert written.wait(1)
    assert look()["sentence"] == "1 of 4 trials finished"
    assert look()["results"] == {"tuning": {"trials": 4, "finished": 1}}


def test_what_cannot_be_told_ends_no_trial(tmp_path: Path) -> None:
    """A volume that is full for a moment; the next time it is told again."""
    tried: list[int] = []
    twice = threading.Event()

    def tell() -> progress.Told:
        tried.append(1)
        if len(tried) > 1:
            twice.set()
        raise OSError("full")

    with progress.told(tmp_path, OnVolume(), tell, every=0.001):
        assert twice.wait(1)


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    """It is no error of the user's, and nothing rests on it."""
    (tmp_path / progress.PROGRESS).write_text("{")

    with pytest.raises(SurroundingsError, match=r"tune\.progress\.json is damaged"):
        progress.look(tmp_path)


def test_the_largest_space_that_is_allowed_fits_into_a_report() -> None:
    """Whatever the best trial is: else all trials would be done, and nobody would know which was the best."""
    choice = "é" * 1400
    parameters = (Parameter("class_weight", ("balanced", choice)),)
    tuning = a_tuning(*parameters, objectives=4)
    space._check_report(tuning)
    values = {objective.name: 0.12345678901234567 for objective in tuning.objectives}
    best = {"trial": 1000, "values": values, "parameters": {"class_weight": choice}}
    counts = dict.fromkeys(("trials", "finished", "pruned", "failed", "notRun"), 1000)
    record = {**counts, **standing.settings(tuning, 2**31), "best": best}
    result = Result("tune", "r" * 63, 10, Outcome.SUCCEEDED, "s" * 900, {"tuning": record})

    assert len(result.termination_message()) <= KEPT_BYTES
    assert json.loads(result.termination_message())["results"]["tuning"]["best"] == best


def test_a_space_whose_parameters_no_report_could_hold_is_refused() -> None:
    """Before anything is learned."""
    wide = tuple(Parameter("criterion", ("gini", "x" * 100)) for _ in range(32))

    with pytest.raises(UserError, match=r"can take [0-9,]+ bytes, and a report holds 3,000") as refusal:
        space._check_report(a_tuning(*wide))
    assert refusal.value.field == "spec.training.tuning.space"
