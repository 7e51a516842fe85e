"""Who may reach pods behind a router: the rules as rendered, asked as a network would ask them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlwright.builders import serving
from mlwright.constants import LABEL_DEPLOYMENT, LABEL_OWNER, LABEL_OWNER_KIND
from mlwright.plan.resources import Body
from mlwright.plan.serving import KeepGuard
from mlwright.plan.traffic import TrafficSeen
from mlwright.plan.writes import Apply
from mlwright.planners import traffic
from tests.unit.planners.given import SETTINGS, a_deployment

PROMETHEUS = {"app": "prometheus"}
GUARDED = replace(
    SETTINGS,
    router_image="router:1",
    network_policy=True,
    network_policy_from='[{"namespaceSelector":{},"podSelector":{"matchLabels":{"app":"prometheus"}}}]',
)
MODEL = {LABEL_DEPLOYMENT: "churn", "mlwright.dev/revision": "a"}
ROUTER = {LABEL_OWNER_KIND: "Router", LABEL_OWNER: "mlwright-router", "pod-template-hash": "x"}


def policy() -> Body:
    """Return the NetworkPolicy of a deployment."""
    write = serving.renderer(a_deployment().done(), GUARDED)(KeepGuard())
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
