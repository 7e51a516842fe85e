"""A step that another controller does: a real CRD on a real API server, and a script that plays its controller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from cluster.apiserver import ApiServer
from mlwright.adapters.kube.client import item
from mlwright.plan.resources import TRAINING_PIPELINE, TRAINING_RUN, foreign
from tests.support.apiserver import MERGE, Client, Json
from tests.support.flows import pipeline
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.operators import SETTINGS, InProcess
from tests.support.scripts import Stories, Story
from tests.support.waiting import answered

pytestmark = pytest.mark.timeout(90)

ALLOWED = "engines.example.test/v1/bigjobs/BigJob"
(BIGJOB,) = foreign(ALLOWED)
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DEFINITION: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "bigjobs.engines.example.test"},
    "spec": {
        "group": "engines.example.test",
        "scope": "Namespaced",
        "names": {"plural": "bigjobs", "singular": "bigjob", "kind": "BigJob"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
MANIFEST: Json = {
    "apiVersion": "engines.example.test/v1",
    "kind": "BigJob",
    "metadata": {"name": "mine", "namespace": "kube-system", "labels": {"queue": "big"}},
    "spec": {"workers": 16},
}
PATIENCE = 40.0
ENDS = {"success": {"condition": "Completed"}, "failure": {"condition": "Broken"}}


@pytest.fixture
async def kube(apiserver: ApiServer, client: Client, namespace: str) -> AsyncIterator[Kube]:
    """An administrator, on a server that serves the other controller's kind."""
    del client, namespace  # they install our definitions and make the namespace
    async with Kube(apiserver) as kube:
        await kube.request("POST", DEFINITIONS, DEFINITION)
        await answered(lambda: _served(kube), "the kind is served", PATIENCE)
        yield kube


async def _served(kube: Kube) -> bool:
    body = (await kube.request("GET", f"{DEFINITIONS}/{DEFINITION['metadata']['name']}")).body
    return any(c["type"] == "Established" and c["status"] == "True" for c in body["status"].get("conditions") or ())


@pytest.fixture
async def running(apiserver: ApiServer, kube: Kube, namespace: str) -> AsyncIterator[InProcess]:
    """An operator that may make such objects, and the actor that plays the kubelet for all other steps."""
    stories = Stories()
    stories.tell(namespace, Story())
    settings = replace(SETTINGS, namespace=namespace, training_resources=ALLOWED)
    async with Kubelet(kube, stories):
        operator = InProcess(apiserver, settings).start()
        yield operator
        operator.kill()
        await operator.ended()


def asking(manifest: Json = MANIFEST, ends: Json = ENDS, **more: Any) -> Json:
    """Return a pipeline with such a step before the training."""
    step = {"name": "big", "type": "Resource", "resource": {"manifest": manifest, **ends}, **more}
    train = {"name": "train", "type": "BuiltIn", "builtIn": {"uses": "Train"}, "dependsOn": ["big"]}
    return pipeline(steps=[step, train])


async def object_of(kube: Kube, namespace: str, attempt: int = 0) -> Json:
    """Return the object of an attempt."""
    found: Json = await answered(lambda: kube.read(BIGJOB, namespace, f"churn-1-big-{attempt}"), "it is made", PATIENCE)
    return found


async def end(kube: Kube, body: Json, condition: str, message: str) -> None:
    """Let the other controller say how it ended, by a condition."""
    told = {"type": condition, "status": "True", "message": message, "lastTransitionTime": "2026-01-02T03:04:05Z"}
    await tell(kube, body, {"conditions": [told]})


async def tell(kube: Kube, body: Json, status: Json) -> None:
    """Let the other controller write the status of an object."""
    path = item(BIGJOB, body["metadata"]["namespace"], body["metadata"]["name"]) + "/status"
    assert (await kube.request("PATCH", path, {"status": status}, content=MERGE)).status == 200


async def summary(kube: Kube, namespace: str, words: str) -> Json:
    """Return the run when its sentence holds these words."""

    async def read() -> Json | None:
        run = await kube.read(TRAINING_RUN, namespace, "churn-1")
        return run if run and words in (run.get("status") or {}).get("summary", "") else None

    found: Json = await answered(read, words, PATIENCE)
    return found


async def test_the_object_is_ours_in_our_namespace_and_its_end_is_the_end_of_the_step(
    kube: Kube, running: InProcess, namespace: str
) -> None:
    """Name, namespace and owner are not the author's to choose; labels and content are."""
    await kube.create(asking(), namespace)
    body = await object_of(kube, namespace)
    await end(kube, body, "Completed", "16 workers are done")
    run = await summary(kube, namespace, "made churn-v1")
    steps = {step["name"]: step for step in run["status"]["steps"]}

    assert body["metadata"]["namespace"] == namespace
    assert body["metadata"]["ownerReferences"][0]["name"] == "churn-1"
    assert body["metadata"]["labels"]["queue"] == "big"
    assert body["spec"] == {"workers": 16}
    assert (steps["big"]["state"], steps["big"]["sentence"]) == ("Succeeded", "16 workers are done")
    assert running.error is None


async def test_its_failure_fails_the_run_in_its_own_words(kube: Kube, running: InProcess, namespace: str) -> None:
    """The other controller has tried what it could, so it is tried once."""
    await kube.create(asking(), namespace)
    await end(kube, await object_of(kube, namespace), "Broken", "no node has 16 GPUs")
    run = await summary(kube, namespace, "no node has 16 GPUs")

    assert run["status"]["summary"] == (
        f"big: no node has 16 GPUs (kubectl describe -n {namespace} bigjobs.engines.example.test/churn-1-big-0)"
        " (attempt 1 of 1)"
    )
    assert {c["type"] for c in run["status"]["conditions"]} == {"Failed", "Stalled"}
    assert running.error is None


async def test_another_try_makes_another_object(kube: Kube, running: InProcess, namespace: str) -> None:
    """When the step says so."""
    await kube.create(asking(retries={"limit": 1, "backoff": "1s"}), namespace)
    await end(kube, await object_of(kube, namespace), "Broken", "a node was lost")
    await end(kube, await object_of(kube, namespace, 1), "Completed", "done")

    await summary(kube, namespace, "made churn-v1")
    assert running.error is None


async def test_an_ended_run_leaves_no_object_at_work(kube: Kube, running: InProcess, namespace: str) -> None:
    """It is removed like a Job."""
    await kube.create(asking(), namespace)
    await object_of(kube, namespace)
    change = {"metadata": {"annotations": {"mlwright.dev/abort": "ann"}}}
    await kube.merge(TRAINING_RUN, namespace, "churn-1", change)
    await summary(kube, namespace, "ended with the annotation")

    async def gone() -> bool:
        return await kube.read(BIGJOB, namespace, "churn-1-big-0") is None

    await answered(gone, "it is removed", PATIENCE)
    assert running.error is None


async def test_a_kind_that_nobody_allowed_is_refused(kube: Kube, running: InProcess, namespace: str) -> None:
    """Before anything starts; the sentence says who can help."""
    await kube.create(asking({**MANIFEST, "kind": "Secret", "apiVersion": "v1"}), namespace)

    async def read() -> Json | None:
        found = await kube.read(TRAINING_PIPELINE, namespace, "churn")
        return found if found and found.get("status") else None

    status = (await answered(read, "it is told", PATIENCE))["status"]
    assert status["summary"] == (
        "spec.steps[big].resource.manifest: Secret of v1 is not allowed here; ask for it in training.resources of the"
        " chart (BigJob of engines.example.test/v1)"
    )
    assert running.error is None


async def test_a_controller_without_conditions_is_waited_for_by_a_field(
    kube: Kube, running: InProcess, namespace: str
) -> None:
    """As RayJob and SparkApplication tell how they stand; what they say beside it is the sentence."""
    state = "applicationState.state"
    ends = {"success": {"field": state, "equals": "COMPLETED"}, "failure": {"field": state, "equals": "FAILED"}}
    await kube.create(asking(ends=ends, retries={"limit": 1, "backoff": "5s"}), namespace)
    failed = {"state": "FAILED", "errorMessage": "the driver was killed"}
    await tell(kube, await object_of(kube, namespace), {"applicationState": failed})
    trying = await summary(kube, namespace, "the driver was killed")
    await tell(kube, await object_of(kube, namespace, 1), {"applicationState": {"state": "RUNNING"}})
    await tell(kube, await object_of(kube, namespace, 1), {"applicationState": {"state": "COMPLETED"}})
    run = await summary(kube, namespace, "made churn-v1")
    steps = {step["name"]: step for step in run["status"]["steps"]}

    assert trying["status"]["summary"].startswith("big: applicationState.state is FAILED: the driver was killed (")
    assert (steps["big"]["state"], steps["big"]["sentence"]) == ("Succeeded", "applicationState.state is COMPLETED")
    assert running.error is None
