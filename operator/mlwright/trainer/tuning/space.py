"""Where parameters are looked for, in the terms of Optuna, and whether the estimator knows them."""

import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from optuna.trial import Trial

from mlwright.scoring import METRICS, Goal
from mlwright.trainer.errors import UserError
from mlwright.trainer.estimators import build_estimator, find_estimator
from mlwright.trainer.scores import check_metrics
from mlwright.trainer.step import Training
from mlwright.trainer.tuning.settings import FIELD, Objective, Parameter, PrunerName, Range, SamplerName, Scalar, Tuning
from mlwright.trainer.wording import did_you_mean

LARGEST_GRID: Final = 1_000_000
"""Points of a grid; more cannot be tried in a lifetime, and are a mistake in a step."""
LARGEST_REPORT: Final = 3000
"""Bytes of the best trial's parameters as JSON: with all else, a pod can report 4,096."""
_LONGEST_NUMBER: Final = 25
"""Characters of a number as JSON, at most."""


def check_tuning(training: Training, tuning: Tuning, *, target: bool) -> None:
    """Refuse what no trial could work with, before anything is learned; `target` tells whether the rows have one.

    Raises:
        UserError: A parameter does not exist, an end of a range is refused by the estimator, an objective does not
            fit the task, or sampler and space do not go together.
    """
    kind = find_estimator(training.estimator, training.task)
    known = {name for name in inspect.signature(kind.__init__).parameters if name != "self"} if kind else set()
    for parameter in tuning.space:
        if parameter.name not in known:
            sentence = f"{training.estimator.rpartition('.')[2]} has no parameter {parameter.name!r}"
            raise UserError(parameter.field, sentence, did_you_mean(parameter.name, sorted(known)))
        for value in _ends(parameter):
            _check_value(training, parameter, value)
    for objective in tuning.objectives:
        check_metrics([objective.metric], training.task, target=target, field=_metric_field(objective))
    _check_directions(tuning)
    _check_search(tuning)
    _check_report(tuning)


def _ends(parameter: Parameter) -> tuple[Scalar, ...]:
    if not isinstance(parameter.values, Range):
        return parameter.values
    found = parameter.values
    return (int(found.low), int(found.high)) if found.whole else (found.low, found.high)


def _check_value(training: Training, parameter: Parameter, value: Scalar) -> None:
    try:
        build_estimator(replace(training, parameters={**training.parameters, parameter.name: value}))
    except UserError as problem:
        raise UserError(parameter.field, f"with {value!r}: {problem.sentence}", "change the space") from problem


def _check_directions(tuning: Tuning) -> None:
    for objective in tuning.objectives:
        if METRICS[objective.metric].goal is Goal.NEITHER:
            raise UserError(
                _metric_field(objective),
                f"{objective.metric} describes, and is better in neither direction",
                "use a metric that compares answers with labels (dataset.target)",
            )


def _metric_field(objective: Objective) -> str:
    return f"{FIELD}.objectives[{objective.name}].metric"


def _check_search(tuning: Tuning) -> None:
    if len(tuning.objectives) > 1 and tuning.pruner is not PrunerName.NONE:
        raise UserError(f"{FIELD}.pruner", "judges one objective, and there are several", "set it to None")
    if len(tuning.objectives) > 1 and tuning.sampler is SamplerName.CMAES:
        raise UserError(f"{FIELD}.sampler", "CMAES looks for one objective, and there are several", "use NSGAII")
    if tuning.sampler is SamplerName.GRID:
        points = math.prod(_grid_size(parameter) for parameter in tuning.space)
        if points > LARGEST_GRID:
            raise UserError(f"{FIELD}.space", f"is a grid of {points:,} points", "use larger steps, or another sampler")


def _check_report(tuning: Tuning) -> None:
    """Refuse parameters that the report could not hold: all trials would be done, and nobody would know the best."""
    size = sum(len(_json(parameter.name)) + _longest(parameter) + len(":,") for parameter in tuning.space)
    if size > LARGEST_REPORT:
        sentence = f"the parameters of a trial can take {size:,} bytes, and a report holds {LARGEST_REPORT:,}"
        raise UserError(f"{FIELD}.space", sentence, "use fewer parameters, or shorter choices")


def _longest(parameter: Parameter) -> int:
    if isinstance(parameter.values, Range):
        return _LONGEST_NUMBER
    return max(len(_json(value)) for value in parameter.values)


def _json(value: Scalar) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def choose(trial: Trial, tuning: Tuning) -> None:
    """Let the sampler choose each parameter, in the order of the pipeline; `trial.params` holds them then."""
    for parameter in tuning.space:
        values = parameter.values
        if not isinstance(values, Range):
            trial.suggest_categorical(parameter.name, values)
        elif values.whole:
            # Optuna wants a high that a step meets; what lies beyond the last one is never tried.
            low, step = int(values.low), int(values.step)
            high = low + (int(values.high) - low) // step * step
            trial.suggest_int(parameter.name, low, high, step=step, log=values.log)
        elif values.step:
            trial.suggest_float(parameter.name, values.low, _at(values, _steps(values) - 1), step=values.step)
        else:
            trial.suggest_float(parameter.name, values.low, values.high, log=values.log)


def grid(tuning: Tuning) -> dict[str, tuple[Scalar, ...]]:
    """The values of each parameter on a grid; `check_tuning` has seen that they can be counted."""
    return {parameter.name: _grid_values(parameter) for parameter in tuning.space}


def _grid_values(parameter: Parameter) -> tuple[Scalar, ...]:
    values = parameter.values
    if not isinstance(values, Range):
        return values
    if values.whole:
        return tuple(range(int(values.low), int(values.high) + 1, int(values.step)))
    return tuple(_at(values, place) for place in range(_steps(values)))


def _grid_size(parameter: Parameter) -> int:
    values = parameter.values
    if not isinstance(values, Range):
        return len(values)
    if not values.step or values.log:
        raise UserError(f"{parameter.field}.step", "is not set, and a grid needs it", "set it, or use another sampler")
    return _steps(values)


def _steps(values: Range) -> int:
    """How many values a range with a step has. They are counted, not made: there may be a billion."""
    # A tenth of a step is forgiven: 0.1 * 3 is a little more than 0.3.
    return math.floor((values.high - values.low) / values.step + 0.1) + 1


def _at(values: Range, place: int) -> float:
    return min(values.high, values.low + values.step * place)


def points(tuning: Tuning, seed: int) -> tuple[Mapping[str, Any], ...]:
    """What each trial is told to try: points of the grid, drawn by chance without repetition; else nothing."""
    if tuning.sampler is not SamplerName.GRID:
        return ({},) * tuning.trials
    values = grid(tuning)
    shape = tuple(len(column) for column in values.values())
    size = math.prod(shape)
    drawn = np.random.default_rng(seed).permutation(size)[: tuning.trials]
    places = zip(*np.unravel_index(drawn, shape), strict=True)
    return tuple(
        {name: column[int(place)] for (name, column), place in zip(values.items(), point, strict=True)}
        for point in places
    )
