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
UNTOLD: Final = "/v2/metrics"
"""A path at which the built-in server has nothing to tell."""
_PREFIX: Final = "PathPrefix"
_USED: Final = ((_PREFIX, "/v2"), ("Exact", "/predict"), ("Exact", "/openapi.json"))
"""What the built-in server answers to its users."""


def http_route(seen: DeploymentSeen, owner: Key, intent: KeepHTTPRoute) -> dict[str, Any]:
    """Return the HTTPRoute. Every default of the API is written out, so that what stands there can be compared.

    The rule for all requests is the first and stays it: implementations call what they build after the place of a rule,
    and while the first one only changes its weights, nothing that requests are under way to is built anew. Which rule
    matches does not depend on their order: a longer path wins, then more headers.
    """
    asked = intent.asked
    rules = [_rule(seen, asked, intent.shares)]
    if seen.spec.traffic.header_override:
        header = seen.spec.traffic.header_override
        rules += [_rule(seen, asked, (share,), {"name": header, "value": share.variant}) for share in intent.shares]
    if asked.path and asked.path != "/" and not seen.spec.runtime.container:
        rules.append(_untold(seen, asked.path, intent.shares[0]))
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


def paths(seen: DeploymentSeen, asked: GatewayRoute) -> tuple[tuple[str, str], ...]:
    """Return which paths of requests come to a deployment, each with how it is compared.

    Of the built-in server's own paths /metrics is left out: it tells distributions of requests, and asks for no token.
    """
    if asked.path is not None and asked.path != "/":
        return ((_PREFIX, asked.path),)
    if asked.path is None and not asked.hostnames:
        return ((_PREFIX, f"/v2/models/{seen.name}"),)
    return ((_PREFIX, "/"),) if seen.spec.runtime.container else _USED


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
    return {
        "matches": [{"path": {"type": how, "value": value}, **headers} for how, value in paths(seen, asked)],
        **({"filters": _replaced("/")} if taken_off else {}),
        "backendRefs": [_backend(seen, share, ALONE if header else share.weight) for share in shares],
    }


def _untold(seen: DeploymentSeen, path: str, share: Share) -> dict[str, Any]:
    """Return the rule that leads /metrics below a path of the deployment's own to where nothing is told."""
    return {
        "matches": [{"path": {"type": _PREFIX, "value": f"{path}/metrics"}}],
        "filters": _replaced(UNTOLD),
        "backendRefs": [_backend(seen, share, ALONE)],
    }


def _replaced(by: str) -> list[dict[str, Any]]:
    """Return what replaces the prefix of the path that was matched."""
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": by}}
    return [{"type": "URLRewrite", "urlRewrite": rewrite}]


def _backend(seen: DeploymentSeen, share: Share, weight: int) -> dict[str, Any]:
    service = child_name(seen.name, share.revision)
    return {"group": "", "kind": "Service", "name": service, "port": SERVER_PORT, "weight": weight}
