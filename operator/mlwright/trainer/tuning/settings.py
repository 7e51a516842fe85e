"""What a pipeline asks of a tuning, read from the step's document."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from mlwright.bundle.documents import Document
from mlwright.scoring import METRICS, Goal

FIELD: Final = "spec.training.tuning"
_GOALS: Final = {"Maximize": Goal.MAX, "Minimize": Goal.MIN}

MOST_STEPS: Final = 1e12
"""Steps of a range; closer values could not be told apart."""

Scalar = str | int | float | bool


class SamplerName(StrEnum):
    """How the parameters of the next trial are chosen."""

    TPE = "TPE"
    RANDOM = "Random"
    GRID = "Grid"
    CMAES = "CMAES"
    NSGAII = "NSGAII"


class PrunerName(StrEnum):
    """How a trial that promises little is ended early."""

    NONE = "None"
    MEDIAN = "Median"
    SUCCESSIVE_HALVING = "SuccessiveHalving"
    HYPERBAND = "Hyperband"


class ParameterType(StrEnum):
    """What values a parameter takes."""

    FLOAT = "Float"
    INT = "Int"
    CATEGORICAL = "Categorical"


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included; `step` 0 for all between them."""

    low: float
    high: float
    step: float
    log: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the estimator, and where it is looked for: a range, or these choices."""

    name: str
    values: Range | tuple[Scalar, ...]

    @property
    def field(self) -> str:
        """Path in the pipeline's spec."""
        return f"{FIELD}.space[{self.name}]"


@dataclass(frozen=True, slots=True)
class Objective:
    """What is made as good as can be."""

    name: str
    metric: str
    goal: Goal


@dataclass(frozen=True, slots=True)
class Tuning:
    """The whole search. `max_failed` is None when all but one may fail."""

    trials: int
    parallelism: int
    sampler: SamplerName
    pruner: PrunerName
    objectives: tuple[Objective, ...]
    space: tuple[Parameter, ...]
    folds: int
    timeout: timedelta | None
    max_failed: int | None


def read_tuning(document: Document, duration: Callable[[str], timedelta | None]) -> Tuning:
    """Read `spec.training.tuning`; what admission refuses is refused here as well.

    Args:
        document: The object.
        duration: Reads a text such as `1h30m`; None if it is none.
    """
    folds = document.child("crossValidation").integer("folds") if document.has("crossValidation") else 3
    tuning = Tuning(
        trials=document.integer("trials"),
        parallelism=document.integer("parallelism", 1),
        sampler=document.choice("sampler", SamplerName) if document.has("sampler") else SamplerName.TPE,
        pruner=document.choice("pruner", PrunerName) if document.has("pruner") else PrunerName.NONE,
        objectives=tuple(_objective(entry) for entry in document.children("objectives")),
        space=tuple(_parameter(entry) for entry in document.children("space")),
        folds=folds,
        timeout=_timeout(document, duration),
        max_failed=document.integer("maxFailedTrials") if document.has("maxFailedTrials") else None,
    )
    for name, least, value in (("trials", 1, tuning.trials), ("parallelism", 1, tuning.parallelism)):
        if value < least:
            raise document.refuse(document.where(name), f"should be at least {least}")
    if folds < 2:  # noqa: PLR2004 - one to learn from, one to judge by
        raise document.refuse(document.where("crossValidation.folds"), "should be at least 2")
    for name, entries in (("objectives", tuning.objectives), ("space", tuning.space)):
        if not entries:
            raise document.refuse(document.where(name), "should not be empty")
    return tuning


def _timeout(document: Document, duration: Callable[[str], timedelta | None]) -> timedelta | None:
    if not document.has("timeoutAfter"):
        return None
    timeout = duration(document.text("timeoutAfter"))
    if timeout is None:
        raise document.refuse(document.where("timeoutAfter"), "should be a duration above zero, such as 2h")
    return timeout


def _objective(entry: Document) -> Objective:
    metric = entry.text("metric")
    if metric not in METRICS:
        raise entry.refuse(entry.where("metric"), f"there is no metric {metric[:64]!r}")
    if not entry.has("goal"):
        return Objective(entry.text("name"), metric, METRICS[metric].goal)
    goal = entry.text("goal")
    if goal not in _GOALS:
        raise entry.refuse(entry.where("goal"), f"is {goal[:32]!r}; known are {', '.join(_GOALS)}")
    return Objective(entry.text("name"), metric, _GOALS[goal])


def _parameter(entry: Document) -> Parameter:
    kind = entry.choice("type", ParameterType)
    settings = entry.child(kind.lower())
    if kind is ParameterType.CATEGORICAL:
        choices = settings.many("choices", (str, int, float, bool), "a text, a number, true or false")
        if not choices:
            raise settings.refuse(settings.where("choices"), "should not be empty")
        return Parameter(entry.text("name"), choices)  # type: ignore[arg-type]  # `many` has looked at the types
    return Parameter(entry.text("name"), _range(settings, whole=kind is ParameterType.INT))


def _range(settings: Document, *, whole: bool) -> Range:
    step = settings.number("step") if settings.has("step") else 1.0 if whole else 0.0
    log = settings.get("log", bool, "true or false") if settings.has("log") else False
    found = Range(settings.number("low"), settings.number("high"), step, log, whole)
    _check_bounds(settings, found)
    if settings.has("step"):
        _check_step(settings, found)
    return found


def _check_bounds(settings: Document, found: Range) -> None:
    if found.low > found.high:
        raise settings.refuse(settings.where("low"), f"is {found.low:g}, above the high of {found.high:g}")
    if found.log and found.low <= 0:
        raise settings.refuse(settings.where("low"), f"is {found.low:g}; a logarithmic range begins above 0")
    if not math.isfinite(found.high - found.low):
        raise settings.refuse(settings.where("high"), f"is {found.high:g}, too far from the low of {found.low:g}")


def _check_step(settings: Document, found: Range) -> None:
    if found.log:
        raise settings.refuse(settings.where("step"), "does not go with log")
    if found.step <= 0:
        raise settings.refuse(settings.where("step"), "should be above 0")
    if (found.high - found.low) / found.step > MOST_STEPS:
        raise settings.refuse(settings.where("step"), f"is {found.step:g}, too small for the range; leave it out")
