"""Anomalies among real rows: learned without labels, judged with them where there are some, answered everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from sklearn.ensemble import IsolationForest

from mlwright.bundle.models import answer_all, load_model
from mlwright.bundle.packed import unpack
from mlwright.bundle.profile import read_profile
from mlwright.bundle.verification import verify
from mlwright.trainer.program import main
from mlwright.trainer.tables import read_side
from tests.support.predicting import Office
from tests.support.training import STEPS, Ended, Json, Workshop, flights_table
from tests.support.tumours import LABEL, detection, measures, tumours_table

pytestmark = pytest.mark.timeout(120)


def ran(shop: Workshop, told: Json, until: str = "evaluate") -> Ended:
    """Run the steps; the last one, or the first that failed, comes back."""
    ended = shop.run("validate", told)
    for step in STEPS[1 : STEPS.index(until) + 1]:
        ended = ended if ended.code else shop.run(step, told)
    return ended


def bundle_of(shop: Workshop) -> Path:
    """The folder of the bundle."""
    return shop.run_folder() / "train-0" / "bundle"


DETECTORS: dict[str, tuple[str, Json, str, float]] = {
    "an isolation forest": ("sklearn.ensemble.IsolationForest", {}, "ONNX", 0.8),
    "a support vector machine": ("sklearn.svm.OneClassSVM", {"nu": 0.1}, "ONNX", 0.65),
    "a linear machine": ("sklearn.linear_model.SGDOneClassSVM", {"nu": 0.1}, "ONNX", 0.65),
    "local density": ("sklearn.neighbors.LocalOutlierFactor", {"novelty": True}, "Skops", 0.65),
    "an ellipse": ("sklearn.covariance.EllipticEnvelope", {"contamination": 0.05}, "Skops", 0.8),
}


@pytest.mark.parametrize("name, parameters, stored, least", DETECTORS.values(), ids=DETECTORS.keys())
def test_every_detector_is_trained_without_labels_and_judged_by_them(
    shop: Workshop, name: str, parameters: Json, stored: str, least: float
) -> None:
    """Its bundle answers golden rows as it did in training, in the format that answers alike."""
    told = detection(shop.write(tumours_table()), estimator={"class": name, "parameters": parameters})

    ended = ran(shop, told)

    assert ended.code == 0, ended.message
    manifest = json.loads((bundle_of(shop) / "manifest.json").read_text())
    metrics = ended.results["metrics"]
    assert manifest["core"]["format"] == stored, manifest["formatReason"]
    assert manifest["core"]["task"] == "AnomalyDetection"
    assert manifest["core"]["signature"]["outputs"] == [
        {"name": "label", "datatype": "INT64"},
        {"name": "score", "datatype": "FP64"},
    ]
    assert 0 <= metrics["anomaly_rate"] <= 1
    assert metrics["roc_auc"] > least


def test_scores_are_those_of_scikit_learn_the_other_way_round(shop: Workshop) -> None:
    """A forest that somebody fits by hand on the same rows finds the same anomalies."""
    assert ran(shop, detection(shop.write(tumours_table())), "train").code == 0
    rows = [read_side(shop.run_folder() / "validate-0" / name, LABEL) for name in ("train.parquet", "test.parquet")]
    learned, held_out = (
        np.column_stack([column.to_numpy() for column in side.features]).astype(np.float32) for side in rows
    )
    core = verify(bundle_of(shop), json.loads((bundle_of(shop) / "manifest.json").read_text())["digest"]).core

    found = answer_all(load_model(bundle_of(shop), core), rows[1].arrays())

    usual = IsolationForest(random_state=7).fit(learned).decision_function(held_out)
    assert found["score"] == pytest.approx(-usual, abs=1e-5)
    assert set(np.sign(found["score"][found["label"] == 1])) == {1.0}
    assert (found["score"][found["label"] == 0] <= 0).all()


def test_labels_are_never_learned_from(shop: Workshop, tmp_path: Path) -> None:
    """With and without them the bundle is the same to the last byte."""
    blind = Workshop(tmp_path / "blind")

    made = [
        ran(place, detection(place.write(tumours_table()), labelled=labelled), "train").results["bundle"]["digest"]
        for place, labelled in ((shop, True), (blind, False))
    ]

    assert made[0] == made[1]


def test_texts_judge_as_marks_do(shop: Workshop, tmp_path: Path) -> None:
    """A column that says in words what a row is; only the digest of the data is another one."""
    table, place = tumours_table(), tumours_table().column_names.index(LABEL)
    words = pa.array(["malignant" if mark else "benign" for mark in table[LABEL].to_pylist()])
    named = Workshop(tmp_path / "named")
    uri = named.write(table.set_column(place, LABEL, words))

    marks = ran(shop, detection(shop.write(table)))
    texts = ran(named, detection(uri, dataset={"anomalousLabels": ["malignant"]}))

    assert texts.code == 0, texts.message
    assert texts.results["metrics"] == marks.results["metrics"]


def test_without_labels_it_is_told_how_many_are_called_anomalous(shop: Workshop) -> None:
    """Every column is a feature then; the text is encoded, and gaps are filled as for other forests."""
    told = detection(shop.write(flights_table()), labelled=False, dataset={"features": None})

    ended = ran(shop, told)

    assert ended.code == 0, ended.message
    assert set(ended.results["metrics"]) == {"anomaly_rate", "score_median", "score_p95", "score_p99"}
    assert ended.results["metrics"]["score_median"] <= ended.results["metrics"]["score_p99"]
    page = (bundle_of(shop) / "report.html").read_text()
    assert "A higher score is more anomalous" in page
    assert "Confusion" not in page
    profile = read_profile(bundle_of(shop))
    assert [output.name for output in profile.outputs] == ["label", "score"]
    assert sum(profile.outputs[0].counts.bins) == sum(profile.outputs[1].counts.bins) == ended.results["testRows"]


def test_the_page_of_a_detector_with_labels_shows_how_right_it_is(shop: Workshop) -> None:
    """Scores first, then what a classification shows."""
    assert ran(shop, detection(shop.write(tumours_table()))).code == 0

    page = (bundle_of(shop) / "report.html").read_text()

    for part in ("<h2>Scores</h2>", "histogram of the scores", "Confusion", "1 (anomalous)", "ROC curve"):
        assert part in page


SLICES: Json = {"metric": "anomaly_rate", "column": "lab", "max": 0.5, "minRows": 10}
FAIR: Json = {"metric": "demographic_parity_difference", "column": "lab", "max": 0.5, "minRows": 10}


def test_gates_without_labels_are_measured(shop: Workshop) -> None:
    """How many are flagged in each laboratory, and what an answer costs."""
    gates = [
        {"name": "every-lab", "type": "Slices", "slices": SLICES},
        {"name": "light", "type": "Cost", "cost": {"latencyP99": "1s"}},
    ]
    told = detection(
        shop.write(tumours_table()), labelled=False, evaluation={"metrics": ["anomaly_rate"], "gates": gates}
    )

    ended = ran(shop, told)

    assert ended.code == 0, ended.message
    assert ended.results["evidence"]["every-lab"]["judged"] == 2
    assert ended.results["evidence"]["light"]["latencyP99"] > 0


def test_gates_with_labels_are_those_of_two_classes(shop: Workshop) -> None:
    """Fairness and slices count whom the detector flags, and whom rightly."""
    gates = [
        {"name": "found", "type": "Slices", "slices": SLICES | {"metric": "recall"}},
        {"name": "fair", "type": "Fairness", "fairness": FAIR},
    ]

    ended = ran(shop, detection(shop.write(tumours_table()), evaluation={"metrics": ["f1"], "gates": gates}))

    assert ended.code == 0, ended.message
    assert 0 <= ended.results["evidence"]["fair"]["value"] <= 1
    assert 0 <= ended.results["evidence"]["found"]["worst"] <= 1


def test_a_champion_is_not_beaten_on_anomalies_that_are_not_there(shop: Workshop) -> None:
    """Both would find none of none, and be as good."""
    table = tumours_table()
    uri = shop.write(table.set_column(table.column_names.index(LABEL), LABEL, pa.array([0] * table.num_rows)))
    first = ran(shop, detection(uri, run="champion"), "train").results["bundle"]
    gate = {"name": "no-worse", "type": "Champion", "champion": {"metric": "recall", "confidence": 0.95}}
    told = detection(uri, run="challenger", evaluation={"metrics": ["accuracy"], "gates": [gate]})
    told["champion"] = {"name": "flights-v1", "version": 1, "uri": first["uri"], "digest": first["digest"]}

    ended = ran(shop, told)

    assert ended.results["evidence"]["no-worse"] == {"problem": "no row held out is labelled anomalous"}


@pytest.mark.parametrize("metric, test", [("accuracy", "Tango"), ("f1", "bootstrap")])
def test_the_champion_answers_the_same_labelled_rows(shop: Workshop, metric: str, test: str) -> None:
    """The paired test of a classification; the same forest once more is as good."""
    uri = shop.write(tumours_table())
    first = ran(shop, detection(uri, run="champion"), "train").results["bundle"]
    gate = {"name": "no-worse", "type": "Champion", "champion": {"metric": metric, "confidence": 0.95}}
    told = detection(uri, run="challenger", evaluation={"metrics": [metric], "gates": [gate]})
    told["champion"] = {"name": "flights-v1", "version": 1, "uri": first["uri"], "digest": first["digest"]}

    found = ran(shop, told).results["evidence"]["no-worse"]

    assert (found["new"], found["test"]) == (found["old"], test)


def test_labels_judge_the_search_for_parameters(shop: Workshop) -> None:
    """Trials learn without labels on folds, and the best by them is trained."""
    space = [{"name": "max_features", "type": "Float", "float": {"low": 0.2, "high": 1.0}}]
    tuning = {"trials": 3, "objectives": [{"name": "found", "metric": "average_precision"}], "space": space}
    told = detection(shop.write(tumours_table()), training={"tuning": tuning})
    told["inputs"]["tune"] = f"{told['runUri']}/tune-0"

    ended = [shop.run(step, told) for step in ("validate", "tune", "train")]

    assert [one.code for one in ended] == [0, 0, 0], [one.message for one in ended]
    best = ended[1].results["tuning"]["best"]
    assert 0 < best["values"]["found"] <= 1
    assert json.loads((bundle_of(shop) / "run.json").read_text())["parameters"] == best["parameters"]


NO_LABELS = "compares answers with labels, and dataset.target names no column of them"
CHAMPION: Json = {"name": "better", "type": "Champion", "champion": {"metric": "roc_auc"}}
OBJECTIVE: Json = {
    "trials": 1,
    "objectives": [{"name": "found", "metric": "recall"}],
    "space": [{"name": "max_samples", "type": "Float", "float": {"low": 0.2, "high": 1.0}}],
}
REFUSALS: dict[str, tuple[Json, str, str]] = {
    "a metric": ({"evaluation": {"metrics": ["roc_auc"]}}, "spec.evaluation.metrics", f"roc_auc {NO_LABELS}"),
    "a comparison with the champion": (
        {"evaluation": {"metrics": [], "gates": [CHAMPION]}},
        "spec.evaluation.metrics",
        f"roc_auc {NO_LABELS}",
    ),
    "fairness": (
        {"evaluation": {"metrics": [], "gates": [{"name": "fair", "type": "Fairness", "fairness": FAIR}]}},
        "spec.evaluation.gates[fair].fairness.metric",
        f"demographic_parity_difference {NO_LABELS}",
    ),
    "a stratified split": (
        {"dataset": {"split": {"type": "Stratified"}}},
        "spec.dataset.target",
        "is not set, and the Stratified split needs it",
    ),
    "a search": (
        {"training": {"tuning": OBJECTIVE}},
        "spec.training.tuning.objectives[found].metric",
        f"recall {NO_LABELS}",
    ),
}


@pytest.mark.parametrize("changes, field, sentence", REFUSALS.values(), ids=REFUSALS.keys())
def test_what_needs_labels_is_refused_without_them(shop: Workshop, changes: Json, field: str, sentence: str) -> None:
    """Before anything is learned."""
    ended = shop.run("validate", detection(shop.write(tumours_table()), labelled=False, **changes))

    assert ended.code == 64
    assert (ended.message["field"], ended.message["sentence"]) == (field, sentence)


@pytest.mark.parametrize("task", ["Classification", "Regression"])
def test_every_other_task_needs_a_target(shop: Workshop, task: str) -> None:
    """They learn to predict it."""
    told = detection(shop.write(tumours_table()), labelled=False, training={"task": task})

    ended = shop.run("validate", told)

    assert (ended.code, ended.message["field"]) == (64, "spec.dataset.target")
    assert ended.message["sentence"] == f"should be a text: a {task} learns to predict a column"


def test_stored_rows_get_labels_and_scores(shop: Workshop) -> None:
    """A batch prediction answers them as a server would, and counts the scores in the bins of the profile."""
    table = tumours_table()
    made = ran(shop, detection(shop.write(table, "learned.parquet"), labelled=False), "train").results["bundle"]
    (shop.root / "pvc" / "out").mkdir()
    version = {"name": "flights-v3", "model": "flights", "number": 3, "uri": made["uri"], "digest": made["digest"]}
    office = Office(shop, version)

    ended = office.run(office.task(shop.write(table.select(measures()), "rows.parquet"), shards=2))

    assert ended.code == 0, ended.message
    found = office.answers()
    assert found.schema.field("label").type == pa.int64()
    assert found.schema.field("score").type == pa.float64()
    scores: Any = found.column("score").to_numpy()
    assert (found.column("label").to_numpy() == (scores > 0)).all()
    counted = json.loads((office.folder / "profile.json").read_text())["outputs"]
    assert {output["name"]: output["n"] for output in counted} == {"label": table.num_rows, "score": table.num_rows}


def test_stored_rows_are_counted_by_score_and_held_against_labels(shop: Workshop) -> None:
    """What a drift monitor of stored rows reads: where the scores lie now, and how many labels were right."""
    table = tumours_table()
    made = ran(shop, detection(shop.write(table, "learned.parquet")), "train").results["bundle"]
    version = {"name": "flights-v3", "model": "flights", "number": 3, "uri": made["uri"], "digest": made["digest"]}
    told = {"schemaVersion": 1, "run": "count-1", "version": version, "dataset": {"uri": "pvc://lake/learned.parquet"}}
    env = Office(shop).env({}) | {"MLWRIGHT_COUNT": json.dumps({**told, "shards": 1, "outputs": True, "label": LABEL})}

    assert main(["count"], env) == 0, shop.message()

    counts = unpack(shop.message()["results"]["count"]["counts"])
    right, labelled = counts["labels"]
    assert sum(counts["output:score"]) == sum(counts["output:label"]) == labelled == table.num_rows
    assert 0.8 * labelled < right < labelled
