"""Conversion to ONNX."""

from __future__ import annotations

import numpy as np
import onnx
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier

from mlwright.bundle.manifest import Datatype, Tensor
from mlwright.bundle.models import OnnxModel, open_session
from mlwright.bundle.parity import compare
from mlwright.bundle.tensors import Array, Arrays
from mlwright.scoring import Task
from mlwright.trainer.arrow_types import plain
from mlwright.trainer.columns import canonical, datatype_of
from mlwright.trainer.fitting import Fitted, fit
from mlwright.trainer.onnx_export import NotConvertibleError, count_tree_nodes, to_onnx
from mlwright.trainer.step import Preprocessing, Training
from mlwright.trainer.tables import Side
from tests.support.training import HGB, flights_table

pytestmark = pytest.mark.timeout(60)  # the first test waits for the converter to be imported

RENAMED = {"distance": "//code0", "hour": "/sklearn/table", "carrier": "ä b"}


def _side(names: dict[str, str] | None = None) -> Side:
    table = flights_table(200)
    columns = {
        (names or {}).get(name, name): canonical(name, plain(table.column(name)), "spec.dataset.features")
        for name in table.column_names
    }
    target = columns.pop("late")
    inputs = tuple(Tensor(name, datatype_of(column)) for name, column in columns.items())
    return Side(inputs, tuple(columns.values()), target)


def _fit(side: Side, estimator: str = HGB, **parameters: object) -> Fitted:
    return fit(Training(Task.CLASSIFICATION, estimator, parameters, Preprocessing.AUTO, seed=7), side)


def _detector(side: Side, estimator: str, **parameters: object) -> Fitted:
    return fit(Training(Task.ANOMALY_DETECTION, estimator, parameters, Preprocessing.AUTO, seed=7), side)


def _parity(fitted: Fitted, side: Side) -> bool:
    answers = OnnxModel(open_session(to_onnx(fitted), threads=1), fitted.signature).predict(side.arrays())
    return compare(fitted.answer(fitted.encoding.matrix(side)), answers).holds


@pytest.mark.parametrize("estimator", [HGB, "sklearn.linear_model.LogisticRegression"])
@pytest.mark.parametrize("names", [None, RENAMED], ids=["plain names", "names that look like inner ones"])
def test_a_converted_model_answers_like_the_original(estimator: str, names: dict[str, str] | None) -> None:
    """All four datatypes, missing values and unseen texts included, whatever features are called."""
    side = _side(names)

    assert _parity(_fit(side, estimator, max_iter=5), side)


FORESTS: dict[str, dict[str, object]] = {
    "as it comes": {},
    "some features for each tree": {"max_features": 0.5},
    "two rows for each tree": {"max_samples": 2},
    "one row for each tree, so that no tree says anything": {"max_samples": 1},
    "one tree": {"n_estimators": 1},
    "rows that are drawn again": {"bootstrap": True, "max_samples": 50},
    "a line that a share of the rows lies beyond": {"contamination": 0.1},
}


@pytest.mark.parametrize("parameters", FORESTS.values(), ids=FORESTS.keys())
def test_an_isolation_forest_is_one_node_that_answers_like_it(parameters: dict[str, object]) -> None:
    """Gaps and texts included; a node for each step of each tree would take seconds to load."""
    side = _side()
    fitted = _detector(side, "sklearn.ensemble.IsolationForest", **parameters)
    kinds = [node.op_type for node in onnx.load_from_string(to_onnx(fitted)).graph.node]

    assert _parity(fitted, side)
    assert kinds.count("TreeEnsembleRegressor") == 1
    assert len(kinds) < 40


def test_a_row_on_a_threshold_goes_the_same_way_in_every_tree() -> None:
    """Thresholds are of double precision and rows of single: rounded up, a threshold would let a row pass."""
    side = _side()
    distances = side.features[0].fill_null(500.0)
    whole = Side(side.inputs[:1], (distances,), None)
    fitted = _detector(whole, "sklearn.ensemble.IsolationForest", n_estimators=20)
    trees = fitted.pipeline.steps[-1][1].estimators_
    edges = np.concatenate([tree.tree_.threshold[tree.tree_.feature >= 0] for tree in trees]).astype(np.float32)
    near = np.concatenate([np.nextafter(edges, np.float32(-np.inf)), edges, np.nextafter(edges, np.float32(np.inf))])

    assert _parity(fitted, Side(whole.inputs, (pa.array(near.astype(np.float64)),), None))


def _asked(fitted: Fitted, side: Side, threads: int = 1) -> Arrays:
    return OnnxModel(open_session(to_onnx(fitted), threads=threads), fitted.signature).predict(side.arrays())


def _numbers(columns: Array) -> Side:
    inputs = tuple(Tensor(f"f{place}", Datatype.FP64) for place in range(columns.shape[1]))
    return Side(inputs, tuple(pa.array(column) for column in columns.T), None)


@pytest.mark.parametrize("trees", [200, 300])
def test_rows_on_the_line_are_usual_however_they_are_asked(trees: int) -> None:
    """Repeated rows lie on the line that a share draws: what threads and batches add up must not flag all of them."""
    chance = np.random.default_rng(0)
    marks = np.column_stack([np.arange(2000) % 2, chance.random(2000) < 0.08]).astype(np.float64)
    side = _numbers(marks)
    fitted = _detector(side, "sklearn.ensemble.IsolationForest", contamination=0.05, n_estimators=trees)

    theirs = fitted.answer(fitted.encoding.matrix(side))
    together, spread = _asked(fitted, side), _asked(fitted, side, threads=4)
    different, places = np.unique(marks, axis=0, return_inverse=True)
    single = np.concatenate([_asked(fitted, _numbers(row.reshape(1, -1)))["label"] for row in different])[places]

    assert (theirs["score"] == 0).sum() > 50
    for labels in (together["label"], spread["label"], single):
        assert (labels != theirs["label"]).sum() == 0


def test_a_gap_that_only_a_server_sees_goes_the_same_way_in_every_tree() -> None:
    """Without preprocessing nothing fills it, and each node of scikit-learn has its own way for it."""
    rows = np.random.default_rng(0).normal(size=(300, 3))
    training = Training(Task.ANOMALY_DETECTION, "sklearn.ensemble.IsolationForest", {}, Preprocessing.NONE, seed=7)
    fitted = fit(training, _numbers(rows))
    rows[::3, 0] = rows[1::3, 2] = np.nan

    assert _parity(fitted, _numbers(rows))


@pytest.mark.parametrize("estimator", ["sklearn.svm.OneClassSVM", "sklearn.linear_model.SGDOneClassSVM"])
def test_other_detectors_answer_like_the_original(estimator: str) -> None:
    """Their decisions are turned round as those of a forest."""
    side = _side()

    assert _parity(_detector(side, estimator), side)


def test_the_same_model_gives_the_same_bytes() -> None:
    """No name, date or order is left to chance."""
    first, second = (to_onnx(_fit(_side(), max_iter=3)) for _ in range(2))

    assert first == second


def test_the_graph_says_who_made_it_and_nothing_of_the_machine() -> None:
    """One input for each feature, and no documentation strings."""
    model = onnx.load_from_string(to_onnx(_fit(_side(), max_iter=3)))

    assert (model.producer_name, model.producer_version, model.doc_string) == ("mlwright", "", "")
    assert [value.name for value in model.graph.input] == ["distance", "hour", "weekend", "carrier"]
    assert [value.name for value in model.graph.output] == ["label", "probabilities"]
    onnx.checker.check_model(model)


def test_a_feature_that_is_called_like_an_output_is_not_converted() -> None:
    """ONNX has one space of names."""
    with pytest.raises(NotConvertibleError, match="a feature is called 'label', like an output"):
        to_onnx(_fit(_side({"hour": "label"}), max_iter=3))


def test_a_huge_forest_is_not_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason counts its nodes."""
    monkeypatch.setattr("mlwright.trainer.onnx_export.MOST_TREE_NODES", 10)
    fitted = _fit(_side(), "sklearn.ensemble.ExtraTreesClassifier", n_estimators=3)

    with pytest.raises(NotConvertibleError, match="nodes, and at most 10 are converted"):
        to_onnx(fitted)


def test_a_model_that_compares_with_the_training_rows_is_not_converted() -> None:
    """Its memory in ONNX Runtime would grow with the rows of a request."""
    with pytest.raises(NotConvertibleError, match="it compares each row with the training rows"):
        to_onnx(_fit(_side(), "sklearn.neighbors.KNeighborsClassifier"))


def test_nodes_of_all_trees_are_counted() -> None:
    """A forest of two stumps has six nodes."""
    stumps = RandomForestClassifier(2, max_depth=1, random_state=0).fit(np.arange(20.0).reshape(-1, 1), [0, 1] * 10)

    assert count_tree_nodes(stumps) == 6
