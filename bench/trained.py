"""Bundles for benchmarks, made by the real trainer from seeded data."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROWS = 4_000
RUN = "pvc://artifacts/runs/bench"


@dataclass(frozen=True, slots=True)
class Trained:
    """A bundle, where it is and a row to ask it about."""

    mount_root: Path
    uri: str
    digest: str
    row: dict[str, float]


def train_logistic_regression(folder: Path, *, features: int) -> Trained:
    """Train on numbers of which the first five decide; the same every time."""
    names = [f"f{place}" for place in range(features)]
    _write_data(folder / "pvc/data/bench.csv", names)
    (folder / "pvc/artifacts").mkdir()
    _run_step("validate", folder)
    bundle = _run_step("train", folder)["bundle"]
    return Trained(folder, bundle["uri"], bundle["digest"], dict.fromkeys(names, 0.5))


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


def _run_step(step: str, folder: Path) -> dict[str, dict[str, str]]:
    document = {
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
            "estimator": {
                "class": "sklearn.linear_model.LogisticRegression",
                "parameters": {},
                "preprocessing": "Auto",
            },
        },
        "evaluation": {"metrics": ["roc_auc"]},
        "runUri": RUN,
        "inputs": {earlier: f"{RUN}/{earlier}-0" for earlier in ("validate", "train")},
        "image": "bench",
    }
    words = folder / f"{step}.words"
    environment = os.environ | {
        "MLWRIGHT_MOUNT_ROOT": str(folder),
        "MLWRIGHT_STEP": json.dumps(document),
        "MLWRIGHT_TERMINATION_LOG": str(words),
    }
    command = [sys.executable, "-m", "mlwright.trainer", step]
    subprocess.run(command, check=False, env=environment, stderr=subprocess.DEVNULL)
    result = json.loads(words.read_text())
    if result["outcome"] != "Succeeded":
        raise SystemExit(f"the benchmark's model could not be trained: {result['sentence']}")
    results: dict[str, dict[str, str]] = result["results"]
    return results
