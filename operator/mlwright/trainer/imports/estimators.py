"""A model of scikit-learn that somebody else fitted: loaded without running code of its author's, or not at all."""

import pickle
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator, is_outlier_detector
from sklearn.exceptions import InconsistentVersionWarning

from mlwright.bundle.manifest import Datatype, Format, Label, Tensor
from mlwright.bundle.models import forget_names, stack_inputs
from mlwright.bundle.outputs import outputs_of
from mlwright.bundle.skops_archive import canonical_archive
from mlwright.bundle.tensors import Array, Arrays
from mlwright.bundle.trust import TRUSTED_TYPES
from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.imports.fetching import URI
from mlwright.trainer.imports.finding import Found, Kind
from mlwright.trainer.imports.task import FIELD, ImportTask
from mlwright.trainer.signatures import signature_of
from mlwright.trainer.storing import Stored

_EXPORT: Final = "export the model as ONNX"
_RELEASE: Final = re.compile(r"\d+\.\d+")


class FittedElsewhere:
    """A fitted estimator with the signature that its bundle declares."""

    def __init__(self, estimator: BaseEstimator, columns: tuple[Tensor, ...], pickled: bytes = b"") -> None:
        """Take the estimator, its columns, and the pickle that it was loaded from, if it was."""
        self.estimator = estimator
        self._pickled = pickled
        classes = getattr(estimator, "classes_", None)
        self.task = _task(estimator, classes)
        self.signature = signature_of(self.task, columns, _labels(classes))

    def answer(self, inputs: Arrays) -> dict[str, Array]:
        """The outputs of the signature for rows."""
        table = stack_inputs(inputs, self.signature)
        return outputs_of(self.estimator, table, self.task, self.signature)

    def stored(self, reason: str) -> Stored:
        """The model as skops keeps it, or, of a pickle that was allowed, as it came where skops would not do.

        Raises:
            UserError: It holds a type that model servers do not trust.
        """
        from skops.io import dumps, get_untrusted_types  # noqa: PLC0415 - slow to import

        content = canonical_archive(dumps(self.estimator))
        types = get_untrusted_types(data=content)
        refused = sorted(set(types) - TRUSTED_TYPES)
        if refused and self._pickled:
            said = f"{reason}; it holds the type {refused[0]}, which model servers do not trust"
            return Stored(Format.PICKLE, self._pickled, (), said)
        if refused:
            raise UserError(URI, f"the model holds the type {refused[0]}, which model servers do not trust", _EXPORT)
        return Stored(Format.SKOPS, content, tuple(sorted(types)), reason)


def load(found: Found, task: ImportTask) -> FittedElsewhere:
    """Load the model of a file.

    Raises:
        UserError: It is a pickle and those are not allowed, was saved by another release, or is no estimator.
    """
    _same_release(found.made_with)
    pickled = _allowed_pickle(found.path, task) if found.kind is Kind.PICKLE else b""
    with _one_release():
        estimator = _from_pickle(pickled) if pickled else _from_skops(found.path)
    if _knows_its_own_rows_only(estimator):
        raise UserError(URI, "the model scores only the rows that it learned from", "fit it with novelty=True")
    if not isinstance(estimator, BaseEstimator) or not hasattr(estimator, "predict"):
        raise UserError(URI, "is no estimator of scikit-learn", _EXPORT)
    if hasattr(estimator, "classes_") and not hasattr(estimator, "predict_proba"):
        raise UserError(URI, "the model answers no probabilities for each class", "take in one with predict_proba")
    columns = found.columns or _columns(estimator, task.features)
    forget_names(estimator)
    return FittedElsewhere(estimator, columns, pickled)


def _knows_its_own_rows_only(estimator: Any) -> bool:
    return (
        isinstance(estimator, BaseEstimator)
        and is_outlier_detector(estimator)
        and not hasattr(estimator, "decision_function")
    )


def _allowed_pickle(path: Path, task: ImportTask) -> bytes:
    if not task.unsafe:
        raise UserError(
            f"{FIELD}.allowUnsafeFormats",
            "the model is a pickle, and loading one can run any code",
            "export it as ONNX, or save it with skops; if you trust its author as you trust yourself, set this field",
        )
    return path.read_bytes()


def _from_pickle(content: bytes) -> Any:
    try:
        return pickle.loads(content)  # noqa: S301 - asked for by its author, allowed by the administrator
    except UserError:
        raise
    except Exception as problem:  # a pickle can fail in any way
        said = f"the pickle cannot be loaded: {type(problem).__name__}"
        raise UserError(URI, said, "use an image with the libraries that made it (importFrom.image)") from problem


def _from_skops(path: Path) -> Any:
    from skops.io import get_untrusted_types  # noqa: PLC0415 - slow to import
    from skops.io import load as load_skops  # noqa: PLC0415 - as above

    try:
        refused = sorted(set(get_untrusted_types(file=path)) - TRUSTED_TYPES)
        if not refused:
            return load_skops(path, trusted=sorted(TRUSTED_TYPES))
    except UserError:
        raise
    except Exception as problem:  # a damaged archive can fail anywhere
        raise UserError(URI, f"skops cannot load it: {type(problem).__name__}", "save the model anew") from problem
    raise UserError(URI, f"the model holds the type {refused[0]}, which this image does not trust", _EXPORT)


@contextmanager
def _one_release() -> Iterator[None]:
    """Let a model of another release of scikit-learn fail: it may load and answer differently."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        yield
    for warning in heard:
        if isinstance(warning.message, InconsistentVersionWarning):
            _same_release(str(warning.message.original_sklearn_version))


def _same_release(made_with: str) -> None:
    ours, theirs = _RELEASE.match(version("scikit-learn")), _RELEASE.match(made_with)
    if ours and theirs and ours.group() != theirs.group():
        said = f"the model was saved by scikit-learn {made_with}, this image has {version('scikit-learn')}"
        raise UserError(URI, said, f"{_EXPORT}, or name an image with that release (importFrom.image)")


def _columns(estimator: BaseEstimator, features: tuple[str, ...]) -> tuple[Tensor, ...]:
    names = features or tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
    count = int(getattr(estimator, "n_features_in_", len(names)))
    names = names or tuple(f"f{place}" for place in range(count))
    if len(names) != count or len(set(names)) != len(names) or not names:
        said = f"the model takes {count} columns, and {len(set(names))} are named"
        raise UserError(f"{FIELD}.features", said, "name all columns in their order")
    return tuple(Tensor(name, Datatype.FP64) for name in names)


def _labels(classes: Any) -> tuple[Label, ...]:
    if classes is None:
        return ()
    if isinstance(classes, list) or np.asarray(classes).ndim != 1:
        raise UserError(URI, "the model answers more than one label for each row", "take in one model for each label")
    found = np.asarray(classes).tolist()
    if all(isinstance(label, float) and label.is_integer() for label in found):
        return tuple(int(label) for label in found)
    if not all(isinstance(label, bool | int | str) for label in found):
        raise UserError(URI, "the labels of the model are neither numbers nor texts nor booleans", _EXPORT)
    return tuple(found)


def _task(estimator: BaseEstimator, classes: Any) -> Task:
    if is_outlier_detector(estimator):
        return Task.ANOMALY_DETECTION
    return Task.REGRESSION if classes is None else Task.CLASSIFICATION
