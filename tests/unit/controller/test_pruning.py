"""What the cache keeps of an object is what snapshots read."""

from __future__ import annotations

from mlwright.controller.pruning import KUBECTL_COPY, pruned
from mlwright.plan.pods import pod_seen
from mlwright.plan.resources import DEPLOYMENT, JOB, POD, Body

POD_BODY: Body = {
    "kind": "Pod",
    "metadata": {
        "namespace": "demo",
        "name": "pod",
        "labels": {"a": "b"},
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "managedFields": [{"manager": "kubelet"}],
        "annotations": {KUBECTL_COPY: "{}", "other": "kept"},
    },
    "spec": {"nodeName": "n1", "containers": [{"name": "step", "image": "i", "env": [{"name": "A"}]}], "volumes": [{}]},
    "status": {
        "phase": "Running",
        "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {
                "name": "step",
                "ready": False,
                "restartCount": 2,
                "imageID": "sha256:long",
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": {"exitCode": 70, "reason": "Error", "message": "disk full"}},
            }
        ],
    },
}


def test_a_pruned_pod_is_seen_as_the_whole_one() -> None:
    """No planner can tell the difference."""
    assert pod_seen(pruned(POD, POD_BODY), "step") == pod_seen(POD_BODY, "step")


def test_the_containers_before_the_one_of_a_step_are_seen_as_well() -> None:
    """One of somebody's own stands there, and what it said must not be lost."""
    ended = {"state": {"terminated": {"exitCode": 64, "reason": "Error", "message": "no rows"}}}
    status = {**POD_BODY["status"], "initContainerStatuses": [{"name": "own", "imageID": "sha256:long", **ended}]}
    body = {**POD_BODY, "status": status}
    seen = pod_seen(pruned(POD, body), "step")

    assert seen == pod_seen(body, "step")
    assert (seen.exit_code, seen.exit_message) == (64, "no rows")
    assert "imageID" not in pruned(POD, body)["status"]["initContainerStatuses"][0]


def test_what_nobody_reads_of_a_pod_goes() -> None:
    """Its spec is larger than all the rest."""
    small = pruned(POD, POD_BODY)

    assert small["spec"] == {"nodeName": "n1", "containers": [{"name": "step"}]}
    assert "imageID" not in small["status"]["containerStatuses"][0]
    assert small["metadata"]["annotations"] == {"other": "kept"}
    assert "managedFields" not in small["metadata"]


def test_a_job_keeps_all_but_its_template() -> None:
    """A Job is made once, so nobody compares its template."""
    body = {"kind": "Job", "metadata": {}, "spec": {"suspend": True, "template": {}}, "status": {"active": 1}}

    assert pruned(JOB, body) == {**body, "spec": {"suspend": True}}


def test_a_deployment_keeps_its_spec() -> None:
    """It is compared with what is wanted."""
    body = {"kind": "Deployment", "metadata": {}, "spec": {"template": {"spec": {}}}}

    assert pruned(DEPLOYMENT, body) == body


def test_the_original_is_not_changed() -> None:
    """An event's body belongs to whoever sent it."""
    pruned(POD, POD_BODY)

    assert "managedFields" in POD_BODY["metadata"]


def scaled_by(*managers: str) -> Body:
    """Return a Deployment whose number of pods these managers own."""
    own: Body = {"f:spec": {"f:replicas": {}}}
    entries = [{"manager": name, "operation": "Update", "subresource": "scale", "fieldsV1": own} for name in managers]
    other = {"manager": "kubectl-edit", "time": "2027-01-01T00:00:00Z", "fieldsV1": {"f:metadata": {}}}
    return {"kind": "Deployment", "metadata": {"managedFields": [other, *entries]}, "spec": {}}


def test_of_a_deployment_stays_who_else_set_its_number_of_pods() -> None:
    """So that it can be named."""
    assert pruned(DEPLOYMENT, scaled_by("kubectl"))["metadata"]["managedFields"] == [{"manager": "kubectl"}]


def test_what_the_operator_set_is_its_own() -> None:
    """Also where others agree with it."""
    assert "managedFields" not in pruned(DEPLOYMENT, scaled_by("mlwright", "kubectl"))["metadata"]
    assert "managedFields" not in pruned(DEPLOYMENT, scaled_by())["metadata"]
