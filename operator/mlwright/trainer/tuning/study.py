"""The study: its trials as slots, each of which is tried until it has ended, whoever dies meanwhile.

All slots are queued when the study begins, so several workers together never try more than was asked for. A trial whose
worker died is queued once more with the same parameters.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from mlwright.scoring import Goal
from mlwright.trainer.tuning import space
from mlwright.trainer.tuning.settings import PrunerName, SamplerName, Tuning

SLOT: Final = "slot"
TRY: Final = "try"
WORKER: Final = "worker"
WHY: Final = "why"
BEGUN: Final = "begun"
MOST_TRIES: Final = 3
"""How often a trial is begun whose worker died: one that needs more memory than there is kills every one."""
UNNAMED_SECONDS: Final = 30
"""A trial that has begun and names no worker for so long was taken by one that died at that instant."""


def open_study(storage: BaseStorage, name: str, tuning: Tuning, seed: int) -> optuna.Study:
    """The study of a run, made if it is not there yet, with the sampler seeded."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    higher, lower = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    return optuna.create_study(
        storage=storage,
        study_name=name,
        directions=[higher if objective.goal is Goal.MAX else lower for objective in tuning.objectives],
        sampler=_sampler(tuning.sampler, seed),
        pruner=_pruner(tuning.pruner, tuning.folds),
        load_if_exists=True,
    )


def join_study(storage: BaseStorage, name: str, tuning: Tuning, seed: int) -> optuna.Study:
    """The study that the coordinator has made.

    Raises:
        KeyError: There is none of this name.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler, pruner = _sampler(tuning.sampler, seed), _pruner(tuning.pruner, tuning.folds)
    return optuna.load_study(storage=storage, study_name=name, sampler=sampler, pruner=pruner)


def queue(study: optuna.Study, tuning: Tuning, seed: int) -> None:
    """Queue the slots that are not there yet, and note when the study began."""
    there = {trial.user_attrs.get(SLOT) for trial in study.get_trials(deepcopy=False)}
    for slot, point in enumerate(space.points(tuning, seed), start=1):
        if slot not in there:
            study.enqueue_trial(dict(point), user_attrs={SLOT: slot, TRY: 1})
    if BEGUN not in study.user_attrs:
        study.set_user_attr(BEGUN, datetime.now(UTC).isoformat())


def take(study: optuna.Study, tuning: Tuning, worker: int) -> Trial | None:
    """Begin the next trial; None when none is queued."""
    while waiting(study):
        trial = study.ask()
        if SLOT in trial.user_attrs:
            trial.set_user_attr(WORKER, worker)
            space.choose(trial, tuning)
            return trial
        # Another worker was faster, and Optuna made one that nobody asked for.
        study.tell(trial, state=TrialState.FAIL)
    return None


def bury(study: optuna.Study, dead: Iterable[FrozenTrial]) -> None:
    """Queue trials of dead workers once more, in this order: a death in between loses none."""
    newest = {trial.user_attrs.get(SLOT): trial for trial in study.get_trials(deepcopy=False)}
    for trial in dead:
        slot, tried = trial.user_attrs[SLOT], trial.user_attrs[TRY]
        if newest[slot].number == trial.number and tried < MOST_TRIES:
            study.enqueue_trial(dict(trial.params), user_attrs={SLOT: slot, TRY: tried + 1})
        study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def waiting(study: optuna.Study) -> bool:
    """Whether a trial is queued."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def running(study: optuna.Study) -> list[FrozenTrial]:
    """Trials of slots that have begun and not ended."""
    return [
        trial for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)) if SLOT in trial.user_attrs
    ]


def left_by(study: optuna.Study, worker: int) -> list[FrozenTrial]:
    """Trials that an earlier process of this worker has begun: it is dead, or this one would not be."""
    return [trial for trial in running(study) if trial.user_attrs.get(WORKER) == worker]


def left_unnamed(study: optuna.Study, now: datetime) -> list[FrozenTrial]:
    """Trials that were taken by a worker that died before it could say so."""
    return [
        trial
        for trial in running(study)
        if WORKER not in trial.user_attrs
        and trial.datetime_start is not None
        and (now - trial.datetime_start.astimezone(UTC)).total_seconds() > UNNAMED_SECONDS
    ]


def slots(study: optuna.Study) -> dict[int, FrozenTrial]:
    """How each slot stands: the try that was completed, else the newest."""
    found: dict[int, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        slot = trial.user_attrs.get(SLOT)
        if slot is not None and (slot not in found or found[slot].state is not TrialState.COMPLETE):
            found[slot] = trial
    return dict(sorted(found.items()))


def failed(found: Mapping[int, FrozenTrial]) -> list[FrozenTrial]:
    """The slots that have failed for good."""
    return [trial for trial in found.values() if trial.state is TrialState.FAIL]


def why(trial: FrozenTrial) -> str:
    """Why a trial failed."""
    given_up = f"its pod ended {MOST_TRIES} times while it ran; raise spec.pod.resources.limits.memory"
    return str(trial.user_attrs.get(WHY) or given_up)


def best(found: Mapping[int, FrozenTrial], tuning: Tuning) -> tuple[int, FrozenTrial] | None:
    """The best slot: by the first objective, of equal ones by the next, at last the earliest.

    With several objectives it lies on the Pareto front, since nothing is better in the first one.
    """
    signs = [-1.0 if objective.goal is Goal.MAX else 1.0 for objective in tuning.objectives]
    done = [(slot, trial) for slot, trial in found.items() if trial.state is TrialState.COMPLETE]
    return min(done, key=lambda entry: (*_signed(entry[1].values, signs), entry[0]), default=None)


def _signed(values: Sequence[float], signs: Sequence[float]) -> list[float]:
    return [value * sign for value, sign in zip(values, signs, strict=True)]


def _sampler(name: SamplerName, seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if name is SamplerName.CMAES:
            return CmaEsSampler(seed=seed, warn_independent_sampling=False)
        if name is SamplerName.NSGAII:
            return NSGAIISampler(seed=seed)
        # A grid's points are queued, so nothing is left to be chosen.
        return TPESampler(seed=seed) if name is SamplerName.TPE else RandomSampler(seed=seed)


def _pruner(name: PrunerName, folds: int) -> BasePruner:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        made: dict[PrunerName, Any] = {
            PrunerName.MEDIAN: MedianPruner,
            PrunerName.SUCCESSIVE_HALVING: lambda: SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
            PrunerName.HYPERBAND: lambda: HyperbandPruner(min_resource=1, max_resource=folds, reduction_factor=2),
        }
        return made.get(name, NopPruner)()  # type: ignore[no-any-return]
