"""From a file of rows to answers over HTTP: the trainer's own bundles are served and answer as they were scored."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlwright.bundle.golden import GoldenRow, read_golden
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.verification import read_manifest
from tests.support.serving import ServerProcess

Start = Callable[..., ServerProcess]

RUN = "pvc://artifacts/runs/late"


def write_rows(path: Path) -> None:
    """Numbers with gaps, whole numbers, truth and text, and a label that depends on all of them."""
    chance = random.Random(3)  # noqa: S311 - data for a test
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["distance", "dep_hour", "weekend", "carrier", "late"])
        for _ in range(2_000):
            distance, hour = round(chance.uniform(100, 2500), 1), chance.randint(5, 22)
            weekend, carrier = chance.random() < 0.3, chance.choice(["UA", "AA", "DL", "B6"])
            late = hour / 10 - distance / 2000 - weekend + (carrier == "B6") + chance.gauss(0, 0.5) > 1
            gap = "" if chance.random() < 0.05 else distance
            rows.writerow([gap, hour, str(weekend).lower(), carrier, str(late).lower()])


def run_step(step: str, root: Path, estimator: str) -> dict[str, Any]:
    """One training step as its own process."""
    document = {
        "schemaVersion": 1,
        "run": {"namespace": "demo", "name": "late", "pipeline": "late", "generation": 1, "attempt": 0}
        | {"triggeredAt": "2026-01-02T03:04:05Z"},
        "model": "late",
        "dataset": {
            "uri": "pvc://data/flights.csv",
            "target": "late",
            "split": {"type": "Hash", "hash": {"test": 0.2}},
        },
        "training": {
            "task": "Classification",
            "type": "Estimator",
            "seed": 7,
            "estimator": {"class": estimator, "parameters": {}, "preprocessing": "Auto"},
        },
        "evaluation": {"metrics": ["roc_auc"]},
        "runUri": RUN,
        "inputs": {earlier: f"{RUN}/{earlier}-0" for earlier in ("validate", "train")},
        "image": "tests",
    }
    words = root / f"{step}.words"
    environment = os.environ | {
        "MLWRIGHT_MOUNT_ROOT": str(root),
        "MLWRIGHT_STEP": json.dumps(document),
        "MLWRIGHT_TERMINATION_LOG": str(words),
    }
    subprocess.run([sys.executable, "-m", "mlwright.trainer", step], check=True, env=environment)
    results: dict[str, Any] = json.loads(words.read_text())["results"]
    return results


def batch(rows: tuple[GoldenRow, ...], datatypes: dict[str, Datatype]) -> dict[str, Any]:
    """Golden rows as one request."""
    return {
        "inputs": [
            {
                "name": name,
                "shape": [len(rows), 1],
                "datatype": datatype,
                "data": [row.inputs[name] for row in rows],
            }
            for name, datatype in datatypes.items()
        ]
    }


ESTIMATORS = {
    "a linear model": "sklearn.linear_model.LogisticRegression",
    "boosted trees": "sklearn.ensemble.HistGradientBoostingClassifier",
}


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS.keys())
def test_a_trained_model_answers_as_it_was_scored(start: Start, tmp_path: Path, estimator: str) -> None:
    """Golden rows asked over HTTP, all in one batch, get the answers that training recorded."""
    write_rows(tmp_path / "pvc/data/flights.csv")
    (tmp_path / "pvc/artifacts").mkdir()
    run_step("validate", tmp_path, estimator)
    bundle = run_step("train", tmp_path, estimator)["bundle"]
    folder = tmp_path / "pvc/artifacts/runs/late/train-0/bundle"
    rows, signature = read_golden(folder), read_manifest(folder).core.signature
    server = start(
        MLWRIGHT_MOUNT_ROOT=str(tmp_path),
        MLWRIGHT_BUNDLE_URI=bundle["uri"],
        MLWRIGHT_BUNDLE_DIGEST=bundle["digest"],
    ).ready()

    status, answer = server.ask(
        "POST", "/v2/models/flights/infer", batch(rows, {one.name: one.datatype for one in signature.inputs})
    )

    assert status == 200
    outputs = {one["name"]: one["data"] for one in answer["outputs"]}
    assert outputs["label"] == [row.outputs["label"] for row in rows]
    expected = [value for row in rows for value in row.outputs["probabilities"]]  # type: ignore[attr-defined] # a list
    assert outputs["probabilities"] == pytest.approx(expected, abs=1e-5)
    assert {one.datatype for one in signature.inputs} == set(Datatype)
