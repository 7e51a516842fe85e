"""What the cache knows of how the requests of a deployment reach its pods."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mlwright.constants import (
    ANNOTATION_FOLLOWED,
    ANNOTATION_ROUTE,
    ANNOTATION_WAKES,
    LABEL_OWNER_KIND,
    LABEL_REVISION,
    ROUTER,
    ROUTER_NAME,
)
from mlwright.controller.reconciler import CacheView
from mlwright.plan.digests import text_digest
from mlwright.plan.resources import (
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    HTTP_ROUTE,
    MODEL_DEPLOYMENT,
    NETWORK_POLICY,
    POD,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    Body,
    Key,
)
from mlwright.plan.traffic import (
    Backend,
    GatewayName,
    GatewaySays,
    HTTPRouteSeen,
    RouterPart,
    RouterPod,
    Said,
    TrafficSeen,
)
from mlwright.planners.traffic import read_table

_PARTS = (SERVICE_ACCOUNT, ROLE_BINDING, SERVICE, DEPLOYMENT, DISRUPTION_BUDGET)


def selected(service: Body | None) -> str:
    """Return the revision that a Service selects; empty when there is none, or it leads to the router."""
    return str(_selector(service).get(LABEL_REVISION, ""))


def traffic_seen(cache: CacheView, owner: Key, service: Body | None, route: Body | None) -> TrafficSeen:
    """Return what is known; the provider is the planner's to say.

    Args:
        cache: what is known of the world.
        owner: the deployment.
        service: its Service.
        route: its HTTPRoute.
    """
    guard = next((g for g in cache.children(NETWORK_POLICY, owner) if g["metadata"]["name"] == owner.name), None)
    text = str(_annotations(service).get(ANNOTATION_ROUTE, ""))
    router = Key(ROUTER, owner.namespace, ROUTER_NAME)
    told = _annotations(cache.get(SERVICE, owner.namespace, ROUTER_NAME))
    return TrafficSeen(
        guard_uid=guard["metadata"]["uid"] if guard else "",
        table=read_table(_json(text)) if text else (),
        digest=text_digest(text) if text else "",
        selects=selected(service),
        selects_router=_selector(service).get(LABEL_OWNER_KIND) == ROUTER,
        pods=tuple(_pod(pod, told, owner.name) for pod in cache.children(POD, router)),
        backends=tuple(_backends(cache, owner)),
        router=tuple(_part(body) for kind in _PARTS for body in cache.children(kind, router)),
        http_routes=cache.watches(HTTP_ROUTE),
        http_route=_http_route(route) if route is not None else None,
    )


def _http_route(body: Body) -> HTTPRouteSeen:
    """Return an HTTPRoute as seen: its first rule is the one for all requests."""
    meta, spec, said = body["metadata"], body.get("spec") or {}, (body.get("status") or {}).get("parents") or ()
    first: Body = next(iter(spec.get("rules") or ()), {})
    return HTTPRouteSeen(
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        weights={ref["name"]: ref.get("weight", 1) for ref in first.get("backendRefs") or ()},
        gateways=tuple(_gateway(ref, meta["namespace"]) for ref in spec.get("parentRefs") or ()),
        said=tuple(GatewaySays(_gateway(one["parentRef"], meta["namespace"]), _conditions(one)) for one in said),
    )


def _gateway(ref: Body, namespace: str) -> GatewayName:
    return GatewayName(ref.get("namespace") or namespace, ref["name"], ref.get("sectionName") or "")


def _conditions(told: Body) -> dict[str, Said]:
    return {
        c["type"]: Said(c["status"], c.get("observedGeneration", 0), c.get("reason", ""), c.get("message", ""))
        for c in told.get("conditions") or ()
    }


def _selector(service: Body | None) -> Mapping[str, str]:
    return ((service or {}).get("spec") or {}).get("selector") or {}


def _annotations(body: Body | None) -> Mapping[str, str]:
    return ((body or {}).get("metadata") or {}).get("annotations") or {}


def _json(text: str) -> Mapping[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _pod(body: Body, told: Mapping[str, str], deployment: str) -> RouterPod:
    meta = body["metadata"]
    conditions = (body.get("status") or {}).get("conditions") or ()
    follows, wakes = (_json(told.get(f"{say}{meta['name']}", "")) for say in (ANNOTATION_FOLLOWED, ANNOTATION_WAKES))
    return RouterPod(
        name=meta["name"],
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in conditions),
        deleting="deletionTimestamp" in meta,
        applied=str(follows.get(deployment, "")),
        asks=str(wakes.get(deployment, "")),
    )


def _backends(cache: CacheView, owner: Key) -> Iterator[Backend]:
    for body in cache.children(SERVICE, owner):
        meta = body["metadata"]
        if meta["name"] != owner.name and "deletionTimestamp" not in meta:
            yield Backend(meta["labels"].get(LABEL_REVISION, ""), meta["name"], meta["uid"])


def _part(body: Body) -> RouterPart:
    meta = body["metadata"]
    refs = (ref for ref in meta.get("ownerReferences") or () if ref.get("kind") == MODEL_DEPLOYMENT.name)
    users = tuple(sorted((ref["name"], ref["uid"]) for ref in refs))
    role = f"{given['kind']}/{given['name']}" if (given := body.get("roleRef")) else ""
    return RouterPart(body["kind"], meta["uid"], users, role)
