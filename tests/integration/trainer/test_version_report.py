"""`report.html`: every version has a page that a browser shows without loading anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlwright.bundle.verification import verify
from mlwright.trainer.report.version_report import roc_and_precision
from tests.support.browser import Browser
from tests.support.training import STEPS, Json, Workshop, document, flights_table

ROWS = 600
SLICES: Json = {"metric": "accuracy", "min": 0.5, "column": "region", "minRows": 10}
COST: Json = {"latencyP99": "1s"}
GATES: list[Json] = [
    {"name": "every-region", "type": "Slices", "slices": SLICES},
    {"name": "light", "type": "Cost", "cost": COST},
]
TUNING: Json = {
    "trials": 3,
    "objectives": [{"name": "good", "metric": "roc_auc"}],
    "space": [{"name": "max_leaf_nodes", "type": "Int", "int": {"low": 3, "high": 30}}],
}
REGRESSION: Json = {
    "dataset": {"target": "hour"},
    "training": {"task": "Regression"},
    "estimator": {"class": "sklearn.ensemble.HistGradientBoostingRegressor"},
}

DETECTION: Json = {
    "training": {"task": "AnomalyDetection"},
    "estimator": {"class": "sklearn.ensemble.IsolationForest", "parameters": {}},
}


def made(shop: Workshop, **changes: Json) -> Path:
    """Train a version; the folder of its bundle comes back."""
    names = ["<script>alert(1)</script>", "south & west", "isle"]
    regions = pa.array([names[row % 2] if row % 60 else names[2] for row in range(ROWS)])
    uri = shop.write(flights_table(ROWS).append_column("region", regions))
    told = document(uri, **changes)  # type: ignore[arg-type]  # parts of the document by name
    steps = list(STEPS)
    if "tuning" in told["training"]:
        told["inputs"]["tune"] = f"{told['runUri']}/tune-0"
        steps.insert(1, "tune")
    for step in steps:
        ended = shop.run(step, told)
        assert ended.code == 0, ended.message
    return shop.run_folder() / "train-0" / "bundle"


def test_the_page_shows_what_was_measured(shop: Workshop) -> None:
    """Metrics, confusion, curves, importance, slices; values of few rows appear nowhere, and nothing is executed."""
    page = (made(shop, evaluation={"metrics": [], "gates": GATES}) / "report.html").read_text()

    for part in ("Metrics", "Confusion", "ROC curve", "Precision and recall", "Features by importance", "Slices"):
        assert part in page
    assert "south &amp; west" in page
    assert "isle" not in page
    assert "<script" not in page
    assert page.count("<polyline") == 4
    assert not re.search(r"https?://|//[a-z]", page)


def test_of_a_few_classes_each_is_ranked_against_the_others(shop: Workshop) -> None:
    """As the areas among the metrics are means over the classes."""
    page = (made(shop, dataset={"target": "region"}) / "report.html").read_text()

    ranked = re.findall("<h2>Ranking of ([^<]+)</h2>", page)
    assert ranked == ["&lt;script&gt;alert(1)&lt;/script&gt;", "isle", "south &amp; west"]
    assert page.count('aria-label="ROC curve"') == page.count('aria-label="precision-recall curve"') == 3


def test_the_page_of_a_regression_shows_its_errors(shop: Workshop) -> None:
    """There are no classes to confuse."""
    page = (made(shop, **REGRESSION) / "report.html").read_text()

    assert "of the errors are at most" in page
    assert "Confusion" not in page


def test_the_page_tells_how_the_search_went(shop: Workshop) -> None:
    """Each trial is a point, and the best one stands first in the table."""
    page = (made(shop, training={"tuning": TUNING}) / "report.html").read_text()
    trials = json.loads((shop.run_folder() / "tune-0" / "trials.json").read_text())
    best = max(trials, key=lambda trial: trial["values"]["good"])

    assert "Of 3 trials 3 finished." in page
    assert page.count("<circle") == 3
    assert re.findall(r"max_leaf_nodes (\d+)", page)[0] == str(best["parameters"]["max_leaf_nodes"])


def test_the_page_is_no_part_of_the_digest(shop: Workshop) -> None:
    """A server takes the bundle with it and without it."""
    folder = made(shop)
    digest = shop.message()  # of the last step
    manifest = (folder / "manifest.json").read_text()
    found = re.search(r'"digest": "(sha256:[0-9a-f]{64})"', manifest)
    assert found
    assert digest["outcome"] == "Succeeded"
    assert "report.html" not in manifest

    assert verify(folder, found.group(1)).digest == found.group(1)


@pytest.mark.parametrize("task", ["Classification", "Regression", "AnomalyDetection", "Tuned"])
def test_a_real_browser_shows_the_page(shop: Workshop, browser: Browser, task: str, tmp_path: Path) -> None:
    """It understands the whole page and has nothing to complain of."""
    changes: dict[str, Json] = REGRESSION if task == "Regression" else {"evaluation": {"metrics": [], "gates": GATES}}
    changes = changes | {"Tuned": {"training": {"tuning": TUNING}}, "AnomalyDetection": DETECTION}.get(task, {})
    page = made(shop, **changes) / "report.html"

    shown, complaints = browser.dump(page)
    browser.photograph(page, tmp_path / "page.png")

    assert complaints == []
    assert shown.count("<svg") == page.read_text().count("<svg")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_the_curves_are_those_of_the_counts() -> None:
    """Worked by hand: four rows, the best of them positive, two with equal scores."""
    found, alarms, precision = roc_and_precision(np.array([True, False, True, False]), np.array([0.9, 0.6, 0.6, 0.1]))

    assert found.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert alarms.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert precision.tolist() == [1.0, 1.0, pytest.approx(2 / 3), 0.5]
