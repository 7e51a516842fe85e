"""What the admission policies refuse: a pod may not be lent rights that its author does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.apiserver import Client, Json
from tests.support.chart import render
from tests.support.objects import BATCH, DEPLOYMENT, GONE, MODEL, MONITOR, PIPELINE, RUN, VERSION, changed
from tests.support.waiting import eventually

KINDS = {"pipeline": PIPELINE, "deployment": DEPLOYMENT, "batch prediction": BATCH}
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
WRITE: Json = {"apiGroups": ["mlwright.dev"], "resources": ["*"], "verbs": ["create", "patch", "update"]}

People = Callable[..., Client]


def _with_pod(thing: Json, **pod: Any) -> Json:
    return changed(thing, {"spec.pod": pod})


def _env(*secrets: str) -> list[Json]:
    return [{"name": f"V{i}", "secretRef": {"name": name, "key": "k"}} for i, name in enumerate(secrets)]


def _may(verb: str, resource: str, *names: str) -> Json:
    return {"apiGroups": [""], "resources": [resource], "verbs": [verb], **({"resourceNames": names} if names else {})}


def _checked(client: Client) -> Json | None:
    policies = client.request("GET", POLICIES).body["items"]
    found = {p["metadata"]["name"]: (p.get("status") or {}).get("typeChecking") for p in policies}
    return None if None in found.values() else found


@pytest.mark.parametrize("thing", KINDS.values(), ids=KINDS)
def test_nobody_acts_as_an_account_that_they_may_not_use(person: People, team: str, thing: Json) -> None:
    """Pods of pipelines and deployments act as the account that they name."""
    answer = person("dana", WRITE).create(_with_pod(thing, serviceAccountName="payroll"), team)

    assert answer.status == 403
    assert (
        f"spec.pod.serviceAccountName is payroll, and dana@{team} may not use it in namespace {team}: ask for the verb"
        " use on this service account, or leave the field out" in answer.body["message"]
    )


def test_the_verb_use_lends_the_account(person: People, team: str) -> None:
    """Rights on accounts are given like all others, by a Role."""
    dana = person("dana", WRITE, _may("use", "serviceaccounts", "payroll"))

    assert dana.create(_with_pod(PIPELINE, serviceAccountName="payroll"), team).status == 201


def test_the_account_that_every_pod_has_needs_no_right(person: People, team: str) -> None:
    """Writing "default" is no more than writing nothing."""
    assert person("dana", WRITE).create(_with_pod(PIPELINE, serviceAccountName="default"), team).status == 201


@pytest.mark.parametrize(
    "pod",
    [{"env": _env("open", "password")}, {"imagePullSecrets": [{"name": "open"}, {"name": "password"}]}],
    ids=["env", "imagePullSecrets"],
)
@pytest.mark.parametrize("thing", KINDS.values(), ids=KINDS)
def test_nobody_reads_a_secret_through_a_pod(person: People, team: str, thing: Json, pod: Json) -> None:
    """A pod prints what its environment holds."""
    answer = person("dana", WRITE, _may("get", "secrets", "open")).create(_with_pod(thing, **pod), team)

    assert answer.status == 403
    assert (
        "the spec names Secret password (pod.env, pod.imagePullSecrets, dataset.storage, input.storage, output.storage,"
        f" artifacts.storage, mlflow, signing, feedback, server or notify), and dana@{team} may not get it in namespace"
        f" {team}: ask for the verb get on this Secret, or take it out" in answer.body["message"]
    )


def test_nobody_reads_a_secret_through_the_store_of_the_data(person: People, team: str) -> None:
    """Its keys are in the environment of the pods that read."""
    storage = {"endpointURL": "https://store:9000", "secretRef": {"name": "password"}}
    thing = changed(PIPELINE, {"spec.dataset.uri": "s3://lake/churn.csv", "spec.dataset.storage": storage})

    answer = person("dana", WRITE, _may("get", "secrets", "open")).create(thing, team)

    assert answer.status == 403
    assert "the spec names Secret password" in answer.body["message"]
    assert person("erin", WRITE, _may("get", "secrets", "password")).create(thing, team).status == 201


@pytest.mark.parametrize("side", ["input", "output"])
def test_nobody_reads_a_secret_through_the_stores_of_a_batch_prediction(person: People, team: str, side: str) -> None:
    """Rows and answers may be anywhere, and so may whoever listens there."""
    storage = {"endpointURL": "https://store:9000", "secretRef": {"name": "password"}}
    thing = changed(BATCH, {f"spec.{side}.uri": "s3://lake/rows", f"spec.{side}.storage": storage})

    answer = person("dana", WRITE, _may("get", "secrets", "open")).create(thing, team)

    assert answer.status == 403
    assert "the spec names Secret password" in answer.body["message"]
    assert person("erin", WRITE, _may("get", "secrets", "password")).create(thing, team).status == 201


HASTE: Json = {
    "modelRef": {"name": "churn"},
    "uri": "models:/churn/3",
    "mlflow": {"uri": "https://mlflow.example.com"},
    "approvalPolicy": "Manual",
}
OPENED: Json = {"uri": "https://mlflow.example.com", "secretRef": {"name": "password"}}
OUTSIDE = {
    "mirror": changed(PIPELINE, {"spec.mirror": {"mlflow": OPENED}}),
    "import": changed(RUN, {"spec.pipelineRef": GONE, "spec.importFrom": {**HASTE, "mlflow": OPENED}}),
    "pod of an import": changed(
        RUN, {"spec.pipelineRef": GONE, "spec.importFrom": {**HASTE, "pod": {"env": _env("password")}}}
    ),
}


OUTSIDE["a receiver of a monitor"] = changed(
    MONITOR,
    {
        "spec.actions": [
            {
                "name": "tell",
                "when": ["DataDrift"],
                "type": "Notify",
                "notify": {"url": "https://hooks.example.com/", "secretRef": {"name": "password", "key": "token"}},
            }
        ]
    },
)


LOOKING: Json = {
    "deploymentRef": {"name": "churn"},
    "dataset": {"uri": "s3://lake/rows"},
    "schedule": {"cron": "0 3 * * *"},
}
KEYS: Json = {"endpointURL": "https://store:9000", "secretRef": {"name": "password"}}


def _looking(**more: Any) -> Json:
    """Return a monitor of stored rows."""
    return changed(MONITOR, {"spec.target": {"type": "Batch", "batch": {**LOOKING, **more}}})


IN_STORE: Json = {"uri": "s3://models/mlwright", "storage": KEYS}
OUTSIDE["the store of a pipeline's runs"] = changed(PIPELINE, {"spec.artifacts": IN_STORE})
OUTSIDE["the store of an import"] = changed(
    RUN, {"spec.pipelineRef": GONE, "spec.importFrom": {**HASTE, "artifacts": IN_STORE}}
)
OUTSIDE["the store of a monitor"] = _looking(dataset={"uri": "s3://lake/rows", "storage": KEYS})
OUTSIDE["the pod of a monitor"] = _looking(pod={"env": _env("password")})


def test_a_monitor_acts_as_no_account_that_its_author_may_not_use(person: People, team: str) -> None:
    """The sentence names the field of the pods that look at stored rows."""
    answer = person("dana", WRITE).create(_looking(pod={"serviceAccountName": "payroll"}), team)

    assert answer.status == 403
    assert "spec.target.batch.pod.serviceAccountName is payroll" in answer.body["message"]


@pytest.mark.parametrize("thing", OUTSIDE.values(), ids=OUTSIDE)
def test_nobody_reads_a_secret_through_what_speaks_to_hosts_outside(person: People, team: str, thing: Json) -> None:
    """The address beside it may be that of anything which the chart allows."""
    dana, eve = person("dana", WRITE, _may("get", "secrets", "open")), person("eve", WRITE, _may("get", "secrets"))

    answer = dana.create(thing, team)

    assert (answer.status, "the spec names Secret password" in answer.body["message"]) == (403, True)
    assert eve.create(thing, team).status == 201


APPROVE: Json = {"apiGroups": ["mlwright.dev"], "resources": ["modelversions"], "verbs": ["approve"]}
STORED = {
    "Model": changed(MODEL, {"spec.artifacts": IN_STORE}),
    "ModelVersion": changed(VERSION, {"spec.bundle": {**VERSION["spec"]["bundle"], **IN_STORE}}),
}


@pytest.mark.parametrize("thing", STORED.values(), ids=STORED)
def test_nobody_lends_a_secret_that_is_not_theirs_to_pods_that_read_versions(
    person: People, team: str, thing: Json
) -> None:
    """Servers, batch predictions and sweeps go there with the keys that the Model or the version names."""
    dana = person("dana", WRITE, APPROVE, _may("get", "secrets", "open"))
    erin = person("erin", WRITE, APPROVE, _may("get", "secrets", "password"))

    answer = dana.create(thing, team)

    assert answer.status == 403
    assert (
        f"the spec names Secret password (artifacts.storage or bundle.storage), and dana@{team} may not get it in"
        f" namespace {team}: ask for the verb get on this Secret, or take it out" in answer.body["message"]
    )
    assert erin.create(thing, team).status == 201


def test_nobody_sends_the_keys_of_a_model_elsewhere(admin: Client, person: People, team: str) -> None:
    """The name stands there already; the address is another."""
    assert admin.create(STORED["Model"], team).status == 201
    elsewhere = {"spec": {"artifacts": {"storage": {"endpointURL": "https://listens:9000"}}}}

    answer = person("dana", WRITE).merge(STORED["Model"], team, elsewhere)

    assert (answer.status, "the spec names Secret password" in answer.body["message"]) == (403, True)


def test_aliases_and_approvals_ask_for_no_secret(admin: Client, person: People, team: str) -> None:
    """Who sets them changes nothing about where files lie."""
    for thing in STORED.values():
        assert admin.create(thing, team).status == 201
    dana = person("dana", WRITE, APPROVE)
    alias = {"spec": {"aliases": [{"name": "champion", "version": 8}]}}

    assert dana.merge(STORED["Model"], team, alias).status == 200
    approval = {"spec": {"approval": {"decision": "Approved"}}}
    assert dana.merge(STORED["ModelVersion"], team, approval).status == 200


def test_an_import_acts_as_no_account_that_its_author_may_not_use(person: People, team: str) -> None:
    """The sentence names the field of the import."""
    wanted = {**HASTE, "pod": {"serviceAccountName": "payroll"}}
    thing = changed(RUN, {"spec.pipelineRef": GONE, "spec.importFrom": wanted})

    answer = person("dana", WRITE).create(thing, team)

    assert answer.status == 403
    assert "spec.importFrom.pod.serviceAccountName is payroll" in answer.body["message"]


def test_nobody_signs_with_a_key_that_is_not_theirs_to_read(person: People, team: str) -> None:
    """What they train would then bear somebody else's signature."""
    thing = changed(PIPELINE, {"spec.signing": {"secretRef": {"name": "password", "key": "private.pem"}}})

    answer = person("dana", WRITE, _may("get", "secrets", "open")).create(thing, team)

    assert answer.status == 403
    assert "the spec names Secret password" in answer.body["message"]
    assert person("erin", WRITE, _may("get", "secrets", "password")).create(thing, team).status == 201


def test_nobody_seals_predictions_with_a_key_that_is_not_theirs_to_read(person: People, team: str) -> None:
    """A server would answer with what somebody else's key makes of it."""
    thing = changed(DEPLOYMENT, {"spec.feedback": {"enabled": True, "keySecretRef": {"name": "password"}}})

    answer = person("dana", WRITE, _may("get", "secrets", "open")).create(thing, team)

    assert answer.status == 403
    assert "the spec names Secret password" in answer.body["message"]
    assert person("erin", WRITE, _may("get", "secrets", "password")).create(thing, team).status == 201


@pytest.mark.parametrize(
    "field, value",
    [
        ("spec.server.auth", {"type": "Token", "secretRef": {"name": "password", "key": "token"}}),
        ("spec.server.tls", {"secretRef": {"name": "password"}}),
        ("spec.server.payloadLog", {"uri": "s3://logs/live", "storage": {"secretRef": {"name": "password"}}}),
    ],
)
def test_nobody_serves_with_a_secret_that_is_not_theirs_to_read(
    person: People, team: str, field: str, value: Json
) -> None:
    """A server accepts what the Secret holds, shows its certificate, and its payload log is sent with the keys."""
    thing = changed(DEPLOYMENT, {field: value})

    answer = person("dana", WRITE, _may("get", "secrets", "open")).create(thing, team)

    assert (answer.status, "the spec names Secret password" in answer.body["message"]) == (403, True)
    assert person("erin", WRITE, _may("get", "secrets", "password")).create(thing, team).status == 201


def test_who_may_get_a_secret_may_name_it(person: People, team: str) -> None:
    """The policy adds no right and takes none away."""
    secrets = [f"s{i}" for i in range(16)]
    dana = person("dana", WRITE, _may("get", "secrets", *secrets))

    assert dana.create(_with_pod(PIPELINE, env=_env(*secrets, *secrets)), team).status == 201


def test_the_right_to_all_secrets_covers_more_than_can_be_asked_one_by_one(person: People, team: str) -> None:
    """Asking about each of many Secrets costs more than the API server allows."""
    many = _with_pod(PIPELINE, env=_env(*(f"s{i}" for i in range(32))))

    assert person("dana", WRITE, _may("get", "secrets")).create(many, team).status == 201


def test_more_secrets_than_can_be_asked_one_by_one_are_refused(person: People, team: str) -> None:
    """What cannot be checked is not let through."""
    secrets = [f"s{i}" for i in range(17)]
    answer = person("dana", WRITE, _may("get", "secrets", *secrets)).create(
        _with_pod(PIPELINE, env=_env(*secrets)), team
    )

    assert answer.status == 403
    assert (
        "the spec names 17 Secrets, at most 16 can be checked one by one: put the keys into" in answer.body["message"]
    )


def test_another_image_cannot_read_the_secret_that_its_author_may_not(admin: Client, person: People, team: str) -> None:
    """A name that stands there already is asked for again when anything in the spec changes."""
    thing = _with_pod(PIPELINE, env=_env("password"))
    assert admin.create(thing, team).status == 201

    answer = person("dana", WRITE).merge(thing, team, {"spec": {"image": "example.test/curious:1"}})

    assert answer.status == 403
    assert "the spec names Secret password" in answer.body["message"]


def test_what_leaves_the_spec_alone_is_not_asked(admin: Client, person: People, team: str) -> None:
    """Labels, requests for a run and the like need no right on what the pod uses."""
    thing = _with_pod(PIPELINE, env=_env("password"), serviceAccountName="payroll")
    assert admin.create(thing, team).status == 201

    answer = person("dana", WRITE).merge(thing, team, {"metadata": {"annotations": {"mlwright.dev/run": "again"}}})

    assert answer.status == 200


def test_scaling_is_not_asked(admin: Client, person: People, team: str) -> None:
    """An autoscaler knows nothing of Secrets."""
    thing = _with_pod(DEPLOYMENT, env=_env("password"))
    assert admin.create(thing, team).status == 201

    answer = person("scaler", WRITE).merge(thing, team, {"spec": {"replicas": 3}}, "/scale")

    assert answer.status == 200


def _with_step(api_version: str, kind: str) -> Json:
    manifest = {"apiVersion": api_version, "kind": kind, "spec": {}}
    return changed(PIPELINE, {"spec.steps": [{"name": "big", "type": "Resource", "resource": {"manifest": manifest}}]})


WITH_JOBSET = _with_step("jobset.x-k8s.io/v1alpha2", "JobSet")
MAKE_JOBSETS: Json = {"apiGroups": ["jobset.x-k8s.io"], "resources": ["jobsets"], "verbs": ["create"]}


def test_nobody_has_an_object_made_that_they_may_not_make(person: People, team: str) -> None:
    """The operator would make it with its own rights."""
    answer = person("dana", WRITE).create(WITH_JOBSET, team)

    assert answer.status == 403
    assert (
        f"a step of spec.steps makes a JobSet, and dana@{team} may not create jobsets.jobset.x-k8s.io in namespace"
        f" {team}: ask for the verb create on them" in answer.body["message"]
    )


def test_who_may_make_an_object_may_let_a_step_make_it(person: People, team: str) -> None:
    """The right on the object itself is all that is asked for."""
    assert person("dana", WRITE, MAKE_JOBSETS).create(WITH_JOBSET, team).status == 201
    assert person("erik", WRITE).create(changed(PIPELINE, {"metadata.name": "plain"}), team).status == 201


@pytest.mark.parametrize(
    "api_version, kind",
    [("v1", "Pod"), ("jobset.x-k8s.io/v1", "JobSet"), ("ray.io/v1", "RayJob")],
    ids=["a kind of the cluster", "another version", "a kind of another controller"],
)
def test_a_kind_that_is_not_listed_is_refused_to_everybody(
    admin: Client, team: str, api_version: str, kind: str
) -> None:
    """Were it let through, it would be made on the day when somebody lists it, and nobody would have been asked."""
    answer = admin.create(_with_step(api_version, kind), team)

    assert answer.status == 403
    assert (
        f"spec.steps: {kind} of {api_version} is not allowed here; ask for it in training.resources of the chart"
        " (JobSet of jobset.x-k8s.io/v1alpha2)" in answer.body["message"]
    )


def test_without_a_list_every_kind_is_refused(admin: Client, person: People, team: str) -> None:
    """That is the default; this installation looks after one namespace, beside the other one of these tests."""
    for thing in render({"watchNamespace": team}, release="strict"):
        if thing["metadata"]["name"].startswith("resources."):
            path = {"ValidatingAdmissionPolicy": POLICIES, "ValidatingAdmissionPolicyBinding": BINDINGS}[thing["kind"]]
            assert admin.request("POST", path, thing).status == 201
    dana = person("dana", WRITE, MAKE_JOBSETS)

    def refused() -> str | None:
        answer = dana.create(WITH_JOBSET, team, dryRun="All")
        return answer.body["message"] if answer.status == 403 else None

    assert (
        "spec.steps: JobSet of jobset.x-k8s.io/v1alpha2 is not allowed here; ask for it in training.resources of the"
        " chart (none is allowed now)" in eventually(refused, "the policy refuses")
    )
    assert dana.create(PIPELINE, team).status == 201


def test_the_expressions_fit_the_schemas(admin: Client) -> None:
    """The API server types the expressions against the CRDs; a warning is a field that does not exist."""
    checked = eventually(lambda: _checked(admin), "the policies are typed")

    assert {name: typed for name, typed in checked.items() if typed} == {}
    assert checked.keys() >= {
        f"{name}.mlwright.mlwright-system"
        for name in (
            "secrets",
            "serviceaccounts",
            "stores",
            "resources",
            "approval",
            "approvalahead",
            "approvalofrollouts",
            "retention",
        )
    }
