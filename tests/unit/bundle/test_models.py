"""Loading a model that somebody else wrote."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps

from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import Core, Datatype, Format, Signature, Tensor
from mlwright.bundle.models import answer_all, load_model
from mlwright.scoring import Task

SIGNATURE = Signature((Tensor("a", Datatype.FP64), Tensor("b", Datatype.INT64)), (Tensor("prediction", Datatype.FP64),))
SKOPS = Core(Format.SKOPS, Task.REGRESSION, SIGNATURE, {}, (), ())
ONNX = replace(SKOPS, format=Format.ONNX)
ROWS = {"a": np.array([[1.0], [2.0], [4.0]]), "b": np.array([[0], [1], [0]])}


def _fitted() -> LinearRegression:
    table = np.array([[1.0, 0.0], [2.0, 1.0], [4.0, 0.0]])
    return LinearRegression().fit(table, table @ [2.0, 3.0])


def test_a_skops_model_takes_features_in_the_order_of_the_signature(tmp_path: Path) -> None:
    """Inputs come by name, in any order."""
    (tmp_path / "model.skops").write_bytes(dumps(_fitted()))

    outputs = load_model(tmp_path, SKOPS).predict(dict(reversed(ROWS.items())))

    np.testing.assert_allclose(outputs["prediction"], [2.0, 7.0, 8.0])


def test_any_number_of_rows_is_answered_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches come back in order, in one piece."""
    (tmp_path / "model.skops").write_bytes(dumps(_fitted()))
    monkeypatch.setattr("mlwright.bundle.models.BATCH_ROWS", 2)

    np.testing.assert_allclose(answer_all(load_model(tmp_path, SKOPS), ROWS)["prediction"], [2.0, 7.0, 8.0])


PICKLE = replace(SKOPS, format=Format.PICKLE)


class Hostile:
    """Leaves a file when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return (Path.touch, (self.trace,))


def test_a_pickle_is_loaded_only_when_that_is_asked_for(tmp_path: Path) -> None:
    """Loading one runs whatever its author likes; this one would leave a file."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Hostile(tmp_path / "it-ran")))

    with pytest.raises(BundleError, match=r"a ModelDeployment serves it only with runtime\.allowUnsafeFormats"):
        load_model(tmp_path, PICKLE)

    assert not (tmp_path / "it-ran").exists()


def test_a_pickle_that_is_allowed_answers(tmp_path: Path) -> None:
    """As the estimator in it does."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(_fitted()))

    outputs = load_model(tmp_path, PICKLE, unsafe=True).predict(ROWS)

    np.testing.assert_allclose(outputs["prediction"], [2.0, 7.0, 8.0])


def _print_something(path: Path) -> None:
    path.write_bytes(dumps(FunctionTransformer(print)))


@pytest.mark.parametrize(
    "core, write, problem",
    [
        pytest.param(SKOPS, _print_something, "model.skops holds the type builtins.print, which", id="a function"),
        pytest.param(
            SKOPS, lambda path: path.write_bytes(b"no zip"), "model.skops is not a model that", id="no archive"
        ),
        pytest.param(PICKLE, lambda path: path.write_bytes(b"no pickle"), "model.pkl is a pickle", id="a pickle"),
        pytest.param(ONNX, lambda path: path.write_bytes(b"no graph"), "model.onnx is not a model that", id="no graph"),
        pytest.param(ONNX, lambda _: None, "model.onnx is not a model that ONNX Runtime can load", id="no file"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_sentence(
    tmp_path: Path, core: Core, write: Callable[[Path], object], problem: str
) -> None:
    """A damaged or dangerous model is a bundle error, whatever the library raised."""
    write(tmp_path / core.model)

    with pytest.raises(BundleError) as caught:
        load_model(tmp_path, core)

    assert str(caught.value).startswith(problem)
