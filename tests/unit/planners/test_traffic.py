"""Who divides requests: what is asked for, what is believed, and when the Service moves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import text_digest
from mlwright.plan.serving import (
    DeploymentSeen,
    Forget,
    KeepBackend,
    KeepRouterBinding,
    KeepRouterPods,
    ServingIntent,
    ShareTraffic,
    StartRouterPods,
)
from mlwright.plan.traffic import Assignment, Backend, Provider, RouterPart, RouterPod, TrafficSeen
from mlwright.planners import traffic
from mlwright.settings import Settings
from tests.unit.planners.given import SETTINGS, a_deployment

ROUTED = replace(SETTINGS, router_image="router:1")
PARTS = ("ServiceAccount", "RoleBinding", "Service", "Deployment", "PodDisruptionBudget")
ME, OTHER = ("churn", "uid-churn"), ("other", "uid-other")


def seen(weights: dict[str, int] | None = None, **known: Any) -> DeploymentSeen:
    """Return a deployment behind a router whose route gives these shares."""
    told = a_deployment().stable(1, ready=2).asking(traffic={"provider": "Router"})
    found = replace(told.done(), traffic=TrafficSeen(provider=Provider.ROUTER, **known))
    if weights is None:
        return found
    shares = traffic._named(found, weights)
    text = traffic.document(found, traffic.route_of(found, shares, Assignment()))
    table = traffic.read_table(json.loads(text))
    return replace(found, traffic=replace(found.traffic, table=table, digest=text_digest(text)))


def pods(*applied: str, ready: bool = True, deleting: bool = False) -> tuple[RouterPod, ...]:
    """Return pods of the router that follow something."""
    return tuple(RouterPod(f"router-{n}", ready, deleting, digest) for n, digest in enumerate(applied))


def followed(found: DeploymentSeen, *more: RouterPod) -> DeploymentSeen:
    """Let two ready pods follow the route that stands on the Service, and others be there."""
    digest = found.traffic.digest
    return replace(found, traffic=replace(found.traffic, pods=(*pods(digest, digest), *more)))


def shared(intents: tuple[ServingIntent, ...]) -> ShareTraffic:
    """Return the intent that sets the Service."""
    (found,) = [intent for intent in intents if isinstance(intent, ShareTraffic)]
    return found


def test_the_service_moves_to_the_router_when_every_ready_pod_follows() -> None:
    """A pod that does not know the way would lose requests, so the pods of the revision answer until then."""
    going = seen({"a": 100}, selects="a")

    assert not shared(traffic.lead_to(going, {"a": 100})).through_router
    late = replace(going, traffic=replace(going.traffic, pods=(*pods(going.traffic.digest), *pods("older"))))
    assert not shared(traffic.lead_to(late, {"a": 100})).through_router
    assert shared(traffic.lead_to(followed(going), {"a": 100})).through_router


def test_a_service_that_is_new_leads_to_the_router_at_once() -> None:
    """There is nothing to lose, and nothing to move later."""
    assert shared(traffic.lead_to(seen(), {"a": 100})).through_router


def test_shares_are_believed_when_all_ready_pods_say_so() -> None:
    """One that is late, or none that is ready, and nothing is known; a pod that goes has no say."""
    route = seen({"a": 90, "b": 10}, selects_router=True)

    assert traffic.verified_weights(route) is None
    assert traffic.verified_weights(followed(route)) == {"a": 90, "b": 10}
    assert traffic.verified_weights(followed(route, *pods("older"))) is None
    assert traffic.verified_weights(followed(route, *pods("older", deleting=True))) == {"a": 90, "b": 10}
    assert traffic.verified_weights(followed(route, *pods("", ready=False))) == {"a": 90, "b": 10}


def test_what_is_resolved_is_what_the_router_does() -> None:
    """The planner of rollouts sees shares as asked for and as believed, whoever divides."""
    found = traffic.resolved(followed(seen({"a": 75, "b": 25}, selects_router=True)), ROUTED)

    assert dict(found.shares.requested) == dict(found.shares.verified) == {"a": 75, "b": 25}


def test_without_an_image_a_router_is_refused_with_the_remedy() -> None:
    """Nothing is touched, and the sentence names both ways out."""
    with pytest.raises(
        InvalidSpecError, match=r"spec.traffic.provider: no image routes: set the chart's images.router"
    ):
        traffic.resolved(seen(), SETTINGS)


@pytest.mark.parametrize("server", [{"grpc": True}, {"tls": {"secretRef": {"name": "cert"}}}])
def test_what_the_router_does_not_speak_is_refused(server: dict[str, Any]) -> None:
    """Requests that would be answered with errors only are not routed at all."""
    asked = a_deployment().stable(1, ready=2).asking(traffic={"provider": "Router"}, server=server).done()

    with pytest.raises(
        InvalidSpecError, match=r"plain HTTP/1.1: remove spec.server.(grpc|tls), or set provider Service"
    ):
        traffic.resolved(asked, ROUTED)


def test_auto_is_what_the_chart_says() -> None:
    """An administrator chooses for all who do not."""
    plain = a_deployment().stable(1, ready=2).done()

    assert traffic.resolved(plain, ROUTED).traffic.provider is Provider.SERVICE
    routed = traffic.resolved(plain, replace(ROUTED, traffic_provider="Router"))
    assert routed.traffic.provider is Provider.ROUTER
    assert traffic.refusal(routed) == ""
    assert "set it to Router" in traffic.refusal(plain)


def test_the_router_is_made_once_and_shared() -> None:
    """Who comes later joins the owners; the number of pods is told only when it is created."""
    first = traffic.lead_to(seen(), {"a": 100})
    there = tuple(RouterPart(kind, f"uid-{kind}", (OTHER,)) for kind in PARTS)
    later = traffic.lead_to(seen(router=there), {"a": 100})

    assert StartRouterPods((ME,)) in first
    assert KeepRouterPods((ME, OTHER)) in later
    assert KeepBackend("a") in first


@pytest.mark.parametrize("settings", [replace(ROUTED, router_role="new"), replace(ROUTED, namespace="demo")])
def test_a_binding_of_the_role_of_another_release_is_made_anew(settings: Settings) -> None:
    """Its role cannot be changed: it goes, by whomever it is looked at, and who uses the router makes the next one."""
    binding = RouterPart("RoleBinding", "uid-RoleBinding", (ME, OTHER), "ClusterRole/mlwright-router")
    going = Forget("RoleBinding", "mlwright-router", "uid-RoleBinding")

    def intents(found: DeploymentSeen, provider: str, settings: Settings) -> tuple[ServingIntent, ...]:
        asked = found.spec.model_copy(update={"traffic": found.spec.traffic.model_copy(update={"provider": provider})})
        return traffic.lead_to(traffic.resolved(replace(found, spec=asked), settings), {"a": 100})

    for provider in ("Router", "Service"):
        assert going not in intents(seen(router=(binding,), selects="a"), provider, ROUTED)
        assert going in intents(seen(router=(binding,), selects="a"), provider, settings)
    assert KeepRouterBinding((ME,)) in intents(seen(selects="a"), "Router", settings)


def test_who_leaves_the_router_waits_until_the_service_has_left_it() -> None:
    """Then its name goes from the owners, and with the last name the router."""
    mine = tuple(RouterPart(kind, f"uid-{kind}", (ME,)) for kind in PARTS)
    both = tuple(replace(part, users=(ME, OTHER)) for part in mine)

    def leaving(**known: Any) -> tuple[ServingIntent, ...]:
        found = seen(**known, backends=(Backend("a", "churn-a", "uid-a"),))
        plain = replace(found, traffic=replace(found.traffic, provider=Provider.SERVICE))
        return traffic.lead_to(plain, {"a": 100})[1:]

    assert leaving(router=mine, selects_router=True) == ()
    assert leaving(router=mine, selects="a") == (
        Forget("Service", "churn-a", "uid-a"),
        *(Forget(kind, "mlwright-router", f"uid-{kind}") for kind in PARTS),
    )
    assert KeepRouterPods((OTHER,)) in leaving(router=both, selects="a")


def test_services_of_revisions_go_with_their_pods_and_their_share() -> None:
    """The router must find the pods of whatever may still answer."""
    known = tuple(Backend(name, f"churn-{name}", f"uid-{name}") for name in ("a", "b"))

    assert Forget("Service", "churn-b", "uid-b") in traffic.lead_to(seen(backends=known), {"a": 100})
    assert Forget("Service", "churn-b", "uid-b") not in traffic.lead_to(seen(backends=known), {"a": 90, "b": 10})


@pytest.mark.parametrize(
    "known, sentence",
    [
        ({}, "no pod of Deployment mlwright-router, the router, is ready"),
        ({"pods": pods("older", "older")}, "the router has not followed yet on 2 of 2 pods"),
        ({"pods": pods("")}, "the Service is about to lead to the router"),
        ({"pods": pods(""), "selects_router": True}, ""),
    ],
)
def test_what_keeps_requests_from_the_pods_is_said(known: dict[str, Any], sentence: str) -> None:
    """Ready pods that nobody reaches would be a riddle."""
    assert traffic.trouble(seen(**known)) == sentence
