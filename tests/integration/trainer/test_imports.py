"""Models from elsewhere, fetched over a real socket, and served as the model server serves them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from examples.mlflow import pyfunc_step
from mlwright.server.failures import UnservableError
from tests.support.imports import (
    COLUMNS,
    answered,
    exported,
    folder_packed,
    forest,
    iris,
    line,
    own_step,
    packed,
    pickled,
    scaled,
    served,
    take_in,
)
from tests.support.training import Ended, Workshop, document, flights_table
from tests.support.webserver import WebServer, serving


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    """A server that hands out models."""
    with serving() as server:
        yield server


def fetched(shop: Workshop, web: WebServer, name: str, content: bytes, **wanted: Any) -> Ended:
    """Take in a file of that name."""
    return take_in(shop, web.put(f"/{name}", content), [web.url], **wanted)


def rows(names: tuple[str, ...], count: int = 150) -> dict[str, list[float]]:
    """Rows of flowers, by column."""
    table = iris()[0][:count]
    return {name: table[:, place].tolist() for place, name in enumerate(names)}


def test_an_onnx_classifier_answers_as_it_did(shop: Workshop, web: WebServer) -> None:
    """One table of numbers in, maps of probabilities out: what converters make by default gets an input a column."""
    model = forest()
    ended = fetched(shop, web, "iris.onnx", exported(model), features=list(COLUMNS))

    found = answered(served(shop, ended), **rows(COLUMNS))

    assert found["label"] == model.predict(iris()[0].astype(np.float32)).tolist()
    assert np.allclose(np.reshape(found["probabilities"], (-1, 3)), model.predict_proba(iris()[0]), atol=1e-5)
    assert ended.results["source"]["flavor"] == "onnx"
    assert ended.results["bundle"]["format"] == "ONNX"


def test_what_a_model_does_not_bring_is_said(shop: Workshop, web: WebServer) -> None:
    """In the record and in the sentence; nobody should find out later."""
    ended = fetched(shop, web, "iris.onnx", exported(forest()))

    missing = ended.results["source"]["missing"]
    assert [words.split(":")[0].split(",")[0] for words in missing] == [
        "no input example",
        "no profile of the rows that it learned from",
        "no metrics on held-out rows",
    ]
    assert "no input example" in ended.message["sentence"]


def test_columns_without_names_get_some(shop: Workshop, web: WebServer) -> None:
    """A table has an order, and that is what they are called by."""
    model = served(shop, fetched(shop, web, "iris.onnx", exported(forest())))

    assert [tensor.name for tensor in model.signature.inputs] == ["f0", "f1", "f2", "f3"]


def test_an_onnx_regression_answers_numbers(shop: Workshop, web: WebServer) -> None:
    """One for each row."""
    model = line()
    ended = fetched(shop, web, "line.onnx", exported(model, columns=3))

    found = answered(served(shop, ended), **rows(("f0", "f1", "f2"), 20))

    assert np.allclose(found["prediction"], model.predict(iris()[0][:20, :3]), atol=1e-4)


def test_a_file_of_skops_is_taken_in(shop: Workshop, web: WebServer) -> None:
    """Labels may be texts."""
    model = scaled()
    ended = fetched(shop, web, "iris.skops", skops.io.dumps(model))

    found = answered(served(shop, ended), **rows(("f0", "f1", "f2", "f3")))

    assert found["label"] == model.predict(iris()[0]).tolist()


def test_a_detector_of_anomalies_is_taken_in(shop: Workshop, web: WebServer) -> None:
    """Its score is turned round as that of one that was trained here: a higher one is more anomalous."""
    table, _ = iris()
    model = make_pipeline(StandardScaler(), IsolationForest(random_state=0)).fit(table)
    ended = fetched(shop, web, "flowers.skops", skops.io.dumps(model))

    found = answered(served(shop, ended), **rows(("f0", "f1", "f2", "f3")))

    usual = model.decision_function(table.astype(np.float32).astype(np.float64))
    assert found["score"] == pytest.approx(-usual)
    assert found["label"] == (usual < 0).astype(int).tolist()


def test_a_detector_of_its_own_rows_is_refused(shop: Workshop, web: WebServer) -> None:
    """Only with `novelty` it can be asked about others, and the way over ONNX is closed to detectors."""
    table, _ = iris()
    ended = fetched(shop, web, "flowers.skops", skops.io.dumps(LocalOutlierFactor().fit(table)))

    assert (ended.code, ended.message["field"]) == (64, "spec.importFrom.uri")
    assert ended.message["sentence"] == "the model scores only the rows that it learned from"
    assert ended.message["remedy"] == "fit it with novelty=True"


def test_a_detector_as_onnx_is_refused(shop: Workshop, web: WebServer) -> None:
    """In which direction its scores are anomalous, nobody could tell."""
    ended = fetched(shop, web, "flowers.onnx", exported(line(), columns=3), task="AnomalyDetection")

    assert (ended.code, ended.message["field"]) == (64, "spec.importFrom.task")
    assert ended.message["remedy"] == "take in the estimator of scikit-learn itself, saved with skops"


def test_a_pickle_is_not_loaded(shop: Workshop, web: WebServer, tmp_path: Path) -> None:
    """Loading one runs whatever its author likes; this one would leave a file."""
    trace = tmp_path / "it-ran"

    class Hostile:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return (Path.touch, (trace,))  # type: ignore[return-value]

    ended = fetched(shop, web, "iris.pkl", pickled(Hostile()))

    assert (ended.code, trace.exists()) == (64, False)
    assert ended.message["field"] == "spec.importFrom.allowUnsafeFormats"
    assert "loading one can run any code" in ended.message["sentence"]
    assert "export it as ONNX, or save it with skops" in ended.message["remedy"]


def test_a_pickle_that_is_allowed_becomes_something_safe(shop: Workshop, web: WebServer) -> None:
    """It is loaded once, in the pod that imports; servers never see it."""
    model = scaled()
    ended = fetched(shop, web, "iris.pkl", pickled(model), allowUnsafeFormats=True)

    found = answered(served(shop, ended), **rows(("f0", "f1", "f2", "f3")))

    assert found["label"] == model.predict(iris()[0]).tolist()
    files = {path.suffix for path in (shop.run_folder("elsewhere") / "import-0").rglob("*") if path.is_file()}
    assert files <= {".json", ".jsonl", ".onnx", ".skops"}


def test_a_pickle_that_nothing_safe_can_hold_is_served_only_where_that_is_allowed(
    shop: Workshop, web: WebServer
) -> None:
    """A step of somebody's own: the import says what it is, and a server wants to be told as well."""
    model = own_step()
    ended = fetched(shop, web, "iris.pkl", pickled(model), allowUnsafeFormats=True)

    with pytest.raises(UnservableError, match=r"model\.pkl is a pickle, .* only with runtime\.allowUnsafeFormats"):
        served(shop, ended)

    found = answered(served(shop, ended, MLWRIGHT_ALLOW_UNSAFE_FORMATS="true"), **rows(("f0", "f1", "f2", "f3")))
    assert found["label"] == model.predict(iris()[0]).tolist()
    assert ended.results["bundle"]["format"] == "Pickle"
    assert "holds the type tests.support.imports.doubled" in ended.results["formatReason"]


def test_a_pyfunc_is_taken_in_as_a_step_of_ones_own(
    shop: Workshop, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/mlflow.md tells: wrapped by the example, where pickles are allowed, and without the example's module."""

    class LongPetals:
        """What mlflow.pyfunc.PythonModel asks for."""

        def predict(self, context: object, model_input: Any) -> Any:
            assert context is None
            return 1 / (1 + np.exp(2.5 - model_input["petal_length"]))

    content = pyfunc_step.packed(pyfunc_step.PyfuncStep(LongPetals(), COLUMNS, [False, True]))
    monkeypatch.delitem(sys.modules, pyfunc_step.__name__)
    ended = fetched(shop, web, "model.pkl", content, allowUnsafeFormats=True, features=list(COLUMNS))

    found = answered(served(shop, ended, MLWRIGHT_ALLOW_UNSAFE_FORMATS="true"), **rows(COLUMNS))

    assert found["label"] == (iris()[0][:, 2] > 2.5).tolist()
    assert ended.results["bundle"]["format"] == "Pickle"


def test_a_pyfunc_as_it_stands_is_refused_with_what_to_do(shop: Workshop, web: WebServer) -> None:
    """Nothing in it says what it answers."""
    ended = fetched(shop, web, "churn.zip", packed({"MLmodel": b"flavors: {python_function: {}}"}))

    assert (ended.code, ended.message["field"]) == (64, "spec.importFrom.uri")
    assert "is a model with the flavors python_function" in ended.message["sentence"]
    assert "docs/mlflow.md shows how to wrap a python_function" in ended.message["remedy"]


def test_a_bundle_travels_as_it_is(shop: Workshop, web: WebServer) -> None:
    """Its digest is the same here and there; profile and golden rows come along, and nothing that no digest names."""
    told = document(shop.write(flights_table()), attempt=0)
    assert [shop.run(step, told).code for step in ("validate", "train")] == [0, 0]
    trained = shop.message()["results"]["bundle"]
    bundle = shop.run_folder() / "train-0" / "bundle"
    (bundle / "report.html").write_text("<script>alert()</script>")

    ended = fetched(shop, web, "flights.zip", folder_packed(bundle))

    assert ended.results["bundle"]["digest"] == trained["digest"]
    assert "missing" in ended.results["source"]
    assert ended.results["source"]["missing"] == []
    assert served(shop, ended).signature.inputs
    taken = {path.name for path in (shop.run_folder("elsewhere") / "import-0" / "bundle").iterdir()}
    assert taken == {path.name for path in bundle.iterdir()} - {"report.html", "run.json"}


def test_a_bundle_that_was_changed_on_its_way_is_refused(shop: Workshop, web: WebServer) -> None:
    """Every file is that of its digest, or none is taken."""
    told = document(shop.write(flights_table()), attempt=0)
    assert [shop.run(step, told).code for step in ("validate", "train")] == [0, 0]
    bundle = shop.run_folder() / "train-0" / "bundle"
    files = {path.name: path.read_bytes() for path in bundle.iterdir()}
    files["golden.jsonl"] += b"\n"

    ended = fetched(shop, web, "flights.zip", packed(files))

    assert (ended.code, "the bundle is damaged: golden.jsonl" in ended.message["sentence"]) == (64, True)


def test_a_digest_that_is_asked_for_must_be_met(shop: Workshop, web: WebServer) -> None:
    """Whoever serves the file may change it."""
    content = exported(forest())
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"

    met = fetched(shop, web, "iris.onnx", content, digest=digest)
    missed = fetched(shop, web, "iris.onnx", exported(line(), columns=3), digest=digest, attempt=1)

    assert (met.code, met.results["source"]["digest"]) == (0, digest)
    assert (missed.code, missed.message["field"]) == (64, "spec.importFrom.digest")


@pytest.mark.parametrize(
    "name,content,words",
    [
        ("a.onnx", b"no model", "is no ONNX model"),
        ("a.skops", b"no model", "skops cannot load it"),
        ("a.zip", packed({"readme.txt": b"hello"}), "holds no model"),
        ("a.zip", packed({"a.onnx": b"1", "b.onnx": b"2"}), "holds 2 models"),
        ("a.zip", packed({"MLmodel": b"flavors: {pytorch: {}}"}), "is a model with the flavors pytorch"),
        ("a.zip", packed({"MLmodel": b"flavors: {onnx: {data: ../../etc/passwd}}"}), "names a file that is not there"),
        ("a.zip", packed({"MLmodel": b"]["}), "does not describe a model"),
        ("a.zip", packed({"../../evil.onnx": b"1"}), "leads out of its folder"),
        ("a.bin", b"x", "holds no model"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    shop: Workshop, web: WebServer, name: str, content: bytes, words: str
) -> None:
    """With what is wrong and what would be right; nothing is left behind."""
    ended = fetched(shop, web, name, content)

    assert (ended.code, ended.message["field"], words in ended.message["sentence"]) == (64, "spec.importFrom.uri", True)
    assert ended.message["remedy"]
    left = {path.name for path in (shop.run_folder("elsewhere") / "import-0").iterdir()}
    assert left == {"result.json"}


def branching(place: str) -> bytes:
    """A model whose numbers lie in another file, though not in the main part of its graph."""
    outer = TensorProto(name="outer", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    outer.external_data.add(key="location", value="numbers.bin")
    constant = helper.make_node("Constant", [], ["chosen"], value=outer)
    told = helper.make_tensor_value_info("chosen", TensorProto.FLOAT, [1])
    branch = helper.make_graph([] if place == "initializer" else [constant], "branch", [], [told])
    if place == "initializer":
        outer.name = "chosen"
        branch.initializer.append(outer)
    node = helper.make_node("If", ["which"], ["answer"], then_branch=branch, else_branch=branch)
    fed = helper.make_tensor_value_info("which", TensorProto.BOOL, [1])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1])
    content: bytes = helper.make_model(helper.make_graph([node], "model", [fed], [answer])).SerializeToString()
    return content


@pytest.mark.parametrize("place", ["initializer", "constant"])
def test_numbers_in_other_files_are_refused_wherever_they_are_named(shop: Workshop, web: WebServer, place: str) -> None:
    """A bundle holds all that its model needs, and no model reads files of the server."""
    ended = fetched(shop, web, "a.onnx", branching(place))

    assert (ended.code, "keeps its numbers in other files" in ended.message["sentence"]) == (64, True)


def test_a_model_without_probabilities_is_refused(shop: Workshop, web: WebServer) -> None:
    """Every answer carries them."""
    ended = fetched(shop, web, "svc.skops", skops.io.dumps(LinearSVC().fit(*iris())))

    assert (ended.code, "no probabilities" in ended.message["sentence"]) == (64, True)


def test_names_that_do_not_fit_are_refused(shop: Workshop, web: WebServer) -> None:
    """Four columns have four names."""
    ended = fetched(shop, web, "iris.onnx", exported(forest()), features=["a", "b"])

    assert (ended.code, ended.message["field"]) == (64, "spec.importFrom.features")
    assert "takes 4 columns, and 2 are named" in ended.message["sentence"]


def test_the_task_must_be_what_the_model_does(shop: Workshop, web: WebServer) -> None:
    """A regression has no classes."""
    ended = fetched(shop, web, "line.onnx", exported(line(), columns=3), task="Classification")

    assert (ended.code, "answers no probabilities" in ended.message["sentence"]) == (64, True)


@pytest.mark.parametrize("status,reason", [(404, None), (403, None), (503, "StorageAway"), (429, "StorageAway")])
def test_an_answer_of_the_host_is_told(shop: Workshop, web: WebServer, status: int, reason: str | None) -> None:
    """What may pass is waited for, the rest is its author's to mend."""
    url = web.put("/refused.onnx", b"no", status=status)

    ended = take_in(shop, url, [web.url])

    assert (ended.code, str(status) in ended.message["sentence"], ended.message.get("reason")) == (64, True, reason)


def test_an_import_that_starts_twice_reports_the_first(shop: Workshop, web: WebServer) -> None:
    """A pod that a node lost may have been done already."""
    first = fetched(shop, web, "iris.onnx", exported(forest()))
    asked = len(web.asked)

    assert fetched(shop, web, "iris.onnx", b"gone").results == first.results
    assert len(web.asked) == asked
