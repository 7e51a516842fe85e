"""The local cluster does what a Kubernetes does."""

from __future__ import annotations

import urllib.request
from functools import partial

import pytest

from cluster.kubectl import KubectlError, Namespace
from cluster.node import OwnNode
from cluster.provider import Provider
from tests.cluster.things import PORT, USER, claim, job, pod_spec, web
from tests.support.waiting import eventually

# As in every cluster, pods are ready a moment before kube-proxy has written the rules that lead to them.
_CALLER = """
import time, urllib.request
deadline = time.monotonic() + 20
while True:
    try:
        print(urllib.request.urlopen("http://web", timeout=10).read().decode())
        break
    except OSError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.2)
"""


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - always http
        return str(answer.read().decode())


def test_a_job_reaches_a_deployment_through_the_dns_name_of_its_service(space: Namespace) -> None:
    """Deployment, Service, DNS, kube-proxy and Job work together."""
    space.apply(*web("web", replicas=2))
    space.kubectl("rollout", "status", "deployment/web", "--timeout=90s")

    space.apply(job("caller", _CALLER))
    space.wait_for("job/caller", "Complete", "True", seconds=90)

    assert space.kubectl("logs", "job/caller").startswith("hello from web-")


def test_a_volume_carries_data_from_one_pod_to_the_next(space: Namespace) -> None:
    """A claim of the default class is bound and writable for a user that is not root."""
    space.apply(claim("data", "ReadWriteOnce"))
    space.apply(job("writer", "import os; open('/data/x', 'w').write(str(os.getuid()))", claim="data"))
    space.wait_for("job/writer", "Complete", "True", seconds=90)

    space.apply(job("reader", "print(open('/data/x').read())", claim="data"))
    space.wait_for("job/reader", "Complete", "True", seconds=90)

    assert space.kubectl("logs", "job/reader").strip() == str(USER)


def test_the_volume_of_a_deleted_claim_is_removed(space: Namespace) -> None:
    """Nothing piles up over many tests."""
    space.apply(claim("data", "ReadWriteOnce"))
    space.kubectl("wait", "pvc/data", "--for=jsonpath={.status.phase}=Bound", "--timeout=60s")
    volume = space.get("pvc/data", "{.spec.volumeName}")

    space.kubectl("delete", "pvc", "data")

    eventually(lambda: None if space.kubectl("get", "pv", volume, "--ignore-not-found") else True, "the volume is gone")


def test_kubectl_exec_runs_a_command_in_a_pod(space: Namespace) -> None:
    """The API server reaches the kubelet, and the kubelet streams."""
    space.apply(*web("web", replicas=1))
    space.kubectl("rollout", "status", "deployment/web", "--timeout=90s")

    said = space.kubectl("exec", "deployment/web", "--", "python", "-c", "import os; print(os.getuid())")

    assert said.strip() == str(USER)


def test_kubectl_port_forward_reaches_a_service(space: Namespace) -> None:
    """A user reaches a model from the host in the way that the documentation shows."""
    space.apply(*web("web", replicas=1))
    space.kubectl("rollout", "status", "deployment/web", "--timeout=90s")

    with space.port_forward("service/web", 80) as url:
        said = fetch(url)

    assert said.startswith("hello from web-")


def test_a_pod_that_may_run_as_root_is_refused(space: Namespace) -> None:
    """Pod Security is enforced, so a pod that passes here passes elsewhere."""
    spec = pod_spec("pass")
    del spec["securityContext"]["runAsNonRoot"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": spec}

    with pytest.raises(KubectlError, match="violates PodSecurity"):
        space.apply(pod)


def test_the_host_reaches_pods_and_services(space: Namespace, cluster: Provider) -> None:
    """On our own node no port has to be forwarded."""
    if not isinstance(cluster, OwnNode):
        pytest.skip("the nodes of kind are behind the Docker engine's network")
    space.apply(*web("web", replicas=1))
    space.kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    pod = space.get("pods", "{.items[0].status.podIP}")
    service = space.get("service/web", "{.spec.clusterIP}")

    assert fetch(f"http://{pod}:{PORT}/").startswith("hello from web-")
    assert eventually(partial(_answer, f"http://{service}/"), "the Service answers").startswith("hello from web-")


def _answer(url: str) -> str | None:
    try:
        return fetch(url)
    except OSError:
        return None  # kube-proxy follows a moment after the rollout
