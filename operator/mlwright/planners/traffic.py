"""How requests reach the pods: who divides them, what the router is told, and whether it does as it was told. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from mlwright.api.fields import parse_duration
from mlwright.constants import ROUTER_NAME
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import canonical, child_name, text_digest
from mlwright.plan.serving import (
    ALL,
    DeploymentSeen,
    Forget,
    KeepBackend,
    KeepGuard,
    KeepRouterAccount,
    KeepRouterBinding,
    KeepRouterBudget,
    KeepRouterPods,
    KeepRouterService,
    ServingIntent,
    SharesSeen,
    ShareTraffic,
    StartRouterPods,
)
from mlwright.plan.traffic import BUCKETS, Assignment, Provider, Range, Route, RouterPart, Share, Sticky, Users
from mlwright.planners import gateway
from mlwright.planners.buckets import rebalance
from mlwright.planners.decisions import promotion
from mlwright.settings import Settings

SCHEMA: Final = 1
MEGABYTE: Final = 1024 * 1024

Intents = tuple[ServingIntent, ...]

_PARTS: Final[Mapping[str, Callable[[Users], ServingIntent]]] = {
    "ServiceAccount": KeepRouterAccount,
    "RoleBinding": KeepRouterBinding,
    "Service": KeepRouterService,
    "Deployment": KeepRouterPods,
    "PodDisruptionBudget": KeepRouterBudget,
}
"""What a router consists of, in the order in which it is made."""


def resolved(seen: DeploymentSeen, settings: Settings) -> DeploymentSeen:
    """Return the snapshot with its provider, and with the revision to which requests are known to go.

    Raises:
        InvalidSpecError: it needs a router, and nobody says which image that has, or the router could not do it; or it
            needs a Gateway, and there are no HTTPRoutes here.
    """
    provider = _provider(seen, settings)
    if provider is Provider.ROUTER:
        _refuse_unroutable(seen, settings)
    if provider is Provider.GATEWAY:
        gateway.check(seen)
    role, guards = f"{settings.router_role_kind}/{settings.router_role}", _guards(provider, settings)
    seen = replace(seen, traffic=replace(seen.traffic, provider=provider, guards=guards, role=role))
    requested = _percent(seen.traffic.table) if seen.traffic.selects_router else seen.shares.requested
    if provider is Provider.GATEWAY:
        return replace(seen, shares=gateway.shares(seen, requested))
    if not seen.traffic.selects_router:
        return seen
    return replace(seen, shares=SharesSeen(requested=requested, verified=verified_weights(seen) or {}))


def _guards(provider: Provider, settings: Settings) -> bool:
    """Tell whether pods are guarded: Gateways are others' pods, so somebody has to say which."""
    known = provider is not Provider.GATEWAY or bool(json.loads(settings.network_policy_gateways))
    return settings.network_policy and known


def _provider(seen: DeploymentSeen, settings: Settings) -> Provider:
    """Return who divides requests: whom the spec names, by itself or by its Gateway, else whom the chart names."""
    asked = seen.spec.traffic
    if asked.provider != "Auto":
        return Provider(asked.provider)
    return Provider.GATEWAY if asked.gateway else Provider(settings.traffic_provider)


def _refuse_unroutable(seen: DeploymentSeen, settings: Settings) -> None:
    provider, server = "spec.traffic.provider", seen.spec.server
    if not settings.router_image:
        raise InvalidSpecError(provider, "no image routes: set the chart's images.router, or provider Service")
    asked = "spec.server.tls" if server.tls else "spec.server.grpc" if server.grpc else ""
    if asked:
        raise InvalidSpecError(provider, f"the router speaks plain HTTP/1.1: remove {asked}, or set provider Service")


def lead_to(
    seen: DeploymentSeen,
    weights: Mapping[str, int],
    assignment: Assignment | None = None,
    names: Mapping[str, str] | None = None,
) -> Intents:
    """Return what gives the revisions these shares, in percent.

    Through a router the Service moves to its pods when all of them follow the route, so no request meets one that does
    not know the way. A Service that does not exist yet leads there from the beginning. `names` are those of the
    variants by revision, where they are not stable and candidate.
    """
    given = {revision: percent for revision, percent in weights.items() if percent}
    match seen.traffic.provider:
        case Provider.SERVICE:
            left = (*_gone_backends(seen), *_without_router(seen), *gateway.undivided(seen))
            return (*_unguarded(seen), ShareTraffic(given), *left)
        case Provider.GATEWAY:
            divided = gateway.divide(seen, _named(seen, given, names))
            left = (*_without_router(seen), *_idle_backends(seen, given))
            through = seen.traffic.guards and not gateway.blocked(seen)
            guard = (KeepGuard(gateways=True),) if through else _unguarded(seen)
            return (*guard, *divided, ShareTraffic(given), *left)
    route = route_of(seen, _named(seen, given, names), assignment or Assignment())
    there = seen.traffic.selects_router or not seen.traffic.selects or _followed(seen, document(seen, route))
    backends = tuple(KeepBackend(revision) for revision in given)
    guard = (KeepGuard(),) if seen.traffic.guards and seen.traffic.selects_router else _unguarded(seen)
    left = (*gateway.undivided(seen), *_idle_backends(seen, given))
    return (*_router(seen), *backends, ShareTraffic(given, route, there), *guard, *left)


def _unguarded(seen: DeploymentSeen) -> Intents:
    """Remove the NetworkPolicy: before clients come to the pods themselves, and when nobody asks for it any more."""
    uid = seen.traffic.guard_uid
    return (Forget("NetworkPolicy", seen.name, uid),) if uid else ()


def _named(
    seen: DeploymentSeen, weights: Mapping[str, int], names: Mapping[str, str] | None = None
) -> tuple[Share, ...]:
    """Return the shares with the names of the variants: what was promoted last is stable, or what there is alone."""
    last = promotion(seen)
    stable = last.revision if last is not None and last.revision in weights else max(weights, key=weights.__getitem__)
    return tuple(
        Share((names or {}).get(revision) or ("stable" if revision == stable else "candidate"), revision, percent)
        for revision, percent in weights.items()
    )


def route_of(seen: DeploymentSeen, shares: tuple[Share, ...], assignment: Assignment) -> Route:
    """Return the route of some shares, its table made from the one that stands on the Service."""
    spec = seen.spec
    scaled = spec.autoscaling is not None and spec.autoscaling.mode == "Act"
    weights: dict[str, int] = {}
    for share in shares:
        weights[share.revision] = weights.get(share.revision, 0) + share.weight
    return Route(
        shares=shares,
        table=rebalance(seen.traffic.table, weights),
        assignment=assignment,
        override=spec.traffic.header_override or "",
        wakes=spec.replicas == 0 and not spec.suspend,
        suspended=spec.suspend,
        sleep=sleep(seen) if spec.replicas == 0 and scaled else "",
        timeout=int(parse_duration(spec.server.timeout).total_seconds()),
        body_bytes=spec.server.max_body_megabytes * MEGABYTE,
    )


def sleep(seen: DeploymentSeen) -> str:
    """Return what names the sleep of a deployment without pods, so that no request wakes it from a later one.

    The generations of its Deployments grow with every change of their number of pods, so no clock is asked.
    """
    there = [variant for variant in seen.variants if not variant.deleting]
    leading = [variant for variant in there if seen.shares.has(variant.revision)] or there
    return "-".join(f"{variant.revision}.{variant.generation}" for variant in leading)


def document(seen: DeploymentSeen, route: Route) -> str:
    """Return the document that the router reads; contracts.md describes it."""
    return canonical(
        {
            "schemaVersion": SCHEMA,
            "model": seen.name,
            "shares": [_told(seen, route, share) for share in route.shares],
            "assignment": _assigned(route.assignment),
            "override": route.override,
            "wakes": route.wakes,
            **({"sleep": route.sleep} if route.sleep else {}),
            "timeoutSeconds": route.timeout,
            "maxBodyBytes": route.body_bytes,
            **({"suspended": True} if route.suspended else {}),
        }
    )


def _told(seen: DeploymentSeen, route: Route, share: Share) -> dict[str, Any]:
    parts = [[part.first, part.last] for part in route.table if part.revision == share.revision]
    service = child_name(seen.name, share.revision)
    return {"variant": share.variant, "revision": share.revision, "service": service, "ranges": parts}


def _assigned(assignment: Assignment) -> dict[str, Any]:
    header = {"header": assignment.header} if assignment.type is Sticky.HEADER else {}
    return {"type": str(assignment.type), **header}


def read_table(document: Mapping[str, Any]) -> tuple[Range, ...]:
    """Return the table of a document; empty when it is of another form."""
    try:
        parts = [Range(int(a), int(b), s["revision"]) for s in document["shares"] for a, b in s["ranges"]]
    except (KeyError, TypeError, ValueError):
        return ()
    parts.sort(key=lambda part: part.first)
    ends = [0, *(part.last + 1 for part in parts)]
    whole = [part.first for part in parts] == ends[:-1] and ends[-1] == BUCKETS
    return tuple(parts) if whole else ()


def verified_weights(seen: DeploymentSeen) -> dict[str, int] | None:
    """Return the shares that are known to be in effect, in percent by revision; None when nothing is known."""
    traffic = seen.traffic
    if not traffic.selects_router:
        return {traffic.selects: ALL} if traffic.selects else None
    if not traffic.table or not _all_follow(seen, traffic.digest):
        return None
    return _percent(traffic.table)


def _percent(table: Iterable[Range]) -> dict[str, int]:
    """Return the shares of a table, in percent by revision."""
    sizes: dict[str, int] = {}
    for part in table:
        sizes[part.revision] = sizes.get(part.revision, 0) + part.size
    return {revision: size * ALL // BUCKETS for revision, size in sizes.items()}


def refusal(seen: DeploymentSeen) -> str:
    """Return why requests cannot be divided among revisions here; empty when they can."""
    if seen.traffic.provider is not Provider.SERVICE:
        return ""
    return (
        "spec.traffic.provider: a plain Service sends all requests to one version; set it to Router, or"
        " traffic.provider of the chart, or to Gateway"
    )


def trouble(seen: DeploymentSeen) -> str:
    """Return what keeps requests from the pods although these are ready; empty when nothing does."""
    traffic = seen.traffic
    if traffic.provider is Provider.SERVICE:
        return ""
    if traffic.provider is Provider.GATEWAY:
        return gateway.trouble(seen)
    ready = [pod for pod in traffic.pods if pod.ready and not pod.deleting]
    if not ready:
        return f"no pod of Deployment {ROUTER_NAME}, the router, is ready"
    late = [pod.name for pod in ready if pod.applied != traffic.digest]
    if late:
        return f"the router has not followed yet on {len(late)} of {len(ready)} pods"
    return "" if traffic.selects_router else "the Service is about to lead to the router"


def blocked(seen: DeploymentSeen) -> bool:
    """Tell whether requests have no way at all to the pods by those who divide them."""
    if seen.traffic.provider is Provider.GATEWAY:
        return gateway.blocked(seen)
    return seen.traffic.selects_router and not any(pod.ready and not pod.deleting for pod in seen.traffic.pods)


def _followed(seen: DeploymentSeen, text: str) -> bool:
    return seen.traffic.digest == text_digest(text) and _all_follow(seen, seen.traffic.digest)


def _all_follow(seen: DeploymentSeen, digest: str) -> bool:
    ready = [pod for pod in seen.traffic.pods if pod.ready and not pod.deleting]
    return bool(ready) and all(pod.applied == digest for pod in ready)


def _router(seen: DeploymentSeen) -> Intents:
    """Keep the router of the namespace, and ourselves among those for whom it is there."""
    parts = {part.kind: part for part in seen.traffic.router}
    return tuple(_kept(kind, parts.get(kind), seen) for kind in _PARTS)


def _kept(kind: str, part: RouterPart | None, seen: DeploymentSeen) -> ServingIntent:
    users = _joined(part, seen)
    if part is None:
        return StartRouterPods(users) if kind == "Deployment" else _PARTS[kind](users)
    return _gone_part(part) if _misbound(part, seen) else _PARTS[kind](users)


def _misbound(part: RouterPart, seen: DeploymentSeen) -> bool:
    """Tell whether a RoleBinding gives another role than this installation has; it cannot be changed, only made anew.

    So it is after the chart was installed under another name, or serves other namespaces than it did.
    """
    return bool(part.role) and part.role != seen.traffic.role


def _joined(part: RouterPart | None, seen: DeploymentSeen) -> Users:
    others = (user for user in (part.users if part else ()) if user[0] != seen.name)
    return tuple(sorted((*others, (seen.name, seen.uid))))


def _without_router(seen: DeploymentSeen) -> Intents:
    """Leave the router, once the Service does not lead there any more; the last one that leaves removes it."""
    traffic = seen.traffic
    ours = [part for part in traffic.router if any(uid == seen.uid for _, uid in part.users)]
    if traffic.selects_router:
        return ()
    left: list[ServingIntent] = []
    for part in ours:
        others = tuple(user for user in part.users if user[1] != seen.uid)
        stays = others and not _misbound(part, seen)
        left.append(_PARTS[part.kind](others) if stays else _gone_part(part))
    return tuple(left)


def _gone_backends(seen: DeploymentSeen) -> Intents:
    """Remove the Services of revisions, once the Service leads to pods by itself."""
    return () if seen.traffic.selects_router else tuple(_gone_backend(b.object, b.uid) for b in seen.traffic.backends)


def _idle_backends(seen: DeploymentSeen, weights: Iterable[str]) -> Intents:
    used = {*weights} | {variant.revision for variant in seen.variants}
    return tuple(_gone_backend(b.object, b.uid) for b in seen.traffic.backends if b.revision not in used)


def _gone_backend(name: str, uid: str) -> Forget:
    return Forget("Service", name, uid)


def _gone_part(part: RouterPart) -> Forget:
    match part.kind:
        case "ServiceAccount":
            return Forget("ServiceAccount", ROUTER_NAME, part.uid)
        case "RoleBinding":
            return Forget("RoleBinding", ROUTER_NAME, part.uid)
        case "Service":
            return Forget("Service", ROUTER_NAME, part.uid)
        case "PodDisruptionBudget":
            return Forget("PodDisruptionBudget", ROUTER_NAME, part.uid)
    return Forget("Deployment", ROUTER_NAME, part.uid)
