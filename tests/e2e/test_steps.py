"""Steps of people's own on the real cluster: the example's image, which holds nothing of mlwright."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.apiserver import Json
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import claim, config_map, pipeline
from tests.support.release import Release

FINISHED = 420
"""Seconds for the run of eight pods, one after the other."""


def shell(name: str, image: str, script: str, **more: Any) -> Json:
    """Return a step that runs a shell script in the example's image."""
    container = {"image": image, "command": ["sh", "-c", script]}
    return {"name": name, "type": "Container", "container": container, **more}


@pytest.fixture(scope="module")
def live(begin: Callable[[str], Live]) -> Iterator[Live]:
    """A namespace with data and a claim."""
    live = begin("steps")
    live.apply(config_map("customers", {"customers.csv": csv(customers(400))}), claim("store"))
    yield live
    live.end()


def asking(name: str, *steps: Json, **spec: Any) -> Json:
    """Return a pipeline with steps of its own."""
    table = "configmap://customers/customers.csv"
    return pipeline(name, table, artifacts={"uri": "pvc://store/models"}, steps=list(steps), **spec)


def states(live: Live, run: str) -> dict[str, str]:
    """Return the states of the steps of a run."""
    return {step["name"]: step["state"] for step in live.status("TrainingRun", run).get("steps") or ()}


def test_plain_scripts_are_steps(live: Live, release: Release) -> None:
    """The example's Python script makes the data, its shell script counts it in two pods, and one runs at the end."""
    image = release.images["containers"]
    features: Json = {"name": "features", "type": "Container", "container": {"image": image}}
    features |= {"outputs": [{"name": "data", "type": "Dataset"}], "timeoutAfter": "5m"}
    validate: Json = {"name": "validate", "type": "BuiltIn", "builtIn": {"uses": "Validate"}}
    reads: Json = {"inputs": [{"name": "data", "from": "features.data"}]}
    audit: Json = {"name": "audit", "type": "Container", "shards": 2, "outputs": [{"name": "lines"}], **reads}
    audit |= {"container": {"image": image, "command": ["sh", "/steps/audit.sh"]}}
    audit |= {"when": {"metric": "featureRows", "min": 100}}
    large = shell("large", image, "exit 1", dependsOn=["validate"], when={"metric": "rows", "min": 100000})
    tidy = {"container": {"image": image, "command": ["sh", "-c", 'test "$MLWRIGHT_OUTCOME" = Succeeded']}}
    columns = ["age", "months", "calls_per_month", "active"]
    live.apply(asking("graph", features, validate | reads, audit, large, onExit=tidy, dataset={"features": columns}))
    live.reaches("TrainingRun", "graph-1", "Complete", "made graph-v1, which passed its gates", seconds=FINISHED)
    run = live.status("TrainingRun", "graph-1")
    told = {step["name"]: step for step in run["steps"]}

    assert states(live, "graph-1") == {
        "features": "Succeeded",
        "validate": "Succeeded",
        "audit": "Succeeded",
        "large": "Skipped",
        "train": "Succeeded",
        "evaluate": "Succeeded",
        "on-exit": "Succeeded",
    }
    assert told["features"]["sentence"] == "added calls_per_month to 400 rows"
    assert told["features"]["results"] == {"featureRows": 400}
    assert told["audit"]["sentence"] == "all 2 shards are done"
    assert told["large"]["sentence"] == "skipped: rows is 400, below 100000"
    assert live.there("ModelVersion", "graph-v1")["spec"]["lineage"]["dataset"]["features"] == len(columns)
    assert "added" not in live.kubectl("logs", f"job/{told['features']['job']}")


FITS = """
import os
import onnx, pyarrow.parquet
from onnx import TensorProto as T, helper

table = pyarrow.parquet.read_table(os.environ["MLWRIGHT_INPUT_TRAIN"])
kinds = {"int64": T.INT64, "double": T.DOUBLE, "bool": T.BOOL}
features = table.column_names[:-1]
types = [kinds[str(table.schema.field(name).type)] for name in features]
nodes = [
    helper.make_node("Sub", ["calls", "three"], ["d"]),
    helper.make_node("Sigmoid", ["d"], ["p"]),
    helper.make_node("Sub", ["one", "p"], ["q"]),
    helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1),
    helper.make_node("Greater", ["p", "q"], ["l"]),
    helper.make_node("Reshape", ["l", "flat"], ["label"]),
]
numbers = {"three": 3.0, "one": 1.0}
constants = [helper.make_tensor(name, T.DOUBLE, [1], [value]) for name, value in numbers.items()]
constants.append(helper.make_tensor("flat", T.INT64, [1], [-1]))
inputs = [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in zip(features, types)]
label = helper.make_tensor_value_info("label", T.BOOL, [None])
probabilities = helper.make_tensor_value_info("probabilities", T.DOUBLE, [None, 2])
graph = helper.make_graph(nodes, "mine", inputs, [label, probabilities], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnx.save(model, os.environ["MLWRIGHT_OUTPUT_MODEL"])
"""


def test_a_container_fits_the_model(live: Live, release: Release) -> None:
    """A script without any import of ours, in an image that holds onnx; the model is judged like any other."""
    container = {"image": release.images["trainer"], "command": ["python", "-I", "-c", FITS]}
    own: Json = {"task": "Classification", "type": "Container", "container": container}
    gate = {"name": "good", "type": "Threshold", "threshold": {"metric": "roc_auc", "min": 0.6}}
    spec: Json = {"dataset": {"features": ["age", "calls", "active"]}, "evaluation": {"gates": [gate]}}
    thing = asking("mine", **spec)
    thing["spec"]["training"] = own
    live.apply(thing)
    live.reaches("TrainingRun", "mine-1", "Complete", "made mine-v1, which passed its gates", seconds=FINISHED)

    made = live.there("ModelVersion", "mine-v1")["spec"]
    assert made["bundle"]["format"] == "ONNX"
    assert made["lineage"]["image"] == release.images["trainer"]


MISTAKES = {
    "broken": ('echo "{" > "$MLWRIGHT_RESULT"', "spec.steps[own].container: its result.json is no JSON"),
    "endless": (
        'head -c 5000 /dev/zero | tr "\\0" x > "$MLWRIGHT_RESULT"',
        "its result.json holds 5,000 bytes, and at most 3,072 are read",
    ),
    "nothing": ("true", "spec.steps[own].outputs[data]: data was not written"),
    "words": ("echo 'the table is empty' > /dev/termination-log; exit 64", "own: the table is empty"),
    "elsewhere": ('touch "${MLWRIGHT_OUTPUT%/*}/pvc/store/x" || exit 64', "ended with exit code 64"),
}


def test_what_containers_do_wrong_is_told(live: Live, release: Release) -> None:
    """Each with its sentence, and none can write to where models lie."""
    for name, (script, _) in MISTAKES.items():
        outputs = [{"name": "data"}] if name == "nothing" else []
        live.apply(asking(name, shell("own", release.images["containers"], script, outputs=outputs)))
    for name, (_, sentence) in MISTAKES.items():
        live.reaches("TrainingRun", f"{name}-1", "Failed", sentence)


def test_a_step_that_takes_too_long_is_stopped(live: Live, release: Release) -> None:
    """Its pod goes, and the run says which limit it broke."""
    long = shell("long", release.images["containers"], "sleep 300", timeoutAfter="8s", retries={"limit": 0})
    live.apply(asking("late", long))
    live.reaches("TrainingRun", "late-1", "Failed", "long: it took longer than its timeoutAfter of 8 s and was stopped")

    live.until("its pod is gone", lambda: not _running(live, "late-1") or None)


def test_an_evicted_pod_and_a_job_that_is_deleted_are_no_failures(live: Live, release: Release) -> None:
    """Both are started again, though the step may be tried only once: neither is the step's fault."""
    long = shell("long", release.images["containers"], "sleep 15", retries={"limit": 0})
    live.apply(asking("evicted", long), asking("deleted", long))
    for name in ("evicted", "deleted"):
        live.until(f"{name} runs", lambda run=f"{name}-1": _running(live, run) or None)  # type: ignore[misc]
    evict(live, _pods(live, "evicted-1")[0])
    live.kubectl("delete", "job/deleted-1-long-0", "--wait=false")
    for name in ("evicted", "deleted"):
        live.reaches("TrainingRun", f"{name}-1", "Complete", f"made {name}-v1", seconds=FINISHED)
        attempts = {step["name"]: step["attempt"] for step in live.status("TrainingRun", f"{name}-1")["steps"]}
        assert attempts["long"] == 0, name


def evict(live: Live, pod: Json) -> None:
    """Evict a pod, as somebody who empties a node does."""
    name = pod["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": live.name}}
    live.kubectl(
        *("create", "--raw", f"/api/v1/namespaces/{live.name}/pods/{name}/eviction", "-f", "-"),
        stdin=json.dumps(body).encode(),
    )


def test_a_failed_run_goes_on_from_its_failed_step(live: Live, release: Release) -> None:
    """What succeeded is not done again."""
    image = release.images["containers"]
    once = shell("once", image, 'test "$MLWRIGHT_ATTEMPT" -ge 1', dependsOn=["validate"], retries={"limit": 0})
    live.apply(asking("again", once))
    live.reaches("TrainingRun", "again-1", "Failed", "once: its container ended with exit code 1", "(attempt 1 of 1)")
    live.kubectl("annotate", "trainingrun/again-1", "mlwright.dev/retry=monday")
    live.reaches("TrainingRun", "again-1", "Complete", "made again-v1", seconds=FINISHED)

    attempts = {step["name"]: step["attempt"] for step in live.status("TrainingRun", "again-1")["steps"]}
    assert attempts["once"] == 1
    assert attempts["validate"] == 0


def test_suspended_means_no_pods_and_a_run_is_ended_by_hand(live: Live, release: Release) -> None:
    """The step that was at work begins anew; ended, its Job goes."""
    long = shell("long", release.images["containers"], "sleep 300", timeoutAfter="10m")
    live.apply(asking("slow", long))
    live.until("it runs", lambda: _running(live, "slow-1") or None)
    live.kubectl("patch", "trainingpipeline/slow", "--type=merge", "--patch", '{"spec": {"suspend": true}}')
    live.reaches("TrainingRun", "slow-1", "Suspended")
    live.until("its pods are gone", lambda: not live.names("Pod", pipeline="slow") or None)
    live.kubectl("patch", "trainingpipeline/slow", "--type=merge", "--patch", '{"spec": {"suspend": false}}')
    live.until("it runs again", lambda: _running(live, "slow-1") or None)
    jobs = live.names("Job", pipeline="slow", step="long")
    live.kubectl("annotate", "trainingrun/slow-1", "mlwright.dev/abort=ann: wrong data")
    live.reaches("TrainingRun", "slow-1", "Failed", "ended with the annotation mlwright.dev/abort: 'ann: wrong data'")

    assert jobs == ["slow-1-long-1"]
    live.until("its Job is gone", lambda: not live.names("Job", pipeline="slow", step="long") or None)


def _running(live: Live, run: str) -> bool:
    return any(pod["status"]["phase"] in {"Pending", "Running"} and _at_work(pod) for pod in _pods(live, run))


def _pods(live: Live, run: str) -> list[Json]:
    return [pod for pod in live.all("Pod", step="long") if pod["metadata"]["labels"]["mlwright.dev/owner"] == run]


def _at_work(pod: Json) -> bool:
    states = {c["name"]: c["state"] for c in pod["status"].get("initContainerStatuses") or ()}
    return "running" in states.get("own", {})
