"""A place to train in: a mount root with data on a claim, and steps run as programs or inside the test."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mlwright.process.threads import pin_pools
from mlwright.trainer.program import main
from mlwright.trainer.step import DataFormat, Dataset, Split, SplitType, Storage

Json = dict[str, Any]

STEP_SECONDS: Final = 240
"""The longest that a step of a test takes on a busy machine, and more."""
STEPS: Final = ("validate", "train", "evaluate")

HGB: Final = "sklearn.ensemble.HistGradientBoostingClassifier"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a step ended."""

    code: int
    message: Json  # the termination message
    log: str = ""

    @property
    def results(self) -> Json:
        """What the step reported."""
        results: Json = self.message["results"]
        return results


@dataclass(frozen=True, slots=True)
class Workshop:
    """A mount root with the claims `lake` (data) and `store` (artifacts)."""

    root: Path

    @property
    def lake(self) -> Path:
        """Folder of the data."""
        return self.root / "pvc" / "lake"

    def run_folder(self, run: str = "run-1") -> Path:
        """Folder of a run's results."""
        return self.root / "pvc" / "store" / "mlwright" / "demo" / "flights" / "runs" / run

    def write(self, table: Any, name: str = "data.parquet") -> str:
        """Write a table in the format that the name asks for; its address comes back."""
        self.lake.mkdir(parents=True, exist_ok=True)
        path = self.lake / name
        if path.suffix == ".csv":
            pyarrow.csv.write_csv(table, path)
        elif path.suffix == ".parquet":
            pyarrow.parquet.write_table(table, path)
        else:
            path.write_text("".join(json.dumps(row, default=str) + "\n" for row in table.to_pylist()), encoding="utf-8")
        return f"pvc://lake/{name}"

    def env(self, document: Mapping[str, Any]) -> dict[str, str]:
        """The environment of a step."""
        return {
            "MLWRIGHT_STEP": json.dumps(document),
            "MLWRIGHT_MOUNT_ROOT": str(self.root),
            "MLWRIGHT_TERMINATION_LOG": str(self.root / "termination-log"),
        }

    def run(self, step: str, document: Mapping[str, Any]) -> Ended:
        """Run a step inside the test."""
        code = main([step], self.env(document))
        return Ended(code, self.message())

    def spawn(self, step: str, document: Mapping[str, Any], **env: str) -> Ended:
        """Run a step as a program of its own, with one thread unless `env` says otherwise."""
        told = {"PATH": os.environ["PATH"], **self.env(document)}
        pin_pools(told, 1)
        ended = subprocess.run(
            [sys.executable, "-m", "mlwright.trainer", step],
            env=told | env,
            capture_output=True,
            text=True,
            check=False,
            timeout=STEP_SECONDS,
        )
        return Ended(ended.returncode, self.message(), ended.stderr)

    def message(self) -> Json:
        """The termination message of the last step."""
        message: Json = json.loads((self.root / "termination-log").read_bytes())
        return message


def document(uri: str, *, target: str = "late", run: str = "run-1", attempt: int = 0, **changes: Json) -> Json:
    """The document of a step; `dataset`, `training`, `estimator` and `evaluation` change its parts."""
    address = f"pvc://store/mlwright/demo/flights/runs/{run}"
    estimator = {"class": HGB, "parameters": {"max_iter": 5}, "preprocessing": "Auto"}
    changes = copy.deepcopy(changes)
    return {
        "schemaVersion": 1,
        "run": {"namespace": "demo", "name": run, "pipeline": "flights", "generation": 1, "attempt": attempt},
        "model": "flights",
        "dataset": {"uri": uri, "target": target, **changes.get("dataset", {})},
        "training": {
            "task": "Classification",
            "type": "Estimator",
            "seed": 7,
            "estimator": estimator | changes.get("estimator", {}),
            **changes.get("training", {}),
        },
        "evaluation": {"metrics": [], **changes.get("evaluation", {})},
        "runUri": address,
        "inputs": {"validate": f"{address}/validate-0", "train": f"{address}/train-0"},
        "image": "localhost/mlwright/trainer:test",
    }


def dataset(uri: str, given: DataFormat | None = None, storage: Storage | None = None) -> Dataset:
    """A dataset of which only the place matters."""
    split = Split(SplitType.HASH, 0.2, 0)
    roles = (None, None, None, None, None)
    return Dataset(uri, given, "late", *roles, split, storage=storage or Storage())


def flights_table(rows: int = 400) -> Any:
    """Invented flights with one feature of each datatype; lateness depends on the hour and the carrier."""
    hours = [5 + (7 * row) % 17 for row in range(rows)]
    carriers = [("UA", "AA", "B6", "DL")[(3 * row) % 4] for row in range(rows)]
    return pa.table(
        {
            "distance": [None if row % 29 == 0 else 200.0 + (37 * row) % 1900 / 3 for row in range(rows)],
            "hour": hours,
            "weekend": [row % 7 < 2 for row in range(rows)],
            "carrier": ["" if row % 31 == 0 else carrier for row, carrier in enumerate(carriers)],
            "late": [(hour > 15) ^ (carrier == "B6") for hour, carrier in zip(hours, carriers, strict=True)],
        }
    )
