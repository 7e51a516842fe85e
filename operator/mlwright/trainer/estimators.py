"""Which estimators may be trained, and with which parameters.

The list is scikit-learn's own, taken from the installed version and cut to what can be told in JSON: no class that
needs another estimator. A name that is not on the list is never imported.
"""

import inspect
import warnings
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from sklearn.base import BaseEstimator
from sklearn.utils import all_estimators

from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.step import Training
from mlwright.trainer.wording import did_you_mean

CLASS: Final = "spec.training.estimator.class"
PARAMETERS: Final = "spec.training.estimator.parameters"

_KIND: Final[Mapping[Task, str]] = {Task.CLASSIFICATION: "classifier", Task.REGRESSION: "regressor"}
# Their target has several columns; ours has one.
_SEVERAL_TARGETS: Final = ("MultiTask", "PLSCanonical", "CCA")


@cache
def allowed_estimators(task: Task) -> Mapping[str, type[BaseEstimator]]:
    """Every estimator of a task by its full public name, such as `sklearn.linear_model.LogisticRegression`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated classes warn when they are looked at
        found = all_estimators(type_filter=_KIND[task])
    return MappingProxyType({_public_name(kind): kind for _, kind in found if _is_simple(kind)})


def build_estimator(training: Training) -> BaseEstimator:
    """The estimator that a pipeline asks for, not yet fitted, seeded where it is random.

    Raises:
        UserError: The class is not on the list, gives no probabilities, or a parameter does not fit.
    """
    kind = _choose(training)
    known = {name for name in inspect.signature(kind.__init__).parameters if name != "self"}
    _check_parameters(kind, known, training.parameters)
    parameters = dict(training.parameters)
    if "random_state" in known and parameters.get("random_state") is None:
        parameters["random_state"] = training.seed
    estimator = kind(**parameters)
    _check_values(estimator)
    if training.task is Task.CLASSIFICATION and not hasattr(estimator, "predict_proba"):
        raise UserError(
            CLASS,
            f"{kind.__name__} gives no probabilities with these parameters, and every answer holds them",
            "use another classifier, such as sklearn.linear_model.LogisticRegression",
        )
    return estimator


def _public_name(kind: type[BaseEstimator]) -> str:
    package = ".".join(kind.__module__.split(".")[:2])
    return f"{package}.{kind.__name__}"


def _is_simple(kind: type[BaseEstimator]) -> bool:
    required = [
        parameter
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    return not required and issubclass(kind, BaseEstimator) and not kind.__name__.startswith(_SEVERAL_TARGETS)


def _choose(training: Training) -> type[BaseEstimator]:
    allowed = allowed_estimators(training.task)
    if training.estimator in allowed:
        return allowed[training.estimator]
    for task in Task:
        if training.estimator in allowed_estimators(task):
            raise UserError(
                CLASS, f"{training.estimator} is for {task}, the task is {training.task}", f"set the task to {task}"
            )
    raise UserError(
        CLASS, f"{training.estimator!r} is not an estimator that may be trained", _nearest(training, allowed)
    )


def _nearest(training: Training, allowed: Mapping[str, type[BaseEstimator]]) -> str:
    name = training.estimator.rpartition(".")[2]
    by_name = {full.rpartition(".")[2]: full for full in allowed}
    remedy = did_you_mean(name, by_name)
    for short, full in by_name.items():
        remedy = remedy.replace(repr(short), full)
    return remedy


def _check_parameters(kind: type[BaseEstimator], known: set[str], parameters: Mapping[str, Any]) -> None:
    for name, value in parameters.items():
        if name not in known:
            raise UserError(
                f"{PARAMETERS}.{name}", f"{kind.__name__} has no parameter {name!r}", did_you_mean(name, sorted(known))
            )
        if value is not None and not isinstance(value, bool | int | float | str):
            raise UserError(
                f"{PARAMETERS}.{name}", "is a list or an object", "give a number, a text, true, false or null"
            )


def _check_values(estimator: BaseEstimator) -> None:
    try:
        # The check that scikit-learn itself makes when fitting begins; asked for here, a mistake costs no training.
        estimator._validate_params()  # noqa: SLF001
    except ValueError as problem:
        raise UserError(PARAMETERS, _first_sentence(problem), "correct the parameter") from None


def _first_sentence(problem: Exception) -> str:
    """The message about a parameter of the spec; the same in every process, so without addresses of objects."""
    text = " ".join(str(problem).split())
    return text.split(". Got")[0] if "object at 0x" in text else text[:500]
