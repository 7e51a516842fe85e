"""Choose the format of a model and write it: ONNX where it answers like scikit-learn does, skops otherwise."""

import logging
from dataclasses import dataclass

from skops.io import dumps, get_untrusted_types

from mlwright.bundle.manifest import MODEL_FILE, Format
from mlwright.bundle.models import OnnxModel, answer_all, open_session
from mlwright.bundle.parity import compare
from mlwright.bundle.skops_archive import canonical_archive
from mlwright.bundle.tensors import Arrays
from mlwright.bundle.trust import TRUSTED_TYPES
from mlwright.trainer.errors import UserError
from mlwright.trainer.estimators import CLASS
from mlwright.trainer.fitting import Fitted
from mlwright.trainer.onnx_export import NotConvertibleError, to_onnx
from mlwright.trainer.preparation import with_encoding

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """Rows that a converted model must answer like the original: inputs by name, and the original's answers."""

    inputs: Arrays
    expected: Arrays


@dataclass(frozen=True, slots=True)
class Stored:
    """A model in its final form. `reason` says why it is not ONNX, if it is not."""

    format: Format
    content: bytes
    skops_types: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def name(self) -> str:
        """Name of its file."""
        return MODEL_FILE[self.format]


def store(fitted: Fitted, trials: tuple[Trial, ...]) -> Stored:
    """Convert a model to ONNX and prove that it answers alike; where that fails, keep it as skops.

    Raises:
        UserError: The model can be stored in neither form.
    """
    try:
        return Stored(Format.ONNX, _proven(to_onnx(fitted), fitted, trials))
    except NotConvertibleError as problem:
        logger.info("the model stays with scikit-learn", extra={"reason": str(problem)})
        return _store_skops(fitted, str(problem))


def _proven(content: bytes, fitted: Fitted, trials: tuple[Trial, ...]) -> bytes:
    try:
        model = OnnxModel(open_session(content, threads=1), fitted.signature)
        answers = [answer_all(model, trial.inputs) for trial in trials]
    except Exception as problem:
        raise NotConvertibleError(f"ONNX Runtime cannot run the converted model: {type(problem).__name__}") from problem
    for trial, answer in zip(trials, answers, strict=True):
        parity = compare(trial.expected, answer)
        if not parity.holds:
            raise NotConvertibleError(f"converted to ONNX it answers differently: {parity.sentence}")
    return content


def _store_skops(fitted: Fitted, reason: str) -> Stored:
    content = canonical_archive(dumps(with_encoding(fitted.pipeline, fitted.encoding)))
    types = get_untrusted_types(data=content)
    refused = sorted(set(types) - TRUSTED_TYPES)
    if refused:
        raise UserError(
            CLASS,
            f"the model holds the type {refused[0]}, which model servers do not trust, and {reason}",
            "use another estimator or other parameters",
        )
    return Stored(Format.SKOPS, content, tuple(sorted(types)), reason)
