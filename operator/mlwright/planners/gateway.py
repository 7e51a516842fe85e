"""Requests that a Gateway divides: what its HTTPRoute says, and whether every Gateway does as it says. Pure.

Invariants: an HTTPRoute names a revision only after the Service of its pods was seen, and that Service stands for as
long as there are pods; shares are believed only when every Gateway has accepted the very HTTPRoute that stands there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import child_name
from mlwright.plan.pods import plain
from mlwright.plan.serving import DeploymentSeen, Forget, KeepBackend, KeepHTTPRoute, ServingIntent, SharesSeen
from mlwright.plan.traffic import GatewayName, HTTPRouteSeen, Said, Share

Intents = tuple[ServingIntent, ...]

ASKED: Final = ("Accepted", "ResolvedRefs")
"""Conditions that must be true of the newest HTTPRoute: it belongs to the Gateway, and its Services are known there."""


def check(seen: DeploymentSeen) -> None:
    """Refuse what cannot be.

    Raises:
        InvalidSpecError: this cluster has no HTTPRoutes, or had none when the operator started.
    """
    if not seen.traffic.http_routes:
        sentence = "this cluster served no HTTPRoutes (gateway.networking.k8s.io/v1) when the operator started"
        remedy = "install the Gateway API and start the operator again, or remove spec.traffic.gateway"
        raise InvalidSpecError("spec.traffic.provider", f"{sentence}: {remedy}, or set provider Service")


def divide(seen: DeploymentSeen, shares: tuple[Share, ...]) -> Intents:
    """Keep the Services of the revisions that have pods, and the HTTPRoute that divides requests among them.

    A Gateway that hears of an HTTPRoute before it hears of a Service in it answers errors. So the Service of a revision
    comes with its pods, long before requests do, and what lacks one is left as it was.
    """
    asked = seen.spec.traffic.gateway
    assert asked is not None  # noqa: S101  # admission: no provider Gateway without one
    pods = (variant.revision for variant in seen.variants if not variant.deleting)
    kept = dict.fromkeys((*(share.revision for share in shares), *pods))
    there = {backend.revision for backend in seen.traffic.backends}
    route = (KeepHTTPRoute(shares, asked),) if all(share.revision in there for share in shares) else ()
    return (*(KeepBackend(revision) for revision in kept), *route)


def undivided(seen: DeploymentSeen) -> Intents:
    """Remove the HTTPRoute of a deployment whose requests no Gateway divides any more."""
    route = seen.traffic.http_route
    return (Forget("HTTPRoute", seen.name, route.uid),) if route else ()


def shares(seen: DeploymentSeen, before: Mapping[str, int]) -> SharesSeen:
    """Return the shares as the HTTPRoute asks for them, and as they are known to be.

    Clients inside the cluster may ask the Service of the deployment, which leads to one revision: nothing is known
    while that has no share in the HTTPRoute.

    Args:
        seen: the deployment.
        before: where requests go as long as there is no HTTPRoute, in percent by revision.
    """
    route = seen.traffic.http_route
    if route is None:
        return SharesSeen(requested=before)
    asked = weights(seen, route)
    known = not any(doubt(seen, route, gateway) for gateway in route.gateways) and seen.traffic.selects in asked
    return SharesSeen(requested=asked, verified=asked if known else {})


def weights(seen: DeploymentSeen, route: HTTPRouteSeen) -> dict[str, int]:
    """Return the shares of an HTTPRoute by revision; what is no revision of ours keeps the name of its Service."""
    names = {child_name(seen.name, revision.name): revision.name for revision in seen.revisions}
    return {names.get(service, service): percent for service, percent in route.weights.items() if percent}


def trouble(seen: DeploymentSeen) -> str:
    """Return what keeps requests from going as they should, with the Gateway and its words; empty when nothing does."""
    route = seen.traffic.http_route
    if route is None:
        return f"HTTPRoute {seen.name} is about to be made"
    doubts = (doubt(seen, route, gateway) for gateway in route.gateways)
    return "; ".join(sentence for sentence in doubts if sentence)


def blocked(seen: DeploymentSeen) -> bool:
    """Tell whether no Gateway lets requests through: each refuses, or has never said anything."""
    route = seen.traffic.http_route
    return route is None or not any(_lets_through(route, gateway) for gateway in route.gateways)


def doubt(seen: DeploymentSeen, route: HTTPRouteSeen, gateway: GatewayName) -> str:
    """Return why it is not known that a Gateway does as the HTTPRoute says; empty when it is."""
    said = route.said_by(gateway)
    if "Accepted" not in said:
        remedy = "does it exist, and does somebody work for its GatewayClass?"
        return f"{gateway} has not said whether it accepts HTTPRoute {seen.name}: {remedy}"
    for name in ASKED:
        answer = said.get(name)
        if answer is not None and answer.status == "False" and answer.generation == route.generation:
            does = "does not accept" if name == "Accepted" else "does not find all that is named in"
            why = plain(f"{answer.reason}: {answer.message}" if answer.message else answer.reason)
            return f"{gateway} {does} HTTPRoute {seen.name} ({why})"
    followed = all(_holds(said.get(name), route) for name in ASKED)
    return "" if followed else f"{gateway} has not followed HTTPRoute {seen.name} yet"


def _holds(answer: Said | None, route: HTTPRouteSeen) -> bool:
    return answer is not None and answer.status == "True" and answer.generation == route.generation


def _lets_through(route: HTTPRouteSeen, gateway: GatewayName) -> bool:
    said = route.said_by(gateway)
    return all(name in said and said[name].status == "True" for name in ASKED)
