"""Pods whose runs and bundles lie in an object store: who gets the keys, and who only gets files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlwright.builders.artifacts import Fetcher, Stored, with_bundles
from mlwright.builders.pods import pod_spec
from mlwright.builders.serving import renderer
from mlwright.builders.training import for_run
from mlwright.plan.frozen import Frozen
from mlwright.plan.serving import RecordRevision, Target
from mlwright.plan.training import StartStep
from mlwright.plan.writes import Create
from mlwright.planners.template import freeze
from tests.support.podsecurity import violations
from tests.unit.planners.given import NOW, SETTINGS, a_deployment, a_pipeline, a_run, a_version

STORAGE = {
    "endpointURL": "https://store:9000",
    "caBundleRef": {"name": "authorities", "key": "ca.crt"},
    "secretRef": {"name": "store-keys"},
}
STORE = {"uri": "s3://models/mlwright", "storage": STORAGE}
BUNDLE = "s3://models/mlwright/demo/churn/runs/churn-1-ab/train-0/kept-0a/bundle"
ENV = [{"name": "PYTHONPATH", "value": "/mlwright/pvc/mine"}]

Json = dict[str, Any]


def secrets(pod: Json) -> dict[str, set[str]]:
    """Return which Secrets each container reads."""
    found = {}
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        refs = (entry["valueFrom"].get("secretKeyRef", {}) for entry in container["env"] if "valueFrom" in entry)
        found[container["name"]] = {ref["name"] for ref in refs if ref}
    return found


def told(container: Json) -> Json:
    """Return what a container is told of stores."""
    env = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    document: Json = json.loads(env["MLWRIGHT_ARTIFACTS"].replace("$$", "$"))
    return document


def served(**spec: Any) -> Json:
    """Return the pod that serves a version whose bundle lies in a store."""
    seen = a_deployment().with_version(7).asking(**spec).done()
    version = replace(a_version(7), uri=BUNDLE, storage=STORAGE)
    write = renderer(seen, SETTINGS)(RecordRevision(Target(version, "0a1b2c3d"), 3))
    assert isinstance(write, Create)
    pod: Json = write.body["data"]["template"]["spec"]
    return pod


def test_a_server_never_sees_the_keys_with_which_its_bundle_is_fetched() -> None:
    """Nor does an image, a variable or a limit that people name reach the container that has them."""
    pod = served(server={"image": "mine:1"}, pod={"env": ENV, "resources": {"limits": {"memory": "9Gi"}}})
    [fetch], [server] = pod["initContainers"], pod["containers"]

    assert secrets(pod) == {"fetch": {"store-keys"}, "server": set()}
    assert (fetch["image"], server["image"]) == (SETTINGS.trainer_image, "mine:1")
    assert "PYTHONPATH" not in {entry["name"] for entry in fetch["env"]}
    assert [mount["mountPath"] for mount in fetch["volumeMounts"]] == [
        "/mlwright/s3/models",
        "/mlwright/configmap/authorities",
    ]
    assert fetch["resources"]["limits"] == {"memory": "512Mi"}
    assert violations(pod) == []


def test_a_server_finds_what_was_fetched_where_it_would_find_a_volume() -> None:
    """In a folder of the pod that it may only read; the certificates of the store are for the other container."""
    pod = served()
    [fetch], [server] = pod["initContainers"], pod["containers"]
    places = {mount["mountPath"]: mount.get("readOnly", False) for mount in server["volumeMounts"]}

    assert places["/mlwright/s3/models"] is True
    assert "/mlwright/configmap/authorities" not in places
    assert {"name": "s3-models", "emptyDir": {}} in pod["volumes"]
    assert {"name": "s3-models", "mountPath": "/mlwright/s3/models"} in fetch["volumeMounts"]
    assert told(fetch) == {
        "stores": [
            {
                "uri": BUNDLE,
                "field": "ModelVersion churn-v7 spec.bundle",
                "storage": STORAGE,
                "keys": "MLWRIGHT_ARTIFACTS_0_",
            }
        ],
        "fetch": [BUNDLE],
    }


def test_what_fetches_for_a_server_knows_where_others_left_the_bundle() -> None:
    """So new pods need no store where there is a cache."""
    [fetch] = served(server={"cache": {"claimName": "bundles"}})["initContainers"]
    env = {entry["name"]: entry.get("value") for entry in fetch["env"]}

    assert env["MLWRIGHT_CACHE_FOLDER"] == "/mlwright/pvc/bundles/bundles"
    assert (env["MLWRIGHT_BUNDLE_URI"], env["MLWRIGHT_BUNDLE_DIGEST"]) == (BUNDLE, a_version(7).digest)
    assert "/mlwright/pvc/bundles" in {mount["mountPath"] for mount in fetch["volumeMounts"]}


def test_a_server_of_ones_own_gets_its_bundle_fetched_as_well() -> None:
    """It finds the files where it wants them, and no keys."""
    own = {"type": "Container", "container": {"image": "mlserver:1", "port": 9000}}
    pod = served(runtime=own)

    assert secrets(pod) == {"fetch": {"store-keys"}, "server": set()}
    inside = BUNDLE.removeprefix("s3://models/")
    assert {"name": "s3-models", "mountPath": "/mnt/models", "subPath": inside, "readOnly": True} in pod["containers"][
        0
    ]["volumeMounts"]


def test_nothing_is_fetched_that_lies_on_a_claim() -> None:
    """The pod is as it was."""
    surface: Json = {}
    pod = pod_spec({"name": "step", "env": [], "resources": {"requests": {}, "limits": {}}}, surface, ())

    assert with_bundles(pod, (Stored("pvc://a/b", "x"),), surface, Fetcher("", "")) == pod


def frozen(**spec: Any) -> Frozen:
    """Return what a run of a pipeline freezes that writes to a store."""
    seen = a_pipeline().asking(**{"artifacts": STORE, **spec}).done()
    return freeze(seen, SETTINGS, run="churn-1", uid="uid-1", at=NOW)


def job(step: str, of: Frozen, **inputs: int) -> Json:
    """Return the Job of a step."""
    write = for_run(a_run().started().done())(StartStep(frozen=of, step=step, attempt=1, inputs=inputs))
    assert isinstance(write, Create)
    return write.body


def pod_of(step: str, of: Frozen, **inputs: int) -> Json:
    """Return the pod of a step."""
    pod: Json = job(step, of, **inputs)["spec"]["template"]["spec"]
    return pod


def test_a_step_fetches_what_it_reads_and_nothing_else() -> None:
    """What it left itself, and the folders of the steps before it."""
    found = frozen()
    pod = pod_of("train", found, validate=2)
    folder = f"s3://models/mlwright/demo/churn/runs/{found.folder}"

    assert told(pod["containers"][0])["fetch"] == [f"{folder}/train-1", f"{folder}/validate-2"]
    assert secrets(pod) == {"step": {"store-keys"}}
    assert {"name": "s3-models", "mountPath": "/mlwright/s3/models"} in pod["containers"][0]["volumeMounts"]
    assert violations(pod) == []


CHAMPION = {
    "name": "churn-v3",
    "version": 3,
    "uri": "s3://others/churn/bundle",
    "digest": "sha256:" + "0" * 64,
    "storage": {"secretRef": {"name": "their-keys"}},
}


@pytest.mark.parametrize("step, fetches", [("validate", True), ("train", False), ("evaluate", True)])
def test_the_keys_of_the_champions_store_stay_with_what_fetches_it(step: str, fetches: bool) -> None:  # noqa: FBT001
    """The author of the pipeline names the image that compares, and was not asked for that Secret."""
    found = replace(frozen(image="mine:1"), champion=CHAMPION, fetching_image="trainer:1")
    inputs = {"validate": {}, "train": {"validate": 0}, "evaluate": {"validate": 0, "train": 0}}[step]
    body = job(step, found, **inputs)
    pod = body["spec"]["template"]["spec"]

    assert secrets(pod) == {"step": {"store-keys"}} | ({"fetch": {"their-keys"}} if fetches else {})
    assert [container["image"] for container in pod.get("initContainers", ())] == (["trainer:1"] if fetches else [])
    named = {rule["onExitCodes"]["containerName"] for rule in body["spec"]["podFailurePolicy"]["rules"][1:]}
    assert named == {container["name"] for container in (*pod["containers"], *pod.get("initContainers", ()))}


def test_what_a_container_trained_is_fetched_to_be_evaluated() -> None:
    """The step is ours, whatever stands before it."""
    own = {"task": "Classification", "type": "Container", "container": {"image": "mine:1"}}
    found = frozen(training=own)
    pod = pod_of("evaluate", found, validate=0, train=2)
    folder = f"s3://models/mlwright/demo/churn/runs/{found.folder}"

    assert told(pod["containers"][0])["fetch"] == [f"{folder}/evaluate-1", f"{folder}/validate-0", f"{folder}/train-2"]


def test_a_container_of_somebodys_own_gets_files_and_no_keys() -> None:
    """What stands before and behind it speaks with the store."""
    own = {"task": "Classification", "type": "Container", "container": {"image": "mine:1"}}
    pod = pod_of("train", frozen(training=own), validate=0)

    assert secrets(pod) == {"prepare": {"store-keys"}, "own": set(), "step": {"store-keys"}}
    own_container = next(c for c in pod["initContainers"] if c["name"] == "own")
    env = {entry["name"]: entry.get("value", "") for entry in own_container["env"]}
    assert env["MLWRIGHT_INPUT_TRAIN"].startswith("/mlwright/s3/models/mlwright/demo/churn/runs/")
