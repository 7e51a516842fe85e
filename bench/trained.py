"""Models for benchmarks, made by the real trainer from seeded data: the bundle, and the same in scikit-learn."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROWS: Final = 4_000
RUN: Final = "pvc://artifacts/runs/bench"
LOGISTIC_REGRESSION: Final = "sklearn.linear_model.LogisticRegression"
RANDOM_FOREST: Final = "sklearn.ensemble.RandomForestClassifier"
_FIT: Final = """
import sys
from pathlib import Path
import joblib
from mlwright.trainer.fitting import fit
from mlwright.trainer.step_document import read_step
from mlwright.trainer.tables import TRAIN, read_side

step = read_step("train", sys.argv[1])
side = read_side(Path(sys.argv[2]) / TRAIN, step.dataset.target)
joblib.dump(fit(step.training, side).pipeline, sys.argv[3])
"""


@dataclass(frozen=True, slots=True)
class Trained:
    """A bundle, where it is and rows to ask it about."""

    mount_root: Path
    uri: str
    digest: str
    rows: tuple[dict[str, float], ...]
    twin: Path
    """The same fitted pipeline as scikit-learn has it, stored with joblib."""


def train(folder: Path, estimator: str, parameters: Mapping[str, Any], *, features: int, asked: int = 1) -> Trained:
    """Train on numbers of which the first five decide; the same every time.

    Args:
        folder: An empty place.
        estimator: Class of scikit-learn.
        parameters: Its parameters.
        features: How many numbers a row has.
        asked: How many rows to ask about.
    """
    names = [f"f{place}" for place in range(features)]
    _write_data(folder / "pvc/data/bench.csv", names)
    (folder / "pvc/artifacts").mkdir()
    _run_step("validate", folder, estimator, parameters)
    bundle = _run_step("train", folder, estimator, parameters)["bundle"]
    chance = random.Random(2)  # noqa: S311 - data for a benchmark
    rows = tuple({name: round(chance.gauss(0, 1), 3) for name in names} for _ in range(asked))
    return Trained(folder, bundle["uri"], bundle["digest"], rows, _fit_again(folder, estimator, parameters))


def _write_data(path: Path, names: list[str]) -> None:
    chance = random.Random(1)  # noqa: S311 - data for a benchmark
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow([*names, "positive"])
        for _ in range(ROWS):
            values = [chance.gauss(0, 1) for _ in names]
            positive = sum(values[:5]) + chance.gauss(0, 1) > 0
            rows.writerow([*(f"{value:.6f}" for value in values), str(positive).lower()])


def _document(estimator: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "run": {"namespace": "bench", "name": "bench", "pipeline": "bench", "generation": 1, "attempt": 0}
        | {"triggeredAt": "2026-01-02T03:04:05Z"},
        "model": "bench",
        "dataset": {
            "uri": "pvc://data/bench.csv",
            "target": "positive",
            "split": {"type": "Hash", "hash": {"test": 0.2, "seed": 0}},
        },
        "training": {
            "task": "Classification",
            "type": "Estimator",
            "seed": 7,
            "estimator": {"class": estimator, "parameters": dict(parameters), "preprocessing": "Auto"},
        },
        "evaluation": {"metrics": ["roc_auc"]},
        "runUri": RUN,
        "inputs": {earlier: f"{RUN}/{earlier}-0" for earlier in ("validate", "train")},
        "image": "bench",
    }


def _run_step(step: str, folder: Path, estimator: str, parameters: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    words = folder / f"{step}.words"
    environment = os.environ | {
        "MLWRIGHT_MOUNT_ROOT": str(folder),
        "MLWRIGHT_STEP": json.dumps(_document(estimator, parameters)),
        "MLWRIGHT_TERMINATION_LOG": str(words),
    }
    command = [sys.executable, "-m", "mlwright.trainer", step]
    subprocess.run(command, check=False, env=environment, stderr=subprocess.DEVNULL)
    result = json.loads(words.read_text())
    if result["outcome"] != "Succeeded":
        raise SystemExit(f"the benchmark's model could not be trained: {result['sentence']}")
    results: dict[str, dict[str, str]] = result["results"]
    return results


def _fit_again(folder: Path, estimator: str, parameters: Mapping[str, Any]) -> Path:
    """Fit once more what the step train fitted, and store it as scikit-learn's users do."""
    path = folder / "model.joblib"
    data = folder / "pvc/artifacts/runs/bench/validate-0"
    document = json.dumps(_document(estimator, parameters))
    subprocess.run([sys.executable, "-c", _FIT, document, data, path], check=True)
    return path
