"""What the chart's roles for people allow, on a real API server."""

from __future__ import annotations

import pytest

from mlwright.api.kinds import GROUP, KINDS
from tests.integration.chart.conftest import grant
from tests.support.apiserver import Client, Json
from tests.support.waiting import eventually

WRITTEN = ("TrainingPipeline", "TrainingRun", "Model", "ModelDeployment", "BatchPrediction", "DriftMonitor")
WRITES = ("create", "update", "patch", "delete", "deletecollection")
LOOKS = ("get", "list", "watch")


def _rights(admin: Client, role: str) -> set[str]:
    """Return "verb resource" of a ClusterRole, as far as our group is concerned."""
    rules = admin.request("GET", f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}").body["rules"] or []
    ours = [rule for rule in rules if rule.get("apiGroups") == [GROUP]]
    return {f"{verb} {resource}" for rule in ours for resource in rule["resources"] for verb in rule["verbs"]}


def _looking() -> set[str]:
    return {f"{verb} {kind.plural}" for kind in KINDS.values() for verb in LOOKS} | {"get modeldeployments/scale"}


def _writing() -> set[str]:
    changing = {
        f"{verb} {what}" for verb in ("update", "patch") for what in ("modeldeployments/scale", "modelversions")
    }
    return {f"{verb} {KINDS[name].plural}" for name in WRITTEN for verb in WRITES} | changing


def _approving() -> set[str]:
    return {f"{verb} modelversions" for verb in ("approve", "create", "delete", "deletecollection")}


@pytest.mark.parametrize(
    "role, rights",
    [
        ("view", _looking()),
        ("edit", _looking() | _writing()),
        ("admin", _looking() | _writing() | _approving()),
    ],
)
def test_the_roles_of_the_cluster_cover_our_kinds(admin: Client, role: str, rights: set[str]) -> None:
    """Who may view or edit a namespace may do so with models, without another binding."""
    eventually(lambda: _rights(admin, role) or None, f"{role} holds our kinds")

    assert _rights(admin, role) == rights


@pytest.mark.parametrize(
    "verb, resource, subresource",
    [("create", "decisions", ""), ("delete", "decisions", ""), ("update", "modeldeployments", "status")],
)
def test_editors_do_not_write_what_the_operator_decided(
    admin: Client, team: str, verb: str, resource: str, subresource: str
) -> None:
    """A Decision and a status are the operator's account; an editor who writes one could promote a rejected version."""
    user = f"editor@{team}"
    grant(admin, team, user, ("ClusterRole", "mlwright-edit"))
    asked = {"namespace": team, "verb": verb, "group": GROUP, "resource": resource, "subresource": subresource}
    review: Json = {"spec": {"user": user, "resourceAttributes": asked}}

    answer = admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)

    assert answer.body["status"]["allowed"] is False
