"""Who may let a version be served: the verb approve, asked on the API server whoever writes and however."""

from __future__ import annotations

import re

import pytest

from cluster.apiserver import ApiServer
from tests.integration.chart.test_policies import WRITE, People
from tests.support.apiserver import Answer, Client, Json, collection
from tests.support.objects import DEPLOYMENT, GONE, MODEL, PIPELINE, RUN, VERSION, changed
from tests.support.waiting import eventually

DELETE: Json = {"apiGroups": ["mlwright.dev"], "resources": ["modelversions"], "verbs": ["delete", "deletecollection"]}
APPROVE: Json = {"apiGroups": ["mlwright.dev"], "resources": ["modelversions"], "verbs": ["approve"]}
WORD: Json = {"spec": {"approval": {"decision": "Approved", "by": "dana"}}}
NOTE: Json = {"metadata": {"annotations": {"mlwright.dev/approve": "8"}}}
IMPORT = changed(
    RUN,
    {"spec.pipelineRef": GONE, "spec.importFrom": {"modelRef": {"name": "churn"}, "uri": "https://example.com/a.onnx"}},
)
SAID: Json = {"spec.approval": {"decision": "Approved"}}
MANUAL = changed(PIPELINE, {"spec.evaluation": {"approvalPolicy": "Manual"}})


@pytest.fixture(autouse=True)
def in_force(admin: Client, person: People, team: str) -> None:
    """Wait until the API server has loaded the policy."""
    assert admin.create(changed(VERSION, {"metadata.name": "churn-v9", "spec.version": 9}), team).status == 201
    prober, probe = person("prober", WRITE), changed(VERSION, {"metadata.name": "churn-v9"})
    eventually(lambda: prober.merge(probe, team, {"spec": WORD["spec"]}).status == 403 or None, "the policy refuses")


@pytest.mark.parametrize("change", [WORD, NOTE], ids=["field", "annotation"])
def test_nobody_approves_without_the_right(admin: Client, person: People, team: str, change: Json) -> None:
    """To write a version and to let it be served are two things."""
    assert admin.create(VERSION, team).status == 201

    answer = person("dana", WRITE).merge(VERSION, team, change)

    assert answer.status == 403
    assert (
        f"dana@{team} may not approve or deny ModelVersion churn-v8 in namespace {team}: ask for the verb approve on"
        " modelversions, or leave spec.approval, the annotation mlwright.dev/approve and the owners as they are"
        in answer.body["message"]
    )


@pytest.mark.parametrize("change", [WORD, NOTE], ids=["field", "annotation"])
def test_the_verb_approve_is_the_right(admin: Client, person: People, team: str, change: Json) -> None:
    """It can be given for one version alone, as every verb."""
    assert admin.create(VERSION, team).status == 201
    dana = person("dana", WRITE, {**APPROVE, "resourceNames": ["churn-v8"]})
    other = changed(VERSION, {"metadata.name": "churn-v9"})

    assert dana.merge(VERSION, team, change).status == 200
    assert dana.merge(other, team, change).status == 403


def test_to_take_an_approval_back_needs_the_right_too(admin: Client, person: People, team: str) -> None:
    """Somebody's word is not another's to delete."""
    assert admin.create(changed(VERSION, SAID), team).status == 201

    answer = person("dana", WRITE).merge(VERSION, team, {"spec": {"approval": None}})

    assert answer.status == 403


@pytest.mark.parametrize("version", [VERSION, changed(VERSION, SAID)], ids=["plain", "approved"])
def test_nobody_creates_a_version_without_the_right(person: People, team: str, version: Json) -> None:
    """It could hold the bundle of one that waits, and say that it passed and needs nobody's approval."""
    answer = person("dana", WRITE).create(version, team)

    assert answer.status == 403
    assert (
        f"dana@{team} may not create ModelVersion churn-v8 in namespace {team}: ask for the verb approve on"
        " modelversions" in answer.body["message"]
    )


def test_nobody_takes_in_a_model_that_is_served_at_once_without_the_right(person: People, team: str) -> None:
    """An import passes no gates, so it is a version made by hand in another way."""
    dana, erin = person("dana", WRITE), person("erin", WRITE, APPROVE)

    answer = dana.create(IMPORT, team)

    assert answer.status == 403
    assert "set spec.importFrom.approvalPolicy to Manual, or ask for the verb approve" in answer.body["message"]
    assert dana.create(changed(IMPORT, {"spec.importFrom.approvalPolicy": "Manual"}), team).status == 201
    assert erin.create(changed(IMPORT, {"metadata.name": "another"}), team).status == 201


def test_whoever_may_approve_creates_versions(person: People, team: str) -> None:
    """Of models trained elsewhere."""
    dana = person("dana", WRITE, {**APPROVE, "resourceNames": ["churn-v8"]})

    assert dana.create(VERSION, team).status == 201
    assert dana.create(changed(VERSION, {"metadata.name": "churn-v9", "spec.version": 9}), team).status == 403


@pytest.mark.parametrize("name", ["/churn-v8", ""], ids=["one", "all"])
def test_nobody_deletes_a_version_without_the_right(admin: Client, person: People, team: str, name: str) -> None:
    """One that was denied would be gone with the denial."""
    assert admin.create(VERSION, team).status == 201
    path = f"{collection('ModelVersion', team)}{name}"

    refused = person("dana", WRITE, DELETE).request("DELETE", path)
    allowed = person("erin", WRITE, DELETE, APPROVE).request("DELETE", path)

    assert (refused.status, allowed.status) == (403, 200)
    # of several versions the API server names the one that was refused first, which may be either
    assert re.search(
        f"dana@{team} may not delete ModelVersion churn-v[89] in namespace {team}", refused.body["message"]
    )


def test_nobody_lets_a_version_be_deleted_with_an_owner(admin: Client, person: People, team: str) -> None:
    """The garbage collector is not asked."""
    assert admin.create(VERSION, team).status == 201

    answer = person("dana", WRITE, DELETE).merge(VERSION, team, {"metadata": {"ownerReferences": [owner(admin, team)]}})

    assert answer.status == 403
    assert f"dana@{team} may not give another owner to ModelVersion churn-v8" in answer.body["message"]


def test_what_goes_with_its_owner_goes(admin: Client, team: str) -> None:
    """Whoever the garbage collector is."""
    ref = owner(admin, team)
    assert admin.create(changed(VERSION, {"metadata.ownerReferences": [ref]}), team).status == 201
    assert admin.request("DELETE", f"/api/v1/namespaces/{team}/configmaps/{ref['name']}").status == 200

    path = f"{collection('ModelVersion', team)}/churn-v8"
    # the collector looks for new kinds every half a minute, and ours may have come a moment ago
    eventually(lambda: admin.request("GET", path).status == 404 or None, "the version went with its owner", 120)


@pytest.mark.parametrize("account", ["generic-garbage-collector", "namespace-controller"])
def test_the_controllers_of_the_cluster_are_not_asked(
    chart_server: ApiServer, admin: Client, team: str, account: str
) -> None:
    """Else a namespace with a version would never go."""
    assert admin.create(VERSION, team).status == 201
    controller = Client(chart_server, f"system:serviceaccount:kube-system:{account}")

    assert controller.request("DELETE", f"{collection('ModelVersion', team)}/churn-v8").status == 200


def owner(admin: Client, team: str) -> Json:
    """Return a reference to a new ConfigMap."""
    made = admin.request("POST", f"/api/v1/namespaces/{team}/configmaps", {"metadata": {"generateName": "owner-"}}).body
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": made["metadata"]["name"], "uid": made["metadata"]["uid"]}


def test_what_has_nothing_to_do_with_it_is_not_asked(admin: Client, person: People, team: str) -> None:
    """Labels need no right but that to write."""
    assert admin.create(VERSION, team).status == 201

    assert person("dana", WRITE).merge(VERSION, team, {"metadata": {"labels": {"team": "churn"}}}).status == 200


def test_nobody_approves_ahead_without_the_right(admin: Client, person: People, team: str) -> None:
    """The operator would pass it on."""
    assert admin.create(MANUAL, team).status == 201

    refused = person("dana", WRITE).merge(MANUAL, team, NOTE)
    allowed = person("erin", WRITE, APPROVE).merge(MANUAL, team, NOTE)

    assert (refused.status, allowed.status) == (403, 200)
    assert f"dana@{team} may not approve versions ahead in namespace {team}" in refused.body["message"]


def test_nobody_takes_the_policy_away_without_the_right(admin: Client, person: People, team: str) -> None:
    """Whoever cannot approve must not make approval needless."""
    assert admin.create(MANUAL, team).status == 201
    loosened = {"spec": {"evaluation": {"approvalPolicy": "Automatic"}}}

    refused = person("dana", WRITE).merge(MANUAL, team, loosened)
    allowed = person("erin", WRITE, APPROVE).merge(MANUAL, team, loosened)

    assert (refused.status, allowed.status) == (403, 200)
    assert "may not take evaluation.approvalPolicy Manual away" in refused.body["message"]


def test_other_changes_of_such_a_pipeline_are_not_asked(admin: Client, person: People, team: str) -> None:
    """Nor is it to ask for approval."""
    dana = person("dana", WRITE)
    assert admin.create(PIPELINE, team).status == 201

    assert dana.merge(PIPELINE, team, {"spec": {"evaluation": {"approvalPolicy": "Manual"}}}).status == 200
    assert dana.merge(PIPELINE, team, {"spec": {"training": {"seed": 8}}}).status == 200


KEEPS: Json = {"spec": {"retention": {"keepVersions": 3}}}


def test_nobody_has_versions_deleted_without_the_right(admin: Client, person: People, team: str) -> None:
    """The operator, which may delete them, does what a Model says."""
    assert admin.create(MODEL, team).status == 201
    dana, erin = person("dana", WRITE), person("erin", WRITE, APPROVE)
    other = changed(MODEL, {"metadata.name": "other", "spec": KEEPS["spec"]})

    refused = eventually(lambda: _refused(dana.merge(MODEL, team, KEEPS)), "the policy refuses")
    created = dana.create(other, team).status
    allowed = erin.merge(MODEL, team, KEEPS).status
    stricter = dana.merge(MODEL, team, {"spec": {"retention": {"artifacts": "Delete"}}}).status
    alias = dana.merge(MODEL, team, {"spec": {"aliases": [{"name": "blue", "version": 8}]}}).status

    assert (created, allowed, stricter, alias) == (403, 200, 403, 200)
    assert (
        f"dana@{team} may not have versions deleted in namespace {team}: ask for the verb approve on modelversions, or"
        " leave spec.retention of Model churn as it is" in refused
    )


def _refused(answer: Answer) -> str | None:
    return str(answer.body["message"]) if answer.status == 403 else None


def test_administrators_of_a_namespace_may_approve(admin: Client) -> None:
    """Editors may not: the role is part of the cluster's admin alone."""
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"

    def verbs(role: str) -> list[Json]:
        return [r for r in admin.request("GET", f"{path}/{role}").body["rules"] or [] if "approve" in r["verbs"]]

    eventually(lambda: verbs("admin") or None, "admin holds the verb")
    assert verbs("edit") == []


ASKING = changed(
    DEPLOYMENT, {"spec.rollout": {"strategy": "BlueGreen", "steps": [{"name": "ask", "type": "Approval"}]}}
)
COMMANDS: dict[str, Json] = {
    **{name: {"metadata": {"annotations": {f"mlwright.dev/{name}": "8"}}} for name in ("approve", "promote", "abort")},
    "approved in the spec": {"spec": {"rollout": {"approvedVersions": [8]}}},
    "without its step": {"spec": {"rollout": {"steps": []}}},
}


@pytest.mark.parametrize("name", COMMANDS)
def test_nobody_commands_a_rollout_without_the_right(admin: Client, person: People, team: str, name: str) -> None:
    """Neither by an annotation nor by the spec."""
    assert admin.create(ASKING, team).status == 201

    refused = person("dana", WRITE).merge(ASKING, team, COMMANDS[name])
    allowed = person("erin", WRITE, APPROVE).merge(ASKING, team, COMMANDS[name])

    assert (refused.status, allowed.status) == (403, 200)
    assert f"dana@{team} may not command rollouts in namespace {team}" in refused.body["message"]


def test_to_write_a_deployment_needs_no_such_right(person: People, team: str) -> None:
    """Nor does a retry, which only begins again."""
    dana = person("dana", WRITE)

    assert dana.create(ASKING, team).status == 201
    assert dana.merge(ASKING, team, {"spec": {"rollout": {"bake": "30m"}}}).status == 200
    assert dana.merge(ASKING, team, {"metadata": {"annotations": {"mlwright.dev/retry": "1"}}}).status == 200
