"""The loop, as in the first lines of the README: data, pipeline, version, deployment, prediction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.asking import ask, question
from tests.support.customers import ROWS
from tests.support.live import Live


@pytest.fixture(scope="module")
def churn(trained: Live) -> Iterator[str]:
    """A local address that leads to the deployment churn."""
    with trained.port_forward("service/churn", 80) as url:
        yield url


def test_a_table_in_a_config_map_becomes_a_version_with_its_whole_lineage(trained: Live) -> None:
    """The record says what was read, how the model was made and how it was judged."""
    run, version = trained.there("TrainingRun", "churn-1"), trained.there("ModelVersion", "churn-v1")

    assert [step["state"] for step in run["status"]["steps"]] == ["Succeeded"] * 3
    assert run["status"]["modelVersionRef"] == {"name": "churn-v1"}
    lineage = version["spec"]["lineage"]
    assert (lineage["run"], lineage["pipeline"], lineage["seed"]) == ("churn-1", "churn", 7)
    assert lineage["dataset"]["rows"] == ROWS
    assert lineage["dataset"]["trainRows"] + lineage["dataset"]["testRows"] == ROWS
    assert lineage["environment"]["scikit-learn"]
    assert version["spec"]["bundle"]["format"] == "ONNX"
    assert version["spec"]["verdict"]["outcome"] == "Passed"
    assert version["spec"]["metrics"]["roc_auc"] > 0.9


def test_a_prediction_is_answered_over_http(churn: str) -> None:
    """A customer who calls often and is new is likely to leave; another one is not."""
    leaver = ask(f"{churn}/v2/models/churn/infer", question())
    stayer = ask(f"{churn}/v2/models/churn/infer", question(calls=0.1, months=50, active=True))

    assert (leaver.status, leaver.body["model_version"]) == (200, "1")
    assert (leaver.output("label"), stayer.output("label")) == ([True], [False])
    assert leaver.output("probabilities")[1] > 0.9
    assert stayer.output("probabilities")[1] < 0.1


def test_a_wrong_request_is_answered_with_its_remedy(churn: str) -> None:
    """The sentence names the input, and a client can mend it by itself."""
    wrong = question()
    wrong["inputs"][0]["name"] = "ages"

    answer = ask(f"{churn}/v2/models/churn/infer", wrong)

    assert answer.status == 400
    assert answer.body["error"] == 'input "ages" is unknown: did you mean age?'


def test_health_and_metadata_follow_the_protocol(churn: str) -> None:
    """A client that knows the Open Inference Protocol finds everything else by itself."""
    model = ask(f"{churn}/v2/models/churn")

    assert ask(f"{churn}/v2/health/live").status == 200
    assert ask(f"{churn}/v2/health/ready").status == 200
    assert ask(f"{churn}/v2/models/churn/ready").status == 200
    assert ask(f"{churn}/v2/models/churn/versions/1/ready").status == 200
    assert ask(f"{churn}/v2/models/churn/versions/2/ready").status == 404
    assert model.body["versions"] == ["1"]
    assert {entry["name"]: entry["datatype"] for entry in model.body["inputs"]} == {
        "age": "INT64",
        "months": "INT64",
        "plan": "BYTES",
        "calls": "FP64",
        "active": "BOOL",
        "balance": "FP64",
    }


def test_json_lines_on_a_claim_make_a_regression(trained: Live) -> None:
    """A number is predicted, and the version says how well."""
    spec = trained.there("ModelVersion", "spend-v1")["spec"]

    assert spec["lineage"]["dataset"]["format"] == "JSONLines"
    assert spec["metrics"]["r2"] > 0.8
    with trained.port_forward("service/spend", 80) as url:
        answer = ask(f"{url}/v2/models/spend/infer", question())
    assert 10 < answer.output("prediction")[0] < 30


def test_anomalies_are_found_without_a_target(trained: Live) -> None:
    """The gate counts how many rows are called anomalous; a customer like no other scores above a usual one."""
    spec = trained.there("ModelVersion", "strange-v1")["spec"]

    assert 0 < spec["metrics"]["anomaly_rate"] < 0.5
    assert spec["verdict"]["outcome"] == "Passed"
    assert spec["bundle"]["format"] == "ONNX"
    with trained.port_forward("service/strange", 80) as url:
        usual = ask(f"{url}/v2/models/strange/infer", question(calls=2.0, months=30, balance=100.0, active=True))
        strange = ask(f"{url}/v2/models/strange/infer", question(calls=90.0, age=17, months=59, balance=-500.0))
    assert (usual.output("label"), strange.output("label")) == ([0], [1])
    assert usual.output("score")[0] < 0 < strange.output("score")[0]


def test_a_temporal_split_of_the_newest_parquet_rows(trained: Live) -> None:
    """Only the last thirty days are read, and their newest fifth is held out."""
    dataset = trained.there("ModelVersion", "recent-v1")["spec"]["lineage"]["dataset"]

    assert dataset["format"] == "Parquet"
    assert (dataset["rows"], dataset["testRows"]) == (360, 72)
    assert dataset["range"]["until"].startswith("2025-06-16T14:00")
    assert dataset["range"]["from"].startswith("2025-05-17T14:00")


def test_the_alias_is_set_when_the_version_serves(trained: Live) -> None:
    """The Model names the version that took over."""
    assert trained.there("Model", "churn")["spec"]["aliases"] == [{"name": "champion", "version": 1}]


def test_a_version_that_fails_its_gate_is_recorded_and_never_served(trained: Live) -> None:
    """The sentence says by how much it missed, on the pipeline and on the deployment that waits for a version."""
    missed = "gate good failed: roc_auc is 0.9"

    assert trained.there("ModelVersion", "strict-v1")["spec"]["verdict"]["outcome"] == "Rejected"
    assert missed in trained.reaches("TrainingPipeline", "strict", "Stalled", "below the required 0.9999")
    assert missed in trained.reaches("ModelDeployment", "strict", "Stalled", "no version of Model strict may be served")
    assert trained.names("Pod", deployment="strict") == []
