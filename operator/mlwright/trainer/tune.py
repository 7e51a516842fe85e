"""The step `tune`: look for the parameters with which the estimator is best on folds of the training rows.

Several pods may do it together: number 0 is the coordinator, which keeps the study and makes the result; the others
only do trials, and report how many.
"""

import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import pyarrow as pa
import pyarrow.parquet
from optuna.trial import FrozenTrial, TrialState

from mlwright.scoring import Task
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.results import RESULT, Outcome, Result
from mlwright.trainer.step import SplitType, Step, StepName
from mlwright.trainer.tables import TRAIN_KEYS, read_learned
from mlwright.trainer.tuning import journal, line, progress, standing
from mlwright.trainer.tuning import study as studies
from mlwright.trainer.tuning.folds import Rows, folds
from mlwright.trainer.tuning.settings import FIELD, Tuning
from mlwright.trainer.tuning.trial import Judge
from mlwright.trainer.tuning.trials import TRIALS
from mlwright.trainer.tuning.work import Worker
from mlwright.trainer.workspace import Workspace, earlier_folder

_PAUSE: Final = 1.0


def tune(step: Step, root: Path, folder: Path) -> tuple[str, dict[str, Any]]:
    """Run the step as its coordinator, or alone.

    Args:
        step: What to do.
        root: The mount root.
        folder: Where to write.

    Returns:
        The sentence and the results.

    Raises:
        UserError: No trial has reached anything, or too many failed.
        SurroundingsError: The step validate left nothing.
    """
    tuning, run = _asked(step), Workspace.of(step, root).run
    judge = build_judge(step, tuning, root)
    storage = journal.open_journal(run, step.copies)
    study = studies.open_study(storage, step.run_uri, tuning, step.training.seed)
    studies.queue(study, tuning, step.training.seed)
    if tuning.parallelism > 1:
        line.serve(storage, run, step.copies)
    worker = Worker(study, tuning, judge, 0)
    with progress.told(run, step.copies, lambda: standing.so_far(studies.slots(study), tuning, step.training.seed)):
        worker.see_through()
    return _conclude(step, worker, folder)


def join(step: Step, root: Path, number: int) -> Result:
    """Do trials of a tuning whose coordinator is another process; the number of this one is above 0.

    Raises:
        SurroundingsError: The coordinator was not reached.
    """
    tuning, workspace = _asked(step), Workspace.of(step, root)

    def over() -> bool:
        step.copies.fetch(workspace.folder / RESULT)
        return workspace.finished() is not None

    done = 0
    try:
        storage = line.dial(workspace.run, step.copies, over=over)
        study = _found(storage, step, tuning, number)
        done = Worker(study, tuning, build_judge(step, tuning, root), number).work()
    except line.OverError:
        pass  # the coordinator ended while this one had nothing left to do
    sentence = f"did {done} of the trials"
    return Result(step.name, step.run.name, step.run.attempt, Outcome.SUCCEEDED, sentence, {"trialsDone": done})


def _found(storage: optuna.storages.BaseStorage, step: Step, tuning: Tuning, number: int) -> optuna.Study:
    """Join the study; the address may still be that of an earlier pod, now of somebody else's study."""
    until = time.monotonic() + line.PATIENCE
    while True:
        try:
            return studies.join_study(storage, step.run_uri, tuning, step.training.seed + number)
        except KeyError:
            if time.monotonic() > until:
                raise SurroundingsError("the coordinator of the tuning has no such study") from None
            time.sleep(_PAUSE)


def _asked(step: Step) -> Tuning:
    if step.training.tuning is None:
        raise UserError(FIELD, "is not set, and the step tune needs it", "set it, or leave the step out")
    return step.training.tuning


def build_judge(step: Step, tuning: Tuning, root: Path) -> Judge:
    """What judges a trial: folds of the rows that validate left to learn from; the held-out ones are not read.

    Raises:
        UserError: There are too few rows, groups or times for the folds.
        SurroundingsError: The step validate left nothing.
    """
    data = earlier_folder(step, StepName.VALIDATE, root)
    side = read_learned(data, step.dataset.target, weighted=step.dataset.weight_column is not None)
    keys = pa.parquet.read_table(data / TRAIN_KEYS).combine_chunks() if (data / TRAIN_KEYS).exists() else None
    named = set(keys.column_names) if keys else set()
    temporal = step.dataset.split.type is SplitType.TEMPORAL and "time" in named
    rows = Rows(
        side=side,
        quantity=step.training.task is Task.REGRESSION,
        groups=keys.column("group") if keys and "group" in named else None,
        times=np.asarray(keys.column("time").to_numpy()) if keys and temporal else None,
    )
    made = tuple(folds(rows, tuning.folds, step.training.seed))
    return Judge(step.training, made, tuple(objective.metric for objective in tuning.objectives))


def _conclude(step: Step, worker: Worker, folder: Path) -> tuple[str, dict[str, Any]]:
    tuning, found = worker.tuning, studies.slots(worker.study)
    counts = standing.counts(found)
    not_run = counts["trials"] - counts["finished"] - counts["pruned"] - counts["failed"]
    record = {**counts, "notRun": not_run, **standing.settings(tuning, step.training.seed)}
    chosen = studies.best(found, tuning)
    if worker.too_many_failed() or chosen is None:
        raise _without_best(worker, found, record)
    (folder / TRIALS).write_text(json.dumps([_told(slot, trial, tuning) for slot, trial in found.items()]), "utf-8")
    late = f"; stopped after {tuning.timeout}, {not_run} not begun" if not_run else ""
    sentence = f"{standing.in_words(counts)}; the best is {standing.best_in_words(chosen, tuning)}{late}"
    return sentence, {"tuning": {**record, "best": standing.best(chosen, tuning)}}


def _without_best(worker: Worker, found: dict[int, FrozenTrial], counts: dict[str, Any]) -> UserError:
    """Why there is nothing to go on with."""
    failures, results = studies.failed(found), {"tuning": counts}
    first = f"the first: {studies.why(failures[0])}" if failures else "none failed"
    if worker.too_many_failed():
        sentence = f"is {worker.tuning.max_failed}, and {len(failures)} of {len(found)} trials failed; {first}"
        remedy = "correct the space or the estimator, or allow more"
        return UserError(f"{FIELD}.maxFailedTrials", sentence, remedy, results=results)
    if counts["notRun"]:
        sentence = f"no trial of {len(found)} finished in {worker.tuning.timeout}; {first}"
        return UserError(f"{FIELD}.timeoutAfter", sentence, "allow more time, or fewer folds", results=results)
    sentence = f"all {len(found)} trials failed; {first}"
    return UserError(f"{FIELD}.space", sentence, "correct the space or the estimator", results=results)


def _told(slot: int, trial: FrozenTrial, tuning: Tuning) -> dict[str, Any]:
    complete = trial.state is TrialState.COMPLETE
    values = zip(tuning.objectives, trial.values, strict=True) if complete else ()
    told: dict[str, Any] = {
        "trial": slot,
        "state": trial.state.name.capitalize(),
        "parameters": dict(trial.params),
        "values": {objective.name: value for objective, value in values},
    }
    return told | ({"why": studies.why(trial)} if trial.state is TrialState.FAIL else {})
