"""Stored rows on the real cluster: what a deployment serves answers them, although a shard is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from examples.flights.errands import Porter
from mlwright.api.kinds import API_VERSION
from tests.support.apiserver import Json
from tests.support.customers import customers, parquet
from tests.support.live import Live
from tests.support.release import Release

ROWS = 200_000
"""Enough that a shard takes some seconds."""
_READ = """python -c "
import json, pathlib, pyarrow.parquet as pq
manifest = json.loads(pathlib.Path('{folder}/manifest.json').read_text())
rows = [(row['source_row'], row['spend'], row['label'], row['model_version'])
        for part in manifest['parts'] for row in pq.read_table('{folder}/' + part['path']).to_pylist()]
same = [row[0] for row in rows] == list(range({rows}))
print(json.dumps([manifest['rows'], same, sum(row[2] for row in rows), sorted({{row[3] for row in rows}})]))
"
"""


@pytest.fixture(scope="module")
def porter(trained: Live, release: Release) -> Iterator[Porter]:
    """Somebody who puts rows onto the claim and reads the answers there."""
    porter = Porter(trained, "store")
    porter.start(release.images["trainer"])
    yield porter
    porter.leave()


def batch(name: str, **spec: Any) -> Json:
    """Return a batch prediction by what the deployment churn serves."""
    return {
        "apiVersion": API_VERSION,
        "kind": "BatchPrediction",
        "metadata": {"name": name},
        "spec": {
            "source": {"type": "Deployment", "deployment": {"name": "churn"}},
            "input": {"uri": "pvc://store/many/*.parquet"},
            "output": {"uri": "pvc://store/answers", "columns": ["spend"]},
            **spec,
        },
    }


def test_a_killed_shard_is_answered_again_and_every_row_once(trained: Live, porter: Porter) -> None:
    """The pod of one shard is killed at work; the run ends with one answer for each row, and says where."""
    porter.carry({"many/rows.parquet": parquet(customers(ROWS).drop_columns(["churned"]))})
    trained.apply(batch("night", runOnce=True, shards=2))
    pod = trained.until("a shard is at work", lambda: running(trained, "night-batch-1"))

    trained.kubectl("delete", "pod", pod, "--grace-period=0", "--force")

    said = trained.reaches("BatchPrediction", "night", "Complete", "200,000 rows answered by churn-v1")
    last = trained.status("BatchPrediction", "night")["lastRun"]
    folder = last["output"].removeprefix("pvc://store/")
    counted, in_order, late, versions = json.loads(porter.run(_READ.format(folder=folder, rows=ROWS)))
    assert (counted, in_order, versions) == (ROWS, True, [1])
    assert 0 < late < ROWS
    assert folder in said
    assert (last["progress"], last["rows"]) == ("2/2", ROWS)
    assert porter.run("ls -A answers").split() == [folder.removeprefix("answers/")]


def running(live: Live, run: str) -> str | None:
    """Return the name of a pod of a run that runs."""
    pods = live.all("Pod", **{"batch-run": run})
    return next((pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"), None)


def test_a_missing_column_is_named(trained: Live, porter: Porter) -> None:
    """No shard is tried again for what only a person can mend, and nothing appears."""
    porter.carry({"few/rows.parquet": parquet(customers(100).drop_columns(["plan"]))})

    trained.apply(batch("wrong", runOnce=True, input={"uri": "pvc://store/few"}, output={"uri": "pvc://store/wrong"}))

    said = trained.reaches("BatchPrediction", "wrong", "Failed", "spec.input.uri")
    assert "rows.parquet has no column 'plan', which churn-v1 needs" in said
    assert len(trained.all("Pod", **{"batch-run": "wrong-batch-1"})) == 1


def test_one_that_is_replaced_answers_anew(trained: Live, porter: Porter) -> None:
    """The rows of today under the name of yesterday: no answer of the first run stands for one of the second."""
    asked = batch("daily", runOnce=True, input={"uri": "pvc://store/today"}, output={"uri": "pvc://store/daily"})
    porter.carry({"today/rows.parquet": parquet(customers(100).drop_columns(["churned"]))})
    trained.apply(asked)
    trained.reaches("BatchPrediction", "daily", "Complete", "daily-batch-1: 100 rows answered")
    first = trained.status("BatchPrediction", "daily")["lastRun"]["output"]
    porter.carry({"today/rows.parquet": parquet(customers(250).drop_columns(["churned"]))})

    trained.kubectl("delete", "batchprediction", "daily")
    trained.apply(asked)

    trained.reaches("BatchPrediction", "daily", "Complete", "daily-batch-1: 250 rows answered")
    second = trained.status("BatchPrediction", "daily")["lastRun"]["output"]
    folders = [uri.removeprefix("pvc://store/daily/") for uri in (first, second)]
    assert sorted(porter.run("ls -A daily").split()) == sorted(folders)
