"""The Job that looks at the data: small, restricted, and given up when it does not get on."""

from __future__ import annotations

import json

from mlwright.builders.training import for_pipeline
from mlwright.plan.resources import Body
from mlwright.plan.training import StartProbe
from mlwright.plan.writes import Create
from tests.support.podsecurity import violations
from tests.unit.planners.given import a_pipeline

POD = {
    "resources": {"limits": {"nvidia.com/gpu": "1"}},
    "serviceAccountName": "reader",
    "nodeSelector": {"disk": "ssd"},
}


def probe() -> Body:
    """Return the Job."""
    seen = a_pipeline().asking(pod=POD, policy={"queueName": "team-a"}).done()
    write = for_pipeline(seen)(StartProbe(1767355200, "trainer:1", "IfNotPresent", 600, "0a1b2c3d"))
    assert isinstance(write, Create)
    return write.body


def test_it_is_named_by_its_slot_and_belongs_to_the_pipeline() -> None:
    """So nobody makes it twice."""
    meta = probe()["metadata"]

    assert meta["name"] == "churn-probe-1767355200"
    assert meta["labels"]["mlwright.dev/owner-kind"] == "TrainingPipeline"
    assert meta["ownerReferences"][0]["uid"] == "uid-churn"


def test_it_names_the_data_and_waits_in_no_queue() -> None:
    """A look of other data must not be taken for it; and one that waits for days would hold all later ones."""
    labels = probe()["metadata"]["labels"]

    assert labels["mlwright.dev/data"] == "0a1b2c3d"
    assert "kueue.x-k8s.io/queue-name" not in labels


def test_it_is_restricted_and_only_reads() -> None:
    """It runs under the service account of the pipeline, on its nodes, but takes no accelerator."""
    pod = probe()["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert violations(pod) == []
    assert [mount["readOnly"] for mount in container["volumeMounts"] if mount["name"] != "tmp"] == [True]
    assert (pod["serviceAccountName"], pod["nodeSelector"]) == ("reader", {"disk": "ssd"})
    assert container["resources"]["limits"] == {"memory": "1Gi"}


def test_it_is_told_what_to_look_at() -> None:
    """As docs/contracts.md says."""
    [container] = probe()["spec"]["template"]["spec"]["containers"]
    told = json.loads(next(v["value"] for v in container["env"] if v["name"] == "MLWRIGHT_STEP"))

    assert container["args"] == ["revision"]
    assert told == {
        "schemaVersion": 1,
        "namespace": "demo",
        "pipeline": "churn",
        "dataset": {"uri": "pvc://lake/churn.csv", "target": "churned", "split": {"type": "Hash"}},
    }


def test_the_job_controller_never_tries_again_by_itself() -> None:
    """The next look is the next try, and one that hangs must not stand in its way."""
    spec = probe()["spec"]

    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], "suspend" in spec) == (0, 600, False)
