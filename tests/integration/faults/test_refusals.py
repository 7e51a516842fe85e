"""The API server refuses our objects, by quota or policy: its words are told, and when it relents all goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.apiserver import Json
from tests.support.campaign import Lab, Run
from tests.support.flows import FIRST, TRAINING, Flow
from tests.support.operators import FaultFree
from tests.support.waiting import answered
from tests.support.world import Space

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


@pytest.mark.parametrize(
    "flow, counted, stops",
    [
        (TRAINING, "count/jobs.batch", ("TrainingRun", "churn-1")),
        (FIRST, "count/deployments.apps", ("ModelDeployment", "churn")),
        (FIRST, "count/services", ("ModelDeployment", "churn")),
    ],
    ids=["jobs", "deployments", "services"],
)
async def test_a_quota_that_refuses_us_is_told(lab: Lab, flow: Flow, counted: str, stops: tuple[str, str]) -> None:
    """Stalled/Refused with the words of the API server; with the quota gone the flow ends as ever."""
    namespace = await lab.namespace()
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {counted: "0"}},
    }
    await lab.kube.accepted("POST", path, quota)
    # what the quota controller would write; admission counts nothing before
    await lab.kube.accepted(
        "PUT", f"{path}/none/status", quota | {"status": {"hard": {counted: "0"}, "used": {counted: "0"}}}
    )
    act = flow.acts[0]
    async with Run(lab, flow, namespace, FaultFree()) as run:
        await act.do(lab.kube, namespace)
        await lab.world.until(namespace, refused(*stops), "it is told")
        sentence = run.space.summary(*stops)
        await lab.kube.request("DELETE", f"{path}/none")
        await lab.world.until(namespace, act.goal, act.what)

        assert f"exceeded quota: none, requested: {counted}=1, used: {counted}=0, limited: {counted}=0" in sentence
        assert run.complaints == []


def policy(namespace: str, sentence: str) -> tuple[Json, Json]:
    """Return a policy that refuses Deployments in a namespace, and its binding."""
    group = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": sentence}],
    }
    bound = {"policyName": namespace, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": chosen}}
    return (
        {**group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": namespace}, "spec": spec},
        {**group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": namespace}, "spec": bound},
    )


async def test_a_policy_that_refuses_us_is_told(lab: Lab) -> None:
    """What people wrote into their policy is what the deployment says; with the policy gone it serves."""
    namespace = await lab.namespace()
    rule, binding = policy(namespace, "ask the platform team before you serve")
    await lab.kube.accepted("POST", POLICIES, rule)
    await lab.kube.accepted("POST", BINDINGS, binding)
    await answered(lambda: in_force(lab, namespace), "the policy is in force", 120)
    act = FIRST.acts[0]
    async with Run(lab, FIRST, namespace, FaultFree()) as run:
        await act.do(lab.kube, namespace)
        await lab.world.until(namespace, refused("ModelDeployment", "churn"), "it is told")
        sentence = run.space.summary("ModelDeployment", "churn")
        await lab.kube.request("DELETE", f"{BINDINGS}/{namespace}")
        await lab.kube.request("DELETE", f"{POLICIES}/{namespace}")
        await lab.world.until(namespace, act.goal, act.what)

        assert "ask the platform team before you serve" in sentence
        assert run.complaints == []


async def in_force(lab: Lab, namespace: str) -> bool:
    """Tell whether the policy refuses a Deployment that nothing else would refuse."""
    pod = {
        "metadata": {"labels": {"app": "probe"}},
        "spec": {"containers": [{"name": "probe", "image": "example/probe"}]},
    }
    spec = {"selector": {"matchLabels": {"app": "probe"}}, "template": pod}
    probe = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "probe"}, "spec": spec}
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    return (await lab.kube.request("POST", path, probe, dryRun="All")).status != 201


def refused(kind: str, name: str) -> Callable[[Space], bool]:
    """Tell whether an object is stalled because the API server refuses something of it."""
    return lambda space: space.condition(kind, name, "Stalled") == "True/Refused"
