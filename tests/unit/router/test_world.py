"""What the API server tells is read as it is meant."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.constants import ANNOTATION_FOLLOWED, ANNOTATION_ROUTE, ANNOTATION_WAKES
from mlwright.router.cluster import reported
from mlwright.router.document import read
from mlwright.router.servers import Address, State
from mlwright.router.world import endpoints_of, pods_of, texts_of
from tests.support.routing import document

WHOLE = document({"r": [(0, 9999)]}, "a")


def a_slice(
    *endpoints: dict[str, Any], service: str = "flights-a", port: str = "http", kind: str = "IPv4"
) -> dict[str, Any]:
    """Return an EndpointSlice."""
    metadata = {"labels": {"kubernetes.io/service-name": service}}
    ports = [{"name": port, "port": 8080}]
    return {"metadata": metadata, "addressType": kind, "ports": ports, "endpoints": list(endpoints)}


def an_endpoint(ip: str, **conditions: bool | None) -> dict[str, Any]:
    """Return an endpoint of a pod."""
    return {"addresses": [ip], "conditions": conditions, "targetRef": {"kind": "Pod", "name": f"pod-{ip}"}}


def test_ready_pods_take_requests_and_those_that_go_finish_theirs() -> None:
    """A pod that is told to go answers on; one that is not ready, or gone and silent, is sent nothing."""
    found = endpoints_of(
        [
            a_slice(an_endpoint("1", ready=True), an_endpoint("2", ready=False)),
            a_slice(an_endpoint("3", ready=False, serving=True, terminating=True)),
            a_slice(an_endpoint("4", ready=False, serving=False, terminating=True), an_endpoint("5")),
            a_slice(an_endpoint("6", ready=True), port="metrics"),
            a_slice(an_endpoint("pods.example.org", ready=True), kind="FQDN"),
        ]
    )

    assert found == {
        "flights-a": {
            Address("1", 8080): State.READY,
            Address("3", 8080): State.DRAIN,
            Address("5", 8080): State.READY,
        }
    }


@pytest.mark.parametrize(
    "broken", ["{}", WHOLE.replace("[0, 9999]", '["x", 9999]'), WHOLE], ids=["old", "text", "else"]
)
def test_routes_stand_in_annotations_and_a_broken_one_harms_no_other(broken: str) -> None:
    """One of another release, one that somebody edited, one of another model: the others are followed."""
    services: list[dict[str, Any]] = [
        {"metadata": {"name": "a", "annotations": {ANNOTATION_ROUTE: WHOLE}}},
        {"metadata": {"name": "b", "annotations": {ANNOTATION_ROUTE: broken}}},
        {"metadata": {"name": "c"}},
    ]

    routes, wrong = read(texts_of(services))

    assert list(routes) == ["a"]
    assert list(wrong) == ["b"]


def test_a_pod_says_what_it_follows_once_and_clears_up_after_others() -> None:
    """What pods said that are gone is taken away; nothing is sent when nothing is new."""
    mine, gone, asked = f"{ANNOTATION_FOLLOWED}me", f"{ANNOTATION_FOLLOWED}gone", f"{ANNOTATION_WAKES}gone"
    said = {mine: '{"a":"1"}', gone: "{}", asked: "{}", "other": "x"}

    assert reported(said, "me", {"a": "2"}, frozenset({"me"})) == {mine: '{"a":"2"}', gone: None, asked: None}
    assert reported({mine: '{"a":"1"}'}, "me", {"a": "1"}, frozenset({"me"})) == {}
    assert reported(said, "me", {"a": "1"}, frozenset()) == {}


def test_the_pods_behind_a_service_are_known_by_name() -> None:
    """Ready or not: a pod that is not ready may still follow an old route."""
    slices = [a_slice(an_endpoint("1", ready=False), service="mlwright-router"), a_slice(an_endpoint("2", ready=True))]

    assert pods_of(slices, "mlwright-router") == {"pod-1"}
