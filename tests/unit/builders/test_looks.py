"""The Job that looks at how far a tuning is: small, restricted, and given up when it does not get on."""

from __future__ import annotations

import json
from typing import Any

from mlwright.builders.training import for_run
from mlwright.plan.resources import Body
from mlwright.plan.training import StartLook
from mlwright.plan.writes import Create
from tests.support.podsecurity import violations
from tests.unit.planners.given import a_pipeline, a_run

SLOT = 1767355200
POD = {
    "resources": {"limits": {"nvidia.com/gpu": "1"}},
    "serviceAccountName": "reader",
    "nodeSelector": {"disk": "ssd"},
}


def look(**pod: Any) -> Body:
    """Return the Job."""
    seen = a_run().of(a_pipeline().asking(pod={**POD, **pod}, policy={"queueName": "nights"})).done()
    assert seen.frozen is not None
    write = for_run(seen)(StartLook(seen.frozen, SLOT, 120))
    assert isinstance(write, Create)
    return write.body


def test_it_is_named_by_its_slot_and_belongs_to_the_run() -> None:
    """So nobody makes it twice, and it goes when the run does; it is no attempt of a step, and waits in no queue."""
    meta = look()["metadata"]

    assert meta["name"] == f"churn-1-look-{SLOT}"
    assert meta["labels"]["mlwright.dev/owner-kind"] == "TrainingRun"
    assert "kueue.x-k8s.io/queue-name" not in meta["labels"]
    assert "mlwright.dev/step" not in meta["labels"]
    assert meta["ownerReferences"][0]["uid"] == "uid-1"


def test_it_is_restricted_and_only_reads() -> None:
    """It runs under the service account of the pipeline, on its nodes, but takes no accelerator."""
    pod = look()["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert violations(pod) == []
    assert [mount["readOnly"] for mount in container["volumeMounts"] if mount["name"] != "tmp"] == [True]
    assert (pod["serviceAccountName"], pod["nodeSelector"]) == ("reader", {"disk": "ssd"})
    assert container["resources"]["limits"] == {"memory": "256Mi"}


def test_it_is_told_where_to_look() -> None:
    """As docs/contracts.md says."""
    [container] = look()["spec"]["template"]["spec"]["containers"]
    told = json.loads(next(v["value"] for v in container["env"] if v["name"] == "MLWRIGHT_STEP"))

    assert container["args"] == ["progress"]
    assert told["schemaVersion"] == 1
    assert told["runUri"].startswith("pvc://artifacts/runs/demo/churn/runs/churn-1-")


def test_it_likes_the_node_of_the_trials() -> None:
    """There the image is, and a volume that one node has; what people say of nodes stands."""
    [wish] = look()["spec"]["template"]["spec"]["affinity"]["podAffinity"].popitem()[1]
    own: dict[str, Any] = {"nodeAffinity": {}}

    assert wish["podAffinityTerm"]["labelSelector"]["matchLabels"]["mlwright.dev/step"] == "tune"
    assert look(affinity=own)["spec"]["template"]["spec"]["affinity"] == own


def test_the_job_controller_never_tries_again_by_itself() -> None:
    """The next look is the next try, and one that hangs must not stand in its way."""
    spec = look()["spec"]

    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], "suspend" in spec) == (0, 120, False)
