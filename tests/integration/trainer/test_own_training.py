"""A model that a plain script has fitted becomes a bundle like any other: judged, profiled, evaluated, served."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from mlwright.bundle.manifest import Manifest
from mlwright.trainer.program import main
from tests.support.training import Workshop, document, flights_table


def write_model(workshop: Workshop, change: str = "") -> None:
    """Let a script that knows nothing of mlwright write a model by hand, in the folder of the container."""
    folder = workshop.run_folder() / ".own-train-0.tmp"
    script = MODEL + change + "\nonnx.save(model, os.environ['MLWRIGHT_OUTPUT_MODEL'])\n"
    told = {
        "MLWRIGHT_INPUT_TRAIN": str(workshop.run_folder() / "validate-0" / "train.parquet"),
        "MLWRIGHT_OUTPUT_MODEL": str(folder / "model.onnx"),
    }
    subprocess.run([sys.executable, "-I", "-c", script], env=told, check=True)


MODEL = """
import os
import onnx, pyarrow.parquet
from onnx import TensorProto as T, helper

table = pyarrow.parquet.read_table(os.environ["MLWRIGHT_INPUT_TRAIN"])
features = [name for name in table.column_names if name != "late"]
kinds = {"int64": T.INT64, "double": T.DOUBLE, "bool": T.BOOL, "string": T.STRING, "large_string": T.STRING}
types = {name: kinds[str(table.schema.field(name).type)] for name in features}
late = [hour for hour, is_late in zip(table["hour"].to_pylist(), table["late"].to_pylist()) if is_late]
bound = float(sum(late)) / len(late)
nodes = [
    helper.make_node("Cast", ["hour"], ["h"], to=T.DOUBLE),
    helper.make_node("Sub", ["h", "bound"], ["d"]),
    helper.make_node("Sigmoid", ["d"], ["p"]),
    helper.make_node("Sub", ["one", "p"], ["q"]),
    helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1),
    helper.make_node("Greater", ["p", "q"], ["l"]),
    helper.make_node("Reshape", ["l", "flat"], ["label"]),
]
constants = [
    helper.make_tensor("bound", T.DOUBLE, [1], [bound]),
    helper.make_tensor("one", T.DOUBLE, [1], [1.0]),
    helper.make_tensor("flat", T.INT64, [1], [-1]),
]
inputs = [helper.make_tensor_value_info(name, types[name], [None, 1]) for name in features]
outputs = [
    helper.make_tensor_value_info("label", T.BOOL, [None]),
    helper.make_tensor_value_info("probabilities", T.DOUBLE, [None, 2]),
]
graph = helper.make_graph(nodes, "mine", inputs, outputs, constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
"""


@pytest.fixture
def told(shop: Workshop, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what the steps of a run are told whose model a container fits; validate and prepare are done."""
    known = document(shop.write(flights_table()))
    task = getattr(request, "param", "Classification")
    known["training"] = {"task": task, "type": "Container", "seed": 7, "container": {"image": "mine:1"}}
    assert shop.run("validate", known).code == 0
    work = {"run": "run-1", "step": "own-train", "attempt": 0, "runUri": known["runUri"], "inputs": [], "outputs": []}
    assert main(["prepare"], shop.env(known) | {"MLWRIGHT_OWN": json.dumps(work)}) == 0
    return known


def test_a_model_that_a_script_has_fitted_becomes_a_version(shop: Workshop, told: dict[str, Any]) -> None:
    """It is taken in, profiled and scored on the held-out rows; the folder of the container is gone."""
    write_model(shop)
    trained = shop.run("train", told)
    evaluated = shop.run("evaluate", told)
    bundle = shop.run_folder() / "train-0" / "bundle"

    assert (trained.code, evaluated.code) == (0, 0), (trained.message, evaluated.message)
    assert trained.message["sentence"].startswith("took in the model that the container learned from ")
    assert trained.results["bundle"]["format"] == "ONNX"
    assert evaluated.results["metrics"]["roc_auc"] > 0.5
    assert sorted(path.name for path in bundle.iterdir()) == [
        "golden.jsonl",
        "manifest.json",
        "model.onnx",
        "profile.json",
        "report.html",
        "run.json",
    ]
    assert (
        Manifest.from_document(json.loads((bundle / "manifest.json").read_text())).digest
        == (trained.results["bundle"]["digest"])
    )
    assert not (shop.run_folder() / ".own-train-0.tmp").exists()


DETECTOR = """
del model.graph.node[3:], model.graph.output[:]
model.graph.node.extend([
    helper.make_node("Reshape", ["d", "flat"], ["score"]),
    helper.make_node("Greater", ["score", "zero"], ["above"]),
    helper.make_node("Cast", ["above"], ["label"], to=T.INT64),
])
model.graph.initializer.append(helper.make_tensor("zero", T.DOUBLE, [], [0.0]))
model.graph.output.extend([
    helper.make_tensor_value_info("label", T.INT64, [None]),
    helper.make_tensor_value_info("score", T.DOUBLE, [None]),
])
"""


@pytest.mark.parametrize("told", ["AnomalyDetection"], indirect=True)
def test_a_detector_that_a_script_has_fitted_becomes_a_version(shop: Workshop, told: dict[str, Any]) -> None:
    """It answers labels and scores, and is judged by the column of labels that the pipeline names."""
    write_model(shop, DETECTOR)

    trained, evaluated = shop.run("train", told), shop.run("evaluate", told)

    assert (trained.code, evaluated.code) == (0, 0), (trained.message, evaluated.message)
    manifest = json.loads((shop.run_folder() / "train-0" / "bundle" / "manifest.json").read_text())
    assert [output["name"] for output in manifest["core"]["signature"]["outputs"]] == ["label", "score"]
    assert evaluated.results["metrics"]["roc_auc"] > 0.5


CONTRADICTIONS: dict[str, str] = {
    "as scikit-learn has them": """
del model.graph.node[-1]
model.graph.node.extend([
    helper.make_node("Where", ["above", "plus", "minus"], ["label"]),
])
model.graph.initializer.append(helper.make_tensor("plus", T.INT64, [], [1]))
model.graph.initializer.append(helper.make_tensor("minus", T.INT64, [], [-1]))
""",
    "by a threshold of its own": "model.graph.initializer[-1].double_data[0] = 2.0",
}


@pytest.mark.parametrize("told", ["AnomalyDetection"], indirect=True)
@pytest.mark.parametrize("change", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_labels_that_contradict_the_score_are_refused(shop: Workshop, told: dict[str, Any], change: str) -> None:
    """What servers, drift monitors and pages say of a score is that it is anomalous above 0."""
    write_model(shop, DETECTOR + change)

    ended = shop.run("train", told)

    assert (ended.code, ended.message["field"]) == (64, "spec.training.container")
    assert ended.message["sentence"].startswith("the output label of its model.onnx contradicts score in ")
    assert ended.message["remedy"].startswith("let it answer label 1 where score is above 0, else 0")


@pytest.mark.parametrize("told", ["AnomalyDetection"], indirect=True)
def test_a_classifier_is_no_detector(shop: Workshop, told: dict[str, Any]) -> None:
    """The outputs are those of the task."""
    write_model(shop)

    ended = shop.run("train", told)

    assert ended.code == 64
    assert ended.message["sentence"].endswith("not label tensor(int64), score tensor(double)")


MISTAKES: dict[str, tuple[str | None, str]] = {
    "no model": (None, "it left no model.onnx"),
    "another output": ("model.graph.output[0].name = 'class'", "its model.onnx is no model that ONNX Runtime can load"),
    "an input too few": ("del model.graph.input[-1]", "the inputs of its model.onnx are "),
    "an output too few": (
        "del model.graph.output[1]",
        "the outputs of its model.onnx are label tensor(bool), not",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_model_that_cannot_be_used_is_refused(shop: Workshop, told: dict[str, Any], name: str) -> None:
    """With the field, what is wrong and what to do; it is the author's error, so it is not tried again."""
    change, says = MISTAKES[name]
    if change is not None:
        write_model(shop, change)
    ended = shop.run("train", told)

    assert ended.code == 64
    assert ended.message["sentence"].startswith(says)
    assert ended.message["field"] == "spec.training.container"
