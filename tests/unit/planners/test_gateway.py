"""Requests that a Gateway divides: what is asked of it, what is believed, and what is said while it does not follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mlwright.errors import InvalidSpecError
from mlwright.plan.serving import DeploymentSeen, Forget, KeepBackend, KeepHTTPRoute, ServingIntent, ShareTraffic
from mlwright.plan.traffic import (
    Backend,
    GatewayName,
    GatewaySays,
    HTTPRouteSeen,
    Provider,
    RouterPart,
    Said,
    TrafficSeen,
)
from mlwright.planners import gateway, traffic
from tests.unit.planners.given import SETTINGS, a_deployment

PUBLIC = GatewayName("infra", "public")
INNER = GatewayName("demo", "inner", "http")
ASKED = {"parentRefs": [{"name": "public", "namespace": "infra"}], "hostnames": ["churn.example.com"]}
NEWEST = 3
"""Generation of the HTTPRoute."""
UNHEARD = "Gateway infra/public has not said whether it accepts HTTPRoute churn"


def conditions(status: str = "True", generation: int = NEWEST, **of: Said) -> dict[str, Said]:
    """Return what a Gateway says that accepts everything, or what is told otherwise."""
    return {name: Said(status, generation, name) for name in ("Accepted", "ResolvedRefs")} | of


def seen(
    weights: Mapping[str, int] | None = None,
    said: Mapping[GatewayName, Mapping[str, Said]] | None = None,
    *,
    selects: str = "",
    backends: tuple[str, ...] = (),
    gateways: tuple[GatewayName, ...] = (PUBLIC,),
    **known: Any,
) -> DeploymentSeen:
    """Return a deployment at a Gateway; weights are those of its HTTPRoute, by letter of the revision.

    Its revisions are called as the tests call them: stable is `a`, the candidate `b`.
    """
    told = a_deployment().stable(1, ready=2).candidate(2, ready=1).asking(traffic={"gateway": ASKED}).done()
    letters = dict(zip("ab", (revision.name for revision in told.revisions), strict=True))
    route = None
    if weights is not None:
        services = {f"churn-{letters.get(one, one)}": percent for one, percent in weights.items()}
        says = {PUBLIC: conditions()} if said is None else said
        told_of = tuple(GatewaySays(gateway, of) for gateway, of in says.items())
        route = HTTPRouteSeen("uid-route", NEWEST, services, gateways, told_of)
    found = TrafficSeen(
        provider=Provider.GATEWAY,
        http_routes=True,
        http_route=route,
        selects=letters.get(selects, selects),
        backends=tuple(Backend(letters[one], f"churn-{letters[one]}", f"uid-{one}") for one in backends),
        **known,
    )
    return replace(told, traffic=found)


def name(of: DeploymentSeen, letter: str) -> str:
    """Return the name of a revision."""
    return of.revisions["ab".index(letter)].name


def route(intents: tuple[ServingIntent, ...]) -> KeepHTTPRoute | None:
    """Return the intent that sets the HTTPRoute; None when it is left as it is."""
    return next((intent for intent in intents if isinstance(intent, KeepHTTPRoute)), None)


def test_the_gateway_is_who_divides_where_one_is_named() -> None:
    """Whatever the chart says of those that name nobody."""
    found = seen({"a": 100}, selects="a")
    auto = replace(SETTINGS, router_image="router:1", traffic_provider="Router")

    assert traffic.resolved(found, auto).traffic.provider is Provider.GATEWAY
    assert traffic.refusal(traffic.resolved(found, SETTINGS)) == ""


def test_a_cluster_without_the_gateway_api_refuses_with_the_remedy() -> None:
    """Nothing is watched there that could tell what became of the requests."""
    found = seen()
    bare = replace(found, traffic=replace(found.traffic, http_routes=False))

    with pytest.raises(
        InvalidSpecError, match=r"served no HTTPRoutes .* install the Gateway API and start the operator"
    ):
        traffic.resolved(bare, SETTINGS)


def test_a_revision_is_named_when_the_service_of_its_pods_was_seen() -> None:
    """A Gateway answers errors for a Service that it does not know yet; those of all pods are kept from the start."""
    found = seen({"a": 100}, selects="a", backends=("a",))
    both = {name(found, "a"): 95, name(found, "b"): 5}

    early = traffic.lead_to(found, both)
    later = traffic.lead_to(seen({"a": 100}, selects="a", backends=("a", "b")), both)
    whole = traffic.lead_to(found, {name(found, "a"): 100})

    assert route(early) is None
    asked = route(later)
    assert asked is not None
    assert [(share.variant, share.weight) for share in asked.shares] == [("stable", 95), ("candidate", 5)]
    assert all(KeepBackend(name(found, letter)) in whole for letter in "ab")


def test_the_service_leads_to_one_revision_beside_the_gateway() -> None:
    """Who is inside the cluster and asks the Service is answered by the stable version, as without a Gateway."""
    found = seen({"a": 100}, selects="a", backends=("a", "b"))
    (service,) = [i for i in traffic.lead_to(found, {name(found, "a"): 100}) if isinstance(i, ShareTraffic)]

    assert (service.route, service.through_router) == (None, False)


def test_shares_are_believed_when_every_gateway_follows_the_newest() -> None:
    """What is pending, refused or not told is not known; a moment later it is."""
    weights = {"a": 90, "b": 10}

    def known(said: Mapping[GatewayName, Mapping[str, Said]], **more: Any) -> dict[str, int]:
        found = traffic.resolved(seen(weights, said, selects="a", **more), SETTINGS)
        assert dict(found.shares.requested) == {name(found, "a"): 90, name(found, "b"): 10}
        return dict(found.shares.verified)

    both, followed = (PUBLIC, INNER), conditions()
    assert set(known({PUBLIC: followed}).values()) == {90, 10}
    assert set(known({PUBLIC: followed, INNER: followed}, gateways=both).values()) == {90, 10}
    assert known({PUBLIC: followed}, gateways=both) == {}
    assert known({PUBLIC: conditions(generation=NEWEST - 1)}) == {}
    assert known({PUBLIC: conditions(ResolvedRefs=Said("False", NEWEST, "BackendNotFound"))}) == {}
    assert known({PUBLIC: {"Accepted": Said("True", NEWEST)}}) == {}
    assert known({}) == {}


def test_nothing_is_known_while_the_service_leads_elsewhere() -> None:
    """Somebody inside the cluster may still be answered by pods that the Gateway sends nobody to."""
    found = traffic.resolved(seen({"b": 100}, selects="a"), SETTINGS)

    assert dict(found.shares.requested) == {name(found, "b"): 100}
    assert found.shares.verified == {}


def test_what_somebody_else_wrote_into_the_route_is_no_revision() -> None:
    """It counts as a share of nobody's, so nothing is removed until the HTTPRoute is repaired."""
    found = traffic.resolved(seen({"a": 50, "churn-other": 50}, selects="a"), SETTINGS)

    assert dict(found.shares.requested) == {name(found, "a"): 50, "churn-churn-other": 50}


def test_before_there_is_a_route_requests_go_where_they_went() -> None:
    """By the Service or by the router; that the Gateway does so is not known."""
    found = seen(selects="a")
    before = replace(found, shares=replace(found.shares, requested={name(found, "a"): 100}))

    resolved = traffic.resolved(before, SETTINGS)

    assert dict(resolved.shares.requested) == {name(found, "a"): 100}
    assert resolved.shares.verified == {}


@pytest.mark.parametrize(
    "said, sentence, blocked",
    [
        (
            {},
            f"{UNHEARD}: does it exist, and does somebody work for its GatewayClass?",
            True,
        ),
        (
            {PUBLIC: {"Accepted": Said("False", NEWEST, "NotAllowedByListeners", "no  listener\nlets it in")}},
            "Gateway infra/public does not accept HTTPRoute churn (NotAllowedByListeners: no listener lets it in)",
            True,
        ),
        (
            {PUBLIC: conditions(ResolvedRefs=Said("False", NEWEST, "BackendNotFound"))},
            "Gateway infra/public does not find all that is named in HTTPRoute churn (BackendNotFound)",
            True,
        ),
        (
            {PUBLIC: conditions(generation=NEWEST - 1)},
            "Gateway infra/public has not followed HTTPRoute churn yet",
            False,
        ),
        (
            {PUBLIC: {"Accepted": Said("False", NEWEST - 1, "NoMatchingParent")}},
            "Gateway infra/public has not followed HTTPRoute churn yet",
            True,
        ),
        ({PUBLIC: conditions()}, "", False),
    ],
)
def test_what_keeps_requests_from_the_pods_is_said(
    said: Mapping[GatewayName, Mapping[str, Said]], sentence: str, *, blocked: bool
) -> None:
    """With the Gateway, what it says in its own words, and whether there is a way at all."""
    found = seen({"a": 100}, said, selects="a")

    assert (traffic.trouble(found), traffic.blocked(found)) == (sentence, blocked)


def test_a_listener_is_named_with_its_gateway() -> None:
    """Of several that are named each is told; one that lets requests through is a way."""
    found = seen({"a": 100}, {PUBLIC: conditions()}, selects="a", gateways=(PUBLIC, INNER))

    assert traffic.trouble(found).startswith("Gateway demo/inner (listener http) has not said whether")
    assert not traffic.blocked(found)


def test_a_route_that_is_not_there_yet_is_about_to_be() -> None:
    """Right after the first pods, for a moment."""
    assert traffic.trouble(seen(selects="a")) == "HTTPRoute churn is about to be made"
    assert gateway.blocked(seen(selects="a"))


@pytest.mark.parametrize("provider", [Provider.SERVICE, Provider.ROUTER])
def test_who_leaves_the_gateway_takes_the_route_along(provider: Provider) -> None:
    """An HTTPRoute that nobody keeps would go on dividing by old weights."""
    found = seen({"a": 100}, selects="a", backends=("a",))
    left = replace(found, traffic=replace(found.traffic, provider=provider))

    assert Forget("HTTPRoute", "churn", "uid-route") in traffic.lead_to(left, {name(found, "a"): 100})


def test_who_comes_from_the_router_keeps_the_services_and_leaves_the_rest() -> None:
    """The Services of revisions serve both; the router goes once the Service leads to pods."""
    part = RouterPart("Deployment", "uid-router", (("churn", "uid-churn"),))
    found = seen({"a": 100}, selects="a", backends=("a", "b"), router=(part,))
    intents = traffic.lead_to(found, {name(found, "a"): 100})

    assert [intent.kind for intent in intents if isinstance(intent, Forget)] == ["Deployment"]
