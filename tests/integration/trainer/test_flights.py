"""The flights of the demo: what the gate of the demo relies on, measured through the real steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.training import Ended, Workshop, document

PREPARE = Path(__file__).parents[3] / "examples" / "flights" / "prepare.py"
GATE = 0.74
SECONDS = 20  # of CPU time for a step, its imports included


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The data on the claim."""
    shop = Workshop(tmp_path_factory.mktemp("flights"))
    subprocess.run([sys.executable, PREPARE, shop.lake / "flights.csv"], check=True)
    subprocess.run([sys.executable, PREPARE, shop.lake / "flights.parquet"], check=True)
    return shop


@pytest.fixture(scope="module")
def validated(shop: Workshop) -> Ended:
    """The rows of the Parquet file, divided: what every training begins with."""
    return _spawn(shop, "validate", 1)


def _spawn(shop: Workshop, step: str, iterations: int, name: str = "flights.parquet") -> Ended:
    wanted = document(
        f"pvc://lake/{name}",
        run=f"run-{iterations}-{name.replace('.', '-')}",
        dataset={"timeColumn": "scheduled"},
        estimator={"parameters": {"max_iter": iterations}},
        evaluation={"metrics": ["roc_auc"]},
    )
    if step != "validate":
        wanted["inputs"]["validate"] = wanted["inputs"]["validate"].replace(f"run-{iterations}-", "run-1-")
    ended = shop.spawn(step, wanted)
    assert ended.code == 0, ended.log
    last = json.loads(ended.log.splitlines()[-1])
    assert last["cpuSeconds"] < SECONDS
    return ended


def _score(shop: Workshop, iterations: int) -> float:
    _spawn(shop, "train", iterations)
    value: float = _spawn(shop, "evaluate", iterations).results["metrics"]["roc_auc"]
    return value


@pytest.mark.timeout(300)  # seven programs of some seconds each
@pytest.mark.usefixtures("validated")
def test_the_gate_tells_a_poor_model_from_good_ones(shop: Workshop) -> None:
    """20 iterations are rejected, 100 pass, 300 are better."""
    poor, good, better = (_score(shop, iterations) for iterations in (20, 100, 300))

    assert poor < GATE - 0.01
    assert GATE + 0.01 < good < better


def test_both_formats_of_the_flights_are_the_same_data(shop: Workshop, validated: Ended) -> None:
    """Digest and split of 77,911 real rows."""
    found = [one.results["dataset"] for one in (_spawn(shop, "validate", 1, "flights.csv"), validated)]

    assert {(one["digest"], one["trainRows"], one["testRows"]) for one in found} == {
        (found[0]["digest"], 62_511, 15_400)
    }
