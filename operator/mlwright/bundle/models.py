"""A bundle's model, ready to answer, whatever its format.

The format decides what is imported: a server of ONNX bundles never loads scikit-learn.
"""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from mlwright.bundle.errors import BundleError, GapsError
from mlwright.bundle.manifest import Core, Datatype, Format, Signature
from mlwright.bundle.outputs import outputs_of
from mlwright.bundle.single_row import SingleRow
from mlwright.bundle.tensors import Array, Arrays
from mlwright.bundle.trust import TRUSTED_TYPES

BATCH_ROWS: Final = 5000  # large enough that the calls cost nothing, small beside any model's memory


class Model(Protocol):
    """Answers rows: `[n, 1]` arrays by input name in, the outputs of the signature by name out."""

    def predict(self, inputs: Arrays) -> dict[str, Array]:
        """Answer all rows; every input of the signature must be there, with the dtype that `tensors.DTYPES` says.

        Raises:
            GapsError: Numbers are missing or infinite where the model takes none such.
        """
        ...


def load_model(folder: Path, core: Core, *, threads: int = 1, unsafe: bool = False) -> Model:
    """Load the model of a bundle whose files have been verified.

    Args:
        folder: The bundle.
        core: Its manifest's core.
        threads: Size of ONNX Runtime's pool for one request; scikit-learn follows OMP_NUM_THREADS.
        unsafe: Whether a model may be loaded that can run any code when it is.

    Raises:
        BundleError: The model cannot be loaded, does not fit its signature, or is not trusted.
    """
    path = folder / core.model
    if core.format is Format.ONNX:
        return _load_onnx(path, core, threads)
    if core.format is Format.PICKLE and not unsafe:
        raise BundleError(
            f"{path.name} is a pickle, and loading one can run any code: a ModelDeployment serves it only with"
            " runtime.allowUnsafeFormats, and nothing else loads it"
        )
    return _LOADERS[core.format](path, core)


def answer_all(model: Model, inputs: Arrays) -> dict[str, Array]:
    """Answers to any number of rows (at least one), asked for in batches that keep memory flat."""
    rows = len(next(iter(inputs.values())))
    batches = [
        model.predict({name: values[start : start + BATCH_ROWS] for name, values in inputs.items()})
        for start in range(0, rows, BATCH_ROWS)
    ]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


class OnnxModel:
    """An ONNX Runtime session; safe to call from several threads."""

    def __init__(self, session: Any, signature: Signature) -> None:
        # Without its Python wrapper, which takes a third of the time of a row to check names that are right already.
        self._run = session._sess.run  # noqa: SLF001 - the version is pinned, and every test runs through it
        self._outputs = [tensor.name for tensor in signature.outputs]
        self._single = SingleRow.of(session, signature)

    def predict(self, inputs: Arrays) -> dict[str, Array]:
        """Answer all rows."""
        single = self._single if len(next(iter(inputs.values()))) == 1 else None
        outputs = single.answer(inputs) if single else None
        if outputs is None:
            outputs = self._run(self._outputs, dict(inputs), None)
        return dict(zip(self._outputs, outputs, strict=True))


class PipelineModel:
    """A scikit-learn pipeline that takes the features as columns, in the order of the signature's inputs."""

    def __init__(self, pipeline: Any, core: Core) -> None:
        self._pipeline = pipeline
        self._core = core

    def predict(self, inputs: Arrays) -> dict[str, Array]:
        """Answer all rows; raises GapsError where it refuses rows because numbers are missing or infinite."""
        try:
            return self._answer(inputs)
        except ValueError as problem:
            gaps = tuple(name for name, values in inputs.items() if _has_gaps(values))
            if gaps and self._answers_filled(inputs):
                raise GapsError(gaps) from problem
            raise

    def _answer(self, inputs: Arrays) -> dict[str, Array]:
        table = stack_inputs(inputs, self._core.signature)
        return outputs_of(self._pipeline, table, self._core.task, self._core.signature)

    def _answers_filled(self, inputs: Arrays) -> bool:
        """Whether the gaps were to blame: no estimator says beforehand whether it takes them."""
        try:
            self._answer({name: _filled(values) for name, values in inputs.items()})
        except ValueError:
            return False
        return True


def stack_inputs(inputs: Arrays, signature: Signature) -> Array:
    """The inputs side by side as one `[n, inputs]` table: float64, or objects where one of them is text.

    Numbers are rounded to single precision, as they were in training.
    """
    text = any(tensor.datatype is Datatype.BYTES for tensor in signature.inputs)
    columns = [_single(inputs[tensor.name]) for tensor in signature.inputs]
    return np.hstack([column.astype(object) for column in columns] if text else columns)


def _has_gaps(values: Array) -> bool:
    return values.dtype.kind == "f" and not np.isfinite(values).all()


def _filled(values: Array) -> Array:
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0) if values.dtype.kind == "f" else values


def _single(values: Array) -> Array:
    return values if values.dtype == object else values.astype(np.float32).astype(np.float64)


def open_session(model: Path | bytes, *, threads: int) -> Any:
    """An ONNX Runtime session on the CPU.

    Raises:
        Exception: The model cannot be loaded; ONNX Runtime's errors share no base class of their own.
    """
    import onnxruntime  # noqa: PLC0415 - only bundles of this format need it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads of the pool would otherwise burn the CPUs that the pod was granted.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only; warnings of its optimiser tell a user nothing
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _load_onnx(path: Path, core: Core, threads: int) -> Model:
    try:
        session = open_session(path, threads=threads)
    except Exception as problem:  # see open_session
        raise BundleError(f"{path.name} is not a model that ONNX Runtime can load: {_brief(problem)}") from problem
    _check_names("inputs", [value.name for value in session.get_inputs()], core.signature.inputs)
    _check_names("outputs", [value.name for value in session.get_outputs()], core.signature.outputs)
    return OnnxModel(session, core.signature)


def _check_names(what: str, found: list[str], declared: tuple[Any, ...]) -> None:
    if found != [tensor.name for tensor in declared]:
        raise BundleError(f"the model's {what} are not those that the manifest declares")


def _load_skops(path: Path, core: Core) -> Model:
    from skops.io import load  # noqa: PLC0415 - only bundles of this format need it

    try:
        _refuse_untrusted(path)
        return PipelineModel(load(path, trusted=sorted(TRUSTED_TYPES)), core)
    except BundleError:
        raise
    except Exception as problem:  # a damaged archive can fail anywhere
        raise BundleError(f"{path.name} is not a model that skops can load: {_brief(problem)}") from problem


def _load_pickle(path: Path, core: Core) -> Model:
    try:
        estimator = pickle.loads(path.read_bytes())  # noqa: S301 - whoever deploys it has asked for that
        forget_names(estimator)
    except Exception as problem:  # a pickle can fail in any way
        raise BundleError(f"{path.name} cannot be loaded by this image: {_brief(problem)}") from problem
    return PipelineModel(estimator, core)


def forget_names(estimator: Any) -> None:
    """Let an estimator forget the names of its columns: given plain tables, it would only warn of them."""
    steps = [step for _, step in getattr(estimator, "steps", ())]
    for part in (estimator, *steps):
        getattr(part, "__dict__", {}).pop("feature_names_in_", None)


_LOADERS: Final[Mapping[Format, Callable[[Path, Core], Model]]] = {
    Format.SKOPS: _load_skops,
    Format.PICKLE: _load_pickle,
}


def _refuse_untrusted(path: Path) -> None:
    from skops.io import get_untrusted_types  # noqa: PLC0415 - as above

    refused = sorted(set(get_untrusted_types(file=path)) - TRUSTED_TYPES)
    if refused:
        raise BundleError(
            f"{path.name} holds the type {refused[0]}, which this image does not trust; train with an estimator of"
            " scikit-learn, or use an image whose trust list names that type"
        )


def _brief(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text[:300]}"
