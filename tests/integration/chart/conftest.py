"""The chart, installed by Helm on an API server of its own: its policies and roles concern every namespace."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.apiserver import ApiServer
from tests.support.apiserver import Client, Json
from tests.support.chart import JOBSETS
from tests.support.installed import Installed
from tests.support.objects import PIPELINE, changed
from tests.support.waiting import eventually

ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces"
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "validatingadmissionpolicy-status-controller",
)
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}
"""Every request of an operator is written down, with what it was answered."""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in which the API server writes what operators asked."""
    return tmp_path_factory.mktemp("audit") / "log"


@pytest.fixture(scope="session")
def chart_server(audit: Path) -> Iterator[ApiServer]:
    """An API server with the chart's objects, as strict as some that guard owner references; steps make JobSets."""
    policy = audit.with_name("policy")
    policy.write_text(json.dumps(AUDIT), encoding="utf-8")
    arguments = (
        f"--audit-policy-file={policy}",
        f"--audit-log-path={audit}",
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
    )
    with ApiServer(controllers=CONTROLLERS, arguments=arguments) as server:
        Installed(values={"training": {"resources": [JOBSETS]}}).install(server)
        yield server


@pytest.fixture(scope="session")
def admin(chart_server: ApiServer) -> Client:
    """The administrator, once the policies are in force."""
    client = Client(chart_server)
    grant(client, "default", "probe", ("ClusterRole", "mlwright-edit"))
    eventually(lambda: _in_force(chart_server), "the policies refuse what they must")
    return client


@pytest.fixture
def team(admin: Client) -> str:
    """An empty namespace of this test."""
    name = f"team-{next(_numbers)}"
    assert admin.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).status == 201
    return name


@pytest.fixture
def person(chart_server: ApiServer, admin: Client, team: str) -> Callable[..., Client]:
    """Return a maker of people, who have the given rules in the namespace of this test."""

    def make(name: str, *rules: Json) -> Client:
        user = f"{name}@{team}"
        role = {"metadata": {"name": user}, "rules": list(rules)}
        assert admin.request("POST", f"{ROLES}/{team}/roles", role).status == 201
        grant(admin, team, user, ("Role", user))
        return Client(chart_server, user)

    return make


def grant(client: Client, namespace: str, user: str, role: tuple[str, str]) -> None:
    """Bind a Role or ClusterRole (kind, name) to a user in a namespace."""
    group = "rbac.authorization.k8s.io"
    body = {
        "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": role[0], "name": role[1]},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    assert client.request("POST", f"{ROLES}/{namespace}/rolebindings", body).status == 201


def _in_force(server: ApiServer) -> bool | None:
    """Tell whether the policies refuse; the API server loads them some time after they were written."""
    probe = Client(server, "probe")
    step = {"name": "big", "type": "Resource", "resource": {"manifest": {}}}
    refused: tuple[Json, ...] = (
        {"spec.pod": {"serviceAccountName": "x"}},
        {"spec.pod": {"imagePullSecrets": [{"name": "x"}]}},
        {"spec.steps": [step]},
    )
    answers = [probe.create(changed(PIPELINE, change), "default", dryRun="All") for change in refused]
    return all("ValidatingAdmissionPolicy" in answer.body.get("message", "") for answer in answers) or None
