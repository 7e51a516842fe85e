"""A place to predict in: a trained bundle on a claim, rows on another, and the two programs of a batch prediction."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from mlwright.trainer.program import main
from tests.support.training import Ended, Json, Workshop, document

RUN = "flights-batch-1"
FOLDER = f"{RUN}-0a1b2c3d"


@dataclass(frozen=True, slots=True)
class Office:
    """A mount root with the claims `store` (bundles), `lake` (rows) and `out` (answers)."""

    workshop: Workshop
    version: Json = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    """Variables with the keys of an object store."""

    @property
    def out(self) -> Path:
        """Where the answers go."""
        return self.workshop.root / "pvc" / "out" / "answers"

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.out / FOLDER

    @property
    def draft(self) -> Path:
        """The hidden folder of the run."""
        return self.out / f".{FOLDER}.tmp"

    def task(self, uri: str, shards: int = 1, **changes: Json) -> Json:
        """The document of a run; `input`, `output` and `version` change its parts."""
        changes = copy.deepcopy(changes)
        return {
            "schemaVersion": 1,
            "run": {"namespace": "demo", "batch": "flights", "name": RUN},
            "version": {**self.version, **changes.get("version", {})},
            "input": {"uri": uri, **changes.get("input", {})},
            "output": {"uri": "pvc://out/answers", "folder": FOLDER, **changes.get("output", {})},
            "shards": shards,
        }

    def env(self, task: Mapping[str, Any], shard: int = 0) -> dict[str, str]:
        """The environment of a pod."""
        return {
            "MLWRIGHT_BATCH": json.dumps(task),
            "MLWRIGHT_MOUNT_ROOT": str(self.workshop.root),
            "MLWRIGHT_TERMINATION_LOG": str(self.workshop.root / "termination-log"),
            "JOB_COMPLETION_INDEX": str(shard),
            **self.keys,
        }

    def predict(self, task: Mapping[str, Any], shard: int = 0) -> Ended:
        """Answer the rows of a shard inside the test."""
        return Ended(main(["predict"], self.env(task, shard)), self.workshop.message())

    def publish(self, task: Mapping[str, Any]) -> Ended:
        """Let the answers appear."""
        return Ended(main(["publish"], self.env(task)), self.workshop.message())

    def run(self, task: Mapping[str, Any]) -> Ended:
        """Do a whole run; its end is that of the first program that fails."""
        for shard in range(task["shards"]):
            ended = self.predict(task, shard)
            if ended.code:
                return ended
        return self.publish(task)

    def spawn(self, task: Mapping[str, Any], shard: int = 0) -> subprocess.Popen[bytes]:
        """Start a shard as a program of its own."""
        env = {"PATH": os.environ["PATH"], **self.env(task, shard)}
        return subprocess.Popen([sys.executable, "-m", "mlwright.trainer", "predict"], env=env)

    def answers(self) -> Any:
        """The answers of the run as one table, in the order of shards."""
        manifest = json.loads((self.folder / "manifest.json").read_bytes())
        return pa.concat_tables(pyarrow.parquet.read_table(self.folder / part["path"]) for part in manifest["parts"])


def open_office(root: Path, table: Any) -> Office:
    """Train on a table and return a place in which that version answers."""
    workshop = Workshop(root)
    told = document(workshop.write(table, "learned.parquet"))
    validated, ended = (workshop.run(step, told) for step in ("validate", "train"))
    assert (validated.code, ended.code) == (0, 0), ended.message["sentence"]
    bundle = ended.results["bundle"]
    version = {"name": "flights-v3", "model": "flights", "number": 3, "uri": bundle["uri"], "digest": bundle["digest"]}
    (root / "pvc" / "out").mkdir(parents=True)
    return Office(workshop, version)
