"""The HTTPRoute of a deployment: what a Gateway of the Gateway API (Standard channel, v1) is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mlwright.api.gateways import GatewayRef, GatewayRoute
from mlwright.builders import meta
from mlwright.constants import LABEL_DEPLOYMENT, SERVER_PORT
from mlwright.plan.digests import child_name
from mlwright.plan.resources import HTTP_ROUTE, Key
from mlwright.plan.serving import DeploymentSeen, KeepHTTPRoute
from mlwright.plan.traffic import Share

ALONE: Final = 1
"""Weight of the only Service of a rule."""


def http_route(seen: DeploymentSeen, owner: Key, intent: KeepHTTPRoute) -> dict[str, Any]:
    """Return the HTTPRoute. Every default of the API is written out, so that what stands there can be compared.

    The rule for all requests is the first and stays it: implementations call what they build after the place of a rule,
    and while the first one only changes its weights, nothing that requests are under way to is built anew. Which rule
    matches does not depend on their order: more headers win.
    """
    asked = intent.asked
    rules = [_rule(seen, asked, intent.shares)]
    if seen.spec.traffic.header_override:
        header = seen.spec.traffic.header_override
        rules += [_rule(seen, asked, (share,), {"name": header, "value": share.variant}) for share in intent.shares]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": meta.child(seen.name, owner, seen.uid, {LABEL_DEPLOYMENT: seen.name}),
        "spec": {
            "parentRefs": [_parent(ref) for ref in asked.parent_refs],
            **({"hostnames": list(asked.hostnames)} if asked.hostnames else {}),
            "rules": rules,
        },
    }


def prefix(seen: DeploymentSeen, asked: GatewayRoute) -> str:
    """Return where the paths of requests begin that come to a deployment."""
    if asked.path is not None:
        return asked.path
    return "/" if asked.hostnames else f"/v2/models/{seen.name}"


def _parent(ref: GatewayRef) -> dict[str, Any]:
    return {
        "group": HTTP_ROUTE.group,
        "kind": "Gateway",
        "name": ref.name,
        **({"namespace": ref.namespace} if ref.namespace else {}),
        **({"sectionName": ref.section_name} if ref.section_name else {}),
    }


def _rule(
    seen: DeploymentSeen, asked: GatewayRoute, shares: tuple[Share, ...], header: Mapping[str, str] | None = None
) -> dict[str, Any]:
    headers = {"headers": [{"type": "Exact", **header}]} if header else {}
    taken_off = asked.path if asked.path and asked.path != "/" else ""
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": prefix(seen, asked)}, **headers}],
        **({"filters": [{"type": "URLRewrite", "urlRewrite": rewrite}]} if taken_off else {}),
        "backendRefs": [_backend(seen, share, ALONE if header else share.weight) for share in shares],
    }


def _backend(seen: DeploymentSeen, share: Share, weight: int) -> dict[str, Any]:
    service = child_name(seen.name, share.revision)
    return {"group": "", "kind": "Service", "name": service, "port": SERVER_PORT, "weight": weight}
