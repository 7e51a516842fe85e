"""The operator beside the Gateway API: it looks for its kinds when it starts, so it is started again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import gateway
from cluster.api import Api
from cluster.kubectl import Namespace
from mlwright.plan.resources import HTTP_ROUTE
from tests.support.chart import NAMESPACE, RELEASE
from tests.support.release import Release, images

EDGE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": gateway.NAMESPACE}}}
"""The pods of Envoy Gateway."""


@pytest.fixture(scope="session")
def release(api: Api, kubeconfig: Path) -> Release:
    """The operator, which found HTTPRoutes when it started and knows the pods of Gateways."""
    assert api.get(HTTP_ROUTE.root) is not None, "the Gateway API is not installed: run `make test-gateway`"
    found = Release(api, images(), values={"networkPolicy": {"enabled": True, "gateways": [EDGE]}})
    found.install()
    system = Namespace(kubeconfig, NAMESPACE)
    system.kubectl("rollout", "restart", f"deployment/{RELEASE}")
    system.kubectl("rollout", "status", f"deployment/{RELEASE}", "--timeout=120s")
    return found
