"""The Job that removes folders: small, restricted, told by its environment alone."""

from __future__ import annotations

import json

from mlwright.api.models import ModelSpec
from mlwright.builders.models import for_model
from mlwright.plan.models import ModelSeen, RemoveSweep, RemoveVersion, StartSweep
from mlwright.plan.resources import JOB, MODEL_DEPLOYMENT, MODEL_VERSION, Body
from mlwright.plan.writes import Census, Create, Delete
from tests.support.podsecurity import violations

SEEN = ModelSeen("churn", ModelSpec(), (), namespace="demo", uid="u")
DOCUMENT = {"name": "churn-sweep-1", "places": ["pvc://a/x/runs", "pvc://b/y/runs", "pvc://a/z/runs"], "inUse": ["a$b"]}
POD = {
    "resources": {"limits": {"nvidia.com/gpu": "1"}},
    "env": [{"name": "A", "value": "a"}],
    "serviceAccountName": "s",
}


def job() -> Body:
    """Return the Job."""
    write = for_model(SEEN)(StartSweep(1, "trainer:1", "IfNotPresent", POD, DOCUMENT, 600))
    assert isinstance(write, Create)
    return write.body


def test_it_belongs_to_the_model_and_is_given_up_in_time() -> None:
    """Before its list could be out of date."""
    found = job()

    assert found["metadata"]["name"] == "churn-sweep-1"
    assert found["metadata"]["labels"]["mlwright.dev/probe"] == "1"
    assert found["metadata"]["ownerReferences"][0] | {"uid": "u"} == found["metadata"]["ownerReferences"][0]
    assert (found["spec"]["activeDeadlineSeconds"], found["spec"]["backoffLimit"]) == (600, 0)


def test_it_is_restricted_and_writes_to_the_claims_alone() -> None:
    """Each is mounted once; no accelerator, no variable of the pipeline."""
    pod = job()["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert violations(pod) == []
    assert [mount["name"] for mount in container["volumeMounts"] if "readOnly" not in mount] == [
        "tmp",
        "pvc-a",
        "pvc-b",
    ]
    assert pod["serviceAccountName"] == "s"
    assert "A" not in {variable["name"] for variable in container["env"]}
    assert container["resources"]["limits"] == {"memory": "512Mi"}


def test_it_is_told_what_to_do() -> None:
    """Dollars are doubled, as Kubernetes would expand them."""
    [container] = job()["spec"]["template"]["spec"]["containers"]
    told = next(v["value"] for v in container["env"] if v["name"] == "MLWRIGHT_SWEEP")

    assert container["args"] == ["sweep"]
    assert json.loads(told.replace("$$", "$")) == DOCUMENT


def test_what_is_removed_is_removed_by_its_uid() -> None:
    """And a version only in the world that was seen."""
    render = for_model(SEEN)

    assert render(RemoveSweep("s", "1")) == Delete(JOB, "demo", "s", "1")
    assert render(RemoveVersion("v", "2", ())) == Delete(
        MODEL_VERSION, "demo", "v", "2", (), Census(MODEL_DEPLOYMENT, "demo", "churn")
    )
