"""The examples of containers: plain scripts that know nothing of mlwright are whole steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlwright.trainer.program import main
from tests.support.customers import csv, customers
from tests.support.training import Workshop, document

EXAMPLES = Path(__file__).parents[3] / "examples" / "containers"


class Step:
    """One step with a container, played by processes in a mount root."""

    def __init__(self, workshop: Workshop, name: str, outputs: list[dict[str, str]]) -> None:
        self.workshop, self.name, self.outputs = workshop, name, outputs
        self.message: dict[str, Any] = {}

    def run(self, command: list[str], shard: str = "", **variables: str) -> int:
        """Run a program between our two containers, with the variables of the contract and nothing else."""
        assert self._ours("prepare", shard) == 0, self.message
        folder = self.workshop.run_folder() / (f"{self.name}-0" if shard else "")
        draft = folder / (f".{shard}.tmp" if shard else f".{self.name}-0.tmp")
        paths = {f"MLWRIGHT_OUTPUT_{o['name'].upper()}": str(draft / o["name"]) for o in self.outputs}
        told = {
            "PATH": os.environ["PATH"],
            "MLWRIGHT_OUTPUT": str(draft),
            "MLWRIGHT_RESULT": str(draft / "result.json"),
        }
        subprocess.run(command, env={**told, **paths, **variables}, check=True, cwd=self.workshop.root)
        return self._ours("seal", shard)

    def _ours(self, part: str, shard: str) -> int:
        task = {"run": "run-1", "step": self.name, "attempt": 0, "inputs": [], "outputs": self.outputs}
        task |= {"runUri": "pvc://store/mlwright/demo/flights/runs/run-1"}
        log = self.workshop.root / "termination-log"
        env = {"MLWRIGHT_OWN": json.dumps(task), "MLWRIGHT_SHARD": shard, "MLWRIGHT_TERMINATION_LOG": str(log)}
        code = main([part], env | {"MLWRIGHT_MOUNT_ROOT": str(self.workshop.root)})
        self.message = json.loads(log.read_text())
        return code


@pytest.fixture
def features(shop: Workshop) -> Step:
    """Return the step features of the example, done."""
    shop.lake.mkdir(parents=True)
    source = shop.lake / "customers.csv"
    source.write_bytes(csv(customers(400)))
    step = Step(shop, "features", [{"name": "data", "type": "Dataset"}])
    # -I: whatever is installed around this test is out of reach
    script = [sys.executable, "-I", "-S", str(EXAMPLES / "features.py")]
    assert step.run(script, MLWRIGHT_DATASET=str(source)) == 0
    return step


def test_a_plain_script_is_a_step(features: Step) -> None:
    """Its report is the step's, its folder appears complete."""
    assert features.message["sentence"] == "added calls_per_month to 400 rows"
    assert features.message["results"] == {"featureRows": 400}
    folder = features.workshop.run_folder() / "features-0"
    assert sorted(p.name for p in folder.iterdir()) == ["data", "result.json"]


def test_a_name_that_is_not_utf_8_is_told(shop: Workshop) -> None:
    """It could stand in no object store, and a step that reads it would fail."""
    step = Step(shop, "features", [{"name": "data", "type": "Dataset"}])
    left = shop.run_folder() / ".features-0.tmp/data/Z\udcfcrich.csv"

    code = step.run(["cp", "/etc/hostname", str(left)])

    assert (code, step.message["field"], step.message["remedy"]) == (64, "spec.steps[features].container", "rename it")
    assert step.message["sentence"] == "it left a file whose name is not UTF-8: Z\\xfcrich.csv"


@pytest.mark.parametrize("link", ["result.json", "data/more.csv"])
def test_a_link_leads_us_nowhere(shop: Workshop, link: str) -> None:
    """The claim is ours to write and not the container's: what it could not harm itself it must not harm through us."""
    precious = shop.run_folder().parent / "manifest.json"
    precious.parent.mkdir(parents=True, exist_ok=True)
    precious.write_text("{}")
    step = Step(shop, "features", [{"name": "data", "type": "Dataset"}])

    code = step.run(["ln", "-s", str(precious), str(shop.run_folder() / f".features-0.tmp/{link}")])

    assert (code, step.message["field"]) == (64, "spec.steps[features].container")
    assert step.message["sentence"] == f"it left '{link}', which is no plain file or folder"
    assert precious.read_text() == "{}"


def test_validate_reads_what_the_script_made(features: Step) -> None:
    """The new column is a feature like all others."""
    made = "pvc://store/mlwright/demo/flights/runs/run-1/features-0/data"
    told = document(made, target="churned", dataset={"timeColumn": "seen", "idColumn": "spend"})
    ended = features.workshop.run("validate", told)

    assert ended.code == 0, ended.message
    assert ended.results["dataset"]["rows"] == 400
    assert "calls_per_month" in (features.workshop.run_folder() / "validate-0/train.parquet").read_bytes().decode(
        "latin-1"
    )


def test_a_shell_script_is_a_step_of_two_pods(features: Step) -> None:
    """Each counts its share of the files."""
    data = features.workshop.run_folder() / "features-0" / "data"
    audit = Step(features.workshop, "audit", [{"name": "lines", "type": "File"}])
    for shard in ("0", "1"):
        shared = {"MLWRIGHT_INPUT_DATA": str(data), "MLWRIGHT_SHARD": shard, "MLWRIGHT_SHARDS": "2"}
        assert audit.run(["sh", str(EXAMPLES / "audit.sh")], shard, **shared) == 0
    folder = features.workshop.run_folder() / "audit-0"

    assert [(folder / shard / "lines").read_text().strip() for shard in ("0", "1")] == ["401", "0"]
