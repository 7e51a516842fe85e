"""Loading a model that somebody else wrote."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps

from mlwright.bundle.errors import BundleError, GapsError
from mlwright.bundle.manifest import Core, Datatype, Format, Signature, Tensor
from mlwright.bundle.models import Model, PipelineModel, answer_all, load_model
from mlwright.bundle.tensors import Array, to_inputs
from mlwright.scoring import Task
from tests.support.bundles import FLIGHT_ROWS, write_flight_bundle

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


def test_a_model_that_takes_no_missing_numbers_names_them(tmp_path: Path) -> None:
    """Only the rows tell: no estimator says beforehand whether it takes them."""
    (tmp_path / "model.skops").write_bytes(dumps(_fitted()))
    model = load_model(tmp_path, SKOPS)

    with pytest.raises(GapsError, match=r"which there are in a$") as caught:
        model.predict(ROWS | {"a": np.array([[1.0], [np.nan], [4.0]])})
    assert caught.value.inputs == ("a",)


def test_another_mistake_of_a_model_is_no_missing_number(tmp_path: Path) -> None:
    """It is the model that is at fault then, and not who asked."""
    (tmp_path / "model.skops").write_bytes(dumps(LinearRegression().fit(np.eye(3), [1.0, 2.0, 3.0])))

    with pytest.raises(ValueError, match="2 features") as caught:
        load_model(tmp_path, SKOPS).predict(ROWS)
    assert not isinstance(caught.value, GapsError)


def test_gaps_are_not_blamed_for_another_mistake() -> None:
    """A pipeline that takes missing numbers, and fails on rows that have some, fails for another reason: it is told."""

    def scale(table: Any) -> Any:
        if (table[:, 1] > 1).any():
            raise ValueError("2 is none of the known kinds")
        return np.nan_to_num(table)

    model = PipelineModel(make_pipeline(FunctionTransformer(scale), _fitted()), SKOPS)
    gaps = {"a": np.array([[1.0], [np.nan], [4.0]])}

    assert np.isfinite(model.predict(ROWS | gaps)["prediction"]).all()
    with pytest.raises(ValueError, match="none of the known kinds") as caught:
        model.predict(ROWS | gaps | {"b": np.array([[0.0], [1.0], [2.0]])})
    assert not isinstance(caught.value, GapsError)


def test_any_number_of_rows_is_answered_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches come back in order, in one piece."""
    (tmp_path / "model.skops").write_bytes(dumps(_fitted()))
    monkeypatch.setattr("mlwright.bundle.models.BATCH_ROWS", 2)

    np.testing.assert_allclose(answer_all(load_model(tmp_path, SKOPS), ROWS)["prediction"], [2.0, 7.0, 8.0])


def _one_by_one(model: Model, rows: dict[str, Array], number: int) -> dict[str, Array]:
    answers = [model.predict({name: column[row : row + 1] for name, column in rows.items()}) for row in range(number)]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


SWITCH = Signature(
    (Tensor("a", Datatype.FP64), Tensor("on", Datatype.BOOL), Tensor("b", Datatype.FP64), Tensor("n", Datatype.INT64)),
    (Tensor("label", Datatype.BOOL), Tensor("probabilities", Datatype.FP64)),
    (False, True),
)


def _switch(folder: Path) -> Model:
    """A model with inputs of all kinds but text: a, b and n side by side where the switch is on, and whether it is."""
    nodes = [
        helper.make_node("Cast", ["n"], ["n_"], to=TensorProto.DOUBLE),
        helper.make_node("Cast", ["on"], ["on_"], to=TensorProto.DOUBLE),
        helper.make_node("Concat", ["a", "b", "n_"], ["table"], axis=1),
        helper.make_node("Mul", ["table", "on_"], ["probabilities"]),
        helper.make_node("Squeeze", ["on", "column"], ["label"]),
    ]
    kinds = {"a": TensorProto.DOUBLE, "on": TensorProto.BOOL, "b": TensorProto.DOUBLE, "n": TensorProto.INT64}
    inputs = [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in kinds.items()]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.BOOL, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, 3]),
    ]
    column = helper.make_tensor("column", TensorProto.INT64, [1], [1])
    graph = helper.make_graph(nodes, "switch", inputs, outputs, initializer=[column])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return load_model(folder, replace(ONNX, task=Task.CLASSIFICATION, signature=SWITCH))


def _switched(number: int, seed: int) -> dict[str, Array]:
    chance = np.random.default_rng(seed)
    return {
        "n": chance.integers(-9, 9, size=(number, 1)),
        "b": chance.normal(size=(number, 1)),
        "on": chance.random((number, 1)) > 0.5,
        "a": chance.normal(size=(number, 1)),
    }


def test_a_row_is_answered_alone_as_among_others(tmp_path: Path) -> None:
    """A single row of numbers takes another way through ONNX Runtime; what was answered before stays as it was."""
    model, rows = _switch(tmp_path), _switched(50, seed=1)

    together, alone = model.predict(rows), _one_by_one(model, rows, 50)

    np.testing.assert_array_equal(alone["label"], together["label"])
    np.testing.assert_array_equal(alone["probabilities"], together["probabilities"])


@pytest.mark.parametrize(
    "name, values",
    [("a", np.array([[5]])), ("a", np.array([5.0])), ("n", np.array([[5.0]])), ("a", np.array([[[5.0]]]))],
    ids=["whole number", "no column", "fraction", "too deep"],
)
def test_a_row_of_another_kind_is_refused_alone_as_among_others(tmp_path: Path, name: str, values: Array) -> None:
    """Its bytes would fit into the memory of the right kind, and be answered as another number."""
    model, rows = _switch(tmp_path), _switched(2, seed=1)

    for columns in (
        {**rows, name: np.concatenate([values, values])},
        {**{other: column[:1] for other, column in rows.items()}, name: values},
    ):
        with pytest.raises(Exception, match=r"INVALID_ARGUMENT|[Ii]nvalid"):
            model.predict(columns)
    np.testing.assert_array_equal(_one_by_one(model, rows, 2)["label"], model.predict(rows)["label"])


POSITIONS = Signature((Tensor("a", Datatype.BOOL),), (Tensor("prediction", Datatype.INT64),))


def test_a_row_is_answered_whatever_the_length_of_the_answer_before(tmp_path: Path) -> None:
    """A model may answer as many numbers as its inputs decide."""
    graph = helper.make_graph(
        [helper.make_node("NonZero", ["a"], ["prediction"])],
        "positions",
        [helper.make_tensor_value_info("a", TensorProto.BOOL, [None, 1])],
        [helper.make_tensor_value_info("prediction", TensorProto.INT64, [2, None])],
    )
    onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (tmp_path / "model.onnx").write_bytes(onnx.SerializeToString())
    model = load_model(tmp_path, replace(ONNX, signature=POSITIONS))

    answers = [model.predict({"a": np.array([[value]])})["prediction"].shape for value in (True, False, False, True)]

    assert answers == [(2, 1), (2, 0), (2, 0), (2, 1)]


def test_a_row_with_a_text_is_answered_alone_as_among_others(tmp_path: Path) -> None:
    """It goes the way of many rows."""
    bundle = write_flight_bundle(tmp_path / "flights")
    model = load_model(bundle.folder, bundle.manifest.core)
    rows = to_inputs(FLIGHT_ROWS, bundle.manifest.core.signature)

    together, alone = model.predict(rows), _one_by_one(model, rows, len(FLIGHT_ROWS))

    np.testing.assert_array_equal(alone["probabilities"], together["probabilities"])


def test_rows_of_several_threads_do_not_meet(tmp_path: Path) -> None:
    """Each answer is the one to its own row, however many are asked for at once."""
    model, asked = _switch(tmp_path), [_switched(300, seed) for seed in range(4)]

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda rows: _one_by_one(model, rows, 300)["probabilities"], asked))

    np.testing.assert_array_equal(found, [model.predict(rows)["probabilities"] for rows in asked])


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
