"""The Gateway API of the Standard channel, on an API server that a test has started."""

from __future__ import annotations

import yaml

from cluster import toolchain
from tests.support.apiserver import CRDS, Client, Json
from tests.support.waiting import eventually


def serve_http_routes(client: Client) -> None:
    """Install the CRD of HTTPRoutes unless it is there, and wait until they are served."""
    text = (toolchain.gateway_api() / "gateway.networking.k8s.io_httproutes.yaml").read_text(encoding="utf-8")
    definition: Json = yaml.safe_load(text)
    assert client.request("POST", CRDS, definition).status in {201, 409}
    path = f"{CRDS}/{definition['metadata']['name']}"

    def served() -> bool | None:
        conditions = client.request("GET", path).body.get("status", {}).get("conditions") or ()
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions) or None

    eventually(served, "HTTPRoutes are served")
