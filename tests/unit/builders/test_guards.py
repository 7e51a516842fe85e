"""Who may reach pods behind a router or a Gateway: the rules as rendered, asked as a network would ask them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlwright.builders import serving
from mlwright.constants import LABEL_DEPLOYMENT, LABEL_OWNER, LABEL_OWNER_KIND
from mlwright.plan.resources import Body
from mlwright.plan.serving import Forget, KeepGuard
from mlwright.plan.traffic import GatewayName, GatewaySays, HTTPRouteSeen, Said, TrafficSeen
from mlwright.plan.writes import Apply
from mlwright.planners import traffic
from mlwright.settings import Settings
from tests.unit.planners.given import SETTINGS, a_deployment

PROMETHEUS = {"app": "prometheus"}
GUARDED = replace(
    SETTINGS,
    router_image="router:1",
    network_policy=True,
    network_policy_from='[{"namespaceSelector":{},"podSelector":{"matchLabels":{"app":"prometheus"}}}]',
)
EDGE = {"app": "envoy"}
AT_A_GATEWAY = replace(
    GUARDED, network_policy_gateways='[{"namespaceSelector":{},"podSelector":{"matchLabels":{"app":"envoy"}}}]'
)
PUBLIC = GatewayName("infra", "public")
MODEL = {LABEL_DEPLOYMENT: "churn", "mlwright.dev/revision": "a"}
ROUTER = {LABEL_OWNER_KIND: "Router", LABEL_OWNER: "mlwright-router", "pod-template-hash": "x"}


def policy(settings: Settings = GUARDED, *, gateways: bool = False) -> Body:
    """Return the NetworkPolicy of a deployment."""
    write = serving.renderer(a_deployment().done(), settings)(KeepGuard(gateways))
    assert isinstance(write, Apply)
    return write.body


def may_reach(policy: Body, labels: dict[str, str], *, same_namespace: bool = True) -> bool:
    """Tell whether a pod with these labels may reach the pods of a policy."""
    (rule,) = policy["spec"]["ingress"]
    assert rule.keys() == {"from"}
    for peer in rule["from"]:
        selected = (peer.get("podSelector") or {}).get("matchLabels", {}).items() <= labels.items()
        if selected and (same_namespace or "namespaceSelector" in peer):
            return True
    return False


@pytest.mark.parametrize(
    "labels, here, allowed",
    [
        (ROUTER, True, True),
        (ROUTER, False, False),
        (MODEL, True, True),
        (MODEL | {LABEL_DEPLOYMENT: "other"}, True, False),
        (PROMETHEUS, True, True),
        (PROMETHEUS, False, True),
        ({}, True, False),
    ],
)
def test_only_the_router_and_the_chosen_reach_the_pods(labels: dict[str, str], *, here: bool, allowed: bool) -> None:
    """A pod of another namespace that calls itself a router is none."""
    assert may_reach(policy(), labels, same_namespace=here) is allowed


@pytest.mark.parametrize(
    "labels, here, allowed",
    [
        (EDGE, False, True),
        (MODEL, True, True),
        (MODEL, False, False),
        (PROMETHEUS, False, True),
        (ROUTER, True, False),
        ({}, True, False),
    ],
)
def test_only_the_gateways_and_the_chosen_reach_the_pods(labels: dict[str, str], *, here: bool, allowed: bool) -> None:
    """The router of the namespace leads to other deployments, and not to this one."""
    assert may_reach(policy(AT_A_GATEWAY, gateways=True), labels, same_namespace=here) is allowed


def test_the_policy_is_about_the_pods_of_the_deployment_and_what_comes_in() -> None:
    """What the pods ask for themselves, their store most of all, is not its business."""
    spec = policy()["spec"]

    assert spec["podSelector"]["matchLabels"].items() <= MODEL.items()
    assert spec["policyTypes"] == ["Ingress"]


@pytest.mark.parametrize(
    "provider, through, guarded", [("Router", True, True), ("Router", False, False), ("Service", True, False)]
)
def test_it_is_there_only_while_all_requests_come_through_the_router(
    provider: str, *, through: bool, guarded: bool
) -> None:
    """Clients that come to the pods themselves would be shut out."""
    told = a_deployment().stable(1, ready=2).asking(traffic={"provider": provider}).done()
    seen = replace(told, traffic=TrafficSeen(selects_router=through, selects="" if through else "a", guard_uid="g"))

    intents = traffic.lead_to(traffic.resolved(seen, GUARDED), {"a": 100})

    assert (KeepGuard() in intents) is guarded


@pytest.mark.parametrize(
    "settings, said, guarded",
    [
        (AT_A_GATEWAY, ("True", "True"), True),
        (AT_A_GATEWAY, ("True", "False"), False),
        (AT_A_GATEWAY, (), False),
        (GUARDED, ("True", "True"), False),
        (replace(AT_A_GATEWAY, network_policy=False), ("True", "True"), False),
    ],
    ids=["accepted", "refused", "not heard of", "nobody named Gateways", "not asked for"],
)
def test_it_stands_behind_a_gateway_that_lets_requests_through(
    settings: Settings, said: tuple[str, ...], *, guarded: bool
) -> None:
    """Before that, clients come to the pods themselves; an older answer is enough, or it would go at every edit."""
    told = a_deployment().stable(1, ready=2).asking(traffic={"gateway": {"parentRefs": [{"name": "public"}]}}).done()
    answers = {name: Said(status, 2, name) for name, status in zip(("Accepted", "ResolvedRefs"), said, strict=False)}
    route = HTTPRouteSeen("uid-route", 3, {"churn-a": 100}, (PUBLIC,), (GatewaySays(PUBLIC, answers),))
    seen = replace(told, traffic=TrafficSeen(http_routes=True, http_route=route, guard_uid="g"))

    intents = traffic.lead_to(traffic.resolved(seen, settings), {"a": 100})

    assert (KeepGuard(gateways=True) in intents) is guarded
    assert (Forget("NetworkPolicy", "churn", "g") in intents) is not guarded
