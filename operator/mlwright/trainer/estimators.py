"""Which estimators may be trained, and with which parameters.

They are the public classifiers, regressors and detectors of outliers of the packages listed here, cut to what can be
told in JSON: no class that needs another estimator. Only a package of the list is ever imported, and only the one that
is asked for. The tests compare the list with scikit-learn's own.
"""

import inspect
import warnings
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from sklearn.base import BaseEstimator, ClassifierMixin, OutlierMixin, RegressorMixin

from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.step import Training
from mlwright.trainer.wording import did_you_mean

CLASS: Final = "spec.training.estimator.class"
PARAMETERS: Final = "spec.training.estimator.parameters"

PACKAGES: Final = (
    "sklearn.calibration",
    "sklearn.compose",
    "sklearn.covariance",
    "sklearn.cross_decomposition",
    "sklearn.discriminant_analysis",
    "sklearn.dummy",
    "sklearn.ensemble",
    "sklearn.gaussian_process",
    "sklearn.isotonic",
    "sklearn.kernel_ridge",
    "sklearn.linear_model",
    "sklearn.naive_bayes",
    "sklearn.neighbors",
    "sklearn.neural_network",
    "sklearn.semi_supervised",
    "sklearn.svm",
    "sklearn.tree",
)

_MIXIN: Final[Mapping[Task, type]] = {
    Task.CLASSIFICATION: ClassifierMixin,
    Task.REGRESSION: RegressorMixin,
    Task.ANOMALY_DETECTION: OutlierMixin,
}
# Their target has several columns; ours has one.
_SEVERAL_TARGETS: Final = ("MultiTask", "PLSCanonical", "CCA")


@cache
def allowed_estimators(task: Task) -> Mapping[str, type[BaseEstimator]]:
    """Every estimator of a task by its full public name, such as `sklearn.linear_model.LogisticRegression`."""
    found = (f"{package}.{name}" for package in PACKAGES for name in vars(import_module(package)))
    return MappingProxyType({name: kind for name in found if (kind := find_estimator(name, task))})


def find_estimator(full_name: str, task: Task) -> type[BaseEstimator] | None:
    """The estimator of this name, or None if there is none for the task that may be trained."""
    package, _, name = full_name.rpartition(".")
    if package not in PACKAGES or name.startswith("_"):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated classes warn when they are looked at
        kind = getattr(import_module(package), name, None)
    return kind if inspect.isclass(kind) and _is_allowed(kind, package, task) else None


def build_estimator(training: Training) -> BaseEstimator:
    """The estimator that a pipeline asks for, not yet fitted, seeded where it is random.

    Raises:
        UserError: The class is not on the list, gives not what every answer holds, or a parameter does not fit.
    """
    kind = _choose(training)
    known = {name for name in inspect.signature(kind.__init__).parameters if name != "self"}
    _check_parameters(kind, known, training.parameters)
    parameters = dict(training.parameters)
    if "random_state" in known and parameters.get("random_state") is None:
        parameters["random_state"] = training.seed
    estimator = kind(**parameters)
    _check_values(estimator)
    _check_answers(estimator, training.task)
    return estimator


def _check_answers(estimator: BaseEstimator, task: Task) -> None:
    name = type(estimator).__name__
    if task is Task.CLASSIFICATION and not hasattr(estimator, "predict_proba"):
        raise UserError(
            CLASS,
            f"{name} gives no probabilities with these parameters, and every answer holds them",
            "use another classifier, such as sklearn.linear_model.LogisticRegression",
        )
    if task is Task.ANOMALY_DETECTION and not hasattr(estimator, "decision_function"):
        raise UserError(
            f"{PARAMETERS}.novelty",
            f"{name} as it is scores only the rows that it learned from",
            "set it to true",
        )


def _is_allowed(kind: type, package: str, task: Task) -> bool:
    """Whether a class is a complete estimator of the task, at home in its package, that needs no other estimator."""
    at_home = kind.__module__ == package or kind.__module__.startswith(f"{package}.")
    of_the_task = issubclass(kind, BaseEstimator) and issubclass(kind, _MIXIN[task])
    return at_home and of_the_task and not inspect.isabstract(kind) and _is_simple(kind)


def _is_simple(kind: type) -> bool:
    required = [
        parameter
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    return not required and not kind.__name__.startswith(_SEVERAL_TARGETS)


def _choose(training: Training) -> type[BaseEstimator]:
    name = training.estimator
    if kind := find_estimator(name, training.task):
        return kind
    for task in Task:
        if find_estimator(name, task):
            raise UserError(CLASS, f"{name} is for {task}, the task is {training.task}", f"set the task to {task}")
    remedy = _nearest(name, allowed_estimators(training.task))
    raise UserError(CLASS, f"{name!r} is not an estimator that may be trained", remedy)


def _nearest(full_name: str, allowed: Mapping[str, type[BaseEstimator]]) -> str:
    name = full_name.rpartition(".")[2]
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
