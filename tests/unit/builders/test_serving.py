"""Objects of serving: rendered once, owned, restricted, and named so that nothing is decided twice."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from mlwright.api.decisions import DecisionSpec
from mlwright.builders.serving import _RENDERED, decision_name, renderer
from mlwright.plan.resources import BY_NAME, ResourceKind
from mlwright.plan.serving import (
    Decide,
    DeploymentSeen,
    Forget,
    KeepBudget,
    KeepVariant,
    RecordRevision,
    RemoveBudget,
    RemoveVariant,
    ScaleVariant,
    ServingIntent,
    SetAlias,
    ShareTraffic,
    StartVariant,
    Target,
)
from mlwright.plan.writes import Apply, ApplyEntry, Create, Delete, Scale, Witness, Write
from tests.support.podsecurity import violations
from tests.unit.planners.given import SETTINGS, a_deployment, a_version

TOLD = a_deployment().stable(1, ready=2).candidate(2, ready=1)
SEEN = TOLD.done()
FIRST, SECOND = SEEN.revisions
LABELS = {
    "app.kubernetes.io/managed-by": "mlwright",
    "mlwright.dev/owner-kind": "ModelDeployment",
    "mlwright.dev/owner": "churn",
    "mlwright.dev/deployment": "churn",
}


def rendered(intent: ServingIntent, seen: DeploymentSeen = SEEN) -> Write:
    """Return the write of an intent."""
    return renderer(seen, SETTINGS)(intent)


def body(intent: ServingIntent, seen: DeploymentSeen = SEEN) -> dict[str, Any]:
    """Return the object of an intent."""
    write = rendered(intent, seen)
    assert isinstance(write, Create | Apply | ApplyEntry)
    return write.body


def revision(**spec: Any) -> dict[str, Any]:
    """Return the revision that is recorded for a version with settings of a spec."""
    seen = a_deployment().with_version(7).asking(**spec).done()
    return body(RecordRevision(Target(a_version(7), "0a1b2c3d"), 3), seen)


def server(**spec: Any) -> dict[str, Any]:
    """Return the container that serves."""
    container: dict[str, Any] = revision(**spec)["data"]["template"]["spec"]["containers"][0]
    return container


def env(**spec: Any) -> dict[str, str]:
    """Return the environment of the container that serves."""
    return {variable["name"]: variable["value"] for variable in server(**spec)["env"]}


def test_every_intent_is_rendered() -> None:
    """A new one without a renderer would fail at the first use."""
    assert set(_RENDERED) == set(get_args(ServingIntent))


def test_a_revision_holds_the_whole_pod() -> None:
    """So that an upgrade of the operator, or another text in the spec, changes nothing of it."""
    found = revision()

    assert (found["kind"], found["metadata"]["name"], found["revision"]) == ("ControllerRevision", "churn-0a1b2c3d", 3)
    assert found["data"].keys() == {"version", "digest", "template"}
    assert (found["data"]["version"], found["data"]["digest"]) == ("churn-v7", "sha256:" + "7".zfill(64))
    assert found["data"]["template"]["metadata"]["labels"] == {
        **LABELS,
        "mlwright.dev/revision": "0a1b2c3d",
        "mlwright.dev/model": "churn",
        "mlwright.dev/version": "churn-v7",
    }


def test_the_server_is_told_what_it_serves() -> None:
    """As docs/contracts.md says; the claim is read-only."""
    wanted = {
        "MLWRIGHT_MODEL_NAME": "churn",
        "MLWRIGHT_MODEL": "churn",
        "MLWRIGHT_MODEL_VERSION": "7",
        "MLWRIGHT_REVISION": "0a1b2c3d",
        "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/churn/7",
        "MLWRIGHT_BUNDLE_DIGEST": "sha256:" + "7".zfill(64),
        "MLWRIGHT_PORT": "8080",
        "MLWRIGHT_DRAIN": "10",
        "MLWRIGHT_TIMEOUT": "30",
        "MLWRIGHT_MAX_BODY_BYTES": "4194304",
    }

    assert wanted.items() <= env().items()
    assert {"name": "pvc-artifacts", "mountPath": "/mlwright/pvc/artifacts", "readOnly": True} in server()[
        "volumeMounts"
    ]


def test_the_server_finds_who_gets_copies() -> None:
    """The ConfigMap need not exist, and pods start without it."""
    template = revision()["data"]["template"]["spec"]

    assert env()["MLWRIGHT_TRAFFIC"] == "/mlwright/configmap/churn-traffic"
    assert {"name": "configmap-churn-traffic", "configMap": {"name": "churn-traffic", "optional": True}} in template[
        "volumes"
    ]


KEYS = {"enabled": True, "keySecretRef": {"name": "feedback.keys"}, "labelWindow": "24h"}


def test_the_server_finds_the_keys_of_prediction_ids() -> None:
    """They are files, so that they can be changed without a restart."""
    template = revision(feedback=KEYS)["data"]["template"]["spec"]
    told = env(feedback=KEYS)
    volume = next(volume for volume in template["volumes"] if "secret" in volume)
    mount = next(m for m in template["containers"][0]["volumeMounts"] if m["name"] == volume["name"])

    assert (told["MLWRIGHT_FEEDBACK_KEYS"], told["MLWRIGHT_LABEL_WINDOW"]) == (
        "/mlwright/secret/feedback.keys",
        "86400",
    )
    assert volume["secret"] == {"secretName": "feedback.keys", "optional": True}
    assert "." not in volume["name"]
    assert (mount["mountPath"], mount["readOnly"]) == ("/mlwright/secret/feedback.keys", True)


def test_without_feedback_there_are_no_keys() -> None:
    """A Secret that is named ahead is not mounted."""
    off = {**KEYS, "enabled": False}

    assert "MLWRIGHT_FEEDBACK_KEYS" not in env(feedback=off)
    assert not any("secret" in volume for volume in revision(feedback=off)["data"]["template"]["spec"]["volumes"])


def test_the_server_finds_where_requests_are_sampled_to() -> None:
    """The claim is writable for that, also where the bundle lies on the same one."""
    payloads = {"sample": 0.5, "uri": "pvc://payloads/live/"}
    told = env(server={"payloadLog": payloads})
    mounts = {m["name"]: m for m in server(server={"payloadLog": payloads})["volumeMounts"]}
    shared = server(server={"payloadLog": {"uri": "pvc://artifacts/payloads"}})["volumeMounts"]

    assert (told["MLWRIGHT_PAYLOAD_LOG"], told["MLWRIGHT_PAYLOAD_SAMPLE"]) == ("/mlwright/pvc/payloads/live", "0.5")
    assert mounts["pvc-payloads"] == {"name": "pvc-payloads", "mountPath": "/mlwright/pvc/payloads"}
    assert mounts["pvc-artifacts"]["readOnly"]
    assert [m for m in shared if m["name"] == "pvc-artifacts"] == [
        {"name": "pvc-artifacts", "mountPath": "/mlwright/pvc/artifacts"}
    ]


IN_A_STORE = {
    "uri": "s3://logs/live/",
    "storage": {
        "endpointURL": "https://minio:9000",
        "secretRef": {"name": "log-keys"},
        "caBundleRef": {"name": "cas", "key": "ca.crt"},
    },
}


def test_what_is_sampled_goes_to_a_store_by_a_container_beside_the_server() -> None:
    """Only that one has the keys; it starts before the server and ends after it."""
    payloads = IN_A_STORE
    pod = revision(server={"payloadLog": payloads})["data"]["template"]["spec"]
    [answering], [sending] = pod["containers"], pod["initContainers"]
    told = {one["name"]: one for one in sending["env"]}
    variables = {one["name"]: one.get("value") for one in answering["env"]}

    assert (sending["name"], sending["args"], sending["restartPolicy"]) == ("payloads", ["send-payloads"], "Always")
    assert sending["image"] == SETTINGS.trainer_image
    whose = {"namespace": "demo", "deployment": "churn", "revision": variables["MLWRIGHT_REVISION"]}
    assert json.loads(told["MLWRIGHT_PAYLOADS"]["value"]) == whose
    [store] = json.loads(told["MLWRIGHT_ARTIFACTS"]["value"])["stores"]
    assert (store["uri"], store["field"]) == ("s3://logs/live", "spec.server.payloadLog")
    assert told["MLWRIGHT_ARTIFACTS_0_AWS_ACCESS_KEY_ID"]["valueFrom"]["secretKeyRef"]["name"] == "log-keys"
    assert variables["MLWRIGHT_PAYLOAD_LOG"] == "/mlwright/s3/logs/live/demo"
    assert variables["MLWRIGHT_PAYLOAD_SENT"] == "true"
    assert "log-keys" not in json.dumps(answering)
    assert {v["name"]: v for v in pod["volumes"]}["s3-logs"] == {"name": "s3-logs", "emptyDir": {}}
    assert "s3-logs" in {m["name"] for m in answering["volumeMounts"]} & {m["name"] for m in sending["volumeMounts"]}
    assert violations(pod) == []


def test_who_has_the_keys_of_the_log_shares_no_other_folder_with_the_server() -> None:
    """What the server leaves in /tmp must not be found by a program that knows keys which the server may not."""
    pod = revision(server={"payloadLog": IN_A_STORE})["data"]["template"]["spec"]
    [answering], [sending] = pod["containers"], pod["initContainers"]
    writable = {mount["name"] for mount in answering["volumeMounts"] if not mount.get("readOnly")}

    assert "tmp" in writable
    assert writable & {mount["name"] for mount in sending["volumeMounts"]} == {"s3-logs"}


@pytest.mark.parametrize("limits, limit", [({"cpu": "2", "memory": "1Gi"}, "500m"), ({"memory": "1Gi"}, None)])
def test_what_sends_the_log_has_a_limit_of_cpus_where_the_server_has_one(
    limits: dict[str, str], limit: str | None
) -> None:
    """A quota of CPU limits refuses a pod in which one container has none."""
    pod = revision(server={"payloadLog": IN_A_STORE}, pod={"resources": {"limits": limits}})["data"]["template"]["spec"]
    [sending] = pod["initContainers"]

    assert sending["resources"]["limits"].get("cpu") == limit
    assert sending["resources"]["requests"] == {"cpu": "50m", "memory": "128Mi"}


def test_keys_of_the_log_are_seen_when_they_change() -> None:
    """As files, which the kubelet changes: the container runs as long as the server."""
    pod = revision(server={"payloadLog": IN_A_STORE})["data"]["template"]["spec"]
    [answering], [sending] = pod["containers"], pod["initContainers"]
    keys = {"name": "secret-log-keys", "mountPath": "/mlwright/secret/log-keys", "readOnly": True}

    assert keys in sending["volumeMounts"]
    assert keys not in answering["volumeMounts"]
    assert {v["name"]: v for v in pod["volumes"]}["secret-log-keys"]["secret"]["secretName"] == "log-keys"


@pytest.mark.parametrize(
    "drain, grace, told", [("10s", 60, "10"), ("1m", 60, "55"), ("10s", 12, "7"), ("3s", 3, "0"), ("0s", 60, "0")]
)
def test_the_drain_ends_before_the_pod_is_killed(drain: str, grace: int, told: str) -> None:
    """With seconds to spare for what is still in flight."""
    assert env(server={"drain": drain}, terminationGracePeriodSeconds=grace)["MLWRIGHT_DRAIN"] == told


def test_the_pod_is_restricted_and_probed() -> None:
    """Ready only after the self-test; one failed readiness probe takes it out, so that a drain is seen at once."""
    pod = revision(pod={"serviceAccountName": "reader"})["data"]["template"]["spec"]
    container = pod["containers"][0]
    paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}

    assert violations(pod) == []
    assert (pod["terminationGracePeriodSeconds"], pod["serviceAccountName"]) == (60, "reader")
    assert paths == {
        "startup": "/v2/health/live",
        "readiness": "/v2/health/ready",
        "liveness": "/v2/health/live",
    }
    assert container["readinessProbe"]["failureThreshold"] == 1


def test_the_image_is_the_specs_else_the_installations() -> None:
    """And frozen in the revision."""
    assert (server()["image"], server(server={"image": "own:3"})["image"]) == ("server:1", "own:3")


GUARDED = {
    "grpc": True,
    "auth": {"type": "APIKey", "secretRef": {"name": "keys", "key": "accepted"}},
    "tls": {"secretRef": {"name": "web.cert"}},
}


def test_the_server_is_told_who_may_ask_and_how() -> None:
    """Tokens and certificates are files, which follow their Secrets; a pod that asks for nothing is told nothing."""
    wanted = {
        "MLWRIGHT_GRPC_PORT": "8081",
        "MLWRIGHT_AUTH": "APIKey",
        "MLWRIGHT_AUTH_FILE": "/mlwright/secret/keys/accepted",
        "MLWRIGHT_TLS_FOLDER": "/mlwright/secret/web.cert",
    }

    assert wanted.items() <= env(server=GUARDED).items()
    assert not wanted.keys() & env().keys()


def test_the_pod_reads_its_secrets_as_files() -> None:
    """A Secret that is missing does not keep the pod from starting: the server then says what is missing."""
    pod = revision(server=GUARDED)["data"]["template"]["spec"]
    volumes = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    mounts = {mount["mountPath"]: mount.get("readOnly") for mount in pod["containers"][0]["volumeMounts"]}

    assert violations(pod) == []
    assert volumes == [{"secretName": name, "optional": True} for name in ("keys", "web.cert")]
    assert mounts["/mlwright/secret/keys"] is mounts["/mlwright/secret/web.cert"] is True


OWN = {"type": "Container", "container": {"image": "mlserver:1", "args": ["start", "/mnt/$MODELS"], "port": 9000}}


def test_a_server_of_ones_own_finds_the_bundle_and_nothing_else_of_ours() -> None:
    """It is told nothing in our words; the files are where it wants them, and the pod is as restricted as ours."""
    pod = revision(runtime=OWN, pod={"env": [{"name": "MODEL", "value": "churn"}]})["data"]["template"]["spec"]
    container = pod["containers"][0]

    assert violations(pod) == []
    assert (container["image"], container["args"]) == ("mlserver:1", ["start", "/mnt/$$MODELS"])
    assert container["ports"] == [{"name": "http", "containerPort": 9000, "protocol": "TCP"}]
    assert {"name": "pvc-artifacts", "mountPath": "/mnt/models", "subPath": "churn/7", "readOnly": True} in container[
        "volumeMounts"
    ]
    assert "MLWRIGHT_BUNDLE_URI" not in {variable["name"] for variable in container["env"]}
    assert {"name": "MODEL", "value": "churn"} in container["env"]


@pytest.mark.parametrize("protocol, asked", [("OIPv2", "httpGet"), ("Custom", "tcpSocket")])
def test_a_server_of_ones_own_is_asked_what_it_can_answer(protocol: str, asked: str) -> None:
    """The protocol says how ready and alive are asked; any other server has a port at least."""
    own = {**OWN, "container": {**OWN["container"], "protocol": protocol}}  # type: ignore[dict-item]
    container = server(runtime=own)

    assert all(container[f"{probe}Probe"][asked]["port"] == "http" for probe in ("startup", "readiness", "liveness"))


@pytest.mark.parametrize("drain, waits", [("10s", {"preStop": {"sleep": {"seconds": 10}}}), ("0s", None)])
def test_a_server_of_ones_own_answers_until_it_is_forgotten(drain: str, waits: object) -> None:
    """The kubelet tells it to go only when nobody is sent there any more."""
    assert server(runtime=OWN, server={"drain": drain}).get("lifecycle") == waits


def test_a_server_is_told_of_pickles_only_where_they_are_allowed() -> None:
    """Nobody is told of what he did not ask for."""
    told = server(runtime={"allowUnsafeFormats": True})["env"]

    assert {"name": "MLWRIGHT_ALLOW_UNSAFE_FORMATS", "value": "true"} in told
    assert "MLWRIGHT_ALLOW_UNSAFE_FORMATS" not in env()


def test_a_pod_keeps_its_bundle_and_shares_it_where_a_claim_is_given() -> None:
    """In the pod it outlives the container; on the claim other pods find it."""
    cached = server(server={"cache": {"claimName": "bundles"}})
    told = {variable["name"]: variable.get("value") for variable in cached["env"]}

    assert env()["MLWRIGHT_KEEP_FOLDER"] == "/tmp/bundles"  # noqa: S108 - an emptyDir of the pod
    assert "MLWRIGHT_CACHE_FOLDER" not in env()
    assert told["MLWRIGHT_CACHE_FOLDER"] == "/mlwright/pvc/bundles/bundles"
    assert {"name": "pvc-bundles", "mountPath": "/mlwright/pvc/bundles"} in cached["volumeMounts"]


def test_one_secret_for_both_is_mounted_once() -> None:
    """A pod with two volumes of one name is refused."""
    both = {**GUARDED, "tls": {"secretRef": {"name": "keys"}}}
    pod = revision(server=both)["data"]["template"]["spec"]

    assert [volume["name"] for volume in pod["volumes"] if "secret" in volume] == ["secret-keys"]


def test_the_kubelet_speaks_tls_with_a_server_that_does() -> None:
    """A probe in the clear would never succeed."""
    schemes = {
        container[f"{probe}Probe"]["httpGet"]["scheme"]
        for probe in ("startup", "readiness", "liveness")
        for container in (server(server=GUARDED),)
    }

    assert schemes == {"HTTPS"}


def test_a_deployment_has_its_number_of_pods_only_when_it_is_made() -> None:
    """An apply that named it would undo a scale; one that stopped naming it would set it to one."""
    made, kept = rendered(StartVariant(FIRST, 4)), rendered(KeepVariant(FIRST))
    assert isinstance(made, Create)
    assert isinstance(kept, Apply)

    assert made.body["spec"].pop("replicas") == 4
    assert made.body == kept.body


def test_a_deployment_never_has_fewer_pods_than_it_should() -> None:
    """And its selector finds the pods of its revision only."""
    spec = body(KeepVariant(FIRST))["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert spec["selector"]["matchLabels"] == {
        "mlwright.dev/deployment": "churn",
        "mlwright.dev/revision": FIRST.name,
    }
    assert spec["revisionHistoryLimit"] == 0


def test_what_serves_keeps_its_labels_when_another_model_is_asked_for() -> None:
    """It goes on serving the old one until the new one is ready."""
    told = a_deployment().stable(1, ready=2).asking(model={"ref": {"name": "other"}})
    seen = told.done()

    assert body(KeepVariant(seen.revisions[0]), seen)["metadata"]["labels"]["mlwright.dev/model"] == "churn"


def test_the_service_leads_to_one_revision() -> None:
    """Only its selector ever changes."""
    one, other = body(ShareTraffic({FIRST.name: 100})), body(ShareTraffic({SECOND.name: 100}))

    assert one["metadata"]["name"] == "churn"
    assert one["spec"].pop("selector") == {
        "mlwright.dev/deployment": "churn",
        "mlwright.dev/revision": FIRST.name,
    }
    other["spec"].pop("selector")
    assert one == other


def test_the_budget_lets_one_pod_go_at_a_time() -> None:
    """Of all revisions together."""
    assert body(KeepBudget())["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"mlwright.dev/deployment": "churn"}},
    }


@pytest.mark.parametrize(
    "intent",
    [
        RecordRevision(Target(a_version(7), "0a1b2c3d"), 1),
        KeepVariant(FIRST),
        ShareTraffic({FIRST.name: 100}),
        KeepBudget(),
    ],
    ids=lambda intent: type(intent).__name__,
)
def test_every_child_is_labelled_and_owned(intent: ServingIntent) -> None:
    """And bears no label but ours: what people write on their object is not copied."""
    metadata = body(intent)["metadata"]

    assert LABELS.items() <= metadata["labels"].items()
    assert all(key.startswith(("mlwright.dev/", "app.kubernetes.io/managed-by")) for key in metadata["labels"])
    assert [(ref["name"], ref["uid"], ref["controller"]) for ref in metadata["ownerReferences"]] == [
        ("churn", "uid-churn", True)
    ]


def decided(type_: str, **known: Any) -> Decide:
    """Return a decision about v2."""
    known = {"revision": SECOND, "epoch": "", "after": "", "sentence": "s", "evidence": {"ready": 2}, **known}
    return Decide(type_, **known)


def test_a_decision_is_a_record_that_the_schema_takes() -> None:
    """Whatever a pod said before it died."""
    spec = body(decided("Reject", sentence="x" * 5000))["spec"]

    assert DecisionSpec.model_validate(spec).revision == SECOND.name
    assert len(spec["sentence"]) == 2048


def test_after_a_promotion_only_one_can_follow() -> None:
    """Two leaders that know the same last one ask for the same name, whatever they want to promote."""
    mine, theirs = decided("Promote", after="p1"), decided("Promote", after="p1", revision=FIRST, epoch="1")

    assert decision_name(SEEN, mine) == decision_name(SEEN, theirs)
    assert decision_name(SEEN, mine) != decision_name(SEEN, decided("Promote", after="p2"))


def test_a_revision_is_rejected_once_per_retry() -> None:
    """The next value of the annotation may reject it again."""
    names = {
        decision_name(SEEN, decided("Reject")),
        decision_name(SEEN, decided("Reject", sentence="other words")),
        decision_name(SEEN, decided("Reject", epoch="1")),
        decision_name(SEEN, decided("Reject", revision=FIRST)),
    }

    assert len(names) == 3
    assert max(map(len, names)) <= 63


def test_an_alias_is_one_entry_under_a_name_of_its_own() -> None:
    """Bound to the Model as it was seen; two deployments do not remove each other's entries."""
    seen = a_deployment().knowing(model_uid="uid-model", model_resource_version="9").done()
    write = rendered(SetAlias("champion", 7), seen)
    assert isinstance(write, ApplyEntry)

    assert write.manager == "mlwright-alias-churn"
    bound = {"uid": "uid-model", "resourceVersion": "9"}
    assert write.body["metadata"] == {"name": "churn", "namespace": "demo", **bound}
    assert write.body["spec"] == {"aliases": [{"name": "champion", "version": 7}]}


def test_what_is_removed_or_scaled_is_what_was_seen() -> None:
    """By uid, and by resourceVersion."""
    [stable, _] = SEEN.variants

    assert rendered(ScaleVariant(stable, 5)) == Scale(_kind("Deployment"), "demo", stable.object, 5, "7")
    assert rendered(RemoveVariant(stable)) == Delete(_kind("Deployment"), "demo", stable.object, stable.uid)
    assert rendered(RemoveBudget("u")) == Delete(_kind("PodDisruptionBudget"), "demo", "churn", "u")
    assert rendered(Forget("Decision", "d", "u")) == Delete(_kind("Decision"), "demo", "d", "u")


def test_a_removal_of_pods_carries_what_tells_who_has_traffic() -> None:
    """So it has no effect when that has changed since it was decided."""
    witness = Witness(_kind("Service"), "demo", "churn", "9")
    seen = replace(SEEN, witnesses=(witness,))
    write = rendered(RemoveVariant(SEEN.variants[0]), seen)

    assert isinstance(write, Delete)
    assert write.witnesses == (witness,)


def _kind(name: str) -> ResourceKind:
    return BY_NAME[name]
