"""The operator's pod, as an API server that enforces Pod Security sees it."""

from __future__ import annotations

from tests.support.apiserver import MERGE, Client, Json
from tests.support.chart import NAMESPACE, one, render

RESTRICTED = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}


def _pod() -> Json:
    template = one(render(), "Deployment")["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": "operator"}}


def test_the_operators_pod_is_restricted(admin: Client) -> None:
    """No root, no privileges, a seccomp profile: the strictest of the standards lets it in."""
    namespace = f"/api/v1/namespaces/{NAMESPACE}"
    assert admin.request("PATCH", namespace, RESTRICTED, kind=MERGE).status == 200

    answer = admin.request("POST", f"{namespace}/pods", _pod(), dryRun="All")

    assert (answer.status, answer.warnings) == (201, ())


def test_a_careless_pod_would_be_refused(admin: Client) -> None:
    """The namespace of the test above really enforces something."""
    namespace = f"/api/v1/namespaces/{NAMESPACE}"
    assert admin.request("PATCH", namespace, RESTRICTED, kind=MERGE).status == 200
    pod = _pod()
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True

    answer = admin.request("POST", f"{namespace}/pods", pod, dryRun="All")

    assert answer.status == 403
    assert 'violates PodSecurity "restricted' in answer.body["message"]
