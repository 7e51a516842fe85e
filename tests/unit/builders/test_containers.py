"""Jobs of containers of somebody's own: what they find, what they may write, and what stands around them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlwright.builders.training import for_run
from mlwright.plan.frozen import Frozen
from mlwright.plan.training import StartStep
from mlwright.plan.writes import Create
from mlwright.planners.template import freeze
from tests.support.podsecurity import violations
from tests.unit.planners.given import NOW, SETTINGS, a_pipeline, a_run

RUN = a_run().started().done()
FOLDER = "mlwright"

STEPS: list[dict[str, Any]] = [
    {
        "name": "raw-data",
        "type": "Container",
        "container": {
            "image": "raw:1",
            "command": ["python", "x.py"],
            "args": ["$HOME"],
            "env": [{"name": "A", "value": "$a"}],
        },
        "outputs": [{"name": "rows", "type": "Dataset"}, {"name": "notes"}],
        "timeoutAfter": "10m",
        "pod": {"resources": {"limits": {"cpu": "2"}}, "nodeSelector": {"disk": "fast"}},
    },
    {
        "name": "shares",
        "type": "Container",
        "container": {"image": "shares:1"},
        "inputs": [{"name": "all-rows", "from": "raw-data.rows"}],
        "outputs": [{"name": "part"}],
        "shards": 4,
    },
    {
        "name": "join",
        "type": "Container",
        "container": {"image": "join:1"},
        "inputs": [{"name": "parts", "from": "shares.part"}],
    },
    {
        "name": "validate",
        "type": "BuiltIn",
        "builtIn": {"uses": "Validate"},
        "inputs": [{"name": "data", "from": "raw-data.rows"}],
        "pod": {"resources": {"limits": {"memory": "9Gi"}}},
    },
]


def frozen(**spec: Any) -> Frozen:
    """Return what a run of a pipeline with these steps freezes."""
    told = a_pipeline().asking(steps=STEPS, pod={"env": [{"name": "B", "value": "b"}], "serviceAccountName": "reader"})
    return freeze(told.asking(**spec).done(), SETTINGS, run="churn-1", uid="uid-1", at=NOW)


def job(step: str, attempt: int = 0, **known: Any) -> dict[str, Any]:
    """Return the Job of a step."""
    known = {"frozen": frozen(), "inputs": {"raw-data": 1, "shares": 2}, **known}
    write = for_run(RUN)(StartStep(step=step, attempt=attempt, **known))
    assert isinstance(write, Create)
    return write.body


def containers(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the containers of a Job by name, in the order in which they run."""
    pod = made["spec"]["template"]["spec"]
    return {c["name"]: c for c in (*pod.get("initContainers", ()), *pod["containers"])}


def environment(container: dict[str, Any]) -> dict[str, str]:
    """Return the variables that have a value."""
    return {v["name"]: v["value"] for v in container["env"] if "value" in v}


def test_the_container_stands_between_two_of_ours() -> None:
    """One makes its folder, one makes of what it left a result; kubectl shows the log of the one that works."""
    made = job("raw-data")

    assert [(name, c["image"]) for name, c in containers(made).items()] == [
        ("prepare", "trainer:1"),
        ("own", "raw:1"),
        ("step", "trainer:1"),
    ]
    assert made["spec"]["template"]["metadata"]["annotations"] == {"kubectl.kubernetes.io/default-container": "own"}
    assert [c["args"] for n, c in containers(made).items() if n != "own"] == [["prepare"], ["seal"]]


@pytest.mark.parametrize("step", ["raw-data", "train"])
def test_it_has_a_tmp_of_its_own(step: str) -> None:
    """That of ours is their home, and they know keys: what it leaves, such as .aws/config, must not be found there."""
    training = {"task": "Classification", "type": "Container", "container": {"image": "mine:1"}}
    known = frozen() if step == "raw-data" else frozen(steps=[], training=training)
    made = job(step, frozen=known, inputs={"validate": 0})
    places = {
        name: [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == "/tmp"]  # noqa: S108
        for name, container in containers(made).items()
    }

    assert places == {"prepare": ["tmp"], "own": ["own-tmp"], "step": ["tmp"]}
    empty = [volume["name"] for volume in made["spec"]["template"]["spec"]["volumes"] if volume.get("emptyDir") == {}]
    assert empty == ["tmp", "own-tmp"]


def test_it_finds_its_paths_in_its_environment() -> None:
    """Of the data, of what earlier steps made, and of where it writes."""
    own = environment(containers(job("shares", 3))["own"])
    run = "/mlwright/pvc/artifacts/runs/demo/churn/runs/" + frozen().folder

    assert own["MLWRIGHT_DATASET"] == "/mlwright/pvc/lake/churn.csv"
    assert own["MLWRIGHT_INPUT_ALL_ROWS"] == f"{run}/raw-data-1/rows"
    assert own["MLWRIGHT_OUTPUT"] == "/mlwright/output"
    assert own["MLWRIGHT_OUTPUT_PART"] == "/mlwright/output/part"
    assert own["MLWRIGHT_RESULT"] == "/mlwright/output/result.json"
    assert own["MLWRIGHT_ATTEMPT"] == "3"
    assert json.loads(own["MLWRIGHT_STEP"])["training"]["task"] == "Classification"
    assert own["B"] == "b"


def test_it_reads_an_object_store_with_the_keys_of_the_dataset() -> None:
    """The address as it is, and the Secret by reference."""
    storage = {"endpointURL": "https://store:9000", "secretRef": {"name": "lake-keys"}}
    data = {"uri": "s3://lake/churn.csv", "target": "churned", "storage": storage}
    own = containers(job("raw-data", frozen=frozen(dataset=data)))["own"]
    refs = {
        v["name"]: v["valueFrom"]["secretKeyRef"]["name"]
        for v in own["env"]
        if "secretKeyRef" in v.get("valueFrom", {})
    }

    assert environment(own)["MLWRIGHT_DATASET"] == "s3://lake/churn.csv"
    assert refs == {"AWS_ACCESS_KEY_ID": "lake-keys", "AWS_SECRET_ACCESS_KEY": "lake-keys"}


def test_it_is_started_as_asked() -> None:
    """Nothing in its command, its arguments and its variables is expanded."""
    own = containers(job("raw-data"))["own"]

    assert (own["command"], own["args"], environment(own)["A"]) == (["python", "x.py"], ["$$HOME"], "$$a")
    assert "command" not in containers(job("join"))["own"]


def test_it_may_write_to_its_own_folder_alone() -> None:
    """Bundles that serve lie on the same claim."""
    made = containers(job("raw-data", 2))
    mounts = {mount["mountPath"]: mount for mount in made["own"]["volumeMounts"]}
    folder = f"runs/demo/churn/runs/{frozen().folder}/.raw-data-2.tmp"

    assert mounts["/mlwright/pvc/artifacts"]["readOnly"]
    assert mounts["/mlwright/output"] == {"name": "pvc-artifacts", "mountPath": "/mlwright/output", "subPath": folder}
    assert "readOnly" not in {m["mountPath"]: m for m in made["step"]["volumeMounts"]}["/mlwright/pvc/artifacts"]


def test_the_pod_is_as_asked_and_what_it_needs_is_for_the_container() -> None:
    """Each field of the step stands for the pipeline's; ours need little."""
    made = job("raw-data")
    pod, all_ = made["spec"]["template"]["spec"], containers(made)

    assert (pod["serviceAccountName"], pod["nodeSelector"]) == ("reader", {"disk": "fast"})
    assert all_["own"]["resources"]["limits"]["cpu"] == "2"
    assert all_["step"]["resources"] == all_["prepare"]["resources"]
    assert all_["step"]["resources"]["limits"] == {"memory": "512Mi"}
    assert "B" not in environment(all_["step"])


def test_a_built_in_step_has_a_pod_of_its_own_as_well() -> None:
    """And validate reads what an earlier step made."""
    made = containers(job("validate"))["step"]

    assert made["resources"]["limits"]["memory"] == "9Gi"
    document = json.loads(environment(made)["MLWRIGHT_STEP"])
    assert document["dataset"]["uri"] == f"pvc://artifacts/runs/demo/churn/runs/{frozen().folder}/raw-data-1/rows"


def test_shards_are_one_indexed_job() -> None:
    """Each pod knows its number and writes to a folder of its own; who reads them gets the folder of all."""
    made = job("shares", 2)
    own = containers(made)["own"]
    variables = {v["name"]: v for v in own["env"]}
    output = next(m for m in own["volumeMounts"] if m["mountPath"] == "/mlwright/output")
    folder = f"runs/demo/churn/runs/{frozen().folder}"

    assert {k: made["spec"][k] for k in ("completionMode", "completions", "parallelism")} == {
        "completionMode": "Indexed",
        "completions": 4,
        "parallelism": 4,
    }
    assert "job-completion-index" in variables["MLWRIGHT_SHARD"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert variables["MLWRIGHT_SHARDS"]["value"] == "4"
    assert output["subPathExpr"] == f"{folder}/shares-2/.$(MLWRIGHT_SHARD).tmp"
    assert environment(containers(job("join"))["own"])["MLWRIGHT_INPUT_PARTS"].endswith("/shares-2")


def test_a_time_limit_is_the_jobs() -> None:
    """Kubernetes holds it, also while the operator is away."""
    assert job("raw-data")["spec"]["activeDeadlineSeconds"] == 600
    assert "activeDeadlineSeconds" not in job("join")["spec"]


def test_an_error_of_the_users_may_come_from_each_container() -> None:
    """From the container itself, and from ours when an input or an output is missing."""
    rules = job("raw-data")["spec"]["podFailurePolicy"]["rules"]

    assert [r["onExitCodes"]["containerName"] for r in rules if "onExitCodes" in r] == ["step", "prepare", "own"]


def test_what_was_reported_is_read_again_without_working_again() -> None:
    """Only the last container runs."""
    made = job("raw-data", collects=True)

    assert list(containers(made)) == ["step"]
    assert "activeDeadlineSeconds" not in made["spec"]


def test_what_runs_at_the_end_is_told_how_it_ended() -> None:
    """In its environment."""
    told = {"MLWRIGHT_OUTCOME": "Failed"}
    write = for_run(RUN)(StartStep(frozen(onExit={"container": {"image": "tidy:1"}}), "on-exit", 0, {}, told=told))
    assert isinstance(write, Create)

    assert environment(containers(write.body)["own"])["MLWRIGHT_OUTCOME"] == "Failed"


@pytest.mark.parametrize("step", ["raw-data", "shares", "join", "validate"])
def test_every_pod_is_restricted(step: str) -> None:
    """All three containers of it."""
    assert violations(job(step)["spec"]["template"]["spec"]) == []


def test_a_container_that_trains_stands_before_the_step_that_takes_its_model_in() -> None:
    """It finds the rows to learn from, and writes the model; the result is made by our own step."""
    training = {"task": "Classification", "type": "Container", "container": {"image": "mine:1"}}
    told = StartStep(frozen(training=training), "train", 2, {"raw-data": 1, "validate": 3})
    write = for_run(RUN)(told)
    assert isinstance(write, Create)
    found = containers(write.body)
    own = environment(found["own"])
    run = "/mlwright/pvc/artifacts/runs/demo/churn/runs/" + frozen().folder
    output = next(m for m in found["own"]["volumeMounts"] if m["mountPath"] == "/mlwright/output")

    assert [(name, c["image"]) for name, c in found.items()] == [
        ("prepare", "trainer:1"),
        ("own", "mine:1"),
        ("step", "trainer:1"),
    ]
    assert found["step"]["args"] == ["train"]
    assert own["MLWRIGHT_INPUT_TRAIN"] == f"{run}/validate-3/train.parquet"
    assert own["MLWRIGHT_OUTPUT_MODEL"] == "/mlwright/output/model.onnx"
    assert output["subPath"].endswith("/.own-train-2.tmp")
    assert json.loads(environment(found["prepare"])["MLWRIGHT_OWN"])["step"] == "own-train"
    assert violations(write.body["spec"]["template"]["spec"]) == []
