"""The closed loop on the real cluster: what is asked drifts, a run learns from it, and its version takes over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow.compute

from examples.flights.errands import Load, Porter
from tests.support.apiserver import Json
from tests.support.asking import CUSTOMER, question
from tests.support.customers import csv, customers, parquet
from tests.support.live import Live
from tests.support.manifests import FEATURES, claim, config_map, deployment, monitor, pipeline
from tests.support.release import Release

ROWS = 3000
"""The training's share of them is enough to be compared with."""
ASKED = 2000
"""Rows of each request, one a second."""
OLDER = 20
"""Years."""
AGAIN: Json = {"name": "again", "when": ["DataDrift"], "type": "Retrain", "retrain": {"pipelineRef": {"name": "churn"}}}


def test_customers_grow_older_and_a_version_that_knows_them_takes_over(live: Live, release: Release) -> None:
    """Nobody touches anything: it is quiet, drift is seen and said in a sentence, and a run is started for it."""
    usual = customers(ROWS).select([*FEATURES, "churned"])
    older = usual.set_column(usual.column_names.index("age"), "age", pyarrow.compute.add(usual["age"], OLDER))
    live.apply(config_map("customers", {"customers.csv": csv(usual)}), claim("store"))
    made = pipeline("churn", "configmap://customers/customers.csv", artifacts={"uri": "pvc://store/models"})
    live.apply(made, deployment("churn", "churn", server={"drain": "5s"}), watching())
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves with 1 of 1 pods ready")

    with asked(live, "usual", usual, release):
        quiet = told(live, "False", "churn-v1 has not drifted: of 6 distributions")
    live.apply(config_map("customers", {"customers.csv": csv(older)}))
    with asked(live, "older", older, release):
        drifted = told(live, "True", "churn-v1 has drifted: age: ")
        live.reaches("ModelDeployment", "churn", "Ready", "churn-v2 serves with 1 of 1 pods ready", seconds=240)

    (run,) = (run for run in live.all("TrainingRun") if run["spec"]["trigger"]["type"] == "Drift")
    assert "and 0.1 is allowed" in quiet
    assert "in 2 of the last 2 windows" in drifted
    assert "churn-v1 has drifted: age: " in run["spec"]["trigger"]["reason"]


def test_stored_rows_are_judged_alike_by_any_number_of_shards(live: Live, release: Release) -> None:
    """Older customers lie in files: one pod finds that, three find the very same; what is not there is named."""
    usual = customers(ROWS).select([*FEATURES, "churned"])
    older = usual.set_column(usual.column_names.index("age"), "age", pyarrow.compute.add(usual["age"], OLDER))
    live.apply(config_map("customers", {"customers.csv": csv(usual)}), claim("store"))
    made = pipeline("churn", "configmap://customers/customers.csv", artifacts={"uri": "pvc://store/models"})
    live.apply(made, deployment("churn", "churn", server={"drain": "5s"}))
    live.reaches("ModelDeployment", "churn", "Ready", "churn-v1 serves with 1 of 1 pods ready")
    porter = Porter(live, "store")
    porter.start(release.images["trainer"])
    porter.carry({"stored/a.parquet": parquet(older.slice(0, 700)), "stored/b.parquet": parquet(older.slice(700))})
    porter.leave()

    live.apply(
        stored("alone", "stored/*.parquet"), stored("three", "stored/*.parquet", 3), stored("lost", "none.parquet")
    )
    said = [live.reaches("DriftMonitor", name, "Drifted", "age: ") for name in ("alone", "three")]
    lost = live.reaches("DriftMonitor", "lost", "!DataAvailable", "there is no file at")

    alone, three = (live.status("DriftMonitor", name) for name in ("alone", "three"))
    assert alone["features"] == three["features"]
    assert (alone["window"]["rows"], three["window"]["rows"]) == (ROWS, ROWS)
    assert (alone["lastLook"]["progress"], three["lastLook"]["progress"]) == ("1/1", "3/3")
    assert all("churn-v1 has drifted: age: " in sentence for sentence in said)
    assert lost.startswith("spec.target.batch.dataset.uri: ")


def stored(name: str, path: str, shards: int = 1) -> Json:
    """Return a monitor of stored rows that somebody asks for a look."""
    batch = {
        "deploymentRef": {"name": "churn"},
        "dataset": {"uri": f"pvc://store/{path}"},
        "schedule": {"cron": "0 0 1 1 *"},
        "shards": shards,
    }
    at_once = {"persistence": {"required": 1, "of": 1}}
    checks = [
        {"name": "data", "type": "DataDrift", "dataDrift": at_once},
        {"name": "answers", "type": "PredictionDrift", "predictionDrift": at_once},
    ]
    made: Json = monitor("churn", target={"type": "Batch", "batch": batch}, checks=checks)
    return {**made, "metadata": {"name": name, "annotations": {"mlwright.dev/run": "once"}}}


def watching() -> Json:
    """Return a monitor with windows of ten seconds, which acts when two in a row say so."""
    lasting = {"persistence": {"required": 2, "of": 2}}
    return monitor(
        "churn",
        windows={"slow": {"length": "10s", "every": "10s"}},
        checks=[{"name": "data", "type": "DataDrift", "dataDrift": lasting}],
        independentRows=True,
        actions=[AGAIN],
    )


@contextmanager
def asked(live: Live, name: str, table: Any, release: Release) -> Iterator[None]:
    """Let rows of a table be asked once a second."""
    load = Load(live, name, pause=1.0)
    url = live.status("ModelDeployment", "churn")["url"]
    load.start(url, json.dumps(body(table.slice(0, ASKED))), release.images["trainer"], 1)
    yield
    load.stop()
    assert load.counted is not None
    assert load.counted["failures"] == {}


def body(table: Any) -> Json:
    """Return a request for all rows of a table."""
    columns = {name: table[name].to_pylist() for name in CUSTOMER}
    inputs = question()["inputs"]
    return {"inputs": [{**one, "shape": [len(table), 1], "data": columns[one["name"]]} for one in inputs]}


def told(live: Live, drifted: str, part: str) -> str:
    """Wait until the monitor says something; return the sentence."""

    def look() -> str | None:
        conditions = live.status("DriftMonitor", "churn").get("conditions") or ()
        found = (one for one in conditions if one["type"] == "Drifted" and one["status"] == drifted)
        return next((one["message"] for one in found if part in one["message"]), None)

    return live.until(part, look, seconds=180)
