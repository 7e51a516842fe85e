"""The Job that asks a candidate: its pod finds what the candidate's finds, and no Service finds it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from mlwright.api.preflight import Preflight
from mlwright.builders.serving import renderer
from mlwright.constants import LABEL_DEPLOYMENT, LABEL_REVISION
from mlwright.plan.serving import DeploymentSeen, KeepGuard, RecordRevision, StartPreflight, Target
from mlwright.plan.writes import Apply, Create
from tests.support.podsecurity import violations
from tests.unit.planners.given import SETTINGS, a_deployment, a_pod, a_version

SPEC: dict[str, Any] = {
    "server": {
        "payloadLog": {"uri": "pvc://payloads/live"},
        "auth": {"type": "Token", "secretRef": {"name": "token", "key": "token"}},
    },
    "rollout": {"preflight": {"replay": {"requests": 50, "latencyBound": "100ms"}}},
    "pod": {"resources": {"limits": {"example.com/gpu": "1"}}},
}
TOLD = a_deployment().asking(**SPEC).stable(1, ready=2)
PODS = (a_pod("churn-1", ready=True, address="10.0.0.2"), a_pod("churn-2", ready=True, address="10.0.0.1"), a_pod("c"))
SEEN = TOLD.candidate(2, ready=2, pods=PODS).done()


def job(seen: DeploymentSeen = SEEN) -> dict[str, Any]:
    """Return the Job for version 2."""
    render = renderer(seen, SETTINGS)
    frozen = render(RecordRevision(Target(a_version(2), "0a1b2c3d"), 2))
    assert isinstance(frozen, Create)
    revision = replace(seen.revisions[1], template=frozen.body["data"]["template"])
    asked = seen.spec.rollout.preflight or Preflight.model_validate({})
    write = render(StartPreflight(revision, seen.variants[1], asked, "stable-1"))
    assert isinstance(write, Create)
    return write.body


def pod() -> dict[str, Any]:
    """Return its pod."""
    found: dict[str, Any] = job()["spec"]["template"]
    return found


def test_it_is_told_whom_to_ask() -> None:
    """The ready pods, and whose recorded requests."""
    [container] = pod()["spec"]["containers"]
    told = {variable["name"]: variable.get("value") for variable in container["env"]}

    assert json.loads(told["MLWRIGHT_PREFLIGHT"]) == {
        "schemaVersion": 1,
        "pods": ["10.0.0.1", "10.0.0.2"],
        "port": 8080,
        "requests": 50,
        "recordedBy": "stable-1",
        "latencySeconds": 0.1,
    }


def test_it_finds_what_the_candidate_finds() -> None:
    """The bundle, the payload log and the token; no device is taken from those that answer."""
    spec = pod()["spec"]
    [container] = spec["containers"]

    assert {"pvc-payloads", "secret-token"} <= {volume["name"] for volume in spec["volumes"]}
    assert (container["name"], container["command"][-1]) == ("step", "mlwright.server.preflight")
    assert "example.com/gpu" not in container["resources"]["limits"]
    assert container.keys().isdisjoint({"ports", "readinessProbe", "livenessProbe", "startupProbe"})


def test_what_lies_in_a_store_is_fetched_before() -> None:
    """By the container that sends it beside a server, which ends here; the program that asks never sees the keys."""
    log = {"uri": "s3://logs/live", "storage": {"secretRef": {"name": "log-keys"}}}
    told = a_deployment().asking(**{**SPEC, "server": {"payloadLog": log}}).stable(1, ready=2)
    spec = job(told.candidate(2, ready=2, pods=PODS).done())["spec"]["template"]["spec"]
    [fetching], [asking] = spec["initContainers"], spec["containers"]
    env = {one["name"]: one.get("value") for one in fetching["env"]}

    assert (fetching["name"], fetching["args"]) == ("fetch-payloads", ["fetch-payloads"])
    assert "restartPolicy" not in fetching
    assert json.loads(env["MLWRIGHT_PAYLOADS"]) == {
        "namespace": "demo",
        "deployment": "churn",
        "revision": "stable-1",
        "requests": 50,
    }
    assert "log-keys" not in json.dumps(asking)
    assert "tmp" not in {mount["name"] for mount in fetching["volumeMounts"]}


def test_where_no_recorded_request_is_wanted_no_store_is_asked() -> None:
    """It may be away then."""
    log = {"uri": "s3://logs/live", "storage": {"secretRef": {"name": "log-keys"}}}
    asks = {**SPEC, "server": {"payloadLog": log}, "rollout": {"preflight": {"replay": {"requests": 0}}}}
    told = a_deployment().asking(**asks).stable(1, ready=2)
    spec = job(told.candidate(2, ready=2, pods=PODS).done())["spec"]["template"]["spec"]

    assert "initContainers" not in spec
    assert "log-keys" not in json.dumps(spec)


def test_no_service_leads_to_it() -> None:
    """Nor does a disruption budget count it."""
    assert pod()["metadata"]["labels"].keys().isdisjoint({LABEL_DEPLOYMENT, LABEL_REVISION})


def test_it_is_as_restricted_as_all_pods() -> None:
    """Restricted Pod Security."""
    assert violations(pod()["spec"]) == []


def test_it_may_reach_the_pods_behind_a_router() -> None:
    """By its labels, which nothing else bears."""
    write = renderer(SEEN, SETTINGS)(KeepGuard())
    assert isinstance(write, Apply)
    peers = [peer["podSelector"] for peer in write.body["spec"]["ingress"][0]["from"] if "podSelector" in peer]

    assert any(
        peer["matchLabels"].items() <= pod()["metadata"]["labels"].items() and "matchExpressions" in peer
        for peer in peers
    )


OWN: dict[str, Any] = {
    "image": "example/asks:1",
    "command": ["pytest"],
    "args": ["--price=$5"],
    "env": [{"name": "BIAS", "value": "0.1"}],
    "resources": {"limits": {"memory": "3Gi"}},
    "timeoutAfter": "90s",
    "retries": 4,
}


def own_job(**server: Any) -> dict[str, Any]:
    """Return the Job by which somebody's own container asks version 2."""
    surface = {"env": [{"name": "TOKEN", "secretRef": {"name": "token", "key": "token"}}], "nodeSelector": {"a": "b"}}
    told = a_deployment().asking(rollout={"preflight": {"container": OWN}}, pod=surface, **server)
    seen = told.stable(1, ready=2).candidate(2, ready=2, pods=PODS).done()
    asked = seen.spec.rollout.preflight or Preflight.model_validate({})
    write = renderer(seen, SETTINGS)(StartPreflight(seen.revisions[1], seen.variants[1], asked, "stable-1", own=True))
    assert isinstance(write, Create)
    return write.body


def test_a_container_of_ones_own_is_told_whom_to_ask() -> None:
    """And gets the variables of the pods, with their Secrets, and its own; dollars stay as they were written."""
    [container] = own_job()["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable.get("value") for variable in container["env"]}

    assert told["MLWRIGHT_TARGETS"] == "http://10.0.0.1:8080 http://10.0.0.2:8080"
    assert (told["MLWRIGHT_DEPLOYMENT"], told["MLWRIGHT_MODEL_VERSION"], told["BIAS"]) == ("churn", "2", "0.1")
    assert {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "token"}}} in container["env"]
    assert (container["image"], container["command"], container["args"]) == (
        "example/asks:1",
        ["pytest"],
        ["--price=$$5"],
    )


def test_it_has_its_time_and_its_tries() -> None:
    """The time is that of one try, and one for all that a pod waits for; what it says last is kept."""
    spec = own_job()["spec"]
    pod_ = spec["template"]["spec"]
    [container] = pod_["containers"]

    assert (spec["backoffLimit"], pod_["activeDeadlineSeconds"], spec["activeDeadlineSeconds"]) == (
        4,
        90,
        1800 + 5 * 90,
    )
    assert container["resources"]["limits"] == {"memory": "3Gi"}
    assert (container["terminationMessagePolicy"], pod_["nodeSelector"]) == ("FallbackToLogsOnError", {"a": "b"})


def test_it_is_restricted_and_no_service_leads_to_it() -> None:
    """Restricted Pod Security; no file of the model, no label of those that answer."""
    template = own_job()["spec"]["template"]

    assert violations(template["spec"]) == []
    assert [volume["name"] for volume in template["spec"]["volumes"]] == ["tmp"]
    assert template["metadata"]["labels"].keys().isdisjoint({LABEL_DEPLOYMENT, LABEL_REVISION})


def test_it_asks_a_server_of_ones_own_where_that_answers() -> None:
    """Encrypted where the deployment says so, and at the port of the container that serves."""
    own = {"runtime": {"type": "Container", "container": {"image": "mlserver:1", "port": 9000}}}
    safe = {"server": {"tls": {"secretRef": {"name": "cert"}}}}

    assert _targets(own_job(**own)) == "http://10.0.0.1:9000 http://10.0.0.2:9000"
    assert _targets(own_job(**safe)) == "https://10.0.0.1:8080 https://10.0.0.2:8080"


def _targets(job_: dict[str, Any]) -> str:
    [container] = job_["spec"]["template"]["spec"]["containers"]
    return next(str(v["value"]) for v in container["env"] if v["name"] == "MLWRIGHT_TARGETS")


def test_the_two_jobs_have_names_of_their_own() -> None:
    """Both may stand beside each other."""
    assert job()["metadata"]["name"] != own_job()["metadata"]["name"]
